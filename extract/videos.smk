# catalog -> visual and audio features, per shard -> aligned shards


rule demo_data:
    output:
        **{
            flag: path if Path(path).suffix else directory(path)
            for flag, path in spelling.generated_sources(conf).items()
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
            {"dataset": conf.data_set.name, **conf.videos.get("generate", {})}
        ),
        folder=lambda wildcards, output: Path(output.kinds).parent,
    shell:
        "python -m extract.demo --out {params.folder:q} {params.settings} > {log:q} 2>&1"


rule visual:
    input:
        catalog=f"{WORK}/catalog.jsonl",
        weights=lambda wildcards: weights_file("visual.weights"),
    output:
        features=f"{WORK}/visual/{{split}}-{{shard}}.h5",
        failures=f"{WORK}/visual/{{split}}-{{shard}}.failures.csv",
    log:
        f"{LOGS}/visual/{{split}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/visual/{{split}}-{{shard}}.tsv"
    conda:
        "../envs/extract.yaml"
    threads: conf.visual.threads
    resources:
        mem_mb=growing(4000),
        runtime=growing(720),
        gpu=GPU,
        # Not among the parameters: another number gives the same features, and must not make them again.
        workers=conf.visual.workers,
    params:
        shards=lambda wildcards: conf.shards[wildcards.split],
        # From a function, whose braces Snakemake leaves alone.
        settings=lambda wildcards: spelling.embedding(conf, "visual"),
        state=lambda wildcards: spelling.weights_state(conf, "visual.weights"),
        partial=f"{WORK}/partial/visual/{{split}}-{{shard}}",
    shell:
        "python -m extract.visual --catalog {input.catalog:q} --split {wildcards.split} --shard {wildcards.shard} "
        "--shards {params.shards} {params.settings} --threads {threads} --workers {resources.workers} "
        "--partial {params.partial:q} "
        "--out {output.features:q} --failures {output.failures:q} > {log:q} 2>&1"


if conf.audio:

    rule audio:
        input:
            catalog=f"{WORK}/catalog.jsonl",
            visual=f"{WORK}/visual/{{split}}-{{shard}}.h5",
            weights=lambda wildcards: weights_file("audio.weights"),
        output:
            features=f"{WORK}/audio/{{split}}-{{shard}}.h5",
            failures=f"{WORK}/audio/{{split}}-{{shard}}.failures.csv",
        log:
            f"{LOGS}/audio/{{split}}-{{shard}}.log",
        benchmark:
            f"{BENCHMARKS}/audio/{{split}}-{{shard}}.tsv"
        conda:
            "../envs/extract.yaml"
        threads: conf.audio.threads
        resources:
            mem_mb=growing(4000),
            runtime=growing(120),
            gpu=GPU,
            workers=conf.audio.workers,
        params:
            settings=lambda wildcards: spelling.embedding(conf, "audio"),
            state=lambda wildcards: spelling.weights_state(conf, "audio.weights"),
            partial=f"{WORK}/partial/audio/{{split}}-{{shard}}",
        shell:
            "python -m extract.audio --catalog {input.catalog:q} --visual {input.visual:q} {params.settings} "
            "--threads {threads} --workers {resources.workers} --partial {params.partial:q} --out {output.features:q} "
            "--failures {output.failures:q} > {log:q} 2>&1"


rule align:
    input:
        **spelling.streams_to_align(conf),
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
        settings=lambda wildcards: flags(spelling.shard_settings(conf)),
        finished=[
            f"{WORK}/partial/{stream}/{{split}}-{{shard}}" for stream in conf.streams
        ],
    shell:
        "python -m extract.align {params.streams} {params.settings} --split {wildcards.split} "
        "--out {output.shard:q} --failures {output.failures:q} > {log:q} 2>&1 "
        "&& python -m extract.check {output.shard:q} >> {log:q} 2>&1 "
        "&& rm -rf {params.finished:q}"
