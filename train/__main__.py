"""``python -m train``: the commands of this package."""

from pathlib import Path

from extract.base.command_list import list_commands

# What a person calls; every other command is called by a rule.
FOR_PEOPLE = ("run", "released", "export")

if __name__ == "__main__":
    list_commands(Path(__file__).parent, FOR_PEOPLE)
