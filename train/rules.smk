# shards -> checkpoints


rule train:
    input:
        unpack(train_inputs),
    output:
        f"{WORK}/checkpoints/{{method}}/{{control}}/seed{{seed}}.safetensors",
    log:
        f"{LOGS}/train/{{method}}-{{control}}-seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/train/{{method}}-{{control}}-seed{{seed}}.tsv"
    conda:
        "../envs/train.yaml"
    threads: config["train_threads"]
    resources:
        mem_mb=8000,
        runtime=1440,
        gpu=GPU,
    params:
        settings=train_settings,
        shards=lambda wildcards, input: Path(input.shards[0]).parent,
        partial=f"{WORK}/partial/train/{{method}}-{{control}}-seed{{seed}}",
        curves=f"{WORK}/tensorboard/{{method}}-{{control}}-seed{{seed}}",
    shell:
        "python -m train.run --shards {params.shards:q} {params.settings} --seed {wildcards.seed} --threads {threads} "
        "--partial {params.partial:q} --curves {params.curves:q} --out {output:q} > {log:q} 2>&1"
