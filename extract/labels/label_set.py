"""A label set: the classes of a data set in the order of every class axis, and the prompt of each."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extract.base.errors import InputError
from extract.base.names import one_form

# Columns, groups and files may be named after a code, with something before or behind it; and as no token is shorter
# than a byte, a code fits into CLIP as a prompt too.
MOST_CODE_BYTES = 50
LEAST_CLASSES = 2
# What joins codes in lists and shards, what separates events in a list, and what would lead into another folder or
# another group of an HDF5 file.
SEPARATORS = "-;/\\"
# What stands for no label in released lists.
NO_CODE = "0"
# Persian, Sinhala and others write words with these, though they do not print.
JOINERS = "\u200c\u200d"


@dataclass(frozen=True)
class LabelSet:
    """The classes of a data set, built in (`extract.datasets`) or read from a file (`extract.labels.file`).

    Attributes:
        name: As shards and checkpoints write it.
        codes: Label codes that its videos may have; the first is normal.
        model_codes: Codes of the classes that a model for it is trained with, in column order. Equal to ``codes``
            unless more classes are trained than the videos have.
        prompts: Text prompt of each entry of ``model_codes``.

    Raises:
        InputError: If there are fewer than two classes, a code or prompt cannot be written into files, two are the same
            to a reader or a disk, or a code is no class of the model; begins with the field.
    """

    name: str
    codes: tuple[str, ...]
    model_codes: tuple[str, ...]
    prompts: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.codes) < LEAST_CLASSES:
            raise InputError(f"codes: there are {len(self.codes)}; at least {LEAST_CLASSES} classes are needed")
        if len(self.prompts) != len(self.model_codes):
            raise InputError(
                f"prompts: there are {len(self.prompts)} for {len(self.model_codes)} classes; give each one"
            )
        for code in (*self.codes, *self.model_codes):
            _check_code(code)
        for code, prompt in zip(self.model_codes, self.prompts, strict=True):
            _check_prompt(code, prompt)
        _refuse_same(self.model_codes, self.prompts)
        strange = [code for code in self.codes if code not in self.model_codes]
        if strange or len(set(self.codes)) < len(self.codes):
            raise InputError(f"codes: {', '.join(strange or self.codes)} must be classes of the model, each once")
        if self.codes[0] != self.model_codes[0]:
            raise InputError(f"codes: {self.codes[0]!r} and {self.model_codes[0]!r} come first; both must be normal")

    @property
    def normal(self) -> str:
        """Code of the normal class."""
        return self.codes[0]

    @property
    def words(self) -> tuple[str, ...]:
        """Prompt of each entry of ``codes``."""
        prompts = dict(zip(self.model_codes, self.prompts, strict=True))
        return tuple(prompts[code] for code in self.codes)


def one_word_each(name: str, prompts: Mapping[str, str]) -> LabelSet:
    """Make the label set whose videos have the very classes that a model is trained with.

    Args:
        name: Name of the set.
        prompts: Prompt by label code, the normal class first.

    Raises:
        InputError: As ``LabelSet`` does.
    """
    codes = tuple(map(one_form, prompts))
    return LabelSet(name, codes, codes, tuple(map(one_form, prompts.values())))


def parse_label_set(name: str, values: Any) -> LabelSet:
    """Read a label set from what a file of the pipeline holds: ``codes``, ``model_codes`` and ``prompts``.

    Raises:
        InputError: If one of them is missing or no list of texts, or as ``LabelSet`` does; begins with the field.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"codes: is missing; there is {values!r} in place of fields")
    columns = []
    for field in ("codes", "model_codes", "prompts"):
        column = values.get(field)
        if not isinstance(column, list | tuple) or not all(isinstance(text, str) for text in column):
            raise InputError(f"{field}: is {column!r}; it must be a list of texts")
        columns.append(tuple(column))
    return LabelSet(name, *columns)


def same_to_a_reader(text: str) -> str:
    """Give text in a form in which two are equal that look alike, or that a disk without capitals takes for one."""
    joined = "".join(character for character in text if character not in JOINERS)
    return " ".join(unicodedata.normalize("NFKC", joined).casefold().split())


def _check_code(code: str) -> None:
    where = f"class {code!r}"
    if not code or code != code.strip() or code == NO_CODE:
        raise InputError(f"{where}: a code must be text without spaces around it, and {NO_CODE!r} stands for none")
    if code.startswith(".") or any(character in SEPARATORS for character in code) or not _prints(code):
        raise InputError(
            f"{where}: files and HDF5 groups cannot be named so; leave out {' '.join(SEPARATORS)}, a dot in front and "
            "what does not print"
        )
    if len(code.encode()) > MOST_CODE_BYTES:
        raise InputError(f"{where}: is longer than {MOST_CODE_BYTES} bytes; shorten the code, its prompt may be longer")


def _check_prompt(code: str, prompt: str) -> None:
    # A command line would take a word that begins with a hyphen for a flag.
    if not prompt.strip() or prompt.startswith("-") or not _prints(prompt):
        raise InputError(f"class {code!r}: prompt {prompt!r} must be words in one line")


def _prints(text: str) -> bool:
    return all(character.isprintable() or character in JOINERS for character in text)


def _refuse_same(codes: Sequence[str], prompts: Sequence[str]) -> None:
    """Refuse codes and prompts of two classes that one could take for each other; lists may hold either."""
    taken: dict[str, tuple[int, str]] = {}
    for number, (code, prompt) in enumerate(zip(codes, prompts, strict=True)):
        for text in (code, prompt):
            other, as_written = taken.setdefault(same_to_a_reader(text), (number, text))
            if other != number:
                raise InputError(
                    f"class {code!r}: {text!r} cannot be told from {as_written!r} of class {codes[other]!r}; keep one "
                    "of the two, or write them so that they differ in more than capitals"
                )
