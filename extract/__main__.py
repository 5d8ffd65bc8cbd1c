"""``python -m extract``: the commands of this package."""

from pathlib import Path

from extract.base.command_list import list_commands
from extract.datasets import DATA_SETS

# What a person calls; every other command is called by a rule.
FOR_PEOPLE = (
    "own",
    *DATA_SETS,
    "released",
    "export",
    "check",
    "audit",
    "fetch_weights",
    "simulate",
    "demo",
)

if __name__ == "__main__":
    list_commands(Path(__file__).parent, FOR_PEOPLE)
