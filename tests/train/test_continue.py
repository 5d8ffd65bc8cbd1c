"""Training a checkpoint further: its weights, a fresh optimiser, and only on what it was trained for."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from evaluate.score import main as score
from evaluate.scores_file import read_scores
from extract.base.errors import InputError
from extract.datasets import DATA_SETS
from tests.shards import VISUAL, Made, make_shard
from tests.train.narrow_clip import narrow_clip
from train.checkpoint import read_header, save_checkpoint
from train.run import main

SHAPE = "--model teacher --layers 1 --window 4 --max-snippets 16"


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extract.encoders.clip.load_clip", lambda weights, encoder: (narrow_clip(), weights))


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A trained teacher, and beside it shards of other videos of the same kind."""
    shards(tmp_path / "theirs")
    shards(tmp_path / "own", seed=7)
    return run(tmp_path / "theirs", f"{SHAPE} --scoring-crop 0 --epochs 2 --batch 4 --learning-rate 1e-3 --note demo")


def shards(folder: Path, **changes: object) -> None:
    folder.mkdir(exist_ok=True)
    videos = [Made(f"v{number}", ("A",) if number % 2 else ("B1",), 9) for number in range(8)]
    make_shard(folder / "train-00000.h5", videos, **changes)  # type: ignore[arg-type]


def run(folder: Path, words: str, text_weights: str = "random:0") -> Path:
    out = folder / "model.safetensors"
    files = {"shards": folder, "out": out, "partial": folder / "p", "curves": folder / "c"}
    paths = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    main([*paths, *words.split(), "--device", "cpu", "--text-weights", text_weights])
    return out


def test_a_checkpoint_that_is_trained_further_for_no_epoch_is_what_it_was(first: Path, tmp_path: Path) -> None:
    before, after = load_file(first), load_file(run(tmp_path / "own", f"--continue {first} --epochs 0"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_it_learns_at_a_tenth_of_the_rate_and_says_what_it_began_with(first: Path, tmp_path: Path) -> None:
    further = run(tmp_path / "own", f"--continue {first} --epochs 1")
    began, header = read_header(first), read_header(further)
    assert header.continued_from == hashlib.sha256(first.read_bytes()).hexdigest()
    assert header.architecture == began.architecture
    assert header.recipe == replace(began.recipe, epochs=1, learning_rate=1e-4)
    assert (header.scoring_crop, header.note) == (0, "demo")

    before, after = load_file(first), load_file(further)
    # Eight videos in batches of four: two steps of AdamW, each at most the rate a weight, and its decay.
    moved = {name: float((after[name] - before[name]).abs().max()) for name in before if name != "text"}
    assert max(moved.values()) <= 2.02 * 1e-4 * 1.1
    assert max(moved.values()) > 1e-4
    untouched = run(tmp_path / "theirs", f"{SHAPE} --scoring-crop 0 --epochs 0 --batch 4")
    assert any(float((before[name] - tensor).abs().max()) > 5e-4 for name, tensor in load_file(untouched).items()), (
        "the first training had moved the weights further than this"
    )

    make_shard(tmp_path / "own" / "test-00000.h5", [Made("t", ("A",), 20)], split="test")
    files = ["--checkpoint", str(further), "--shards", str(tmp_path / "own"), "--out", str(tmp_path / "s.h5")]
    score([*files, "--device", "cpu"])
    note = read_scores(tmp_path / "s.h5")[0].provenance.note
    assert f"trained further from the checkpoint {header.continued_from[:12]}" in note


def test_what_it_was_not_trained_for_is_refused_by_name(first: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    with pytest.raises(InputError, match=r"--layers: 2, but .*model\.safetensors.* has 1; leave --layers out"):
        run(own, f"--continue {first} --layers 2")
    with pytest.raises(InputError, match="--text-weights: random:3, but .*was trained with random:0"):
        run(own, f"--continue {first}", text_weights="random:3")
    shards(tmp_path / "stride", stride=8)
    with pytest.raises(InputError, match="cannot be trained further on these shards: stride: .*16, shards have 8"):
        run(tmp_path / "stride", f"--continue {first}")
    shards(tmp_path / "weights", visual=replace(VISUAL, weights="random:9"))
    with pytest.raises(InputError, match="visual_weights: checkpoint trained on 'random:0', shards have 'random:9'"):
        run(tmp_path / "weights", f"--continue {first}")
    ucf = [Made("n", ("Normal",), 9), Made("f", ("Fighting",), 9)]
    (tmp_path / "classes").mkdir()
    make_shard(tmp_path / "classes" / "train-00000.h5", ucf, dataset="ucf")
    with pytest.raises(InputError, match="its classes are A, B1, .*, theirs Normal, Abuse, .*list the videos by the"):
        run(tmp_path / "classes", f"--continue {first}")
    assert not any((tmp_path / name / "model.safetensors").exists() for name in ("own", "stride", "weights", "classes"))


def test_a_checkpoint_without_its_prompt_can_score_and_not_be_trained_further(first: Path, tmp_path: Path) -> None:
    tensors = {name: tensor for name, tensor in load_file(first).items() if not name.startswith("prompt.")}
    save_checkpoint(tmp_path / "bare.safetensors", read_header(first), tensors)
    with pytest.raises(InputError, match=r"bare\.safetensors: tensor prompt\..* is missing"):
        run(tmp_path / "own", f"--continue {tmp_path / 'bare.safetensors'}")


def test_a_baseline_is_trained_further_too(tmp_path: Path) -> None:
    shards(tmp_path / "own")
    words = "--model rtfm --max-snippets 16 --batch 2 --sampling paired --scoring-crop 0 --epochs 1 --optimiser adam"
    first = run(tmp_path / "own", words, text_weights="")
    first = first.rename(tmp_path / "first.safetensors")
    further = run(tmp_path / "own", f"--continue {first}", text_weights="")
    assert read_header(further).recipe.optimiser == "adam"
    assert read_header(further).continued_from
    assert DATA_SETS["xd"].model_codes == read_header(further).label_set(further).model_codes
