"""The generated sets' folders and lists: as the real ones look, and true about the videos beside them."""

import csv
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import av
import decord
import numpy as np
import pytest

from extract.demo import __main__ as demo_data
from extract.demo.lists import video_path, write_lists
from extract.demo.plan import VIOLENCE, Kind, Sound, VideoPlan, frame_times, plan_data_set
from extract.demo.scenes import draw
from extract.demo.sounds import RATE, play

SHARED = Path(__file__).parents[3] / "../shared/data"
TRAIN, TEST = 8, 7
PLANS = {dataset: plan_data_set(0, TRAIN, TEST, 600, dataset) for dataset in ("cctv", "ucf")}
CCTV_NAME = re.compile(r"fight_\d{4}_label_(A|B1-0-0)")
CCTV_LINE = re.compile(r"fight_\d{4}_label_B1-0-0( \d+ \d+)+")
UCF_ANNOTATION = re.compile(r"[A-Z]\w+_x264  [A-Z][A-Za-z]+(  (-1|\d+)){4}  ")
UCF_LISTED = {
    "Anomaly_Train.txt": re.compile(
        r"([A-Z][A-Za-z]+)/\1\d{3}_x264\.mp4|Training_Normal_Videos_Anomaly/Normal_Videos\d{3}_x264\.mp4"
    ),
    "Anomaly_Test.txt": re.compile(
        r"([A-Z][A-Za-z]+)/\1\d{3}_x264\.mp4|Testing_Normal_Videos_Anomaly/Normal_Videos_\d{3}_x264\.mp4"
    ),
}
UCF_FOLDERS = {
    "Abuse": "Anomaly-Videos-Part-1/Abuse",
    "Explosion": "Anomaly-Videos-Part-2/Explosion",
    "Fighting": "Anomaly-Videos-Part-2/Fighting",
    "RoadAccidents": "Anomaly-Videos-Part-3/RoadAccidents",
    "Shooting": "Anomaly-Videos-Part-3/Shooting",
    "Training_Normal_Videos_Anomaly": "Training-Normal-Videos-Part-1",
    "Testing_Normal_Videos_Anomaly": "Testing_Normal_Videos_Anomaly",
}


def make(folder: Path, dataset: str, train: int, test: int) -> Path:
    numbers = ["--train", str(train), "--test", str(test), "--seed", "0"]
    demo_data.main(["--dataset", dataset, "--out", str(folder), *numbers])
    return folder


@pytest.fixture(scope="module")
def cctv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("cctv"), "cctv", TRAIN, TEST)


@pytest.fixture(scope="module")
def ucf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("ucf"), "ucf", TRAIN, TEST)


def lines(path: Path) -> list[str]:
    text = path.read_text(encoding="ascii")
    assert text.endswith("\n")
    return text.split("\n")[:-1]


def pairs(frames: list[str]) -> list[tuple[int, int]]:
    return [(int(start), int(end)) for start, end in zip(frames[::2], frames[1::2], strict=True)]


def cctv_events(folder: Path) -> dict[str, list[tuple[int, int]]]:
    return {line.split()[0]: pairs(line.split()[1:]) for line in lines(folder / "annotations_cctv.txt")}


def ucf_events(folder: Path) -> dict[str, tuple[str, list[tuple[int, int]]]]:
    rows = [line.split() for line in lines(folder / "Temporal_Anomaly_Annotation.txt")]
    return {name: (label, [span for span in pairs(frames) if span != (-1, -1)]) for name, label, *frames in rows}


def event_frames(folder: Path, dataset: str) -> dict[str, list[int]]:
    """The frames inside events of every violent test video, from the set's own list."""
    spans = (
        cctv_events(folder) if dataset == "cctv" else {name: found for name, (_, found) in ucf_events(folder).items()}
    )
    return {
        name: [frame for start, end in found for frame in range(start, end)] for name, found in spans.items() if found
    }


def frames_and_rate(path: Path) -> tuple[int, float]:
    reader = decord.VideoReader(str(path))
    return len(reader), reader.get_avg_fps()


def audio_streams(path: Path) -> int:
    with av.open(str(path)) as container:
        return len(container.streams.audio)


def relabelled(plan: VideoPlan) -> VideoPlan:
    other = dict(zip(VIOLENCE, VIOLENCE[1:] + VIOLENCE[:1], strict=True))
    return replace(plan, bursts=tuple(replace(b, label=other.get(b.label, b.label)) for b in plan.bursts))


def check_spans(spans: list[tuple[int, int]], frames: int, stride: int) -> None:
    """Events last at least two snippets, keep apart, and leave frames before and after."""
    edges = [0, *(edge for span in spans for edge in span), frames]
    assert edges == sorted(set(edges))
    assert all(end - start >= 2 * stride for start, end in spans)


# --- CCTV-Fights_sub


def test_cctv_has_its_folders_and_lists_and_nothing_else(cctv: Path) -> None:
    expected = {"train", "test", "annotations_cctv.txt", "groundtruth.json", "test_kinds.csv"}
    assert {path.name for path in cctv.iterdir()} == expected


def test_half_of_the_cctv_training_videos_are_normal_and_every_test_video_holds_a_fight(cctv: Path) -> None:
    labels = {
        split: [CCTV_NAME.fullmatch(path.stem)[1] for path in (cctv / split).iterdir()] for split in ("train", "test")
    }
    assert sorted(labels["train"]) == ["A"] * 4 + ["B1-0-0"] * 4
    assert labels["test"] == ["B1-0-0"] * TEST
    assert len({path.stem[:10] for path in cctv.glob("*/*.mp4")}) == TRAIN + TEST


def test_cctv_annotations_list_every_test_video_with_frames_inside_it(cctv: Path) -> None:
    assert all(CCTV_LINE.fullmatch(line) for line in lines(cctv / "annotations_cctv.txt"))
    events = cctv_events(cctv)
    assert set(events) == {path.stem for path in (cctv / "test").iterdir()}
    for name, spans in events.items():
        check_spans(spans, frames_and_rate(cctv / "test" / f"{name}.mp4")[0], stride=4)


def test_cctv_ground_truth_says_the_same_in_seconds_and_knows_the_training_fights_too(cctv: Path) -> None:
    database = json.loads((cctv / "groundtruth.json").read_text(encoding="utf-8"))["database"]
    fights = {path.stem[:10]: path for path in cctv.glob("*/*_label_B1-0-0.mp4")}
    assert set(database) == set(fights)
    events = {name[:10]: spans for name, spans in cctv_events(cctv).items()}
    for key, video in database.items():
        frames, rate = frames_and_rate(fights[key])
        assert video["subset"] == {"train": "training", "test": "testing"}[fights[key].parent.name]
        assert (video["nb_frames"], video["frame_rate"]) == (frames, pytest.approx(rate))
        assert video["duration"] == pytest.approx(frames / rate)
        assert {annotation["label"] for annotation in video["annotations"]} == {"Fight"}
        seconds = np.array([annotation["segment"] for annotation in video["annotations"]])
        in_frames = seconds * rate
        assert in_frames == pytest.approx(in_frames.round(), abs=1e-6)
        if video["subset"] == "testing":
            assert in_frames == pytest.approx(np.array(events[key]), abs=1e-6)


def test_cctv_videos_have_sound_but_for_one_test_video(cctv: Path) -> None:
    silent = [path for path in cctv.glob("*/*.mp4") if audio_streams(path) == 0]
    assert [path.parent.name for path in silent] == ["test"]
    [short] = [plan for plan in PLANS["cctv"] if plan.sound is Sound.ENDS_EARLY]
    assert short.split == "train"


# --- UCF-Crime


def test_ucf_has_its_folders_and_lists_and_nothing_else(ucf: Path) -> None:
    expected = {"videos", *UCF_LISTED, "Temporal_Anomaly_Annotation.txt", "test_kinds.csv"}
    assert {path.name for path in ucf.iterdir()} == expected


def test_ucf_lists_name_every_video_once_by_class_and_the_videos_lie_as_in_the_download(ucf: Path) -> None:
    listed = {name: lines(ucf / name) for name in UCF_LISTED}
    assert [len(paths) for paths in listed.values()] == [TRAIN, TEST]
    for name, paths in listed.items():
        assert paths == sorted(paths)
        assert all(UCF_LISTED[name].fullmatch(path) for path in paths)
    folders = {
        path.name: path.parent.relative_to(ucf / "videos").as_posix() for path in (ucf / "videos").rglob("*.mp4")
    }
    assert folders == {
        path.rpartition("/")[2]: UCF_FOLDERS[path.partition("/")[0]] for paths in listed.values() for path in paths
    }


def test_ucf_annotations_list_every_test_video_with_frames_inside_it(ucf: Path) -> None:
    assert all(UCF_ANNOTATION.fullmatch(line) for line in lines(ucf / "Temporal_Anomaly_Annotation.txt"))
    events = ucf_events(ucf)
    videos = {path.stem: path for path in (ucf / "videos").rglob("*.mp4")}
    listed = {line.removesuffix(".mp4").partition("/")[::2] for line in lines(ucf / "Anomaly_Test.txt")}
    normal = "Testing_Normal_Videos_Anomaly"
    assert listed == {(normal if label == "Normal" else label, name) for name, (label, _) in events.items()}
    for name, (label, spans) in events.items():
        assert (label == "Normal") == (not spans)
        check_spans(spans, frames_and_rate(videos[name])[0], stride=16)
    assert sum(label != "Normal" for label, _ in events.values()) in (TEST // 2, TEST // 2 + 1)


def test_no_ucf_video_has_an_audio_stream(ucf: Path) -> None:
    assert not any(audio_streams(path) for path in (ucf / "videos").rglob("*.mp4"))


# --- both


def test_the_generated_lists_have_the_form_of_the_real_ones() -> None:
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not here: the form of the real lists was not checked")
    assert all(CCTV_LINE.fullmatch(line) for line in (SHARED / "cctv/annotations_cctv.txt").read_text().splitlines())
    real = (SHARED / "ucf/Temporal_Anomaly_Annotation.txt").read_text().splitlines()
    assert all(UCF_ANNOTATION.fullmatch(line) for line in real)
    for name, pattern in UCF_LISTED.items():
        real = (SHARED / "ucf" / name).read_text().splitlines()
        assert sum(pattern.fullmatch(line) is not None for line in real) == len(real)


@pytest.mark.parametrize("dataset", ["cctv", "ucf"])
def test_an_event_shows_in_exactly_the_frames_that_the_list_gives(dataset: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(dataset)
    listed = event_frames(folder, dataset)
    for plan in [plan for plan in PLANS[dataset] if plan.video_id in listed and plan.kind is not Kind.HEARD_ONLY][:3]:
        starts = np.array(frame_times(plan)[:-1], dtype=np.float32)
        drawn = draw(plan, starts)
        changed = (drawn != draw(relabelled(plan), starts)).any(axis=(1, 2, 3))
        assert np.flatnonzero(changed).tolist() == listed[plan.video_id]
        height, width = drawn.shape[1:3]
        reader = decord.VideoReader(str(video_path(folder, plan)), width=width, height=height)
        decoded = reader.get_batch(range(len(reader))).asnumpy()
        assert np.abs(decoded.astype(float) - drawn).mean(axis=(1, 2, 3)).max() < 10


def test_a_cctv_fight_sounds_in_exactly_the_frames_that_the_list_gives(cctv: Path) -> None:
    listed = event_frames(cctv, "cctv")
    for plan in [plan for plan in PLANS["cctv"] if plan.video_id in listed and plan.kind is not Kind.SEEN_ONLY][:3]:
        times = np.array(frame_times(plan), dtype=np.float64)
        changed = np.flatnonzero(play(plan, times) != play(relabelled(plan), times))
        frames = np.unique(np.searchsorted(np.round(times * RATE), changed, side="right") - 1)
        assert frames.tolist() == listed[plan.video_id]


@pytest.mark.parametrize("dataset", ["cctv", "ucf"])
def test_the_kinds_cover_all_test_videos_and_agree_with_the_lists(dataset: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(dataset)
    with (folder / "test_kinds.csv").open(newline="") as rows:
        kinds = {row["video_id"]: row["kind"] for row in csv.DictReader(rows)}
    assert {name for name, kind in kinds.items() if not kind.endswith("_normal")} == set(event_frames(folder, dataset))
    assert len(kinds) == TEST


@pytest.mark.parametrize("dataset", ["xd", "cctv", "ucf"])
def test_the_same_seed_gives_the_same_bytes(dataset: str, tmp_path: Path) -> None:
    first, again = (make(tmp_path / name, dataset, 1, 1) for name in ("first", "again"))
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((first / name).read_bytes() == (again / name).read_bytes() for name in names)


def test_the_lists_of_the_xd_set_stay_as_they_are(tmp_path: Path) -> None:
    """Published demo numbers rest on them."""
    write_lists(tmp_path, "xd", plan_data_set(seed=0, train=88, test=36, max_snippets=868))
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in tmp_path.iterdir()}
    assert digests == {
        "annotations.txt": "ed48ea05d19be9cf",
        "annotations_multiclasses.txt": "e5b6acdfaa3a6712",
        "test_kinds.csv": "88dd81785625d772",
    }
