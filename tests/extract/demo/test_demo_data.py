"""The generated data set: real files, ground truth by construction, and no short cut to it."""

import csv
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import av
import decord
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from extract.base.errors import InputError
from extract.demo import __main__ as demo_data
from extract.demo.plan import NORMAL, VIOLENCE, Kind, Sound, VideoPlan, frame_times, plan_data_set
from extract.demo.scenes import draw
from extract.demo.sounds import RATE, play
from extract.demo.videos import write_video

NAME = re.compile(
    r"(?P<source>.+)__#\d\d-\d\d-\d\d_\d\d-\d\d-\d\d_label_(?P<label>A|(?:B[12456]|G)(?:-(?:0|B[12456]|G)){2})"
)
PLANS = plan_data_set(seed=0, train=88, test=36, max_snippets=868)
CHANCE_MARGIN = 0.1


@dataclass(frozen=True)
class Decoded:
    """What other software reads from one file: ``brightness`` and ``loudness`` per snippet of 16 frames."""

    frames: int
    starts: list[float]
    sound_seconds: float | None
    brightness: np.ndarray
    loudness: np.ndarray


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    demo_data.main(["--out", str(out)])
    return out


@pytest.fixture(scope="module")
def decoded(folder: Path) -> dict[str, Decoded]:
    return {plan.video_id: decode(demo_data.video_path(folder, plan), plan) for plan in PLANS}


def decode(path: Path, plan: VideoPlan) -> Decoded:
    # Brightness survives shrinking, and shrunk pictures are quick to average.
    reader = decord.VideoReader(str(path), width=34, height=26, num_threads=1)
    pictures = reader.get_batch(range(len(reader))).asnumpy()
    sound, rate = decode_sound(path)
    times = [float(time) for time in frame_times(plan)]
    bounds = [*range(0, len(reader), 16), len(reader)]
    spans = list(pairwise(bounds))
    return Decoded(
        frames=len(reader),
        starts=[float(start) for start, _ in reader.get_frame_timestamp(range(len(reader)))],
        sound_seconds=None if sound is None else len(sound) / rate,
        brightness=np.array([pictures[first:last].mean() for first, last in spans]),
        loudness=np.array([rms(sound, round(times[first] * rate), round(times[last] * rate)) for first, last in spans]),
    )


def decode_sound(path: Path) -> tuple[np.ndarray | None, int]:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None, RATE
        stream = container.streams.audio[0]
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)]), stream.rate


def rms(sound: np.ndarray | None, first: int, last: int) -> float:
    return float(np.sqrt(np.mean(sound[first:last] ** 2))) if sound is not None and first < len(sound) else 0.0


def seconds(plan: VideoPlan) -> np.ndarray:
    return np.array(frame_times(plan), dtype=np.float64)


def relabelled(plan: VideoPlan) -> VideoPlan:
    """The same video with every event changed into another kind of violence."""
    other = dict(zip(VIOLENCE, VIOLENCE[1:] + VIOLENCE[:1], strict=True))
    return replace(plan, bursts=tuple(replace(b, label=other.get(b.label, b.label)) for b in plan.bursts))


def shares(plan: VideoPlan, *, violent: bool) -> list[float]:
    """For each snippet, the share of its frames inside events, or inside harmless bursts."""
    inside = np.zeros(plan.frames)
    for burst in plan.bursts:
        if (burst.label != NORMAL) == violent:
            inside[burst.start : burst.end] = 1
    return [float(inside[first : first + 16].mean()) for first in range(0, plan.frames, 16)]


def read_annotations(path: Path) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in path.read_text().splitlines()}


# --- files, names and lists


def test_the_default_is_88_train_and_36_test_videos_of_at_most_868_snippets(
    folder: Path, decoded: dict[str, Decoded]
) -> None:
    assert len(list((folder / "train").glob("*.mp4"))) == 88
    assert len(list((folder / "test").glob("*.mp4"))) == 36
    assert sum(-(-video.frames // 16) for video in decoded.values()) <= 868


def test_every_file_is_h264_and_aac(folder: Path) -> None:
    for path in folder.glob("*/*.mp4"):
        with av.open(str(path)) as container:
            assert container.streams.video[0].codec_context.name == "h264"
            assert all(stream.codec_context.name == "aac" for stream in container.streams.audio)


def test_names_follow_xd_violence_and_hold_its_awkward_characters(folder: Path) -> None:
    stems = [path.stem for path in folder.glob("*/*.mp4")]
    assert all(NAME.fullmatch(stem) for stem in stems)
    assert all(any(character in stem.partition("__")[0] for stem in stems) for character in "=@.")
    assert len(set(stems)) == 124


def test_half_of_the_training_videos_are_normal_and_every_class_comes_up_often_enough(folder: Path) -> None:
    codes = {
        split: [NAME.fullmatch(path.stem)["label"].split("-") for path in (folder / split).glob("*.mp4")]
        for split in ("train", "test")
    }
    assert sum(labels == [NORMAL] for labels in codes["train"]) == 44
    for split, least in (("train", 4), ("test", 2)):
        counts = Counter(code for labels in codes[split] for code in labels)
        assert all(counts[code] >= least for code in VIOLENCE)


def test_some_videos_hold_two_events_and_some_two_classes() -> None:
    assert any(len(plan.events) == 2 for plan in PLANS)
    assert any(len({event.label for event in plan.events}) == 2 for plan in PLANS)


def test_annotations_list_exactly_the_violent_test_videos_and_lie_inside_them(
    folder: Path, decoded: dict[str, Decoded]
) -> None:
    plain = read_annotations(folder / "annotations.txt")
    coded = read_annotations(folder / "annotations_multiclasses.txt")
    violent = {p.stem for p in (folder / "test").glob("*.mp4") if NAME.fullmatch(p.stem)["label"] != NORMAL}
    assert set(plain) == set(coded) == violent
    starts = []
    for name, fields in coded.items():
        events = [(code, int(start), int(end)) for code, start, end in zip(*[iter(fields)] * 3, strict=True)]
        assert {code for code, _, _ in events} == set(NAME.fullmatch(name)["label"].split("-")) - {"0"}
        assert all(0 <= start < end <= decoded[name].frames for _, start, end in events)
        assert plain[name] == [str(frame) for _, start, end in events for frame in (start, end)]
        starts += [start for _, start, _ in events]
    assert len({start % 16 for start in starts}) > 8, "events must not be aligned to snippets"


def test_the_kinds_cover_all_test_videos_and_agree_with_their_names(folder: Path) -> None:
    with (folder / "test_kinds.csv").open(newline="") as lines:
        kinds = {row["video_id"]: row["kind"] for row in csv.DictReader(lines)}
    assert set(kinds) == {path.stem for path in (folder / "test").glob("*.mp4")}
    assert set(kinds.values()) == set(Kind)
    for name, kind in kinds.items():
        assert kind.endswith("_normal") == name.endswith("label_A")


# --- what can be seen and heard


@pytest.mark.parametrize(
    ("kind", "seen", "heard"),
    [(Kind.SEEN_AND_HEARD, True, True), (Kind.HEARD_ONLY, False, True), (Kind.SEEN_ONLY, True, False)],
)
def test_an_event_leaves_no_trace_in_the_stream_that_must_not_show_it(kind: Kind, seen: bool, heard: bool) -> None:
    plan = next(plan for plan in PLANS if plan.kind is kind)
    other, times = relabelled(plan), seconds(plan)
    starts = times[:-1].astype(np.float32)
    assert np.array_equal(draw(plan, starts), draw(other, starts)) != seen
    assert np.array_equal(play(plan, times), play(other, times)) != heard


def test_heard_only_events_happen_in_the_dark_and_off_screen_and_normal_videos_are_as_often_dark(
    decoded: dict[str, Decoded],
) -> None:
    dark = {plan.video_id: decoded[plan.video_id].brightness.max() < 50 for plan in PLANS}
    heard_only = [dark[plan.video_id] for plan in PLANS if plan.kind is Kind.HEARD_ONLY]
    assert any(heard_only)
    assert not all(heard_only)
    events, others = (
        np.average([dark[plan.video_id] for plan in PLANS], weights=[sum(frames(plan)) for plan in PLANS])
        for frames in (
            lambda plan: [event.end - event.start for event in plan.events],
            lambda plan: [plan.frames, *(event.start - event.end for event in plan.events)],
        )
    )
    assert events == pytest.approx(others, abs=0.05)


def test_more_events_are_only_heard_than_only_seen_in_both_splits() -> None:
    for split in ("train", "test"):
        kinds = Counter(plan.kind for plan in PLANS if plan.split == split and plan.events)
        assert kinds[Kind.HEARD_ONLY] >= 0.4 * kinds.total()
        assert kinds[Kind.HEARD_ONLY] > 2 * kinds[Kind.SEEN_ONLY] > 0


def test_harmless_bursts_are_as_long_as_events() -> None:
    events = [event.end - event.start for plan in PLANS for event in plan.events]
    harmless = [burst.end - burst.start for plan in PLANS for burst in plan.bursts if burst.label == NORMAL]
    assert np.median(harmless) == pytest.approx(np.median(events), abs=8)
    assert {plan.kind for plan in PLANS if plan.bursts and not plan.events} == {Kind.MISLEADING_NORMAL}


# --- brightness and loudness give nothing away


def snippets(decoded: dict[str, Decoded]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean brightness and loudness in decibels [S, 2], event [S], harmless burst [S], video [S], where sound is."""
    rows = [
        (bright, 20 * np.log10(loud), event, harmless, number)
        for number, plan in enumerate(PLANS)
        for bright, loud, event, harmless in zip(
            decoded[plan.video_id].brightness,
            decoded[plan.video_id].loudness,
            shares(plan, violent=True),
            shares(plan, violent=False),
            strict=True,
        )
        if loud > 0
    ]
    table = np.array(rows)
    return table[:, :2], table[:, 2], table[:, 3], table[:, 4]


def probe(features: np.ndarray, event: np.ndarray, video: np.ndarray) -> float:
    """ROC AUC of a linear probe on videos that it was not fitted to."""
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    scores = cross_val_predict(model, features, event, groups=video, cv=GroupKFold(5), method="decision_function")
    return float(roc_auc_score(event, scores))


@pytest.mark.parametrize("rest", ["harmless bursts", "all normal snippets"])
def test_a_linear_probe_on_brightness_and_loudness_stays_near_chance(decoded: dict[str, Decoded], rest: str) -> None:
    features, event, harmless, video = snippets(decoded)
    other = harmless >= 0.5 if rest == "harmless bursts" else event == 0
    chosen = (event >= 0.5) | other
    features, event, video = features[chosen], event[chosen] >= 0.5, video[chosen]
    assert probe(features, event, video) < 0.5 + CHANCE_MARGIN
    for column in features.T:
        assert abs(roc_auc_score(event, column) - 0.5) < CHANCE_MARGIN
    # The probe does notice events that are brighter or louder by one standard deviation.
    for column in range(2):
        given_away = features.copy()
        given_away[event, column] += features[:, column].std()
        assert probe(given_away, event, video) > 0.5 + CHANCE_MARGIN


# --- the other two sets


@pytest.mark.parametrize(("dataset", "stride", "train"), [("cctv", 4, 24), ("ucf", 16, 32)])
def test_the_other_sets_hold_at_most_600_snippets_whatever_the_seed(dataset: str, stride: int, train: int) -> None:
    for seed in range(20):
        plans = plan_data_set(seed, dataset=dataset, **demo_data.SIZES[dataset])
        assert 500 < sum(-(-plan.frames // stride) for plan in plans) <= 600
        assert sum(not plan.events for plan in plans[:train]) == train / 2
        for burst in (burst for plan in plans for burst in plan.bursts):
            assert burst.end - burst.start >= 2 * stride


def test_a_ucf_event_is_only_seen_and_of_its_videos_one_class() -> None:
    plans = plan_data_set(0, 60, 40, 1400, "ucf")
    assert {plan.kind for plan in plans} == {Kind.SEEN_ONLY, Kind.MISLEADING_NORMAL, Kind.PLAIN_NORMAL}
    assert all(len({event.label for event in plan.events}) <= 1 for plan in plans)
    assert {event.label for plan in plans for event in plan.events} == {"B1", "B2", "B5", "B6", "G"}
    assert any(len(plan.events) == 2 for plan in plans)
    assert len({plan.video_id for plan in plans}) == 100


@pytest.mark.parametrize("dataset", ["cctv", "ucf"])
def test_violent_and_normal_training_videos_of_the_other_sets_are_as_often_dark(dataset: str) -> None:
    plans = plan_data_set(0, 56, 0, 1000, dataset)
    dark = [sum(plan.night for plan in plans if bool(plan.events) == violent) for violent in (True, False)]
    assert dark[0] in (dark[1], dark[1] + 1, dark[1] - 1)
    assert dark[1] == 4


# --- the three awkward files


def test_one_test_video_has_no_audio_stream(decoded: dict[str, Decoded]) -> None:
    without = [plan for plan in PLANS if decoded[plan.video_id].sound_seconds is None]
    assert [(plan.split, plan.kind, plan.sound) for plan in without] == [("test", Kind.SEEN_ONLY, Sound.NO_STREAM)]


def test_the_audio_of_one_training_video_ends_early_and_all_others_last_as_long_as_the_pictures(
    decoded: dict[str, Decoded],
) -> None:
    for plan in PLANS:
        sound, whole = decoded[plan.video_id].sound_seconds, float(frame_times(plan)[-1])
        if plan.sound is Sound.WHOLE:
            assert sound == pytest.approx(whole, abs=0.05)  # AAC comes in frames of 23 ms
    [short] = [plan for plan in PLANS if plan.sound is Sound.ENDS_EARLY]
    assert short.split == "train"
    assert decoded[short.video_id].sound_seconds < 0.6 * float(frame_times(short)[-1])
    assert decoded[short.video_id].loudness[-3:].max() == 0


def test_one_test_video_has_a_variable_frame_rate_and_decord_reads_all_of_it(decoded: dict[str, Decoded]) -> None:
    for plan in PLANS:
        video = decoded[plan.video_id]
        gaps = np.diff(video.starts)
        assert video.frames == plan.frames
        assert (np.ptp(gaps) > 0.02) == plan.variable_rate
    [variable] = [plan for plan in PLANS if plan.variable_rate]
    assert variable.split == "test"
    assert decoded[variable.video_id].starts == pytest.approx(seconds(variable)[:-1], abs=1e-3)


# --- regenerating


def test_any_one_video_can_be_made_again_alone_and_comes_out_the_same(folder: Path, tmp_path: Path) -> None:
    plan = PLANS[17]
    again = write_video(tmp_path, plan)
    assert again.read_bytes() == demo_data.video_path(folder, plan).read_bytes()


def test_another_seed_makes_other_videos(folder: Path, tmp_path: Path) -> None:
    other = write_video(tmp_path, plan_data_set(seed=1, train=88, test=36, max_snippets=868)[17])
    assert other.read_bytes() != demo_data.video_path(folder, PLANS[17]).read_bytes()


def test_a_small_data_set_can_be_asked_for(tmp_path: Path) -> None:
    demo_data.main(["--out", str(tmp_path), "--train", "2", "--test", "1", "--max-snippets", "24", "--workers", "1"])
    paths = list(tmp_path.glob("*/*.mp4"))
    assert sum(-(-len(decord.VideoReader(str(path))) // 16) for path in paths) <= 24
    assert len(paths) == 3


def test_videos_of_another_data_set_are_not_mixed_in(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "holiday.mp4").touch()
    with pytest.raises(InputError, match=r"holiday\.mp4 is of another data set"):
        demo_data.main(["--out", str(tmp_path), "--train", "1", "--test", "0"])


def test_videos_of_another_kind_of_set_are_not_mixed_in_however_deep_they_lie(tmp_path: Path) -> None:
    deep = tmp_path / "videos" / "Anomaly-Videos-Part-1" / "Abuse" / "Abuse001_x264.mp4"
    deep.parent.mkdir(parents=True)
    deep.touch()
    with pytest.raises(InputError, match=r"Abuse001_x264\.mp4 is of another data set"):
        demo_data.main(["--dataset", "cctv", "--out", str(tmp_path), "--train", "1", "--test", "0"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-snippets", "743"], r"--max-snippets: 743 leaves 5 .* at least 744"),
        (["--dataset", "cctv", "--train", "90"], r"--max-snippets: 600 leaves 6 .* at least 1000"),
        (["--train", "-1"], "--train: -1 must be at least 0"),
        (["--seed", "-1"], "--seed: -1 must be at least 0"),
        (["--workers", "0"], "--workers: 0 must be at least 1"),
    ],
)
def test_impossible_requests_say_what_to_change(tmp_path: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        demo_data.main(["--out", str(tmp_path), *arguments])
    assert not list(tmp_path.iterdir())


def test_help_needs_neither_av_nor_numpy() -> None:
    script = (
        "import sys; from extract.demo import __main__ as demo_data; demo_data.parser().format_help();"
        " sys.exit(bool({'av', 'numpy', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
