"""Methods on the features that they were published on: from the authors' files to a row that says so."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluate.score import main as score
from evaluate.scores_file import read_scores
from extract.published_encoders import I3D_1024, I3D_2048, VGGISH
from extract.released import main as import_features
from train.methods import METHODS
from train.networks import build_network
from train.run import main as train
from train.settings import Architecture

RANDOM = np.random.default_rng(2)


def release(folder: Path, split: str, videos: dict[str, int]) -> list[str]:
    """Write features as XDVioDet has them, narrow, two crops, and give the words that import them."""
    lines: dict[str, list[str]] = {"rgb": [], "audio": []}
    for video, rows in videos.items():
        names = {f"{video}__{crop}.npy": (rows, 16) for crop in range(2)} | {f"{video}__vggish.npy": (rows, 8)}
        for name, shape in names.items():
            np.save(folder / name, RANDOM.standard_normal(shape).astype(np.float32))
            lines["audio" if "vggish" in name else "rgb"].append(f"/home/wu/{name}")
    for kind, listed in lines.items():
        (folder / f"{kind}_{split}.list").write_text("\n".join(listed))
    words = ["--list", f"{folder}/rgb_{split}.list", "--audio-list", f"{folder}/audio_{split}.list", "--split", split]
    encoders = ["--visual-encoder", I3D_1024, "--audio-encoder", VGGISH]
    return [*words, "--root", str(folder), "--out", str(folder / "shards"), "--dataset", "xd", *encoders]


def note_of(folder: Path, model: str, *more: str) -> str:
    """Train a model for an epoch on what was imported, score it, and give its note."""
    out = folder / f"{model}.safetensors"
    recipe = f"--model {model} --max-snippets 8 --epochs 1 --batch 2 --selection last --scoring-crop all"
    written = ["--out", str(out), "--partial", str(folder / f"{model}-partial"), "--curves", str(folder / "curves.csv")]
    train([*recipe.split(), "--shards", str(folder / "shards"), *written, "--device", "cpu", *more])
    files = ["--checkpoint", str(out), "--shards", str(folder / "shards"), "--out", str(folder / f"{model}.h5")]
    score([*files, "--device", "cpu"])
    return read_scores(folder / f"{model}.h5")[0].provenance.note


def test_a_row_made_on_them_says_so_and_one_made_on_others_names_them(tmp_path: Path) -> None:
    import_features(release(tmp_path, "train", {f"{n}__#1_label_{c}": 9 + n for n in range(4) for c in ("A", "B1")}))
    import_features(release(tmp_path, "test", {"t__#1_label_B1-0-0": 12}))
    assert "released network; features as published" in note_of(tmp_path, "hl_net")
    assert "features as published" in note_of(tmp_path, "hl_net_audio_visual")
    assert "reimplemented, i3d-rgb-1024 features" in note_of(tmp_path, "clip_tsa", "--sampling", "paired")
    header, scores = read_scores(tmp_path / "hl_net.h5")
    assert header.provenance.features == "released, stride 16, mean of all crops"
    means = []
    for crop in ("0", "1"):
        files = ["--checkpoint", f"{tmp_path}/hl_net.safetensors", "--shards", f"{tmp_path}/shards", "--crop", crop]
        score([*files, "--out", str(tmp_path / "one.h5"), "--device", "cpu"])
        means.append(read_scores(tmp_path / "one.h5")[1]["t__#1_label_B1-0-0"].anomaly)
    assert not np.allclose(means[0], means[1])
    np.testing.assert_allclose(scores["t__#1_label_B1-0-0"].anomaly, np.mean(means, axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("model", "widths", "parameters"),
    [
        # As the released networks have, by hand: HL-Net's first layer is 512 * width larger than on 512 numbers.
        ("hl_net", (1024, 128), 415_810 + 512 * 512),
        ("hl_net_audio_visual", (1024, 128), 415_810 + (1024 + 128 - 512) * 512),
        ("deep_mil", (2048, 512), 279_105 + (2048 - 512) * 512),
        ("ur_dmu", (1024, 128), 5_706_497 + 512 * 512 * 3),
        ("ur_dmu_audio_visual", (1024, 128), 5_706_497 + (1024 + 128 - 512) * 512 * 3),
    ],
)
def test_networks_are_as_large_as_the_published_ones(model: str, widths: tuple[int, int], parameters: int) -> None:
    from extract.shard import Widths

    with torch.device("meta"):
        network = build_network(Architecture(model), widths=Widths(*widths))
    assert sum(weight.numel() for weight in network.parameters()) == parameters


def test_rtfm_and_macil_sd_can_be_built_at_the_published_widths() -> None:
    from extract.shard import Widths

    with torch.device("meta"):
        rtfm = build_network(Architecture("rtfm"), widths=Widths(2048, 512))
        macil = build_network(Architecture("macil_sd"), widths=Widths(1024, 128))
    shapes = {name: list(weight.shape) for name, weight in rtfm.named_parameters()}
    # The released pyramid: three dilated convolutions 2048 -> 512, and 2048 -> 2048 at its end.
    assert sum(shape == [512, 2048, 3] for shape in shapes.values()) == 3
    assert [2048, 2048, 3] in shapes.values()
    assert {tuple(weight.shape) for weight in macil.parameters()} >= {(128, 1024), (128, 128)}


def test_every_method_that_names_published_features_is_another_author_s() -> None:
    named = {name: method.published_on for name, method in METHODS.items() if method.published_on}
    assert all(METHODS[name].is_baseline for name in named)
    assert (I3D_2048,) in named["rtfm"]
    for name, published in named.items():
        hears = METHODS[name].reads_audio(Architecture(name))
        assert {len(encoders) for encoders in published} == ({2} if hears else {1}), json.dumps(published)
