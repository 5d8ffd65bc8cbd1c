import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evaluate.detect.__main__ import main
from evaluate.score import main as score
from evaluate.scores_file import read_scores
from extract import align, audio, visual
from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog
from extract.datasets import DATA_SETS
from extract.encoders.preprocessing import PREPROCESSING
from extract.encoders.wav2clip import ENCODER as AUDIO_ENCODER
from extract.encoders.wav2clip import PREPROCESSING as AUDIO_PREPROCESSING
from extract.encoders.wav2clip import load_wav2clip
from extract.failures import read_failures
from extract.image_models import ENCODER
from extract.shard import Encoding
from tests.evaluate.pages.shown import Parsed
from tests.extract.made_videos import FPS, click_track, cut_short, to_front, write_numbered
from tests.extract.narrow_clip import narrow_clip
from tests.machine import QUICK
from train.checkpoint import Header, TrainedOn, save_checkpoint
from train.methods import METHODS
from train.networks import build_network
from train.settings import Architecture, Recipe

STRIDE = 16
FRAMES = 37
CROP = 5
TRAINED_ON = TrainedOn(
    STRIDE,
    (0, CROP),
    Encoding(ENCODER, "random:0", QUICK, PREPROCESSING),
    Encoding(AUDIO_ENCODER, "random:0", "fp32", AUDIO_PREPROCESSING),
    "",
)
WEIGHTS = ["--visual-weights", "random:0", "--audio-weights", "random:0"]
SMALL = ["--device", "cpu", "--batch", "3"]


@pytest.fixture(scope="module")
def encoders() -> Iterator[None]:
    """Make a small CLIP and Wav2CLIP once; other seeds than 0 are the same networks under another name."""
    clip, wav2clip = narrow_clip("random:0")[0], load_wav2clip("random:0")[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("extract.encoders.clip.load_clip", lambda weights, encoder=ENCODER: (clip, weights))
        patch.setattr("extract.encoders.wav2clip.load_wav2clip", lambda weights: (wav2clip, weights))
        yield


pytestmark = pytest.mark.usefixtures("encoders")


def save_model(path: Path, model: str = "teacher", dataset: str = "xd", **changes: Any) -> Path:
    architecture = Architecture(model, layers=1, window=2, max_snippets=2)  # type: ignore[arg-type]
    torch.manual_seed(5)
    network = build_network(architecture)
    labels = DATA_SETS[dataset]
    header = Header(
        architecture=architecture,
        dataset=dataset,
        classes=labels.model_codes,
        prompts=labels.prompts,
        recipe=Recipe(),
        epoch=1,
        trained_on=TRAINED_ON,
        text_weights="random:0",
        scoring_crop=CROP,
        note="demo recipe",
    )
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    header = replace(header, **changes)
    text = torch.randn(len(header.prompts), 512, generator=torch.Generator().manual_seed(4))
    save_checkpoint(path, header, tensors | {"text": text})
    return path


def write_own(folder: Path, name: str = "own.mp4", *, sounds: bool = True, frames: int = FRAMES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    sound = click_track(frames / FPS, [0.3, 1.1], hum=0.05) if sounds else None
    return write_numbered(folder / name, frames, sound=sound)


def detect(video: Path, checkpoint: Path, out: Path, *more: str) -> None:
    main([str(video), "--checkpoint", str(checkpoint), *WEIGHTS, *SMALL, "--out", str(out), *more])


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def column(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])


def test_scores_are_those_of_the_pipeline(tmp_path: Path) -> None:
    video, checkpoint = write_own(tmp_path), save_model(tmp_path / "teacher.safetensors")
    # In batches of one shape a frame's features do not depend on what stands beside it.
    detect(video, checkpoint, tmp_path / "out", "--batch", "6")

    catalog, partial = tmp_path / "catalog.jsonl", str(tmp_path / "partial")
    write_catalog(catalog, [Video("own", "test", str(video), ("A",))])
    one = ["--weights", "random:0", "--device", "cpu", "--partial", partial, "--catalog", str(catalog)]
    frames = ["--split", "test", "--crops", "0", str(CROP), "--precision", QUICK, "--batch", "6"]
    made = {
        name: str(tmp_path / name) for name in ("visual.h5", "visual.csv", "audio.h5", "audio.csv", "test-00000.h5")
    }
    visual.main([*one, *frames, "--out", made["visual.h5"], "--failures", made["visual.csv"]])
    audio.main([*one, "--visual", made["visual.h5"], "--out", made["audio.h5"], "--failures", made["audio.csv"]])
    joined = ["--visual", made["visual.h5"], "--visual-failures", made["visual.csv"]]
    joined += ["--audio", made["audio.h5"], "--audio-failures", made["audio.csv"]]
    failed = ["--failures", str(tmp_path / "failed.csv")]
    align.main([*joined, "--dataset", "xd", "--split", "test", "--out", made["test-00000.h5"], *failed])
    scores = str(tmp_path / "scores.h5")
    score(["--checkpoint", str(checkpoint), "--shards", str(tmp_path), "--out", scores, "--device", "cpu"])

    expected = read_scores(tmp_path / "scores.h5")[1]["own"]
    rows = read_rows(tmp_path / "out" / "own.csv")
    assert list(rows[0])[:7] == [
        "snippet", "start_seconds", "end_seconds", "start_frame", "anomaly", "anomaly_alignment", "normal"
    ]  # fmt: skip
    assert len(rows) == 3
    np.testing.assert_allclose(column(rows, "anomaly"), expected.anomaly, atol=1e-6)
    np.testing.assert_allclose(column(rows, "anomaly_alignment"), expected.anomaly_alignment, atol=1e-6)
    for index, name in enumerate(DATA_SETS["xd"].prompts):
        np.testing.assert_allclose(column(rows, name), expected.classes[:, index], atol=1e-6)
    assert np.ptp(expected.anomaly) > 0.02


def test_seconds_frames_and_detections_end_with_the_video(tmp_path: Path) -> None:
    video, checkpoint = write_own(tmp_path), save_model(tmp_path / "teacher.safetensors")
    detect(video, checkpoint, tmp_path / "out", "--threshold", "0.001", "--class-threshold", "0.001")
    rows = read_rows(tmp_path / "out" / "own.csv")
    assert [row["start_frame"] for row in rows] == ["0", "16", "32"]
    assert column(rows, "start_seconds").tolist() == [0, 0.64, 1.28]
    assert column(rows, "end_seconds").tolist() == [0.64, 1.28, 1.48]
    found = json.loads((tmp_path / "out" / "own.json").read_text())
    assert (found["frames"], found["seconds"], found["model"], found["threshold"]) == (37, 1.48, "teacher", 0.001)
    assert {detection["class"] for detection in found["segments"]} == set(DATA_SETS["xd"].prompts[1:])
    for detection in found["segments"]:
        first, after = detection["start_frame"] // STRIDE, -(-detection["end_frame"] // STRIDE)
        assert detection["confidence"] == pytest.approx(column(rows, detection["class"])[first:after].max(), abs=1e-6)
        assert detection["start_seconds"] == pytest.approx(detection["start_frame"] / FPS)
        assert detection["end_seconds"] == pytest.approx(detection["end_frame"] / FPS)
        assert detection["end_frame"] <= FRAMES
    page = Parsed((tmp_path / "out" / "own.html").read_text(encoding="utf-8"))
    assert page.data["detections"] == found["segments"]
    assert page.data["edges"] == [0, 0.64, 1.28, 1.48]
    for drawn, name in zip(page.data["lines"], ("anomaly", "anomaly_alignment"), strict=True):
        np.testing.assert_allclose(drawn["values"], column(rows, name), atol=5.1e-5)
    for drawn in page.data["classes"]:
        np.testing.assert_allclose(drawn["values"], column(rows, drawn["name"]), atol=5.1e-5)
    assert len([one for one in page.of("img") if one.get("id") != "sound"]) == len(found["segments"])
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["own.csv", "own.html", "own.json", "own.png", "own.svg"]


def test_an_anomaly_that_no_class_explains_is_found_and_its_likeliest_classes_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.99 throughout, of which six classes share: none reaches 0.5."""
    classes = np.array([0.01, 0.09, 0.3, 0.25, 0.15, 0.1, 0.1], np.float32)
    monkeypatch.setattr(
        "evaluate.detect.scoring._probabilities",
        lambda checkpoint, visual, sound: (
            np.full(len(visual), 0.99, np.float32),
            np.tile(classes, (len(visual), 1)),
        ),
    )
    write_own(tmp_path / "videos", "=own.mp4")
    detect(tmp_path / "videos", save_model(tmp_path / "teacher"), tmp_path / "out")
    (detection,) = json.loads((tmp_path / "out" / "=own.json").read_text())["segments"]
    assert (detection["class"], detection["label"]) == ("anomaly", None)
    assert (detection["start_frame"], detection["end_frame"], detection["end_seconds"]) == (0, FRAMES, 1.48)
    assert detection["anomaly"] == detection["confidence"] == pytest.approx(0.99)
    assert detection["likeliest"] == [
        {"class": "shooting", "probability": pytest.approx(0.3)},
        {"class": "riot", "probability": pytest.approx(0.25)},
    ]
    (row,) = read_rows(tmp_path / "out" / "detections.csv")
    assert row == {
        "video_id": "'=own",
        "start_seconds": "0.0",
        "end_seconds": "1.48",
        "class": "anomaly",
        "label": "",
        "confidence": "0.99",
        "anomaly": "0.99",
        "likeliest": "shooting 0.30; riot 0.25",
        "start_frame": "0",
        "end_frame": "37",
    }


def test_a_video_without_a_detection_says_so_on_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "evaluate.detect.scoring._probabilities",
        lambda checkpoint, visual, sound: (
            np.full(len(visual), 0.2, np.float32),
            np.tile(np.array([0.7, 0.3, 0, 0, 0, 0, 0], np.float32), (len(visual), 1)),
        ),
    )
    write_own(tmp_path / "videos")
    detect(tmp_path / "videos", save_model(tmp_path / "vadclip", "vadclip"), tmp_path / "out")
    assert "own: no detection; its anomaly reaches 0.300, and --threshold is 0.5" in capsys.readouterr().err
    assert read_rows(tmp_path / "out" / "detections.csv") == []


def test_times_are_those_of_the_frames_at_a_variable_rate(tmp_path: Path) -> None:
    times = [index / 25 if index < 20 else 0.8 + (index - 20) / 5 for index in range(33)]
    video = write_numbered(tmp_path / "own.mp4", 33, times=times)
    detect(video, save_model(tmp_path / "vadclip.safetensors", "vadclip"), tmp_path / "out")
    rows = read_rows(tmp_path / "out" / "own.csv")
    np.testing.assert_allclose(column(rows, "start_seconds"), [times[0], times[16], times[32]], atol=2e-3)


def test_a_video_without_an_audio_stream_goes_to_the_student(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher, student = save_model(tmp_path / "teacher"), save_model(tmp_path / "student", "student")
    write_own(tmp_path / "videos", "silent.mp4", sounds=False)
    write_own(tmp_path / "videos", "loud.mp4")
    detect(tmp_path / "videos", teacher, tmp_path / "out", "--student", str(student))
    silent, loud = (json.loads((tmp_path / "out" / f"{name}.json").read_text()) for name in ("silent", "loud"))
    assert (silent["model"], loud["model"]) == ("student", "teacher")
    assert silent["notes"][0].startswith("no audio stream: scored by the student")
    assert silent["checkpoint_sha256"] != loud["checkpoint_sha256"]
    assert "silent: no audio stream" in capsys.readouterr().err
    assert read_failures(tmp_path / "out" / "failures.csv") == []

    detect(tmp_path / "videos" / "silent.mp4", student, tmp_path / "alone")
    assert read_rows(tmp_path / "alone" / "silent.csv") == read_rows(tmp_path / "out" / "silent.csv")


def test_without_a_student_the_teacher_hears_silence_and_says_so(tmp_path: Path) -> None:
    teacher = save_model(tmp_path / "teacher")
    detect(write_own(tmp_path, sounds=False), teacher, tmp_path / "out")
    found = json.loads((tmp_path / "out" / "own.json").read_text())
    assert found["model"] == "teacher"
    assert "no audio stream: scored by the teacher with silence (zero rows)" in found["notes"]
    assert "random weights" in found["notes"]
    assert any("demo recipe" in note for note in found["notes"])


def test_snippets_without_sound_are_counted(tmp_path: Path) -> None:
    video = write_numbered(tmp_path / "own.mp4", FRAMES, sound=click_track(0.5, [0.1]))
    detect(video, save_model(tmp_path / "teacher"), tmp_path / "out")
    notes = json.loads((tmp_path / "out" / "own.json").read_text())["notes"]
    assert notes[0] == "2 of 3 snippets have no sound and count as silence (zero rows)"


def test_other_weights_are_refused_unless_allowed(tmp_path: Path) -> None:
    video, checkpoint = write_own(tmp_path), save_model(tmp_path / "teacher")
    with pytest.raises(
        InputError, match="visual_weights: checkpoint trained on 'random:0', .* 'random:1'.*--allow-mis"
    ):
        detect(video, checkpoint, tmp_path / "out", "--visual-weights", "random:1")
    with pytest.raises(InputError, match="audio_weights: checkpoint trained on 'random:0', .* 'random:2'"):
        detect(video, checkpoint, tmp_path / "out", "--audio-weights", "random:2")
    assert not (tmp_path / "out").exists()
    detect(video, checkpoint, tmp_path / "out", "--visual-weights", "random:1", "--allow-mismatch")
    notes = json.loads((tmp_path / "out" / "own.json").read_text())["notes"]
    assert any(note.startswith("mismatch allowed: visual_weights") for note in notes)


def test_a_broken_video_is_listed_and_the_others_are_done(tmp_path: Path) -> None:
    checkpoint = save_model(tmp_path / "vadclip", "vadclip")
    write_own(tmp_path / "videos" / "deep", "good.mp4")
    cut_short(write_own(tmp_path, "whole.mp4"), 0.4).rename(tmp_path / "videos" / "bad.mp4")
    for folder in ("one", "two"):
        write_own(tmp_path / "videos" / folder, "twice.mp4")
    with pytest.raises(InputError, match="2 of 3 videos failed: bad"):
        detect(tmp_path / "videos", checkpoint, tmp_path / "out")
    bad, twice = read_failures(tmp_path / "out" / "failures.csv")
    assert (bad.video_id, bad.stage, twice.video_id) == ("bad", "detect", "twice")
    assert "has the same name" in twice.reason
    names = {path.name for path in (tmp_path / "out").iterdir()}
    of_good = {f"good.{kind}" for kind in ("csv", "html", "json", "png", "svg")}
    assert names == of_good | {"detections.csv", "failures.csv", "index.html"}


def check_exports(out: Path) -> None:
    found = {}
    for path in out.glob("*.json"):
        if path.name != "label_studio.json":
            values = json.loads(path.read_text())
            found[path.stem] = [(one["class"], one["start_frame"], one["end_frame"]) for one in values["segments"]]
    assert all(found.values())
    tasks = json.loads((out / "label_studio.json").read_text())
    regions = {task["data"]["file"]: task["predictions"][0]["result"] for task in tasks}
    assert regions.keys() == {f"{name}.mp4" for name in found}
    assert {task["data"]["fps"] for task in tasks} == {FPS}
    labels = json.loads((out / "fiftyone/labels.json").read_text())
    data = json.loads((out / "fiftyone/data.json").read_text())
    for name, expected in found.items():
        assert [
            (
                one["value"]["timelinelabels"][0],
                one["value"]["ranges"][0]["start"] - 1,
                one["value"]["ranges"][0]["end"],
            )
            for one in regions[f"{name}.mp4"]
        ] == expected
        assert [
            (labels["classes"][one["label"]], one["support"][0] - 1, one["support"][1])
            for one in labels["labels"][name]
        ] == expected
        assert Path(data[name]).is_file()


def test_the_index_leads_to_every_page_and_a_page_shows_what_the_catalog_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("normal", "fight", 'a "#b'):
        write_own(tmp_path / "videos", f"{name}.mp4", frames=FRAMES, sounds=False)
    events = (Segment("B1", 8, 32), Segment("A", 32, 37))
    listed = [Video("fight", "test", "f", ("B1",), events), Video("normal", "test", "n", ("A",))]
    write_catalog(tmp_path / "catalog.jsonl", listed)
    checkpoint = save_model(tmp_path / "vadclip", "vadclip")
    more = ["--catalog", str(tmp_path / "catalog.jsonl"), "--export", "label-studio", "fiftyone"]
    detect(tmp_path / "videos", checkpoint, tmp_path / "out", *more, "--threshold", "0.01")
    check_exports(tmp_path / "out")
    assert 'catalog.jsonl does not name 1 of 3 videos, first a "#b; their' in capsys.readouterr().err
    index = Parsed((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    assert {one["href"] for one in index.of("a")} == {"./normal.html", "./fight.html", "./a%20%22%23b.html"}
    pages = {
        name: Parsed((tmp_path / "out" / f"{name}.html").read_text(encoding="utf-8")).data
        for name in ("normal", "fight", 'a "#b')
    }
    assert pages["fight"]["truth"] == [{"class": "fighting", "label": "B1", "start": 0.32, "end": 1.28}]
    assert (pages["normal"]["truth"], pages['a "#b']["truth"]) == ([], None)


def save_point(path: Path, checkpoint: Path, **changes: Any) -> Path:
    provenance = {"checkpoint_sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest()}
    point = {"format": "avadclip-operating-point", "version": 1, "threshold": 0.25, "branch": "either"}
    remarks = ["chosen on the labels of 3 normal test videos"]
    path.write_text(json.dumps({**point, "remarks": remarks, "provenance": provenance, **changes}))
    return path


def test_an_operating_point_s_threshold_is_taken_and_its_origin_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, checkpoint = write_own(tmp_path, frames=20), save_model(tmp_path / "vadclip", "vadclip")
    point = save_point(tmp_path / "point.json", checkpoint)
    detect(video, checkpoint, tmp_path / "out", "--operating-point", str(point))
    found = json.loads((tmp_path / "out/own.json").read_text())
    assert found["threshold"] == 0.25
    assert "chosen on the labels of 3 normal test videos" in found["notes"]
    assert "chosen on the labels of 3 normal test videos" in capsys.readouterr().err


def test_an_operating_point_of_something_else_is_refused(tmp_path: Path) -> None:
    video, checkpoint = write_own(tmp_path, frames=20), save_model(tmp_path / "vadclip", "vadclip")
    point = save_point(tmp_path / "point.json", checkpoint)
    with pytest.raises(InputError, match="--threshold: 0.5 and .*point.json both say the threshold"):
        detect(video, checkpoint, tmp_path / "out", "--operating-point", str(point), "--threshold", "0.5")
    other = save_point(tmp_path / "branch.json", checkpoint, branch="alignment")
    with pytest.raises(InputError, match="branch.json: branch is alignment, but detection alarms by the surer one"):
        detect(video, checkpoint, tmp_path / "out", "--operating-point", str(other))
    other = save_point(tmp_path / "model.json", checkpoint, provenance={"checkpoint_sha256": "0" * 64})
    with pytest.raises(InputError, match="model.json: its scores are of another checkpoint than"):
        detect(video, checkpoint, tmp_path / "out", "--operating-point", str(other))
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_cut_short_is_detected_as_far_as_it_goes_on_request(tmp_path: Path) -> None:
    checkpoint = save_model(tmp_path / "vadclip", "vadclip")
    video = cut_short(to_front(write_own(tmp_path, "whole.mp4")), 0.6)
    with pytest.raises(InputError, match="is cut short"):
        detect(video, checkpoint, tmp_path / "out")
    detect(video, checkpoint, tmp_path / "out", "--cut", "take")
    notes = json.loads((tmp_path / "out" / f"{video.stem}.json").read_text())["notes"]
    assert any(note.startswith("the file is cut short") and note.endswith("taken as far as it goes") for note in notes)


def test_a_set_of_fewer_classes_reports_those_alone(tmp_path: Path) -> None:
    detect(write_own(tmp_path), save_model(tmp_path / "vadclip", "vadclip", "cctv"), tmp_path / "out")
    rows = read_rows(tmp_path / "out" / "own.csv")
    assert list(rows[0])[-3:] == ["anomaly_alignment", "normal", "fighting"]
    np.testing.assert_allclose(column(rows, "anomaly_alignment"), 1 - column(rows, "normal"), atol=2e-6)


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    video, out = write_own(tmp_path), tmp_path / "out"
    teacher, vadclip = save_model(tmp_path / "teacher"), save_model(tmp_path / "vadclip", "vadclip")
    with pytest.raises(InputError, match="vadclip does not listen, so it scores videos without sound itself"):
        detect(video, vadclip, out, "--student", str(vadclip))
    with pytest.raises(InputError, match="a teacher listens; --student needs a video-only model"):
        detect(video, teacher, out, "--student", str(teacher))
    other = save_model(tmp_path / "other", "student", trained_on=replace(TRAINED_ON, stride=4))
    with pytest.raises(InputError, match="other: stride is 4, but .*teacher has 16"):
        detect(video, teacher, out, "--student", str(other))
    with pytest.raises(InputError, match="teacher: a teacher listens; give --audio-weights too"):
        main([str(video), "--checkpoint", str(teacher), "--visual-weights", "random:0", *SMALL, "--out", str(out)])


@pytest.mark.parametrize("model", ["deep_mil_classes", "avvd", "efficient_prompt"])
def test_another_author_s_method_that_tells_classes_detects_as_the_paper_s_do(tmp_path: Path, model: str) -> None:
    texts = {} if METHODS[model].reads_text else {"prompts": (), "text_weights": "none"}
    checkpoint = save_model(tmp_path / model, model, **texts)
    detect(write_own(tmp_path), checkpoint, tmp_path / "out")
    found = json.loads((tmp_path / "out/own.json").read_text())
    assert found["model"] == model
    assert METHODS[model].faithfulness in " ".join(found["notes"])
    named = {detection["class"] for detection in found["segments"]}
    assert named <= {*DATA_SETS["xd"].prompts[1:], "anomaly"}


@pytest.mark.parametrize("model", ["deep_mil", "macil_sd"])
def test_a_method_that_tells_no_classes_is_refused_by_saying_so(tmp_path: Path, model: str) -> None:
    video, out = write_own(tmp_path), tmp_path / "out"
    none = {"classes": (), "prompts": (), "text_weights": "none"}
    baseline, teacher = save_model(tmp_path / model, model, **none), save_model(tmp_path / "teacher")
    message = f"{model}: a {model} scores how anomalous a snippet is and tells no classes.*give the checkpoint of"
    with pytest.raises(InputError, match=message):
        detect(video, baseline, out)
    with pytest.raises(InputError, match=message):
        detect(video, teacher, out, "--student", str(baseline))
    assert not out.exists()


@pytest.mark.parametrize(
    ("video", "more", "message"),
    [
        ("absent.mp4", [], "absent.mp4: no such video or folder"),
        ("empty", [], "empty: holds no video file"),
        ("taken", [], "would replace failures.csv; rename the video"),
        ("taken2", [], "would replace detections.csv; rename the video"),
        ("taken3", ["--export", "label-studio"], "would replace label_studio.json; rename the video"),
        ("taken3/label_studio.mp4", ["--export", "label-studio"], "would replace label_studio.json; rename the video"),
        ("own.mp4", ["--threshold", "0"], "--threshold: 0.0 must be above 0"),
        ("own.mp4", ["--class-threshold", "1.5"], "--class-threshold: 1.5 must be above 0"),
        ("own.mp4", ["--threads", "0"], "--threads: 0 must be at least 1"),
        ("own.mp4", [], "none.safetensors: no such checkpoint"),
    ],
)
def test_wrong_arguments_are_named(tmp_path: Path, video: str, more: list[str], message: str) -> None:
    for name in ("own.mp4", "taken/failures.mp4", "taken2/detections.mp4", "taken3/label_studio.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=message):
        detect(tmp_path / video, tmp_path / "none.safetensors", tmp_path / "out", *more)
