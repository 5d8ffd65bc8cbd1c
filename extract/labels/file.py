"""A file of classes: YAML, one line a class, ``code: prompt``, the normal class first.

normal: normal
fall: a person falling
theft: someone stealing
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.yaml_text import read_mapping
from extract.labels.label_set import LabelSet, one_word_each
from extract.labels.prompt_tokens import check_lengths

KIND = "file of classes"
FORM = "write one line a class, code: prompt, the normal class first"
# What shards and checkpoints call a data set whose classes are the user's own.
OWN = "own"


def read_classes(path: Path) -> LabelSet:
    """Read and check a file of classes.

    Raises:
        InputError: If it is absent, no YAML, a class stands twice or cannot be told from another, or a prompt does not
            fit into CLIP; names file and class.
    """
    content = read_mapping(path, KIND, FORM)
    try:
        labels = own_classes(content)
        check_lengths(labels.model_codes, labels.prompts)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return labels


def own_classes(prompts: Mapping[Any, Any]) -> LabelSet:
    """Make a label set of a mapping as YAML gives it, its prompts' lengths unchecked.

    Args:
        prompts: Prompt by label code, the normal class first.

    Raises:
        InputError: If a code or prompt is no text, or as ``LabelSet`` does.
    """
    for code, prompt in prompts.items():
        for text in (code, prompt):
            if not isinstance(text, str):
                raise InputError(f"class {code!r}: {text!r} is no text to YAML; put it in quotes")
    return one_word_each(OWN, prompts)


def write_classes(path: Path, labels: LabelSet) -> None:
    """Write a file of classes, whole or not at all."""
    prompts = dict(zip(labels.model_codes, labels.prompts, strict=True))
    write_text(path, yaml.safe_dump(prompts, allow_unicode=True, sort_keys=False, width=10_000))
