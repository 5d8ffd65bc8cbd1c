# checkpoints, test shards and catalogs of this configuration and of others -> a matrix, trained on by scored on


rule transfer:
    input:
        lambda wildcards: or_exit(transfer.files, conf),
    output:
        f"results/{NAME}_transfer.csv",
    log:
        f"{LOGS}/transfer.log",
    benchmark:
        f"{BENCHMARKS}/transfer.tsv"
    conda:
        "../envs/train.yaml"
    threads: conf.train_threads
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
        gpu=GPU,
    params:
        # From a function, whose braces Snakemake leaves alone.
        settings=lambda wildcards: or_exit(transfer.settings, conf),
    shell:
        "python -m evaluate.transfer {params.settings} --threads {threads} --out {output:q} > {log:q} 2>&1"


localrules:
    transfer_matrix,


rule transfer_matrix:
    input:
        f"results/{NAME}_transfer.csv",
    output:
        f"results/{NAME}_transfer.svg",
    log:
        f"{LOGS}/transfer_matrix.log",
    benchmark:
        f"{BENCHMARKS}/transfer_matrix.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        measure=conf.frame_level.measure,
    shell:
        "python -m evaluate.report.transfer_matrix {input:q} --measure {params.measure:q} --out {output:q} > {log:q} 2>&1"
