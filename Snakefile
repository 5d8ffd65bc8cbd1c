# Wires the stages: catalog -> shards -> checkpoints -> scores -> metrics -> tables.
# What a step does stands in the module that its rule calls.
from snakemake.utils import min_version

min_version("9.0")


if not workflow.configfiles:

    configfile: "config/config.yaml"


include: "config/validation.smk"
include: "config/common.smk"


wildcard_constraints:
    split="train|test",
    shard=r"\d{5}",
    method="|".join(config["methods"]),
    control="trained|untrained|shuffled",
    seed=r"\d+",


localrules:
    tables,


rule tables:
    default_target: True
    input:
        f"results/{NAME}_table1.csv",
        f"results/{NAME}_table2.csv",


include: "extract/rules.smk"
include: "train/rules.smk"
include: "evaluate/rules.smk"
