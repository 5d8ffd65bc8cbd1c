"""Label codes and text prompts of the three data sets, in the order of every class axis."""

from dataclasses import dataclass

from extract.errors import InputError


@dataclass(frozen=True)
class LabelSet:
    """Classes of one data set.

    Attributes:
        name: ``xd``, ``cctv`` or ``ucf``.
        codes: Label codes as the catalog and the shards write them; the first is normal.
        model_codes: Codes of the classes a model for this set is trained with, in column order.
            Equal to ``codes``, except for CCTV-Fights, which trains with XD-Violence's seven.
        prompts: Text prompt of each entry of ``model_codes``.
        stride: Frames a snippet in the published features.
    """

    name: str
    codes: tuple[str, ...]
    model_codes: tuple[str, ...]
    prompts: tuple[str, ...]
    stride: int

    @property
    def normal(self) -> str:
        """Code of the normal class."""
        return self.codes[0]


_XD_CODES = ("A", "B1", "B2", "B4", "B5", "B6", "G")
_XD_PROMPTS = ("normal", "fighting", "shooting", "riot", "abuse", "car accident", "explosion")
_UCF_CODES = (
    "Normal",
    "Abuse",
    "Arrest",
    "Arson",
    "Assault",
    "Burglary",
    "Explosion",
    "Fighting",
    "RoadAccidents",
    "Robbery",
    "Shooting",
    "Shoplifting",
    "Stealing",
    "Vandalism",
)
# The released code lower-cases the class names by hand and left this one in camel case;
# the tokeniser lower-cases anyway, so the features are the same.
_UCF_PROMPTS = tuple("roadAccidents" if code == "RoadAccidents" else code.lower() for code in _UCF_CODES)

LABEL_SETS: dict[str, LabelSet] = {
    "xd": LabelSet("xd", _XD_CODES, _XD_CODES, _XD_PROMPTS, 16),
    "cctv": LabelSet("cctv", ("A", "B1"), _XD_CODES, _XD_PROMPTS, 4),
    "ucf": LabelSet("ucf", _UCF_CODES, _UCF_CODES, _UCF_PROMPTS, 16),
}


def label_set(name: str, source: str) -> LabelSet:
    """Look up a label set by name.

    Args:
        name: ``xd``, ``cctv`` or ``ucf``.
        source: Where the name was read (file and field), for the message.

    Raises:
        InputError: If there is no such set.
    """
    if name not in LABEL_SETS:
        raise InputError(f"{source}: unknown data set {name!r}; use one of {', '.join(LABEL_SETS)}")
    return LABEL_SETS[name]
