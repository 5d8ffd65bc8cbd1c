import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from evaluate.score import class_columns, main
from evaluate.scores_file import read_scores
from extract.base.errors import InputError
from extract.datasets import DATA_SETS
from extract.shard import RELEASED_AUDIO, RELEASED_VISUAL, Encoding, Shard
from tests.shards import AUDIO, VISUAL, Made, make_shard
from train.checkpoint import Header, TrainedOn, save_checkpoint
from train.networks import build_network
from train.settings import Architecture, Recipe

LABELS = DATA_SETS["xd"]
SNIPPETS = 8
TEST_VIDEOS = [Made("short#1_label_A", ("A",), 3), Made("long=2_label_G-0-0", ("G",), 19, audio_rows=11)]


def save_model(
    path: Path,
    model: str = "teacher",
    trained_on: TrainedOn | None = None,
    epoch: int = 1,
    text_weights: str = "random:0",
    scoring_window: int = 0,
    scoring_classes: tuple[str, ...] = (),
) -> torch.nn.Module:
    architecture = Architecture(model, layers=1, window=4, max_snippets=SNIPPETS)
    torch.manual_seed(3)
    network = build_network(architecture).eval()
    header = Header(
        architecture=architecture,
        dataset="xd",
        classes=LABELS.model_codes,
        prompts=LABELS.prompts,
        recipe=Recipe(epochs=2, seed=3, selection="released"),
        epoch=epoch,
        trained_on=trained_on or TrainedOn(16, (0, 5), VISUAL, AUDIO, ""),
        text_weights=text_weights,
        scoring_crop=5,
        note="demo recipe",
        scoring_window=scoring_window,
        scoring_classes=scoring_classes,
    )
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    save_checkpoint(path, header, tensors | {"text": text()})
    return network


def text() -> torch.Tensor:
    return torch.randn(7, 512, generator=torch.Generator().manual_seed(4))


def score(folder: Path, *extra: str) -> None:
    paths = (
        "--checkpoint",
        str(folder / "model.safetensors"),
        "--shards",
        str(folder),
        "--out",
        str(folder / "scores.h5"),
    )
    main([*paths, "--device", "cpu", *extra])


def padded(rows: np.ndarray, start: int) -> torch.Tensor:
    window = np.zeros((1, SNIPPETS, 512), np.float32)
    kept = rows[start : start + SNIPPETS]
    window[0, : len(kept)] = kept
    return torch.from_numpy(window)


def test_scores_are_those_of_one_window_after_another(tmp_path: Path) -> None:
    network = save_model(tmp_path / "model.safetensors")
    make_shard(tmp_path / "test-00000.h5", TEST_VIDEOS, split="test", crops=(0, 5))
    score(tmp_path)
    header, scores = read_scores(tmp_path / "scores.h5")
    assert (header.stride, header.classes) == (16, LABELS.codes)
    with Shard(tmp_path / "test-00000.h5") as shard, torch.no_grad():
        for video in shard.videos:
            visual, audio = shard.visual(video, 1), shard.audio(video)
            for start in range(0, video.snippets, SNIPPETS):
                rows = min(SNIPPETS, video.snippets - start)
                output = network(padded(visual, start), padded(audio, start), torch.tensor([rows]), text())
                scored, window = scores[video.video_id], slice(start, start + rows)
                classes = output.class_logits.softmax(-1)[0, :rows].numpy()
                np.testing.assert_allclose(scored.anomaly[window], output.anomaly_logits.sigmoid()[0, :rows], atol=1e-6)
                np.testing.assert_allclose(scored.classes[window], classes, atol=1e-6)
                np.testing.assert_allclose(scored.anomaly_alignment[window], 1 - classes[:, 0], atol=1e-6)
            assert scored.frames == video.frames


def test_where_scores_come_from_stands_in_them(tmp_path: Path) -> None:
    save_model(tmp_path / "model.safetensors")
    make_shard(tmp_path / "test-00000.h5", TEST_VIDEOS, split="test", crops=(0, 5), note="simulated")
    score(tmp_path)
    provenance = read_scores(tmp_path / "scores.h5")[0].provenance
    assert (provenance.seed, provenance.selection) == (3, "released")
    assert provenance.features == "recomputed, stride 16, crop 5"
    assert provenance.weights == "random:0; random:0"
    assert "demo recipe" in provenance.note
    assert "simulated" in provenance.note


def test_a_decoder_that_is_not_the_usual_one_stands_in_the_scores(tmp_path: Path) -> None:
    save_model(tmp_path / "model.safetensors")
    make_shard(tmp_path / "test-00000.h5", TEST_VIDEOS, split="test", crops=(0, 5))
    with h5py.File(tmp_path / "test-00000.h5", "r+") as file:
        file.attrs["visual_decoder"] = "decord"
    score(tmp_path)
    features = read_scores(tmp_path / "scores.h5")[0].provenance.features
    assert features == "recomputed, stride 16, crop 5, decoded by decord"


def test_a_checkpoint_that_is_to_be_scored_otherwise_than_it_was_trained_is_and_says_so(tmp_path: Path) -> None:
    """As the released test command of CCTV-Fights does: a wider window, and the prompts of its two classes alone."""
    scores = {}
    for name, more in (("plain", {}), ("released", {"scoring_window": 8, "scoring_classes": ("A", "B1")})):
        folder = tmp_path / name
        folder.mkdir()
        network = save_model(folder / "model.safetensors", **more)
        make_shard(folder / "test-00000.h5", [Made("v", ("B1",), 8)], split="test", crops=(0, 5), dataset="cctv")
        score(folder)
        scores[name] = read_scores(folder / "scores.h5")
    architecture = {name: header.provenance.architecture for name, (header, _) in scores.items()}
    assert "attention window 4, " in architecture["plain"]
    assert "attention window 4 (scored with 8)" in architecture["released"]
    assert architecture["released"].endswith("scored with 2 of 7 prompts")
    with Shard(tmp_path / "plain" / "test-00000.h5") as shard:
        video = shard.videos[0]
        visual, audio = (torch.from_numpy(rows)[None] for rows in (shard.visual(video, 1), shard.audio(video)))
    wide = build_network(Architecture("teacher", layers=1, window=8, max_snippets=SNIPPETS)).eval()
    wide.load_state_dict(network.state_dict())
    with torch.inference_mode():
        expected = wide(visual, audio, torch.tensor([8]), text()[:2])
    found = scores["released"][1]["v"]
    np.testing.assert_allclose(found.anomaly, expected.anomaly_logits.sigmoid()[0], atol=1e-6)
    np.testing.assert_allclose(found.classes, expected.class_logits.softmax(-1)[0], atol=1e-6)
    np.testing.assert_allclose(found.classes.sum(axis=1), 1, atol=1e-6)
    assert not np.allclose(scores["plain"][1]["v"].classes.sum(axis=1), 1, atol=1e-2)


def test_videos_that_were_taken_though_cut_short_stand_in_the_scores_note(tmp_path: Path) -> None:
    trained_on = TrainedOn(16, (0, 5), VISUAL, AUDIO, "simulated; taken though cut short: c")
    save_model(tmp_path / "model.safetensors", trained_on=trained_on)
    note = "simulated; taken though cut short: a, b"
    make_shard(tmp_path / "test-00000.h5", TEST_VIDEOS, split="test", crops=(0, 5), note=note)
    score(tmp_path)
    found = read_scores(tmp_path / "scores.h5")[0].provenance.note
    assert "taken though cut short: a, b" in found
    assert "in training taken though cut short: c" in found


def test_features_of_unknown_origin_are_called_released_and_add_nothing_to_the_note(tmp_path: Path) -> None:
    released = {"visual": RELEASED_VISUAL, "audio": RELEASED_AUDIO}
    trained_on = TrainedOn(16, (0, 5), **released, note="")
    save_model(tmp_path / "model.safetensors", trained_on=trained_on, epoch=-1, text_weights="released:" + 64 * "a")
    make_shard(tmp_path / "test-00000.h5", TEST_VIDEOS, split="test", crops=(0, 5), **released)
    score(tmp_path)
    provenance = read_scores(tmp_path / "scores.h5")[0].provenance
    assert provenance.features == "released, stride 16, crop 5"
    assert (provenance.note, provenance.mismatch) == ("demo recipe", ())


def test_a_released_checkpoint_reads_other_features_only_if_told_to(tmp_path: Path) -> None:
    trained_on = TrainedOn(16, (0, 5), RELEASED_VISUAL, RELEASED_AUDIO, "")
    save_model(tmp_path / "model.safetensors", trained_on=trained_on, epoch=-1)
    make_shard(tmp_path / "test-00000.h5", TEST_VIDEOS, split="test", crops=(0, 5))
    both = r"model\.safetensors: .*visual_weights: checkpoint trained on 'released', shards have 'random:0'"
    with pytest.raises(InputError, match=rf"{both}.*python -m extract\.audit compares.*--allow-mismatch"):
        score(tmp_path)
    assert not (tmp_path / "scores.h5").exists()
    score(tmp_path, "--allow-mismatch")
    provenance = read_scores(tmp_path / "scores.h5")[0].provenance
    assert provenance.features == "recomputed, stride 16, crop 5"
    assert len(provenance.mismatch) == 4  # weights and preprocessing of both streams


def test_simulated_features_are_called_so(tmp_path: Path) -> None:
    simulated = replace(VISUAL, weights="simulated:4")
    save_model(tmp_path / "model.safetensors", trained_on=TrainedOn(16, (0, 5), simulated, AUDIO, ""))
    make_shard(tmp_path / "test-00000.h5", TEST_VIDEOS, split="test", crops=(0, 5), visual=simulated)
    score(tmp_path)
    assert read_scores(tmp_path / "scores.h5")[0].provenance.features == "simulated, stride 16, crop 5"


def test_another_crop_can_be_read(tmp_path: Path) -> None:
    save_model(tmp_path / "model.safetensors")
    make_shard(tmp_path / "test-00000.h5", TEST_VIDEOS, split="test", crops=(0, 5))
    score(tmp_path)
    five = read_scores(tmp_path / "scores.h5")[1]["short#1_label_A"].anomaly
    score(tmp_path, "--crop", "0")
    zero = read_scores(tmp_path / "scores.h5")[1]["short#1_label_A"].anomaly
    assert not np.allclose(five, zero)
    with pytest.raises(InputError, match="no crop 3"):
        score(tmp_path, "--crop", "3")


@pytest.mark.parametrize("model", ["vadclip", "student"])
def test_a_video_only_model_scores_a_set_without_audio(tmp_path: Path, model: str) -> None:
    save_model(tmp_path / "model.safetensors", model)
    make_shard(tmp_path / "test-00000.h5", TEST_VIDEOS, split="test", crops=(0, 5), audio=None)
    score(tmp_path)
    assert len(read_scores(tmp_path / "scores.h5")[1]) == 2


def test_a_teacher_refuses_a_set_without_audio(tmp_path: Path) -> None:
    save_model(tmp_path / "model.safetensors")
    make_shard(tmp_path / "test-00000.h5", TEST_VIDEOS, split="test", crops=(0, 5), audio=None)
    with pytest.raises(InputError, match="audio: checkpoint trained on 'Wav2CLIP', shards have None"):
        score(tmp_path)


def test_another_precision_is_only_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coarse = Encoding(VISUAL.encoder, VISUAL.weights, "bf16", VISUAL.preprocessing)
    save_model(tmp_path / "model.safetensors")
    make_shard(tmp_path / "test-00000.h5", TEST_VIDEOS, split="test", crops=(0, 5), visual=coarse)
    score(tmp_path, "--threads", "2")
    said = capsys.readouterr().err
    assert re.match(r"device: cpu, [^,]+, 2 threads\n", said)
    assert "visual_precision: checkpoint trained on 'fp32', shards have 'bf16'" in said


def test_shards_without_optional_attributes_are_scored(tmp_path: Path) -> None:
    save_model(tmp_path / "model.safetensors")
    with h5py.File(make_shard(tmp_path / "test-00000.h5", TEST_VIDEOS, split="test", crops=(0, 5)), "a") as file:
        del file.attrs["note"]
        file["videos/frames"][:] = -1
    score(tmp_path)
    assert read_scores(tmp_path / "scores.h5")[1]["short#1_label_A"].frames == -1


def test_a_model_of_seven_classes_reports_the_two_of_cctv() -> None:
    assert class_columns(LABELS.model_codes, DATA_SETS["cctv"].codes, "model") == [0, 1]


def test_a_model_that_lacks_a_class_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="model are A, B1, but .* has B2, B4, B5, B6, G too"):
        class_columns(("A", "B1"), LABELS.codes, "model")
