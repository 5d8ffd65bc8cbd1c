"""``python -m evaluate``: the commands of this package."""

from pathlib import Path

from extract.base.command_list import list_commands

# What a person calls; every other command is called by a rule.
FOR_PEOPLE = (
    "detect",
    "watch",
    "score",
    "metrics",
    "tables",
    "show",
    "transfer",
    "import_scores",
    "ground_truth",
    "alarms",
    "operating_point",
    "report.figure4",
    "report.transfer_matrix",
)

if __name__ == "__main__":
    list_commands(Path(__file__).parent, FOR_PEOPLE)
