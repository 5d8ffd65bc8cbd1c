# what `snakemake --report report.html` gathers: tables, curves, failures and provenance, each with a caption


localrules:
    table_page,
    intervals,
    training_curves,
    precision_recall,
    alarm_delay,
    per_class,
    confusion,
    failures_page,
    provenance_page,


report: "captions/workflow.rst"


rule table_page:
    input:
        f"results/{NAME}_table{{number}}.csv",
    output:
        report(
            f"{REPORT}/table{{number}}.html",
            caption="captions/table.rst",
            category="1 Tables",
            labels={"table": "{number}"},
        ),
    log:
        f"{LOGS}/table{{number}}_page.log",
    benchmark:
        f"{BENCHMARKS}/table_page/{{number}}.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        title=lambda wildcards: reported.title_of(conf, int(wildcards.number)),
        own=conf.is_own,
        measured=lambda wildcards: reported.measured_in(conf, int(wildcards.number)),
        selected=reported.selected(conf),
    shell:
        "python -m evaluate.report.table_page {input:q} --title {params.title:q} --out {output:q} > {log:q} 2>&1"


rule intervals:
    input:
        f"results/{NAME}_table{{number}}.csv",
    output:
        report(
            f"{REPORT}/intervals/table{{number}}.svg",
            caption="captions/intervals.rst",
            category="1 Tables",
            labels={"table": "{number}, intervals"},
        ),
    log:
        f"{LOGS}/table{{number}}_intervals.log",
    benchmark:
        f"{BENCHMARKS}/intervals/{{number}}.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        title=lambda wildcards: reported.title_of(conf, int(wildcards.number)),
        own=conf.is_own,
        measured=lambda wildcards: reported.measured_in(conf, int(wildcards.number)),
        selected=reported.selected(conf),
    shell:
        "python -m evaluate.report.forest {input:q} --title {params.title:q} --out {output:q} > {log:q} 2>&1"


if reported.is_compared(conf):

    localrules:
        comparison_page,

    rule comparison_page:
        input:
            f"results/{NAME}_comparison.csv",
        output:
            report(
                f"{REPORT}/comparison.html",
                caption="captions/comparison.rst",
                category="1 Tables",
                labels={"table": "comparison of methods"},
            ),
        log:
            f"{LOGS}/comparison_page.log",
        benchmark:
            f"{BENCHMARKS}/comparison_page.tsv"
        conda:
            "../envs/evaluate.yaml"
        threads: 1
        resources:
            mem_mb=growing(500),
            runtime=growing(10),
        params:
            selected=reported.selected(conf),
        shell:
            "python -m evaluate.compare.page {input:q} --title 'Comparison of methods' --out {output:q} > {log:q} 2>&1"


rule training_curves:
    input:
        reported.files_of_runs(conf, f"{WORK}/curves/{{}}.csv", reported.learned(conf)),
    output:
        report(
            directory(f"{REPORT}/training_curves"),
            patterns=["{method}.svg"],
            caption="captions/training_curves.rst",
            category="2 Training curves",
            labels={"method": "{method}"},
        ),
    log:
        f"{LOGS}/training_curves.log",
    benchmark:
        f"{BENCHMARKS}/training_curves.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        curves=reported.runs_as_flags(
            conf, "--curves", f"{WORK}/curves/{{}}.csv", reported.learned(conf)
        ),
        score=flags({"score": reported.selection_score(conf)}),
        measure=reported.selection_score(conf),
        judged=conf.selection in ("validation", "released"),
        selected=reported.selected(conf),
    shell:
        "python -m evaluate.report.training_curves {params.curves} {params.score} --out {output:q} > {log:q} 2>&1"


rule precision_recall:
    input:
        scores=reported.files_of_runs(
            conf, f"{WORK}/scores/{{}}.h5", reported.shown(conf)
        ),
        catalog=f"{WORK}/catalog.jsonl",
    output:
        report(
            directory(f"{REPORT}/precision_recall"),
            patterns=["{method}.svg"],
            caption="captions/precision_recall.rst",
            category="3 Precision and recall",
            labels={"method": "{method}"},
        ),
    log:
        f"{LOGS}/precision_recall.log",
    benchmark:
        f"{BENCHMARKS}/precision_recall.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        scores=reported.runs_as_flags(
            conf, "--scores", f"{WORK}/scores/{{}}.h5", reported.shown(conf)
        ),
        settings=flags(
            {
                "branch": conf.frame_level.branch,
                "protocol": conf.frame_level.protocol,
            }
        ),
        measured=reported.frame_measure(conf, "ap"),
        selected=reported.selected(conf),
    shell:
        "python -m evaluate.report.precision_recall {params.scores} {params.settings} --catalog {input.catalog:q} "
        "--out {output:q} > {log:q} 2>&1"


rule alarm_delay:
    input:
        scores=reported.files_of_runs(
            conf, f"{WORK}/scores/{{}}.h5", reported.shown(conf)
        ),
        catalog=f"{WORK}/catalog.jsonl",
    output:
        report(
            directory(f"{REPORT}/alarm_delay"),
            patterns=["{method}.svg"],
            caption="captions/alarm_delay.rst",
            category="4 Alarms and delay",
            labels={"method": "{method}"},
        ),
    log:
        f"{LOGS}/alarm_delay.log",
    benchmark:
        f"{BENCHMARKS}/alarm_delay.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        scores=reported.runs_as_flags(
            conf, "--scores", f"{WORK}/scores/{{}}.h5", reported.shown(conf)
        ),
        settings=flags(
            {
                "branch": conf.frame_level.branch,
                "protocol": conf.frame_level.protocol,
            }
        ),
        measured=reported.alarm_measure(conf),
        selected=reported.selected(conf),
    shell:
        "python -m evaluate.report.alarm_delay {params.scores} {params.settings} --catalog {input.catalog:q} "
        "--out {output:q} > {log:q} 2>&1"


rule per_class:
    input:
        reported.files_of_runs(
            conf, f"{WORK}/metrics/{{}}.json", reported.telling(conf)
        ),
    output:
        report(
            directory(f"{REPORT}/per_class"),
            patterns=["{method}.svg"],
            caption="captions/per_class.rst",
            category="5 AP of each class",
            labels={"method": "{method}"},
        ),
    log:
        f"{LOGS}/per_class.log",
    benchmark:
        f"{BENCHMARKS}/per_class.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        metrics=reported.runs_as_flags(
            conf, "--metrics", f"{WORK}/metrics/{{}}.json", reported.telling(conf)
        ),
        selected=reported.selected(conf),
        silent=reported.silent(conf),
    shell:
        "python -m evaluate.report.per_class {params.metrics} --out {output:q} > {log:q} 2>&1"


rule confusion:
    input:
        scores=reported.files_of_runs(
            conf, f"{WORK}/scores/{{}}.h5", reported.telling(conf)
        ),
        catalog=f"{WORK}/catalog.jsonl",
    output:
        report(
            directory(f"{REPORT}/confusion"),
            patterns=["{method}.{classes}.svg"],
            caption="captions/confusion.rst",
            category="6 Confusion of classes",
            labels={"method": "{method}", "classes": "{classes}"},
        ),
    log:
        f"{LOGS}/confusion.log",
    benchmark:
        f"{BENCHMARKS}/confusion.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        scores=reported.runs_as_flags(
            conf, "--scores", f"{WORK}/scores/{{}}.h5", reported.telling(conf)
        ),
        settings=flags({"protocol": conf.frame_level.protocol}),
        selected=reported.selected(conf),
        silent=reported.silent(conf),
    shell:
        "python -m evaluate.report.confusion {params.scores} {params.settings} --catalog {input.catalog:q} "
        "--out {output:q} > {log:q} 2>&1"


if conf.figure4:

    localrules:
        figures_page,

    rule figures_page:
        input:
            f"results/{NAME}_figure4",
        output:
            report(
                f"{REPORT}/figure4.html",
                caption="captions/figure4.rst",
                category="7 Figure 4",
                labels={"what": "scores over time"},
            ),
        log:
            f"{LOGS}/figures_page.log",
        benchmark:
            f"{BENCHMARKS}/figures_page.tsv"
        conda:
            "../envs/evaluate.yaml"
        threads: 1
        resources:
            mem_mb=growing(500),
            runtime=growing(10),
        params:
            branch=conf.frame_level.branch,
            selected=reported.selected(conf),
        shell:
            "python -m evaluate.report.figures_page {input:q} --title 'Figure 4: scores over time' --out {output:q} > {log:q} 2>&1"


rule failures_page:
    input:
        f"{WORK}/failures.csv",
    output:
        report(
            f"{REPORT}/failures.html",
            caption="captions/failures.rst",
            category="8 Data",
            labels={"what": "videos that could not be read"},
        ),
    log:
        f"{LOGS}/failures_page.log",
    benchmark:
        f"{BENCHMARKS}/failures_page.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        selected=reported.selected(conf),
    shell:
        "python -m evaluate.report.failures_page {input:q} --out {output:q} > {log:q} 2>&1"


rule provenance_page:
    input:
        metrics=reported.files_of_runs(
            conf, f"{WORK}/metrics/{{}}.json", reported.shown(conf)
        ),
        # The times of these are on record only once they are made.
        shown=reported.report_items(conf),
    output:
        report(
            f"{REPORT}/provenance.html",
            caption="captions/provenance.rst",
            category="9 Provenance",
            labels={"what": "configuration, weights, versions, times"},
        ),
    log:
        f"{LOGS}/provenance_page.log",
    benchmark:
        f"{BENCHMARKS}/provenance_page.tsv"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        metrics=reported.runs_as_flags(
            conf, "--metrics", f"{WORK}/metrics/{{}}.json", reported.shown(conf)
        ),
        # From a function, whose braces Snakemake leaves alone.
        settings=lambda wildcards: flags(
            {
                "configuration": json.dumps(conf.whole),
                "selected": reported.selected(conf),
            }
        ),
        selected=reported.selected(conf),
        benchmarks=BENCHMARKS,
    shell:
        "python -m evaluate.report.provenance_page {params.metrics} {params.settings} --benchmarks {params.benchmarks:q} "
        "--out {output:q} > {log:q} 2>&1"
