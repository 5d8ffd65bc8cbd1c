# catalog -> visual and audio features, per shard -> aligned shards


localrules:
    weights,
    catalog,
    align,
    failures,


rule weights:
    output:
        "weights/{file}",
    log:
        "weights/{file}.log",
    benchmark:
        "weights/{file}.benchmark.tsv"
    conda:
        "../envs/extract.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=60,
    shell:
        "python -m extract.fetch_weights {wildcards.file:q} --out {output:q} > {log:q} 2>&1"


rule demo_data:
    output:
        train=directory(f"{GENERATED}/train"),
        test=directory(f"{GENERATED}/test"),
        annotations=f"{GENERATED}/annotations_multiclasses.txt",
        kinds=f"{GENERATED}/test_kinds.csv",
    log:
        f"{LOGS}/demo_data.log",
    benchmark:
        f"{BENCHMARKS}/demo_data.tsv"
    conda:
        "../envs/extract.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=flags(config["videos"].get("generate", {})),
        folder=lambda wildcards, output: Path(output.train).parent,
    shell:
        "python -m extract.demo_data --out {params.folder:q} {params.settings} > {log:q} 2>&1"


rule catalog:
    input:
        unpack(present_sources),
    output:
        f"{WORK}/catalog.jsonl",
    log:
        f"{LOGS}/catalog.log",
    benchmark:
        f"{BENCHMARKS}/catalog.tsv"
    conda:
        "../envs/extract.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        sources=flags(video_sources()),
    shell:
        "python -m extract.xd {params.sources} --out {output:q} > {log:q} 2>&1"


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
        mem_mb=4000,
        runtime=720,
        gpu=GPU,
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
            }
        ),
        partial=f"{WORK}/partial/visual/{{split}}-{{shard}}",
    shell:
        "python -m extract.visual --catalog {input.catalog:q} --split {wildcards.split} --shard {wildcards.shard} "
        "--shards {params.shards} {params.settings} --threads {threads} --partial {params.partial:q} "
        "--out {output.features:q} --failures {output.failures:q} > {log:q} 2>&1"


rule audio:
    input:
        catalog=f"{WORK}/catalog.jsonl",
        visual=f"{WORK}/visual/{{split}}-{{shard}}.h5",
        weights=weights_file(config["audio"]["weights"]),
    output:
        features=f"{WORK}/audio/{{split}}-{{shard}}.h5",
        failures=f"{WORK}/audio/{{split}}-{{shard}}.failures.csv",
    log:
        f"{LOGS}/audio/{{split}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/audio/{{split}}-{{shard}}.tsv"
    conda:
        "../envs/extract.yaml"
    threads: config["audio"]["threads"]
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=GPU,
    params:
        settings=flags(
            {
                "dtype": config["dtype"],
                "device": config["device"],
                "weights": config["audio"]["weights"],
                "precision": config["audio"]["precision"],
                "batch": config["audio"]["batch"],
            }
        ),
        partial=f"{WORK}/partial/audio/{{split}}-{{shard}}",
    shell:
        "python -m extract.audio --catalog {input.catalog:q} --visual {input.visual:q} {params.settings} "
        "--threads {threads} --partial {params.partial:q} --out {output.features:q} "
        "--failures {output.failures:q} > {log:q} 2>&1"


rule align:
    input:
        visual=rules.visual.output.features,
        audio=rules.audio.output.features,
        visual_failures=rules.visual.output.failures,
        audio_failures=rules.audio.output.failures,
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
        mem_mb=1000,
        runtime=30,
    params:
        settings=flags({"dataset": config["dataset"], "note": config["note"]}),
    shell:
        "python -m extract.align --visual {input.visual:q} --audio {input.audio:q} "
        "--visual-failures {input.visual_failures:q} --audio-failures {input.audio_failures:q} "
        "{params.settings} --split {wildcards.split} --out {output.shard:q} --failures {output.failures:q} > {log:q} 2>&1"


rule failures:
    input:
        failures=[
            path.removesuffix(".h5") + ".failures.csv"
            for split in SHARDS
            for path in SHARDS[split]
        ],
        catalog=f"{WORK}/catalog.jsonl",
    output:
        f"{WORK}/failures.csv",
    log:
        f"{LOGS}/failures.log",
    benchmark:
        f"{BENCHMARKS}/failures.tsv"
    conda:
        "../envs/extract.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        most=config["max_failures"],
    shell:
        "python -m extract.failures --catalog {input.catalog:q} --max-failures {params.most} --out {output:q} "
        "{input.failures:q} 2>&1 | tee {log:q} >&2"
