# simulated features whose sound tells more and more -> checkpoints -> scores -> metrics -> one figure
STUDY = f"{WORK}/sound_study"


localrules:
    sound_study,


wildcard_constraints:
    videos=r"\d+",
    sound=r"[\d.]+",


rule sound_study_shards:
    output:
        catalog=f"{STUDY}/{{videos}}-{{sound}}/catalog.jsonl",
        train=f"{STUDY}/{{videos}}-{{sound}}/train-00000.h5",
        test=f"{STUDY}/{{videos}}-{{sound}}/test-00000.h5",
    log:
        f"{LOGS}/sound_study/{{videos}}-{{sound}}.log",
    benchmark:
        f"{BENCHMARKS}/sound_study_shards/{{videos}}-{{sound}}.tsv"
    conda:
        "../envs/extract.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=lambda wildcards: spelling.sound_study_data(
            conf, wildcards.videos, wildcards.sound
        ),
        folder=lambda wildcards, output: Path(output.catalog).parent,
    shell:
        "python -m extract.simulate_sound {params.settings} --out {params.folder:q} > {log:q} 2>&1"


use rule train as sound_study_train with:
    input:
        unpack(study_inputs),
    output:
        f"{STUDY}/{{videos}}-{{sound}}/{{method}}/{{control}}/seed{{seed}}.safetensors",
    log:
        f"{LOGS}/sound_study/{{videos}}-{{sound}}-{{method}}-{{control}}-seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/sound_study_train/{{videos}}-{{sound}}-{{method}}-{{control}}-seed{{seed}}.tsv"
    params:
        settings=train_settings(study_inputs),
        state=lambda wildcards: spelling.weights_state(conf, "text_weights"),
        shards=lambda wildcards, input: Path(input.shards[0]).parent,
        partial=f"{WORK}/partial/sound_study/{{videos}}-{{sound}}-{{method}}-{{control}}-seed{{seed}}",
        curves=f"{WORK}/tensorboard/sound_study-{{videos}}-{{sound}}-{{method}}-{{control}}-seed{{seed}}",


use rule score as sound_study_score with:
    input:
        checkpoint=rules.sound_study_train.output,
        shards=[rules.sound_study_shards.output.test],
    output:
        f"{STUDY}/{{videos}}-{{sound}}/{{method}}/{{control}}/seed{{seed}}.h5",
    log:
        f"{LOGS}/sound_study/{{videos}}-{{sound}}-{{method}}-{{control}}-seed{{seed}}_score.log",
    benchmark:
        f"{BENCHMARKS}/sound_study_score/{{videos}}-{{sound}}-{{method}}-{{control}}-seed{{seed}}.tsv"
    params:
        shards=lambda wildcards, input: Path(input.shards[0]).parent,
        settings=flags({"device": conf.device}),
        finished=rules.sound_study_train.params.partial,


use rule metrics as sound_study_metrics with:
    input:
        scores=rules.sound_study_score.output,
        catalog=rules.sound_study_shards.output.catalog,
    output:
        f"{STUDY}/{{videos}}-{{sound}}/{{method}}/{{control}}/seed{{seed}}.json",
    log:
        f"{LOGS}/sound_study/{{videos}}-{{sound}}-{{method}}-{{control}}-seed{{seed}}_metrics.log",
    benchmark:
        f"{BENCHMARKS}/sound_study_metrics/{{videos}}-{{sound}}-{{method}}-{{control}}-seed{{seed}}.tsv"


rule sound_study:
    input:
        metrics=[path for *_, path in conf.sound_study_runs()],
        catalog=f"{STUDY}/{conf.sound_study_runs()[0][0]}-{conf.sound_study_runs()[0][1]}/catalog.jsonl",
    output:
        table=f"results/{NAME}_sound_study.csv",
        figure=f"results/{NAME}_sound_study.svg",
    log:
        f"{LOGS}/sound_study.log",
    benchmark:
        f"{BENCHMARKS}/sound_study.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        metrics=shlex.join(
            word for run in conf.sound_study_runs() for word in ("--metrics", *run)
        ),
        branch=conf.frame_level.branch,
    shell:
        "python -m evaluate.report.sound_study {params.metrics} --catalog {input.catalog:q} --branch {params.branch:q} "
        "--out {output.table:q} --figure {output.figure:q} > {log:q} 2>&1"
