# The configuration is checked once, here; every message names the key.
import sys

import jsonschema
import yaml


def refuse(key, reason):
    """End with one line that names the configuration file, the key and what is wrong."""
    sys.exit(
        f"{', '.join(map(str, workflow.configfiles)) or 'configuration'}: key {key}: {reason}"
    )


def check_against_schema(settings):
    """Hold the configuration to config/schema.yaml."""
    with open(workflow.source_path("schema.yaml"), encoding="utf-8") as file:
        schema = yaml.safe_load(file)
    error = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(settings)
    )
    if error is not None:
        described = error.schema.get("description")
        refuse(
            ".".join(map(str, error.absolute_path)) or "(top level)",
            f"{error.message}{f' ({described})' if described else ''}",
        )


def check_methods(settings):
    """Check what a schema cannot say: keys that must fit one another."""
    for name, method in settings["methods"].items():
        architecture, teacher = method["architecture"], method.get("teacher")
        if architecture["max_snippets"] % architecture["window"]:
            refuse(
                f"methods.{name}.architecture.window",
                f"must divide max_snippets ({architecture['max_snippets']})",
            )
        if method["scoring_crop"] not in settings["crops"]:
            refuse(
                f"methods.{name}.scoring_crop",
                f"{method['scoring_crop']} is not among crops {settings['crops']}",
            )
        if (architecture["model"] == "student") != (teacher is not None):
            refuse(
                f"methods.{name}.teacher",
                "a student needs the name of its teacher's method, and no other model one",
            )
        if (
            teacher is not None
            and settings["methods"]
            .get(teacher, {})
            .get("architecture", {})
            .get("model")
            != "teacher"
        ):
            refuse(
                f"methods.{name}.teacher",
                f"{teacher!r} is no method whose model is teacher",
            )


check_against_schema(config)
check_methods(config)
