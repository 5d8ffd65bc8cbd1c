"""One record a data set: its classes, what its catalog is made from, and where the paper has a table of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from extract.base.errors import InputError
from extract.labels.label_set import LabelSet


@dataclass(frozen=True)
class DataSet(LabelSet):
    """What is known of one data set: its label set, and where its videos and tables come from.

    Attributes:
        stride: Frames a snippet in the published features.
        has_sound: Whether its videos have a sound track.
        opens_videos: Whether its catalog opens videos, because its annotations do not count frames.
        sources: What its catalog is made from, by the flag of ``python -m extract.<name>``, and the name that the
            generated demo gives to it.
        optional_sources: What it may be made from besides, likewise.
        where_to_get: Where its videos and released features come from, for the message of who has none.
        reported: Its tables, by the number that the paper gives them (`evaluate.paper_tables`), and the file of
            ``evaluate/reported`` that holds the paper's rows.
    """

    stride: int
    sources: Mapping[str, str]
    where_to_get: str
    reported: Mapping[int, str] = field(default_factory=dict)
    optional_sources: Mapping[str, str] = field(default_factory=dict)
    has_sound: bool = True
    opens_videos: bool = False

    @property
    def labels(self) -> LabelSet:
        """Its classes alone, as files hold them."""
        return LabelSet(self.name, self.codes, self.model_codes, self.prompts)


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

XD = DataSet(
    name="xd",
    codes=_XD_CODES,
    model_codes=_XD_CODES,
    prompts=_XD_PROMPTS,
    stride=16,
    sources={"train": "train", "test": "test", "annotations": "annotations_multiclasses.txt"},
    where_to_get="XD-Violence comes from its authors' page, https://roc-ng.github.io/XD-Violence/; released features, "
    "lists and checkpoints from the pages of VadCLIP (https://github.com/nwpu-zxr/VadCLIP) and AVadCLIP.",
    reported={number: f"xd_table{number}" for number in (1, 2, 4, 5, 6)},
    # The published frame-level numbers count the frames of this one.
    optional_sources={"frame_annotations": "annotations.txt"},
)
CCTV = DataSet(
    name="cctv",
    # It trains with XD-Violence's seven.
    codes=("A", "B1"),
    model_codes=_XD_CODES,
    prompts=_XD_PROMPTS,
    stride=4,
    sources={"train": "train", "test": "test", "annotations": "annotations_cctv.txt"},
    where_to_get="CCTV-Fights comes from its authors' page, http://rose1.ntu.edu.sg/dataset/cctvFights/.",
    reported={3: "cctv_table3"},
    opens_videos=True,
)
UCF = DataSet(
    name="ucf",
    codes=_UCF_CODES,
    model_codes=_UCF_CODES,
    # The released code lower-cases the class names by hand and left this one in camel case;
    # the tokeniser lower-cases anyway, so the features are the same.
    prompts=tuple("roadAccidents" if code == "RoadAccidents" else code.lower() for code in _UCF_CODES),
    stride=16,
    sources={
        "videos": "videos",
        "train": "Anomaly_Train.txt",
        "test": "Anomaly_Test.txt",
        "annotations": "Temporal_Anomaly_Annotation.txt",
    },
    where_to_get="UCF-Crime comes from its authors' page, https://www.crcv.ucf.edu/projects/real-world/; released "
    "features, lists and checkpoints from VadCLIP's page, https://github.com/nwpu-zxr/VadCLIP.",
    reported={1: "ucf_vadclip"},
    has_sound=False,
)

DATA_SETS: dict[str, DataSet] = {one.name: one for one in (XD, CCTV, UCF)}


def data_set(name: str, source: str) -> DataSet:
    """Look up a data set by name.

    Args:
        name: Name of a data set.
        source: Where the name was read (file and field), for the message.

    Raises:
        InputError: If there is no such set.
    """
    if name not in DATA_SETS:
        raise InputError(f"{source}: unknown data set {name!r}; use one of {', '.join(DATA_SETS)}")
    return DATA_SETS[name]


def labels_of(name: str) -> LabelSet | None:
    """Give the label set of a built-in data set, for files that name no classes; ``None`` if there is no such set."""
    return DATA_SETS[name].labels if name in DATA_SETS else None


def own_data_set(labels: LabelSet) -> DataSet:
    """Describe the user's own videos with classes of their own: any table, and no paper's rows in it."""
    return DataSet(
        **{one.name: getattr(labels, one.name) for one in fields(LabelSet)},
        stride=XD.stride,
        sources={},
        where_to_get="",
        reported=dict.fromkeys(XD.reported, ""),
    )


def class_names(codes: Sequence[str]) -> list[str]:
    """Give each label code in words, for files that name no prompts; a code of no data set stays as it is."""
    words = {
        code: prompt for one in DATA_SETS.values() for code, prompt in zip(one.model_codes, one.prompts, strict=True)
    }
    return [words.get(code, code) for code in codes]
