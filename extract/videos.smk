# catalog -> visual and audio features, per shard -> aligned shards


rule demo_data:
    output:
        **{
            flag: path if Path(path).suffix else directory(path)
            for flag, path in generated_sources().items()
        },
        kinds=f"{GENERATED}/test_kinds.csv",
    log:
        f"{LOGS}/demo_data.log",
    benchmark:
        f"{BENCHMARKS}/demo_data.tsv"
    conda:
        "../envs/extract.yaml"
    threads: 2
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        settings=flags(
            {"dataset": config["dataset"], **config["videos"].get("generate", {})}
        ),
        folder=lambda wildcards, output: Path(output.kinds).parent,
    shell:
        "python -m extract.demo_data --out {params.folder:q} {params.settings} > {log:q} 2>&1"


rule visual:
    input:
        catalog=f"{WORK}/catalog.jsonl",
        weights=weights_file(config["visual"]["weights"]),
    output:
        features=f"{WORK}/visual/{{split}}-{{shard}}.h5",
        failures=f"{WORK}/visual/{{split}}-{{shard}}.failures.csv",
    log:
        f"{LOGS}/visual/{{split}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/visual/{{split}}-{{shard}}.tsv"
    conda:
        "../envs/extract.yaml"
    threads: config["visual"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(720),
        gpu=GPU,
        # Not among the parameters: another number gives the same features, and must not make them again.
        workers=config["visual"]["workers"],
    params:
        shards=lambda wildcards: config["shards"][wildcards.split],
        settings=flags(
            {
                "stride": config["stride"],
                "crops": config["crops"],
                "dtype": config["dtype"],
                "device": config["device"],
                "weights": config["visual"]["weights"],
                "precision": config["visual"]["precision"],
                "batch": config["visual"]["batch"],
                **CUT,
            }
        ),
        partial=f"{WORK}/partial/visual/{{split}}-{{shard}}",
    shell:
        "python -m extract.visual --catalog {input.catalog:q} --split {wildcards.split} --shard {wildcards.shard} "
        "--shards {params.shards} {params.settings} --threads {threads} --workers {resources.workers} "
        "--partial {params.partial:q} "
        "--out {output.features:q} --failures {output.failures:q} > {log:q} 2>&1"


rule audio:
    input:
        catalog=f"{WORK}/catalog.jsonl",
        visual=f"{WORK}/visual/{{split}}-{{shard}}.h5",
        weights=weights_file(AUDIO["weights"]),
    output:
        features=f"{WORK}/audio/{{split}}-{{shard}}.h5",
        failures=f"{WORK}/audio/{{split}}-{{shard}}.failures.csv",
    log:
        f"{LOGS}/audio/{{split}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/audio/{{split}}-{{shard}}.tsv"
    conda:
        "../envs/extract.yaml"
    threads: AUDIO["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
        gpu=GPU,
        workers=AUDIO["workers"],
    params:
        settings=flags(
            {
                "dtype": config["dtype"],
                "device": config["device"],
                "weights": AUDIO["weights"],
                "precision": AUDIO["precision"],
                "batch": AUDIO["batch"],
            }
        ),
        partial=f"{WORK}/partial/audio/{{split}}-{{shard}}",
    shell:
        "python -m extract.audio --catalog {input.catalog:q} --visual {input.visual:q} {params.settings} "
        "--threads {threads} --workers {resources.workers} --partial {params.partial:q} --out {output.features:q} "
        "--failures {output.failures:q} > {log:q} 2>&1"


rule align:
    input:
        **streams_to_align(),
    output:
        shard=f"{WORK}/shards/{{split}}-{{shard}}.h5",
        failures=f"{WORK}/shards/{{split}}-{{shard}}.failures.csv",
    log:
        f"{LOGS}/align/{{split}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/align/{{split}}-{{shard}}.tsv"
    conda:
        "../envs/extract.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(15),
    params:
        streams=lambda wildcards, input: flags(dict(input.items())),
        # From a function, whose braces Snakemake leaves alone.
        settings=lambda wildcards: flags(
            {"dataset": config["dataset"], "note": config["note"]}
        ),
        finished=[f"{WORK}/partial/{stream}/{{split}}-{{shard}}" for stream in STREAMS],
    shell:
        "python -m extract.align {params.streams} {params.settings} --split {wildcards.split} "
        "--out {output.shard:q} --failures {output.failures:q} > {log:q} 2>&1 "
        "&& python -m extract.check {output.shard:q} >> {log:q} 2>&1 "
        "&& rm -rf {params.finished:q}"
