"""How the generated data sets look on disk: folders and lists, as each real set has them when downloaded.

``xd``: ``train/*.mp4``, ``test/*.mp4``, ``annotations.txt``, ``annotations_multiclasses.txt``.

``cctv``: ``train/*.mp4``, ``test/*.mp4``, ``annotations_cctv.txt`` (frames), ``groundtruth.json`` (seconds).

``ucf``: ``videos/<part>/[<class>/]*.mp4``, ``Anomaly_Train.txt``, ``Anomaly_Test.txt``,
``Temporal_Anomaly_Annotation.txt``.

``test_kinds.csv`` (``video_id,kind``) lies beside each of them.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from extract.base.files import write_text
from extract.datasets import CCTV, UCF, XD
from extract.demo.names import UCF_CLASSES

if TYPE_CHECKING:
    from extract.demo.plan import VideoPlan

NORMAL = XD.normal
# The part of UCF-Crime's download that holds a class.
UCF_PARTS = {"Abuse": 1, "Explosion": 2, "Fighting": 2, "RoadAccidents": 3, "Shooting": 3}
UCF_VIDEOS = PurePosixPath("videos")
UCF_NORMAL_PARTS = {"train": "Training-Normal-Videos-Part-1", "test": "Testing_Normal_Videos_Anomaly"}
UCF_NORMAL_LISTED = {"train": "Training_Normal_Videos_Anomaly", "test": "Testing_Normal_Videos_Anomaly"}
UCF_MOST_EVENTS = 2
SUBSETS = {"train": "training", "test": "testing"}


def video_path(folder: Path, plan: "VideoPlan") -> Path:
    """Where a planned video lies.

    Args:
        folder: The data set's folder.
        plan: The video.
    """
    if plan.dataset != UCF.name:
        return folder / plan.split / f"{plan.video_id}.mp4"
    name = ucf_class(plan)
    part = f"Anomaly-Videos-Part-{UCF_PARTS[name]}/{name}" if plan.events else UCF_NORMAL_PARTS[plan.split]
    return folder / UCF_VIDEOS / part / f"{plan.video_id}.mp4"


def ucf_class(plan: "VideoPlan") -> str:
    """UCF-Crime's name of a video's class."""
    return UCF_CLASSES[plan.events[0].label] if plan.events else UCF.normal


def write_lists(folder: Path, dataset: str, plans: "Sequence[VideoPlan]") -> None:
    """Write a data set's lists and the kinds of its test videos.

    Args:
        folder: The data set's folder.
        dataset: ``xd``, ``cctv`` or ``ucf``.
        plans: All its videos.
    """
    test = [plan for plan in plans if plan.split == "test"]
    for name, text in LISTS[dataset](plans).items():
        write_text(folder / name, text)
    rows = "".join(f"{plan.video_id},{plan.kind}\n" for plan in test)
    write_text(folder / "test_kinds.csv", "video_id,kind\n" + rows)


def _xd_lists(plans: "Sequence[VideoPlan]") -> dict[str, str]:
    violent = _violent_test(plans)
    coded = ((plan.video_id, [f"{event.label} {event.start} {event.end}" for event in plan.events]) for plan in violent)
    return {
        "annotations.txt": _spans(violent),
        "annotations_multiclasses.txt": "".join(f"{name} {' '.join(parts)}\n" for name, parts in coded),
    }


def _cctv_lists(plans: "Sequence[VideoPlan]") -> dict[str, str]:
    database = {plan.video_id.partition("_label_")[0]: _fight(plan) for plan in plans if plan.events}
    return {
        "annotations_cctv.txt": _spans(_violent_test(plans)),
        "groundtruth.json": json.dumps({"database": dict(sorted(database.items()))}, indent=2) + "\n",
    }


def _fight(plan: "VideoPlan") -> dict[str, object]:
    return {
        "subset": SUBSETS[plan.split],
        "source": "CCTV",
        "duration": plan.frames / plan.rate,
        "frame_rate": plan.rate,
        "nb_frames": plan.frames,
        "annotations": [
            {"segment": [event.start / plan.rate, event.end / plan.rate], "label": "Fight"} for event in plan.events
        ],
    }


def _ucf_lists(plans: "Sequence[VideoPlan]") -> dict[str, str]:
    listed = {split: sorted(_ucf_listed(plan) for plan in plans if plan.split == split) for split in SUBSETS}
    test = sorted((plan for plan in plans if plan.split == "test"), key=lambda plan: plan.video_id)
    return {
        "Anomaly_Train.txt": "".join(f"{path}\n" for path in listed["train"]),
        "Anomaly_Test.txt": "".join(f"{path}\n" for path in listed["test"]),
        "Temporal_Anomaly_Annotation.txt": "".join(_ucf_line(plan) for plan in test),
    }


def _ucf_listed(plan: "VideoPlan") -> str:
    return f"{ucf_class(plan) if plan.events else UCF_NORMAL_LISTED[plan.split]}/{plan.video_id}.mp4"


def _ucf_line(plan: "VideoPlan") -> str:
    frames = [frame for event in plan.events for frame in (event.start, event.end)]
    frames += [-1] * (2 * UCF_MOST_EVENTS - len(frames))
    # The real file ends each line with two spaces too.
    return "".join(f"{field}  " for field in (plan.video_id, ucf_class(plan), *frames)) + "\n"


LISTS: "dict[str, Callable[[Sequence[VideoPlan]], dict[str, str]]]" = {
    XD.name: _xd_lists,
    CCTV.name: _cctv_lists,
    UCF.name: _ucf_lists,
}


def _violent_test(plans: "Sequence[VideoPlan]") -> "list[VideoPlan]":
    return [plan for plan in plans if plan.split == "test" and plan.events]


def _spans(plans: "Sequence[VideoPlan]") -> str:
    spans = ((plan.video_id, [f"{event.start} {event.end}" for event in plan.events]) for plan in plans)
    return "".join(f"{name} {' '.join(parts)}\n" for name, parts in spans)
