# lists of released features -> shards


rule released_features:
    input:
        catalog=f"{WORK}/catalog.jsonl",
        features=lambda wildcards: conf.released[wildcards.split],
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
                "root": conf.released["root"],
                "out": Path(output.shard).parent,
                "split": wildcards.split,
                "dataset": conf.data_set.name,
                "stride": conf.stride,
                "shards": conf.shards[wildcards.split],
                "shard": wildcards.shard,
                "note": conf.note,
            }
        ),
    shell:
        "python -m extract.released --list {input.features:q} {params.settings} "
        "--failures {output.failures:q} > {log:q} 2>&1 && python -m extract.check {output.shard:q} >> {log:q} 2>&1"
