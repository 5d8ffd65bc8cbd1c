# lists of released features -> shards


rule released_features:
    input:
        catalog=f"{WORK}/catalog.jsonl",
        features=lambda wildcards: config["released"][wildcards.split],
    output:
        shard=f"{WORK}/shards/{{split}}-{{shard}}.h5",
        failures=f"{WORK}/shards/{{split}}-{{shard}}.failures.csv",
    log:
        f"{LOGS}/released/{{split}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/released/{{split}}-{{shard}}.tsv"
    conda:
        "../envs/extract.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(60),
    params:
        settings=lambda wildcards, output: flags(
            {
                "root": config["released"]["root"],
                "out": Path(output.shard).parent,
                "split": wildcards.split,
                "dataset": config["dataset"],
                "stride": config["stride"],
                "shards": config["shards"][wildcards.split],
                "shard": wildcards.shard,
                "note": config["note"],
            }
        ),
    shell:
        "python -m extract.released --list {input.features:q} {params.settings} "
        "--failures {output.failures:q} > {log:q} 2>&1 && python -m extract.check {output.shard:q} >> {log:q} 2>&1"
