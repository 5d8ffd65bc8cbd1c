import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from extract.base.errors import InputError
from extract.lists.fiftyone import read_labels, spell_labels
from extract.lists.label_studio import read_annotations, spell_configuration, spell_tasks
from extract.lists.reviewed import ReviewedEvent, ReviewedVideo

VIDEOS = [
    ReviewedVideo("yard/a #1.mp4", [ReviewedEvent("fighting", 0, 16, 0.9), ReviewedEvent("riot", 32, 33, 0.6)], 25.0),
    ReviewedVideo("b.mp4", [], 12.5),
]


def written(path: Path, values: Any) -> Path:
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def annotated(task: dict[str, Any], *annotations: dict[str, Any]) -> dict[str, Any]:
    """Make an exported task of an imported one, as a reviewer who takes the predictions over."""
    taken = {"result": task["predictions"][0]["result"], "updated_at": "2026-01-02T00:00:00Z"}
    return {"id": 7, "data": task["data"], "annotations": [*annotations, taken]}


def test_sixteen_frames_from_0_are_1_to_16_in_both_tools() -> None:
    """Case 7 of the project's collection of forms."""
    (region, _) = json.loads(spell_tasks(VIDEOS))[0]["predictions"][0]["result"]
    assert region["value"] == {"ranges": [{"start": 1, "end": 16}], "timelinelabels": ["fighting"]}
    assert (region["type"], region["to_name"], region["from_name"]) == ("timelinelabels", "video", "videoLabels")
    (first, second) = json.loads(spell_labels(VIDEOS, ["fighting", "riot"]))["labels"]["a #1"]
    assert first == {"label": 0, "support": [1, 16], "confidence": 0.9}
    assert second["support"] == [33, 33]


def test_what_goes_to_a_tool_comes_back_the_same(tmp_path: Path) -> None:
    plain = [
        [ReviewedEvent("fighting", 0, 16), ReviewedEvent("riot", 32, 33)],
        [],
    ]
    tasks = [annotated(task) for task in json.loads(spell_tasks(VIDEOS))]
    videos, waiting = read_annotations(written(tmp_path / "tasks.json", tasks))
    assert ([video.name for video in videos], waiting) == (["yard/a #1.mp4", "b.mp4"], 0)
    assert [video.events for video in videos] == plain
    (tmp_path / "labels.json").write_text(spell_labels(VIDEOS, ["fighting", "riot"]), encoding="utf-8")
    videos, waiting = read_labels(tmp_path)
    assert ([video.name for video in videos], waiting) == (["a #1", "b"], 0)
    assert [video.events for video in videos] == plain


def test_the_configuration_names_the_classes_and_takes_each_video_s_own_rate() -> None:
    root = ElementTree.fromstring(spell_configuration(["fighting", 'a "<b>" & c']))  # noqa: S314, our own text
    video, labels = root
    assert video.attrib == {"name": "video", "value": "$video", "frameRate": "$fps"}
    assert [label.attrib["value"] for label in labels] == ["fighting", 'a "<b>" & c']
    assert json.loads(spell_tasks(VIDEOS))[1]["data"]["fps"] == 12.5


def test_the_newest_annotation_counts_and_what_nobody_reviewed_is_told_apart(tmp_path: Path) -> None:
    tasks = json.loads(spell_tasks(VIDEOS))
    older = {"result": [], "updated_at": "2026-01-01T00:00:00Z"}
    skipped = {"result": [], "updated_at": "2026-01-03T00:00:00Z", "was_cancelled": True}
    other = {"id": 8, "data": {"video": "/x/c%20d.mp4"}, "annotations": [skipped]}
    videos, waiting = read_annotations(written(tmp_path / "t.json", [annotated(tasks[0], older, skipped), other]))
    assert waiting == 1
    assert [len(video.events) for video in videos] == [2]


def test_the_short_form_and_videos_that_we_did_not_name_are_read(tmp_path: Path) -> None:
    regions = [{"ranges": [{"start": 5, "end": 9}], "timelinelabels": ["riot"]}]
    tasks: list[dict[str, Any]] = [
        {"video": "/data/local-files/?d=yard/c%20d.mp4", "videoLabels": regions},
        {"video": "https://example.org/upload/e.mp4"},
    ]
    full = [{"data": {"video": task["video"]}, "annotations": [{"result": []}]} for task in tasks]
    assert [video.name for video in read_annotations(written(tmp_path / "f.json", full))[0]] == [
        "yard/c d.mp4",
        "e.mp4",
    ]
    videos, _ = read_annotations(written(tmp_path / "t.json", tasks))
    assert [video.name for video in videos] == ["yard/c d.mp4", "e.mp4"]
    assert [list(video.events) for video in videos] == [[ReviewedEvent("riot", 4, 9)], []]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([{"label": 2, "support": [1, 2]}], "label 2 is no place in classes, of which there are 1"),
        ([{"label": 0, "timestamps": [0.1, 0.2]}], "no support; export frames"),
        ([{"label": 0, "support": [0, 2]}], "from frame 0 to 2 must have 1 <= first"),
        ([{"label": 0, "support": [1.5, 2]}], "counted in whole frames"),
        ({"label": 0}, "must be a list or null"),
    ],
)
def test_an_event_of_fiftyone_that_means_nothing_is_refused_by_name(tmp_path: Path, labels: Any, message: str) -> None:
    written(tmp_path / "labels.json", {"classes": ["riot"], "labels": {"v": labels}})
    with pytest.raises(InputError, match=rf"labels\.json: 'v': .*{message}"):
        read_labels(tmp_path / "labels.json")


def test_null_says_that_nobody_looked_and_names_may_stand_without_classes(tmp_path: Path) -> None:
    labels = {"v": None, "w": [{"label": "riot", "support": [1, 2]}], "x": []}
    videos, waiting = read_labels(written(tmp_path / "labels.json", {"classes": None, "labels": labels}))
    assert waiting == 1
    assert [(video.name, list(video.events)) for video in videos] == [("w", [ReviewedEvent("riot", 0, 2)]), ("x", [])]


def marked(labels: list[str], ranges: list[dict[str, int]]) -> dict[str, Any]:
    return {"video": "a.mp4", "videoLabels": [{"ranges": ranges, "timelinelabels": labels}]}


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"annotations": {}}, "annotations must be a list"),
        ({"annotations": [{}], "data": {"video": "a.mp4"}}, "result must be a list"),
        ({"annotations": [{"result": [{"type": "timelinelabels", "value": {}}]}]}, "data has no video"),
        ({"video": "a.mp4", "videoLabels": [{"ranges": [{"start": 1}]}]}, "a region must have timelinelabels"),
        ({"annotations": [{"result": []}], "data": {}}, "data has no video"),
        ({"annotations": [{"result": []}], "data": {"video": "http://[x"}}, "video 'http://.x' is no address"),
        (marked([], [{"start": 1, "end": 9}]), "a region has no label or no range"),
        (marked(["riot"], []), "a region has no label or no range"),
    ],
)
def test_a_task_of_label_studio_that_means_nothing_is_refused_by_number(
    tmp_path: Path, task: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=f"task 1: .*{message}"):
        read_annotations(written(tmp_path / "t.json", [task]))
