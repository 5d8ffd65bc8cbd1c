"""Trained on one data set, scored on another, on small made shards."""

import csv
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from evaluate import metrics, score
from evaluate.report import transfer_matrix
from evaluate.shared_classes import shared_classes
from evaluate.transfer import main
from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog
from extract.datasets import DATA_SETS
from tests.shards import AUDIO, VISUAL, Made, make_shard
from train.checkpoint import Header, TrainedOn, save_checkpoint
from train.networks import build_network
from train.settings import Architecture, Recipe

VIDEOS = {
    "xd": [
        ("n", ("A",), 3), ("b1", ("B1",), 5), ("b4", ("B4",), 4), ("b6", ("B6",), 4), ("both", ("B1", "B4"), 6)
    ],
    "ucf": [("un", ("Normal",), 4), ("road", ("RoadAccidents",), 6), ("arson", ("Arson",), 5)],
    "shanghaitech": [("01_001", ("Normal",), 4), ("01_0015", ("Abnormal",), 6)],
}  # fmt: skip


def add_set(folder: Path, name: str) -> list[str]:
    """Write a set's test shards and catalog; abnormal in the first half of a video."""
    labels = DATA_SETS[name]
    made = [Made(video_id, codes, snippets) for video_id, codes, snippets in VIDEOS[name]]
    make_shard(folder / name / "test-00000.h5", made, split="test", dataset=name, audio=None, seed=len(name))
    videos = [
        Video(
            video_id,
            "test",
            "",
            codes,
            tuple(Segment(code, 0, 8 * snippets) for code in codes if code != labels.normal),
        )
        for video_id, codes, snippets in VIDEOS[name]
    ]
    write_catalog(folder / f"{name}.jsonl", videos)
    return ["--shards", str(folder / name), "--catalog", str(folder / f"{name}.jsonl")]


def save_model(path: Path, dataset: str, model: str = "vadclip", seed: int = 3) -> str:
    labels = DATA_SETS[dataset]
    architecture = Architecture(model, layers=1, window=8, max_snippets=8) if model == "vadclip" else Architecture(
        model, max_snippets=8
    )  # fmt: skip
    torch.manual_seed(seed)
    network = build_network(architecture).eval()
    tells = architecture.tells_classes
    header = Header(
        architecture, dataset, labels.model_codes if tells else (), labels.prompts if tells else (),
        Recipe(seed=seed), 1, TrainedOn(16, (0,), VISUAL, AUDIO, ""), "random:0", 0, "",
    )  # fmt: skip
    state = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    text = torch.randn(len(header.classes), 512, generator=torch.Generator().manual_seed(seed))
    save_checkpoint(path, header, state | {"text": text})
    return str(path)


def matrix(folder: Path, checkpoints: list[str], sets: list[str], *more: str) -> dict[tuple[str, str], dict[str, str]]:
    given = [add_set(folder, name) for name in sets]
    shards, catalogs = [words[1] for words in given], [words[3] for words in given]
    out = folder / "results/transfer.csv"
    files = ["--checkpoint", *checkpoints, "--shards", *shards, "--catalog", *catalogs, "--out", str(out)]
    main([*files, "--device", "cpu", *more])
    with out.open(newline="") as file:
        return {(row["trained_on"], row["scored_on"]): row for row in csv.DictReader(file)}


def test_on_its_own_set_the_matrix_has_what_score_and_metrics_measure(tmp_path: Path) -> None:
    checkpoint = save_model(tmp_path / "xd.safetensors", "xd")
    cell = matrix(tmp_path, [checkpoint], ["xd"])["xd", "xd"]
    paths = ["--checkpoint", checkpoint, "--shards", str(tmp_path / "xd"), "--out", str(tmp_path / "scores.h5")]
    score.main([*paths, "--device", "cpu"])
    whole = metrics.measure(tmp_path / "scores.h5", tmp_path / "xd.jsonl")
    assert cell["ap_mean"] == f"{whole['classification']['released']['ap']:.2f}"
    assert cell["auc_mean"] == f"{whole['classification']['released']['auc']:.2f}"
    assert cell["map_mean"] == f"{whole['map']['abnormal']['avg']:.2f}"
    assert (cell["videos"], cell["runs"]) == ("5", "1")


def test_only_videos_whose_classes_both_sets_have_count(tmp_path: Path) -> None:
    cell = matrix(tmp_path, [save_model(tmp_path / "ucf.safetensors", "ucf")], ["xd"])["ucf", "xd"]
    # Riot is none of UCF-Crime's classes, and a video of riot and fighting is not one of fighting.
    assert cell["videos"] == "3"
    assert cell["classes"] == "normal, abuse, explosion, fighting, car accident, shooting"
    truth, told = [], []
    torch.manual_seed(3)
    model = build_network(Architecture("vadclip", layers=1, window=8, max_snippets=8)).eval()
    with h5py.File(tmp_path / "xd/test-00000.h5") as shard, torch.no_grad():
        order = [video_id for video_id, _, _ in VIDEOS["xd"]]
        for name in ("n", "b1", "b6"):
            start, snippets = (int(shard[f"videos/{column}"][order.index(name)]) for column in ("start", "snippets"))
            window = torch.zeros(1, 8, 512)
            window[0, :snippets] = torch.from_numpy(shard["visual"][start : start + snippets, 0])
            text = torch.randn(14, 512, generator=torch.Generator().manual_seed(3))
            out = model(window, torch.zeros(1, 8, 512), torch.tensor([snippets]), text)
            told.append(out.anomaly_logits[0, :snippets].sigmoid().flatten().repeat_interleave(16).numpy())
            truth.append(np.arange(16 * snippets) < (0 if name == "n" else 8 * snippets))
    labels, scores = np.concatenate(truth), np.concatenate(told)
    assert cell["auc_mean"] == f"{100 * roc_auc_score(labels, scores):.2f}"
    assert cell["ap_mean"] == f"{100 * average_precision_score(labels, scores):.2f}"


def test_a_set_that_only_tells_normal_from_abnormal_counts_every_video_and_no_class(tmp_path: Path) -> None:
    checkpoints = [save_model(tmp_path / f"{name}.safetensors", name) for name in ("xd", "shanghaitech")]
    cells = matrix(tmp_path, checkpoints, ["xd", "shanghaitech"])
    assert {key: row["videos"] for key, row in cells.items()} == {
        ("xd", "xd"): "5",
        ("xd", "shanghaitech"): "2",
        ("shanghaitech", "xd"): "5",
        ("shanghaitech", "shanghaitech"): "2",
    }
    assert cells["xd", "shanghaitech"]["classes"] == "normal, any anomaly"
    assert cells["xd", "shanghaitech"]["auc_mean"]
    assert cells["xd", "shanghaitech"]["map_mean"] == ""


def test_runs_of_one_method_are_one_line_with_mean_and_spread(tmp_path: Path) -> None:
    checkpoints = [save_model(tmp_path / f"{seed}.safetensors", "xd", "deep_mil", seed) for seed in (1, 2)]
    both = matrix(tmp_path, checkpoints, ["ucf"])["xd", "ucf"]
    alone = [float(matrix(tmp_path, [path], ["ucf"])["xd", "ucf"]["auc_mean"]) for path in checkpoints]
    assert both["runs"] == "2"
    assert float(both["auc_mean"]) == pytest.approx(np.mean(alone), abs=0.01)
    assert float(both["auc_std"]) == pytest.approx(np.std(alone, ddof=1), abs=0.02)
    assert both["map_mean"] == ""


def test_other_features_are_refused_unless_allowed_and_then_named(tmp_path: Path) -> None:
    checkpoint = save_model(tmp_path / "xd.safetensors", "xd")
    make_shard(
        tmp_path / "other/test-00000.h5",
        [Made("un", ("Normal",), 4)],
        split="test",
        dataset="ucf",
        audio=None,
        stride=4,
    )
    add_set(tmp_path, "ucf")
    words = ["--checkpoint", checkpoint, "--shards", str(tmp_path / "other"), "--catalog", str(tmp_path / "ucf.jsonl")]
    with pytest.raises(InputError, match="stride"):
        main([*words, "--out", str(tmp_path / "t.csv"), "--device", "cpu"])
    assert not (tmp_path / "t.csv").exists()
    main([*words, "--out", str(tmp_path / "t.csv"), "--device", "cpu", "--allow-mismatch"])
    assert "stride" in (tmp_path / "t.csv").read_text()


def test_two_folders_of_one_data_set_are_refused(tmp_path: Path) -> None:
    checkpoint = save_model(tmp_path / "xd.safetensors", "xd")
    with pytest.raises(InputError, match=r"/xd: is of data set 'xd', as .*/xd is; a matrix tells sets by name"):
        matrix(tmp_path, [checkpoint], ["xd", "xd"])


@pytest.mark.parametrize(
    ("one", "other", "pairs"),
    [
        ("xd", "tad", [("A", "Normal"), ("B6", "CarAccident")]),
        ("msad", "lad", [("Normal", "Normal"), ("Fighting", "Fighting"), ("Fire", "Fire")]),
        ("ucf", "lad", [("Normal", "Normal"), ("Fighting", "Fighting"), ("Stealing", "Thiefing")]),
        ("cctv", "xd", [("A", "A"), ("B1", "B1")]),
        ("ubnormal", "xd", [("Normal", "A")]),
    ],
)
def test_classes_are_the_same_where_their_words_are(one: str, other: str, pairs: list[tuple[str, str]]) -> None:
    assert shared_classes(DATA_SETS[one], DATA_SETS[other]).pairs == tuple(pairs)
    turned = shared_classes(DATA_SETS[other], DATA_SETS[one])
    assert {(b, a) for a, b in turned.pairs} == set(pairs)


def test_the_matrix_is_drawn_with_a_cell_for_each_pair(tmp_path: Path) -> None:
    checkpoints = [save_model(tmp_path / f"{name}.safetensors", name) for name in ("xd", "ucf")]
    cells = matrix(tmp_path, checkpoints, ["xd", "ucf"])
    table, picture = tmp_path / "results/transfer.csv", tmp_path / "results/transfer.svg"
    transfer_matrix.main([str(table), "--out", str(picture)])
    assert len(transfer_matrix.read_cells(table, "auc")) == len(cells) == 4
    # Letters are outlines; what they spell stands beside them.
    shown = re.findall("<!-- (.*) -->", picture.read_text())
    expected = [(f"{float(row['auc_mean']):.1f}", f"({row['videos']})") for row in cells.values()]
    assert shown.index("scored on (videos that count)") < shown.index("trained on") < shown.index(expected[0][0])
    first = shown.index(expected[0][0])
    assert list(zip(shown[first : first + 8 : 2], shown[first + 1 : first + 8 : 2], strict=True)) == expected
    assert shown[first + 8] == "vadclip"
    table.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="lacks the columns trained_on"):
        transfer_matrix.main([str(table), "--out", str(picture)])
