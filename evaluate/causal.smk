# test videos and checkpoints -> sound standardised by its past -> scores as live -> metrics -> frame-level tables
CAUSAL = conf.causal


localrules:
    causal_table,


if conf.audio:

    use rule audio as causal_audio with:
        output:
            features=f"{CAUSAL}/audio/{{split}}-{{shard}}.h5",
            failures=f"{CAUSAL}/audio/{{split}}-{{shard}}.failures.csv",
        log:
            f"{LOGS}/causal/audio/{{split}}-{{shard}}.log",
        benchmark:
            f"{BENCHMARKS}/causal_audio/{{split}}-{{shard}}.tsv"
        params:
            settings=lambda wildcards: spelling.embedding_of_the_past(conf),
            state=lambda wildcards: spelling.weights_state(conf, "audio.weights"),
            partial=f"{WORK}/partial/causal_audio/{{split}}-{{shard}}",

    use rule align as causal_align with:
        input:
            **spelling.streams_to_align(conf, audio=f"{CAUSAL}/audio"),
        output:
            shard=f"{CAUSAL}/shards/{{split}}-{{shard}}.h5",
            failures=f"{CAUSAL}/shards/{{split}}-{{shard}}.failures.csv",
        log:
            f"{LOGS}/causal/align/{{split}}-{{shard}}.log",
        benchmark:
            f"{BENCHMARKS}/causal_align/{{split}}-{{shard}}.tsv"
        params:
            streams=lambda wildcards, input: flags(dict(input.items())),
            settings=lambda wildcards: flags(spelling.shard_settings(conf)),
            finished=f"{WORK}/partial/causal_audio/{{split}}-{{shard}}",


use rule score as causal_score with:
    input:
        checkpoint=rules.score.input.checkpoint,
        shards=conf.causal_shards,
        failures=f"{WORK}/failures.csv",
    output:
        f"{CAUSAL}/scores/{{method}}/{{control}}/{{run}}.h5",
    log:
        f"{LOGS}/causal/score/{{method}}-{{control}}-{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/causal_score/{{method}}-{{control}}-{{run}}.tsv"
    params:
        shards=lambda wildcards, input: Path(input.shards[0]).parent,
        settings=f"{flags({'device': conf.device})} --causal",
        finished=rules.score.params.finished,


rule causal_metrics:
    input:
        scores=rules.score.output,
        causal=rules.causal_score.output,
        catalog=f"{WORK}/catalog.jsonl",
    output:
        f"{CAUSAL}/metrics/{{method}}/{{control}}/{{run}}.json",
    log:
        f"{LOGS}/causal/metrics/{{method}}-{{control}}-{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/causal_metrics/{{method}}-{{control}}-{{run}}.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    shell:
        "python -m evaluate.metrics --scores {input.scores:q} --causal {input.causal:q} --catalog {input.catalog:q} "
        "--out {output:q} > {log:q} 2>&1"


use rule table as causal_table with:
    input:
        metrics=lambda wildcards: conf.metrics_in(int(wildcards.number), CAUSAL),
        reported=rules.table.input.reported,
    output:
        f"results/{NAME}_table{{number}}_causal.csv",
    log:
        f"{LOGS}/table{{number}}_causal.log",
    benchmark:
        f"{BENCHMARKS}/table{{number}}_causal.tsv"
    wildcard_constraints:
        number=one_of(conf.causal_tables),
    params:
        measured=lambda wildcards: spelling.measured(
            conf, int(wildcards.number), CAUSAL
        ),
        settings=lambda wildcards: spelling.table_settings(
            conf, int(wildcards.number), "causal"
        ),
