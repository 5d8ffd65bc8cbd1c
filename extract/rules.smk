# videos or lists -> catalog; shards come from videos (videos.smk) or from released features (released.smk)


localrules:
    weights,
    catalog,
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
        mem_mb=growing(500),
        runtime=growing(60),
    shell:
        "python -m extract.fetch_weights {wildcards.file:q} --out {output:q} > {log:q} 2>&1"


if conf.classes_file:

    localrules:
        classes,

    rule classes:
        output:
            f"{WORK}/{{kind}}.yaml",
        log:
            f"{LOGS}/{{kind}}.log",
        benchmark:
            f"{BENCHMARKS}/{{kind}}.tsv"
        wildcard_constraints:
            kind="classes|codes",
        conda:
            "../envs/extract.yaml"
        threads: 1
        resources:
            mem_mb=growing(1000),
            runtime=growing(10),
        params:
            # From a function, whose braces Snakemake leaves alone.
            classes=lambda wildcards: spelling.each_class(conf, wildcards.kind),
        shell:
            "python -m extract.labels {params.classes} --out {output:q} > {log:q} 2>&1"


rule catalog:
    input:
        unpack(lambda wildcards: or_exit(spelling.present_sources, conf)),
        # Not their prompts, which a catalog does not hold: another one must not make the features again.
        classes=spelling.codes_input(conf),
    output:
        f"{WORK}/catalog.jsonl",
    log:
        f"{LOGS}/catalog.log",
    benchmark:
        f"{BENCHMARKS}/catalog.tsv"
    conda:
        "../envs/extract.yaml"
    # Annotated test videos of some sets are decoded once, to count their frames.
    threads: 4
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        # From a function, whose braces Snakemake leaves alone.
        command=lambda wildcards: spelling.catalog_command(conf),
        state=lambda wildcards: spelling.sources_state(conf),
    shell:
        "python -m {params.command} --out {output:q} > {log:q} 2>&1"


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
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        most=conf.max_failures,
    shell:
        "python -m extract.failures --catalog {input.catalog:q} --max-failures {params.most} --out {output:q} "
        "{input.failures:q} 2>&1 | tee {log:q} >&2"
