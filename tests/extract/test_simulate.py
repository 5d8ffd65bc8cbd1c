"""Simulated features: true ids and sizes, random numbers, and said so."""

import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog
from extract.check import check
from extract.datasets import XD, own_data_set
from extract.lists.feature_list import read_feature_list
from extract.shard import Shard
from extract.simulate import SimulateSettings, class_means, main, simulated_rows, write_absent_shard
from extract.simulate_plan import Plan, events_of, plan_lengths
from extract.xd import read_annotations

REAL = Path(__file__).parents[2] / "../shared/data/xd"
SETTINGS = SimulateSettings(XD, 1, 16, 24.0, 0)
FIGHT = Video("v=ab__#1_label_B1-0-0", "test", "", ("B1",), (Segment("B1", 320, 960),))
CLIP = Video("Film__#00-01-00_00-02-30_label_A", "test", "", ("A",))
VIDEOS = [
    FIGHT,
    CLIP,
    *(Video(f"v=t{i}__#1_label_{label}", "train", "", (label,)) for i, label in enumerate(["A", "B1", "G", "A"])),
]


def simulate(folder: Path, *words: str) -> Path:
    write_catalog(folder / "catalog.jsonl", VIDEOS)
    sizes = ["--hours", "0.2", "--shards-train", "2"]
    main(["--catalog", str(folder / "catalog.jsonl"), "--out", str(folder / "shards"), *sizes, *words])
    return folder / "shards"


def rows_of(plan: Plan, settings: SimulateSettings = SETTINGS, stream: str = "visual") -> np.ndarray:
    return simulated_rows(plan, settings, stream, class_means(settings, stream), settings.crops)


def test_every_shard_keeps_its_contract_and_says_that_it_is_simulated(tmp_path: Path) -> None:
    folder = simulate(tmp_path, "--crops", "2")
    paths = sorted(folder.iterdir())
    assert [path.name for path in paths] == ["test-00000.h5", "train-00000.h5", "train-00001.h5"]
    found = []
    for path in paths:
        assert check(path) == ("shard", [])
        with Shard(path) as shard:
            assert shard.header.visual.weights == shard.header.audio.weights == "simulated:0"
            assert (shard.header.note, shard.header.crops) == ("simulated features", (0, 1))
            found += [(video.video_id, video.labels) for video in shard.videos]
            for video in shard.videos:
                assert video.snippets == video.audio_rows == math.ceil(video.frames / 16)
                assert video.fps == 24.0
    assert found == [(video.video_id, video.labels) for video in VIDEOS]


def test_ucf_crime_has_no_sound(tmp_path: Path) -> None:
    write_catalog(tmp_path / "c.jsonl", [Video("Abuse001_x264", "train", "", ("Abuse",))])
    main(["--catalog", str(tmp_path / "c.jsonl"), "--out", str(tmp_path), "--dataset", "ucf", "--hours", "0.01"])
    with Shard(tmp_path / "train-00000.h5") as shard:
        assert shard.header.audio is None


def test_the_user_s_own_classes_stand_in_the_shards_and_tell_their_events(tmp_path: Path) -> None:
    classes = tmp_path / "classes.yaml"
    classes.write_text("normal: normal\nfall: a person falling\nfire: something on fire\n")
    codes = ("normal", "fall", "fire")
    videos = [Video(f"{code}{number}", "train", "", (code,)) for code in codes for number in range(2)]
    write_catalog(tmp_path / "c.jsonl", videos, codes)
    words = ["--catalog", str(tmp_path / "c.jsonl"), "--out", str(tmp_path), "--hours", "0.2", "--crops", "1"]
    main([*words, "--classes", str(classes)])
    assert check(tmp_path / "train-00000.h5") == ("shard", [])
    with Shard(tmp_path / "train-00000.h5") as shard:
        labels = shard.header.label_set(tmp_path)
        assert (labels.codes, labels.prompts) == (codes, ("normal", "a person falling", "something on fire"))
        assert {video.labels for video in shard.videos} == {(code,) for code in codes}
        # A class adds 2.5 deviations in one direction to the rows of its events, and nothing to a normal video's.
        means = class_means(SimulateSettings(own_data_set(labels), 1, 16, 24.0, 0), "visual")
        told = {
            (video.labels[0], code): float((shard.visual(video, 0) @ (mean / np.linalg.norm(mean))).mean())
            for video in shard.videos
            for code, mean in means.items()
        }
        assert told["fall", "fall"] > 0.5 > max(told["normal", "fall"], told["fire", "fall"])
    with pytest.raises(InputError, match="'normal0'.*'normal'"):
        main(words)


def test_lengths_follow_names_and_annotations_and_sum_up_to_the_hours_asked_for() -> None:
    plans = {plan.video: plan.frames for plan in plan_lengths(VIDEOS, hours=0.2, fps=24.0, seed=0)}
    assert list(plans) == VIDEOS
    assert plans[CLIP] == 90 * 24
    assert plans[FIGHT] >= 960
    assert sum(plans.values()) / 24 / 3600 == pytest.approx(0.2, rel=0.01)


def test_an_annotation_beyond_the_length_that_a_name_tells_counts() -> None:
    video = Video("Film__#00-01-00_00-01-10_label_B1", "test", "", ("B1",), (Segment("B1", 0, 241),))
    assert plan_lengths([video], hours=1, fps=24.0, seed=0) == [Plan(video, 241)]


@pytest.mark.parametrize("hours", [0.01, 0, -1, math.nan, math.inf])
def test_hours_that_cannot_be_met_are_refused(hours: float) -> None:
    with pytest.raises(InputError, match="--hours"):
        plan_lengths(VIDEOS, hours=hours, fps=24.0, seed=0)


def test_the_numbers_of_a_video_depend_on_nothing_but_seed_and_id(tmp_path: Path) -> None:
    plan = Plan(FIGHT, 1000)
    np.testing.assert_array_equal(rows_of(plan), rows_of(plan), strict=True)
    several = rows_of(plan, SimulateSettings(XD, 3, 16, 24.0, 0))
    np.testing.assert_array_equal(several[:, :1], rows_of(plan), strict=True)
    assert not np.array_equal(several[:, 0], several[:, 1])
    assert not np.array_equal(rows_of(plan), rows_of(plan, SimulateSettings(XD, 1, 16, 24.0, 1)))
    assert not np.array_equal(rows_of(plan), rows_of(plan, stream="audio"))
    neighbour = Plan(CLIP, 160)
    write_absent_shard(tmp_path / "alone.h5", [plan], SETTINGS, "test")
    write_absent_shard(tmp_path / "together.h5", [neighbour, plan], SETTINGS, "test")
    with Shard(tmp_path / "alone.h5") as alone, Shard(tmp_path / "together.h5") as together:
        one, same = alone.videos[0], together.videos[1]
        np.testing.assert_array_equal(alone.visual(one, 0), together.visual(same, 0))
        np.testing.assert_array_equal(alone.audio(one), together.audio(same))


@pytest.mark.parametrize("stream", ["visual", "audio"])
def test_a_linear_probe_finds_the_events_of_videos_it_has_not_seen(stream: str) -> None:
    fights = [Video(f"v=f{i}_label_B1", "test", "", ("B1",), (Segment("B1", 320, 960),)) for i in range(20)]
    inside = np.zeros(100, bool)
    inside[20:60] = True
    rows = np.concatenate([rows_of(Plan(video, 1600), stream=stream)[:, 0] for video in fights]).astype(np.float32)
    truth = np.tile(inside, len(fights))
    probe = LogisticRegression(max_iter=200).fit(rows[:1500], truth[:1500])
    accuracy = probe.score(rows[1500:], truth[1500:])
    # 0.6 by always saying no; a perfect probe reaches 0.9.
    assert 0.7 < accuracy < 0.97


def test_abnormal_training_videos_have_an_event_of_each_class_and_normal_ones_none() -> None:
    both = Plan(Video("x_label_B2-G", "train", "", ("B2", "G")), 500)
    events = events_of(both, normal="A", seed=0)
    assert [event.label for event in events] == ["B2", "G"]
    assert all(0 <= event.start < event.end <= 500 for event in events)
    assert events_of(Plan(VIDEOS[2], 500), normal="A", seed=0) == ()
    assert all(events_of(Plan(VIDEOS[3], 1), normal="A", seed=seed)[0].end == 1 for seed in range(20))


def test_annotated_normal_segments_are_no_events() -> None:
    video = Video("n", "test", "", ("A",), (Segment("A", 0, 90),))
    assert events_of(Plan(video, 90), normal="A", seed=0) == ()


def test_finished_shards_are_kept_and_others_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = simulate(tmp_path)
    lost, kept = folder / "train-00001.h5", folder / "train-00000.h5"
    before, time = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    simulate(tmp_path)
    assert lost.read_bytes() == before
    assert kept.stat().st_mtime_ns == time
    assert f"{kept}: finished before, kept" in capsys.readouterr().err
    with pytest.raises(InputError, match="train-00000.h5: was made by another run: .*simulated:1"):
        simulate(tmp_path, "--seed", "1")
    with pytest.raises(InputError, match="its videos or their lengths are others"):
        simulate(tmp_path, "--hours", "0.3")
    with pytest.raises(InputError, match="train-00001.h5: .* makes 1 shards of the train videos"):
        simulate(tmp_path, "--shards-train", "1")


def test_a_label_of_another_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="catalog.jsonl: 'v=ab__#1_label_B1-0-0': unknown label code 'B1'"):
        simulate(tmp_path, "--dataset", "ucf")


@pytest.mark.skipif(not REAL.is_dir(), reason="needs XD-Violence's own lists in ../shared/data/xd")
def test_all_real_videos_last_217_hours_and_outlast_their_annotations(tmp_path: Path) -> None:
    segments = read_annotations(REAL / "annotations_multiclasses.txt")
    videos = [
        Video(listed.video_id, split, "", listed.labels, segments.get(listed.video_id) if split == "test" else None)
        for split in ("train", "test")
        for listed in read_feature_list(REAL / f"{split}_videos.csv")
    ]
    plans = plan_lengths(videos, hours=217.0, fps=24.0, seed=0)
    assert [plan.video for plan in plans] == videos
    assert len({plan.video.video_id for plan in plans}) == 4754
    assert sum(plan.frames for plan in plans) / 24 / 3600 == pytest.approx(217, rel=0.01)
    assert min(plan.frames for plan in plans) >= 24
    annotated = [plan for plan in plans if plan.video.segments]
    assert len(annotated) == 500
    assert all(segment.end <= plan.frames for plan in annotated for segment in plan.video.segments or ())

    shortest = sorted(annotated, key=lambda plan: plan.frames)[:5]
    write_absent_shard(tmp_path / "test-00000.h5", shortest, SETTINGS, "test")
    assert check(tmp_path / "test-00000.h5") == ("shard", [])
