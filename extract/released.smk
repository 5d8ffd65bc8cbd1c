# lists of released features -> shards


rule released_features:
    input:
        catalog=f"{WORK}/catalog.jsonl",
        features=lambda wildcards: [
            file
            for key in (wildcards.split, f"{wildcards.split}_audio")
            if key in conf.released
            for file in paths.as_input(conf.released[key])
        ],
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
        # Of the wildcards alone, or Snakemake would not ask whether they changed.
        settings=lambda wildcards: flags(
            {
                **spelling.released_settings(conf, wildcards.split),
                "root": conf.released["root"],
                "out": f"{WORK}/shards",
                "split": wildcards.split,
                "dataset": conf.data_set.name,
                "stride": conf.stride,
                "shards": conf.shards[wildcards.split],
                "shard": wildcards.shard,
                "note": conf.note,
            }
        ),
        state=lambda wildcards: spelling.sources_state(conf),
    shell:
        "python -m extract.released {params.settings} "
        "--failures {output.failures:q} > {log:q} 2>&1 && python -m extract.check {output.shard:q} >> {log:q} 2>&1"
