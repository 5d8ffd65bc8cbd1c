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
        generated: Whether the demo can generate videos, lists and annotations of its form.
        folder_sources: Those of its sources that may be folders, or have to be.
        normal_names: What the names of normal videos look like where names alone tell the class (a regular expression);
            empty where they do not.
        class_names: What other names look like, where the class is the group ``code``; empty with two classes, where
            they all have the second.
        sources: What its catalog is made from, by the flag of ``python -m extract.<name>``, and the name that the
            generated demo gives to it.
        optional_sources: What it may be made from besides, likewise.
        where_to_get: Where its videos and released features come from, for the message of who has none.
        reported: Its tables, by the number that the paper gives them (`evaluate.paper_tables`), and the file of
            ``evaluate/reported`` that holds the reported rows; empty for a table of measured rows alone.
    """

    stride: int
    sources: Mapping[str, str]
    where_to_get: str
    reported: Mapping[int, str] = field(default_factory=dict)
    optional_sources: Mapping[str, str] = field(default_factory=dict)
    has_sound: bool = True
    opens_videos: bool = False
    generated: bool = False
    folder_sources: tuple[str, ...] = ()
    normal_names: str = ""
    class_names: str = ""

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
_TWO_CODES = ("Normal", "Abnormal")
_TWO_PROMPTS = ("normal", "abnormal")
_MSAD_CODES = (
    "Normal",
    "Assault",
    "Explosion",
    "Fighting",
    "Fire",
    "Object_falling",
    "People_falling",
    "Robbery",
    "Shooting",
    "Traffic_accident",
    "Vandalism",
    "Water_incident",
)
_LAD_CODES = (
    "Normal",
    "Crash",
    "Crowd",
    "Destroy",
    "Drop",
    "Falling",
    "FallIntoWater",
    "Fighting",
    "Fire",
    "Hurt",
    "Loitering",
    "Panic",
    "Thiefing",
    "Trampled",
    "Violence",
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
    generated=True,
    folder_sources=("train", "test"),
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
    generated=True,
    folder_sources=("train", "test"),
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
    generated=True,
    folder_sources=("videos",),
    normal_names=r".*Normal.*",
    class_names=r"(?P<code>[A-Za-z]+)[0-9].*",
)
# Weak split of Zhong et al. 2019: the names of videos with an anomaly end in four digits, the others in three.
SHANGHAITECH = DataSet(
    name="shanghaitech",
    codes=_TWO_CODES,
    model_codes=_TWO_CODES,
    prompts=_TWO_PROMPTS,
    stride=16,
    sources={"videos": "videos", "train": "SH_Train.txt", "test": "SH_Test.txt", "annotations": "test_frame_mask"},
    where_to_get="ShanghaiTech Campus comes from its authors' page, https://svip-lab.github.io/dataset/campus_dataset; "
    "the weak split's lists from https://github.com/jx-zhong-for-academic-purpose/GCN-Anomaly-Detection, the masks of "
    "its abnormal videos from https://github.com/tianyu0207/RTFM.",
    # 97.21 as a user quotes RTFM's paper (github.com/tianyu0207/RTFM/issues/37), which itself was not read.
    reported={1: "shanghaitech_rtfm"},
    has_sound=False,
    folder_sources=("annotations", "videos"),
    normal_names=r"[0-9]+_[0-9]{3}",
)
MSAD = DataSet(
    name="msad",
    codes=_MSAD_CODES,
    model_codes=_MSAD_CODES,
    prompts=tuple(code.replace("_", " ").lower() for code in _MSAD_CODES),
    stride=16,
    sources={"train": "train", "test": "test", "annotations": "msad_test_anno.json"},
    optional_sources={"frames": "frames.csv"},
    where_to_get="MSAD's videos and features come from its authors' page, https://msad-dataset.github.io.",
    reported={1: ""},
    has_sound=False,
    opens_videos=True,
    folder_sources=("train", "test", "frames"),
    normal_names=r"MSAD_normal.*",
    class_names=r"(?P<code>[A-Za-z_]+)_[0-9]+",
)
UBNORMAL = DataSet(
    name="ubnormal",
    codes=_TWO_CODES,
    model_codes=_TWO_CODES,
    prompts=_TWO_PROMPTS,
    stride=16,
    sources={"videos": "UBnormal", "train": "scripts", "test": "scripts", "annotations": "UBnormal"},
    optional_sources={"frames": "frames.csv"},
    where_to_get="UBnormal comes from its authors' page, https://github.com/lilygeorgescu/UBnormal.",
    reported={1: ""},
    has_sound=False,
    opens_videos=True,
    folder_sources=("train", "test", "annotations", "videos", "frames"),
    normal_names=r"normal_.*",
)
# Its anomalies are of several kinds; the test annotations that can be had call each a car accident.
TAD = DataSet(
    name="tad",
    codes=("Normal", "CarAccident"),
    model_codes=("Normal", "CarAccident"),
    prompts=("normal", "car accident"),
    stride=16,
    sources={"train": "train", "test": "test", "annotations": "tad_test_anno.json"},
    optional_sources={"frames": "frames.csv"},
    where_to_get="TAD comes from its authors' page, https://github.com/ktr-hubrt/WSAL.",
    reported={1: ""},
    has_sound=False,
    opens_videos=True,
    folder_sources=("train", "test", "frames"),
    normal_names=r"Normal.*",
)
LAD = DataSet(
    name="lad",
    codes=_LAD_CODES,
    model_codes=_LAD_CODES,
    prompts=tuple("fall into water" if code == "FallIntoWater" else code.lower() for code in _LAD_CODES),
    stride=16,
    sources={"train": "train", "test": "test", "annotations": "lad_test_anno.json"},
    optional_sources={"frames": "frames.csv"},
    where_to_get="LAD2000 comes from its authors' page, https://github.com/wanboyang/anomaly_detection_LAD2000.",
    reported={1: ""},
    has_sound=False,
    opens_videos=True,
    folder_sources=("train", "test", "annotations", "frames"),
    # Normal videos carry the name of a class too.
    normal_names=r"v_[A-Za-z]+_n_.*",
    class_names=r"v_(?P<code>[A-Za-z]+)_a_.*",
)

DATA_SETS: dict[str, DataSet] = {one.name: one for one in (XD, CCTV, UCF, SHANGHAITECH, MSAD, UBNORMAL, TAD, LAD)}


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
