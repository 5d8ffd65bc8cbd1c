"""Which classes two data sets have in common: codes differ from set to set, so classes are compared by their words."""

from collections.abc import Sequence
from dataclasses import dataclass

from extract.labels.label_set import LabelSet

# Words of different sets for one thing; each is compared by its letters alone.
SAME = (("car accident", "road accidents", "traffic accident"), ("stealing", "thiefing"))
# The one anomaly of a set that names none.
ANY = "abnormal"


@dataclass(frozen=True)
class SharedClasses:
    """What two data sets have in common.

    Attributes:
        pairs: Code of the one set and code of the other, of each class that both have; normal first.
        any_anomaly: Whether one of them only tells normal from abnormal, so that every video counts, and no class.
    """

    pairs: tuple[tuple[str, str], ...]
    any_anomaly: bool

    def counts(self, labels: Sequence[str]) -> bool:
        """Whether a video of the other set counts: all its labels are classes that both have."""
        return self.any_anomaly or set(labels) <= {code for _, code in self.pairs}


def shared_classes(one: LabelSet, other: LabelSet) -> SharedClasses:
    """Compare the classes of two data sets, in the order of the first; the normal ones are the same in any words."""
    if any(len(labels.codes) == 2 and _words(labels)[labels.codes[1]] == ANY for labels in (one, other)):
        return SharedClasses(((one.normal, other.normal),), True)
    codes = {meaning: code for code, meaning in _words(other).items() if code != other.normal}
    abnormal = {code: meaning for code, meaning in _words(one).items() if code != one.normal}
    pairs = ((code, codes[meaning]) for code, meaning in abnormal.items() if meaning in codes)
    return SharedClasses(((one.normal, other.normal), *pairs), False)


def _words(labels: LabelSet) -> dict[str, str]:
    return {code: _meaning(words) for code, words in zip(labels.codes, labels.words, strict=True)}


def _meaning(words: str) -> str:
    spelled = _letters(words)
    return next((same[0] for same in SAME if spelled in map(_letters, same)), spelled)


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
