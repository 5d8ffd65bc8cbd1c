# Wires the commands: catalog -> shards -> checkpoints -> scores -> metrics -> tables.
# What a step does stands in the module that its rule calls.
import sys

from snakemake.utils import min_version

min_version("9.0")
sys.path.insert(0, workflow.basedir)

from config import yaml_text

yaml_text.refuse_braces(workflow.basedir)
yaml_text.check_readable(workflow.configfiles or [yaml_text.DEFAULT])


if not workflow.configfiles:

    configfile: "config/config.yaml"


include: "config/common.smk"


wildcard_constraints:
    split="train|test",
    shard=r"\d{5}",
    method=one_of(conf.models),
    control="trained|untrained|shuffled|released|chance",
    seed=r"\d+",
    run=r"seed\d+|published",


onstart:
    look_for_jobs_only_when_one_ends()
    # A scheduler may call a job finished that never ran: then no file of an earlier run may pass for its output.
    if not workflow.local_exec:
        refuse_auto_elsewhere()
        remove_outdated(workflow.dag.needrun_jobs())


localrules:
    everything,
    tables,


rule everything:
    default_target: True
    input:
        [f"results/{NAME}_table{number}.csv" for number in conf.tables],
        reported.report_items(conf),
        f"{REPORT}/provenance.html",


rule tables:
    input:
        [f"results/{NAME}_table{number}.csv" for number in conf.tables],


include: "extract/rules.smk"


if conf.is_released:

    include: "extract/released.smk"

else:

    include: "extract/videos.smk"


include: "train/rules.smk"
include: "evaluate/rules.smk"


if conf.causal_tables:

    include: "evaluate/causal.smk"


if conf.sound_study:

    include: "evaluate/sound_study.smk"


if conf.transfer:

    include: "evaluate/transfer.smk"


include: "evaluate/report.smk"
