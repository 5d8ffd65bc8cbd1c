"""By what the spectrograms of a video's sound are standardised, and how that is spelled in the files.

Whole videos are standardised by their mean and deviation. Who listens to a camera knows of nothing that is yet to come,
and takes those of the sound so far. Features of one kind are not those of the other.
"""

WHOLE, PAST = "whole", "past"
STATISTICS = (WHOLE, PAST)
_WORDS = {WHOLE: "mean/std of the whole video", PAST: "mean/std of the sound so far"}


def standardised(preprocessing: str, statistics: str) -> str:
    """Spell a preprocessing that stands for whole videos with other statistics, one of ``STATISTICS``."""
    return preprocessing.replace(_WORDS[WHOLE], _WORDS[statistics])


def looks_ahead(preprocessing: str) -> bool:
    """Whether a preprocessing is known to use the whole video."""
    return _WORDS[WHOLE] in preprocessing


def as_whole(preprocessing: str) -> str:
    """Spell a preprocessing as that of whole videos, to compare all the rest of it."""
    return preprocessing.replace(_WORDS[PAST], _WORDS[WHOLE])
