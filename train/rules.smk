# shards or the authors' checkpoints -> checkpoints


localrules:
    curves,


rule train:
    input:
        unpack(train_inputs),
    output:
        f"{WORK}/checkpoints/{{method}}/{{control}}/seed{{seed}}.safetensors",
    log:
        f"{LOGS}/train/{{method}}-{{control}}-seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/train/{{method}}-{{control}}-seed{{seed}}.tsv"
    wildcard_constraints:
        method=one_of(conf.trained),
        control="trained|untrained|shuffled",
    priority: in_a_chain
    conda:
        "../envs/train.yaml"
    threads: conf.train_threads
    resources:
        mem_mb=growing(8000),
        runtime=growing(1440),
        gpu=GPU,
    params:
        settings=train_settings(train_inputs),
        state=lambda wildcards: spelling.weights_state(conf, "text_weights"),
        shards=lambda wildcards, input: Path(input.shards[0]).parent,
        partial=f"{WORK}/partial/train/{{method}}-{{control}}-seed{{seed}}",
        curves=f"{WORK}/tensorboard/{{method}}-{{control}}-seed{{seed}}",
    shell:
        "python -m train.run --shards {params.shards:q} {params.settings} --seed {wildcards.seed} --threads {threads} "
        "--partial {params.partial:q} --curves {params.curves:q} --out {output:q} > {log:q} 2>&1 "
        "&& python -m extract.check {output:q} >> {log:q} 2>&1"


rule curves:
    input:
        f"{WORK}/checkpoints/{{method}}/{{control}}/seed{{seed}}.safetensors",
    output:
        f"{WORK}/curves/{{method}}/{{control}}/seed{{seed}}.csv",
    log:
        f"{LOGS}/curves/{{method}}-{{control}}-seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/curves/{{method}}-{{control}}-seed{{seed}}.tsv"
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        # Not an input: the events are written beside the checkpoint, and stay while a killed run is resumed.
        events=f"{WORK}/tensorboard/{{method}}-{{control}}-seed{{seed}}",
    shell:
        "python -m train.curves {params.events:q} --out {output:q} > {log:q} 2>&1"


rule released_checkpoint:
    input:
        lambda wildcards: paths.as_input(conf.models[wildcards.method].checkpoint),
    output:
        f"{WORK}/checkpoints/{{method}}/{PUBLISHED}.safetensors",
    log:
        f"{LOGS}/released_checkpoint/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/released_checkpoint/{{method}}.tsv"
    wildcard_constraints:
        method=one_of(conf.imported),
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        settings=lambda wildcards: flags(
            {
                "dataset": conf.data_set.name,
                **conf.models[wildcards.method].scoring,
            }
        ),
        file=lambda wildcards: conf.models[wildcards.method].checkpoint,
        state=lambda wildcards: spelling.sources_state(conf),
    shell:
        "python -m train.released {params.file:q} {params.settings} --out {output:q} > {log:q} 2>&1 "
        "&& python -m extract.check {output:q} >> {log:q} 2>&1"
