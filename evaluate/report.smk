# what `snakemake --report report.html` gathers: tables, curves, failures and provenance, each with a caption


localrules:
    table_page,
    training_curves,
    precision_recall,
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
        title=lambda wildcards: f"Table {wildcards.number}: {TITLES[int(wildcards.number)]}",
        measured=lambda wildcards: measured_in(int(wildcards.number)),
        selected=selected(),
    shell:
        "python -m evaluate.table_page {input:q} --title {params.title:q} --out {output:q} > {log:q} 2>&1"


rule training_curves:
    input:
        files_of_runs(f"{WORK}/curves/{{}}.csv", LEARNED),
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
        curves=runs_as_flags("--curves", f"{WORK}/curves/{{}}.csv", LEARNED),
        score=flags({"score": selection_score()}),
        measure=selection_score(),
        judged=config.get("selection") in ("validation", "released"),
        selected=selected(),
    shell:
        "python -m evaluate.training_curves {params.curves} {params.score} --out {output:q} > {log:q} 2>&1"


rule precision_recall:
    input:
        scores=files_of_runs(f"{WORK}/scores/{{}}.h5", SHOWN),
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
        scores=runs_as_flags("--scores", f"{WORK}/scores/{{}}.h5", SHOWN),
        settings=flags(
            {name: config["frame_level"][name] for name in ("branch", "protocol")}
        ),
        measured=frame_measure("ap"),
        selected=selected(),
    shell:
        "python -m evaluate.precision_recall {params.scores} {params.settings} --catalog {input.catalog:q} "
        "--out {output:q} > {log:q} 2>&1"


rule per_class:
    input:
        files_of_runs(f"{WORK}/metrics/{{}}.json", TELLING),
    output:
        report(
            directory(f"{REPORT}/per_class"),
            patterns=["{method}.svg"],
            caption="captions/per_class.rst",
            category="4 AP of each class",
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
        metrics=runs_as_flags("--metrics", f"{WORK}/metrics/{{}}.json", TELLING),
        selected=selected(),
        silent=SILENT,
    shell:
        "python -m evaluate.per_class {params.metrics} --out {output:q} > {log:q} 2>&1"


rule confusion:
    input:
        scores=files_of_runs(f"{WORK}/scores/{{}}.h5", TELLING),
        catalog=f"{WORK}/catalog.jsonl",
    output:
        report(
            directory(f"{REPORT}/confusion"),
            patterns=["{method}.{classes}.svg"],
            caption="captions/confusion.rst",
            category="5 Confusion of classes",
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
        scores=runs_as_flags("--scores", f"{WORK}/scores/{{}}.h5", TELLING),
        settings=flags({"protocol": config["frame_level"]["protocol"]}),
        selected=selected(),
        silent=SILENT,
    shell:
        "python -m evaluate.confusion {params.scores} {params.settings} --catalog {input.catalog:q} "
        "--out {output:q} > {log:q} 2>&1"


if "figure4" in config:

    localrules:
        figures_page,

    rule figures_page:
        input:
            f"results/{NAME}_figure4",
        output:
            report(
                f"{REPORT}/figure4.html",
                caption="captions/figure4.rst",
                category="6 Figure 4",
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
            branch=config["frame_level"]["branch"],
            selected=selected(),
        shell:
            "python -m evaluate.figures_page {input:q} --title 'Figure 4: scores over time' --out {output:q} > {log:q} 2>&1"


rule failures_page:
    input:
        f"{WORK}/failures.csv",
    output:
        report(
            f"{REPORT}/failures.html",
            caption="captions/failures.rst",
            category="7 Data",
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
        selected=selected(),
    shell:
        "python -m evaluate.failures_page {input:q} --out {output:q} > {log:q} 2>&1"


rule provenance_page:
    input:
        metrics=files_of_runs(f"{WORK}/metrics/{{}}.json", SHOWN),
        # The times of these are on record only once they are made.
        shown=report_items(),
    output:
        report(
            f"{REPORT}/provenance.html",
            caption="captions/provenance.rst",
            category="8 Provenance",
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
        metrics=runs_as_flags("--metrics", f"{WORK}/metrics/{{}}.json", SHOWN),
        settings=flags({"configuration": json.dumps(config), "selected": selected()}),
        selected=selected(),
        benchmarks=BENCHMARKS,
    shell:
        "python -m evaluate.provenance_page {params.metrics} {params.settings} --benchmarks {params.benchmarks:q} "
        "--out {output:q} > {log:q} 2>&1"
