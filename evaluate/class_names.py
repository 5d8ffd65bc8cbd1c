"""The classes in words, for readers who do not know the label codes."""

from collections.abc import Sequence

from extract.labels import LABEL_SETS

_WORDS = {
    code: words
    for labels in LABEL_SETS.values()
    for code, words in zip(labels.model_codes, labels.prompts, strict=True)
}


def class_names(codes: Sequence[str]) -> list[str]:
    """Give each label code's text prompt; a code of no data set known here stays as it is."""
    return [_WORDS.get(code, code) for code in codes]
