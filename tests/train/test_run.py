"""The training command on tiny shards and an untrained CLIP."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from evaluate.metrics import measure
from evaluate.score import main as score
from evaluate.scores_file import read_scores
from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog
from extract.check import check
from extract.datasets import DATA_SETS
from extract.shard import RELEASED_AUDIO, RELEASED_VISUAL, Encoding
from tests.shards import AUDIO, VISUAL, Made, make_shard
from train.checkpoint import Header, TrainedOn, read_header, save_checkpoint
from train.methods import METHODS
from train.networks import build_network
from train.released import PUBLISHED
from train.run import main
from train.settings import Architecture, Recipe

SNIPPETS = 16
UCF, XD = DATA_SETS["ucf"], DATA_SETS["xd"]


def train(folder: Path, words: str, text_weights: str = "random:0") -> Path:
    files = {"shards": folder, "out": folder / "model.safetensors", "partial": folder / "p", "curves": folder / "c"}
    paths = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    run = f"--max-snippets {SNIPPETS} --scoring-crop 5 --device cpu --epochs 1"
    main([*paths, *run.split(), *words.split(), "--text-weights", text_weights])
    return folder / "model.safetensors"


def test_ucf_trains_on_pairs_by_its_published_recipe_and_is_scored_without_audio(tmp_path: Path) -> None:
    silent = {"dataset": "ucf", "crops": (5,), "audio": None}
    normal = [Made(f"normal{i}", ("Normal",), 5) for i in range(5)]
    abnormal = [Made(f"abnormal{i}", (code,), 21) for i, code in enumerate(UCF.codes[-4:])]
    make_shard(tmp_path / "train-00000.h5", [*normal, *abnormal], **silent)
    test = [Made("calm", ("Normal",), 20), Made("theft", ("Stealing",), 37)]
    make_shard(tmp_path / "test-00000.h5", test, split="test", **silent, seed=1)
    videos = [
        Video("calm", "test", "", ("Normal",), ()),
        Video("theft", "test", "", ("Stealing",), (Segment("Stealing", 100, 300),)),
    ]
    write_catalog(tmp_path / "catalog.jsonl", videos)

    checkpoint = train(
        tmp_path,
        f"--model vadclip --layers 2 --window 8 --catalog {tmp_path / 'catalog.jsonl'} --batch 2 --learning-rate 2e-5 "
        "--milestones 4 8 --separation-weight 1e-1 --sampling paired --selection released --judge-every 1 "
        "--branch classification --measure auc",
    )
    header = read_header(checkpoint)
    published = PUBLISHED["vadclip", "ucf"]
    assert header.recipe == replace(published.recipe, epochs=1, batch=2, judge_every=1)
    assert header.architecture == replace(published.architecture, max_snippets=SNIPPETS)
    assert (header.classes, header.epoch, header.trained_on.audio) == (UCF.codes, 1, None)

    files = ["--checkpoint", str(checkpoint), "--shards", str(tmp_path), "--out", str(tmp_path / "scores.h5")]
    score([*files, "--device", "cpu"])
    scores = read_scores(tmp_path / "scores.h5")[1]
    for video in test:
        assert scores[video.video_id].anomaly.shape == (video.snippets,)
        assert scores[video.video_id].classes.shape == (video.snippets, 14)
        assert np.all((scores[video.video_id].anomaly > 0) & (scores[video.video_id].anomaly < 1))


def test_bf16_stands_in_the_checkpoint_and_in_the_provenance_of_its_scores(tmp_path: Path) -> None:
    made = [Made(f"v{i}", ("A",) if i % 2 else ("B1",), 9) for i in range(4)]
    make_shard(tmp_path / "train-00000.h5", made, crops=(5,))
    make_shard(tmp_path / "test-00000.h5", [Made("t", ("A",), 20)], crops=(5,), split="test", seed=1)
    checkpoint = train(tmp_path, "--model teacher --layers 1 --window 4 --batch 4 --precision bf16")
    assert read_header(checkpoint).recipe.precision == "bf16"
    score(
        ["--checkpoint", str(checkpoint), "--shards", str(tmp_path), "--out", str(tmp_path / "s.h5"), "--device", "cpu"]
    )
    assert read_scores(tmp_path / "s.h5")[0].provenance.recipe.endswith(", bf16")


def test_a_baseline_is_not_trained_in_bf16(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="precision: bf16 is not for rtfm"):
        train(tmp_path, "--model rtfm --precision bf16")
    assert not (tmp_path / "model.safetensors").exists()


def save_released_teacher(path: Path) -> None:
    architecture = Architecture("teacher", layers=1, window=4, max_snippets=SNIPPETS)
    header = Header(
        architecture=architecture,
        dataset="xd",
        classes=XD.model_codes,
        prompts=XD.prompts,
        recipe=Recipe(selection="released"),
        epoch=-1,
        trained_on=TrainedOn(16, tuple(range(10)), RELEASED_VISUAL, RELEASED_AUDIO, ""),
        text_weights="released:0",
        scoring_crop=5,
        note="",
    )
    torch.manual_seed(0)
    state = {f"network.{name}": tensor for name, tensor in build_network(architecture).state_dict().items()}
    save_checkpoint(path, header, state | {"text": torch.randn(7, 512)})


def test_a_student_learns_from_a_released_teacher_on_released_features_only(tmp_path: Path) -> None:
    save_released_teacher(tmp_path / "teacher.safetensors")
    words = f"--model student --layers 1 --window 4 --batch 4 --teacher {tmp_path / 'teacher.safetensors'}"
    videos = [Made("a", ("A",), 5), Made("b", ("B1",), 9)]

    make_shard(tmp_path / "train-00000.h5", videos, crops=(0, 5))
    with pytest.raises(InputError, match=r"teacher\.safetensors: .*'released'.*'random:0'.*python -m extract\.audit"):
        train(tmp_path, words)

    make_shard(tmp_path / "train-00000.h5", videos, crops=(0, 5), visual=RELEASED_VISUAL, audio=RELEASED_AUDIO)
    header = read_header(train(tmp_path, words))
    assert (header.epoch, header.trained_on.visual) == (1, RELEASED_VISUAL)


@pytest.mark.parametrize("model", [name for name, method in METHODS.items() if method.is_baseline])
def test_a_baseline_is_trained_scored_and_measured(tmp_path: Path, model: str) -> None:
    videos = [Made(f"{code}{i}", (code,), 9 + i) for code in ("A", "B1") for i in range(3)]
    make_shard(tmp_path / "train-00000.h5", videos, crops=(5,))
    test = [Made("calm_label_A", ("A",), 20), Made("fight_label_B1", ("B1",), 37)]
    make_shard(tmp_path / "test-00000.h5", test, crops=(5,), split="test", seed=1)
    events = (Segment("B1", 100, 300),)
    catalog = [
        Video("calm_label_A", "test", "", ("A",)),
        Video("fight_label_B1", "test", "", ("B1",), events),
    ]
    write_catalog(tmp_path / "catalog.jsonl", catalog)
    words = f"--model {model} --window 8 --batch 2 --sampling paired --learning-rate 1e-3 --optimiser adam"
    architecture = Architecture(model)
    checkpoint = train(tmp_path, words, text_weights="random:0" if architecture.reads_text else "")
    assert check(checkpoint) == ("checkpoint", [])
    header = read_header(checkpoint)
    assert header.recipe.optimiser == "adam"
    assert header.classes == (XD.model_codes if architecture.tells_classes else ())
    assert header.prompts == (XD.prompts if architecture.reads_text else ())
    assert header.text_weights == ("random:0" if architecture.reads_text else "none")

    files = ["--checkpoint", str(checkpoint), "--shards", str(tmp_path), "--out", str(tmp_path / "scores.h5")]
    score([*files, "--device", "cpu"])
    assert check(tmp_path / "scores.h5") == ("scores", [])
    metrics = measure(tmp_path / "scores.h5", tmp_path / "catalog.jsonl")
    assert metrics["alignment"]["released"]["ap"] > 0
    # AVVD's two heads are two opinions, and TPWNG's texts give the normal class a share; all others have one score.
    has_one = model not in ("avvd", "tpwng")
    with h5py.File(tmp_path / "scores.h5") as file:
        pairs = [(video["anomaly"][:], video["anomaly_alignment"][:]) for video in file.values()]
    ranked = [alignment[np.lexsort((alignment, anomaly))] for anomaly, alignment in pairs]
    assert all((np.diff(alignment) >= -1e-6).all() for alignment in ranked) is has_one
    # DSANet's class map is a rising function of the score, and rounds it: rows tie that did not.
    if "window" not in METHODS[model].shape:
        assert (metrics["classification"] == metrics["alignment"]) is has_one
    assert all(isinstance(value, float) for value in metrics["map"]["released"].values()) is architecture.tells_classes
    assert bool(metrics["per_class"]) is architecture.tells_classes
    assert f"{METHODS[model].faithfulness}; reimplemented, ViT features" in metrics["provenance"]["note"]
    assert "untrained" not in metrics["provenance"]["note"].split("; ")


@pytest.mark.parametrize("model", [name for name, method in METHODS.items() if not method.reads_text])
def test_a_method_without_texts_takes_its_widths_from_the_shards(tmp_path: Path, model: str) -> None:
    streams = {"visual": replace(VISUAL, width=32), "audio": replace(AUDIO, width=16)}
    videos = [Made(f"{code}{i}", (code,), 9 + i) for code in ("A", "B1") for i in range(3)]
    make_shard(tmp_path / "train-00000.h5", videos, crops=(5,), **streams)
    make_shard(tmp_path / "test-00000.h5", [Made("t", ("A",), 20)], crops=(5,), split="test", **streams)
    checkpoint = train(tmp_path, f"--model {model} --batch 2 --sampling paired", text_weights="")
    assert read_header(checkpoint).trained_on.widths == (32, 16)
    files = ["--checkpoint", str(checkpoint), "--shards", str(tmp_path), "--out", str(tmp_path / "scores.h5")]
    score([*files, "--device", "cpu"])
    assert read_scores(tmp_path / "scores.h5")[1]["t"].anomaly.shape == (20,)

    make_shard(tmp_path / "test-00000.h5", [Made("t", ("A",), 20)], crops=(5,), split="test")
    with pytest.raises(InputError, match="visual_width: checkpoint trained on 32, shards have 512.*cannot bridge"):
        score([*files, "--device", "cpu", "--allow-mismatch"])


@pytest.mark.parametrize("model", ["vadclip", "teacher"])
def test_a_method_with_texts_takes_the_text_tower_of_the_shards_encoder(tmp_path: Path, model: str) -> None:
    small = replace(VISUAL, encoder="ViT-S-32", width=384)
    videos = [Made("a", ("A",), 5), Made("b", ("B1",), 9)]
    make_shard(tmp_path / "train-00000.h5", videos, crops=(5,), visual=small)
    make_shard(tmp_path / "test-00000.h5", [Made("t", ("A",), 20)], crops=(5,), split="test", visual=small)
    checkpoint = train(tmp_path, f"--model {model} --layers 1 --window 8 --batch 2")
    tensors = load_file(checkpoint)
    assert tensors["text"].shape == (7, 384)
    brought = {"network.audio_projection.weight"} if model == "teacher" else set()
    assert {name for name in tensors if "audio_projection" in name} == brought
    files = ["--checkpoint", str(checkpoint), "--shards", str(tmp_path), "--out", str(tmp_path / "scores.h5")]
    score([*files, "--device", "cpu"])
    header, scores = read_scores(tmp_path / "scores.h5")
    assert scores["t"].classes.shape == (20, 7)
    assert "ViT-S-32 (random:0, fp32)" in header.provenance.encoders
    assert ("by one linear layer, ours" in header.provenance.note) is bool(brought)


@pytest.mark.parametrize(
    ("visual", "message"),
    [
        (Encoding("I3D", "released", "released", "released", 1024), "encoder 'I3D': open_clip has no model"),
        (replace(VISUAL, width=1024), "texts of ViT-B-16-quickgelu are 512 numbers wide, but the shards' frames 1024"),
    ],
)
def test_rows_that_no_text_can_be_compared_with_are_refused(tmp_path: Path, visual: Encoding, message: str) -> None:
    make_shard(tmp_path / "train-00000.h5", [Made("a", ("A",), 5)], crops=(5,), visual=visual)
    with pytest.raises(InputError, match=f"^text_weights: {message}.*; train a method that reads no class names"):
        train(tmp_path, "--model vadclip --window 8")


def test_a_vocabulary_that_is_not_here_is_refused_for_trained_weights(tmp_path: Path) -> None:
    siglip = replace(VISUAL, encoder="ViT-B-16-SigLIP", width=768)
    make_shard(tmp_path / "train-00000.h5", [Made("a", ("A",), 5)], crops=(5,), visual=siglip)
    with pytest.raises(InputError, match="ViT-B-16-SigLIP reads texts by the vocabulary timm/ViT-B-16-SigLIP"):
        train(tmp_path, "--model vadclip --window 8", text_weights=str(tmp_path / "weights.pt"))


def test_a_run_that_diverges_keeps_its_last_good_epoch_as_a_checkpoint_and_writes_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_shard(
        tmp_path / "train-00000.h5", [Made(f"v{i}", ("A",) if i % 2 else ("B1",), 9) for i in range(4)], crops=(5,)
    )

    def much_too_high(optimizer: torch.optim.Optimizer, recipe: Recipe, epoch: int) -> None:
        for group in optimizer.param_groups:
            group["lr"] = 1e30 if epoch == 1 else 1e-4

    monkeypatch.setattr("train.loop.set_learning_rates", much_too_high)
    line = r"^hl_net seed 234: epoch 2, step \d of 4: .*; the last good epoch, 1, is kept in .*last_good\.safetensors$"
    with pytest.raises(InputError, match=line):
        train(tmp_path, "--model hl_net --epochs 3 --batch 1")
    assert not (tmp_path / "model.safetensors").exists()
    assert read_header(tmp_path / "p/last_good.safetensors").epoch == 1
    assert check(tmp_path / "p/last_good.safetensors") == ("checkpoint", [])
