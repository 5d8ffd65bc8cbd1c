# checkpoints and test shards -> scores -> metrics -> tables


localrules:
    table,
    twins,
    learning,
    another_configuration,


rule score:
    input:
        checkpoint=f"{WORK}/checkpoints/{{method}}/{{control}}/{{run}}.safetensors",
        shards=SHARDS["test"],
        failures=f"{WORK}/failures.csv",
    output:
        f"{WORK}/scores/{{method}}/{{control}}/{{run}}.h5",
    log:
        f"{LOGS}/score/{{method}}-{{control}}-{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/score/{{method}}-{{control}}-{{run}}.tsv"
    wildcard_constraints:
        control="trained|untrained|shuffled|released",
    conda:
        "../envs/train.yaml"
    threads: conf.train_threads
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPU,
    params:
        shards=lambda wildcards, input: Path(input.shards[0]).parent,
        settings=flags({"device": conf.device}),
        # Kept until here: Snakemake removes the checkpoint of a job whose end it has not seen.
        finished=f"{WORK}/partial/train/{{method}}-{{control}}-{{run}}",
    shell:
        "python -m evaluate.score --checkpoint {input.checkpoint:q} --shards {params.shards:q} {params.settings} "
        "--threads {threads} --out {output:q} > {log:q} 2>&1 "
        "&& python -m extract.check {output:q} >> {log:q} 2>&1 "
        "&& rm -rf {params.finished:q}"


rule chance:
    input:
        SHARDS["test"],
    output:
        f"{WORK}/scores/{{method}}/chance/seed{{seed}}.h5",
    log:
        f"{LOGS}/chance/{{method}}-seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/chance/{{method}}-seed{{seed}}.tsv"
    wildcard_constraints:
        method=one_of(conf.by_chance),
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        shards=lambda wildcards, input: Path(input[0]).parent,
    shell:
        "python -m evaluate.random_scores --shards {params.shards:q} --seed {wildcards.seed} --out {output:q} > {log:q} 2>&1 "
        "&& python -m extract.check {output:q} >> {log:q} 2>&1"


rule metrics:
    input:
        scores=rules.score.output,
        catalog=f"{WORK}/catalog.jsonl",
    output:
        f"{WORK}/metrics/{{method}}/{{control}}/{{run}}.json",
    log:
        f"{LOGS}/metrics/{{method}}-{{control}}-{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/metrics/{{method}}-{{control}}-{{run}}.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    shell:
        "python -m evaluate.metrics --scores {input.scores:q} --catalog {input.catalog:q} --out {output:q} > {log:q} 2>&1"


rule table:
    input:
        metrics=lambda wildcards: conf.metrics_in(int(wildcards.number)),
        reported=lambda wildcards: spelling.reported_rows(conf, int(wildcards.number)),
    output:
        f"results/{NAME}_table{{number}}.csv",
    log:
        f"{LOGS}/table{{number}}.log",
    benchmark:
        f"{BENCHMARKS}/table{{number}}.tsv"
    wildcard_constraints:
        number=one_of(conf.tables),
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        measured=lambda wildcards: spelling.measured(conf, int(wildcards.number)),
        settings=lambda wildcards: spelling.table_settings(conf, int(wildcards.number)),
    shell:
        "python -m evaluate.tables {params.measured} {params.settings} "
        "--out {output:q} > {log:q} 2>&1"


rule twins:
    input:
        "results/{table}.csv",
    output:
        markdown="results/{table}.md",
        latex="results/{table}.tex",
    log:
        f"{LOGS}/{{table}}_twins.log",
    benchmark:
        f"{BENCHMARKS}/{{table}}_twins.tsv"
    wildcard_constraints:
        table=f"{NAME}_table({one_of(TABLES)})",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    shell:
        "python -m evaluate.twins {input:q} --markdown {output.markdown:q} --latex {output.latex:q} > {log:q} 2>&1"


if reported.is_compared(conf):

    rule comparison:
        input:
            scores=reported.files_of_runs(
                conf, f"{WORK}/scores/{{}}.h5", reported.shown(conf)
            ),
            catalog=f"{WORK}/catalog.jsonl",
        output:
            table=f"results/{NAME}_comparison.csv",
            markdown=f"results/{NAME}_comparison.md",
            latex=f"results/{NAME}_comparison.tex",
            picture=report(
                f"results/{NAME}_comparison.svg",
                caption="captions/comparison.rst",
                category="1 Tables",
                labels={"table": "comparison of methods (picture)"},
            ),
        log:
            f"{LOGS}/comparison.log",
        benchmark:
            f"{BENCHMARKS}/comparison.tsv"
        conda:
            "../envs/evaluate.yaml"
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=growing(240),
        params:
            scores=reported.compared(conf, f"{WORK}/scores/{{}}.h5"),
            settings=flags(
                {
                    "branch": conf.frame_level.branch,
                    "protocol": conf.frame_level.protocol,
                    "swaps": reported.swaps(conf),
                    "name": f"{NAME}_comparison",
                }
            ),
            folder=lambda wildcards, output: Path(output.table).parent,
            selected=reported.selected(conf),
        shell:
            "python -m evaluate.compare {params.scores} {params.settings} --catalog {input.catalog:q} "
            "--out {params.folder:q} > {log:q} 2>&1"


if conf.figure4:

    rule figure4:
        input:
            scores=list(spelling.figure_scores(conf).values()),
            catalog=f"{WORK}/catalog.jsonl",
        output:
            directory(f"results/{NAME}_figure4"),
        log:
            f"{LOGS}/figure4.log",
        benchmark:
            f"{BENCHMARKS}/figure4.tsv"
        conda:
            "../envs/evaluate.yaml"
        threads: 2
        resources:
            mem_mb=growing(2000),
            runtime=growing(30),
        params:
            # From a function, whose braces Snakemake leaves alone.
            drawn=lambda wildcards: spelling.drawn(conf),
        shell:
            "python -m evaluate.report.figure4 {params.drawn} --catalog {input.catalog:q} --threads {threads} "
            "--out {output:q} > {log:q} 2>&1"


rule learning:
    input:
        scores=[path for _, _, path in conf.scores_of_controls()],
        catalog=f"{WORK}/catalog.jsonl",
        kinds=f"{GENERATED}/test_kinds.csv",
    output:
        f"results/{NAME}_learning.csv",
    log:
        f"{LOGS}/learning.log",
    benchmark:
        f"{BENCHMARKS}/learning.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        scores=shlex.join(
            word for run in conf.scores_of_controls() for word in ("--scores", *run)
        ),
    shell:
        "python -m evaluate.learning --catalog {input.catalog:q} --kinds {input.kinds:q} "
        "{params.scores} --out {output:q} > {log:q} 2>&1"


rule another_configuration:
    input:
        lambda wildcards: sys.exit(
            spelling.no_such_table(conf, wildcards.other, wildcards.table)
        ),
    output:
        "results/{other}_{table}.csv",
    log:
        f"{LOGS}/{{other}}_{{table}}.log",
    wildcard_constraints:
        other=f"(?!{NAME}_({one_of(spelling.own_results(conf))})[.])[a-z0-9_]+?",
        table="table[0-9]+(_causal)?|learning|comparison|transfer",
    conda:
        "../envs/evaluate.yaml"
    shell:
        "exit 1"
