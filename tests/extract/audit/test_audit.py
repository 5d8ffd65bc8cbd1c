import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from extract.audit import __main__ as audit
from extract.base.errors import InputError
from extract.catalog import Video, write_catalog
from extract.encoders.clip import load_clip
from extract.shard import Encoding, Shard, ShardHeader, new_shard
from tests import forked_python
from tests.extract.made_videos import write_video
from tests.shards import VISUAL, Made, make_shard

ENCODING = Encoding("ViT-B-16-quickgelu", "random:0", "fp32", "resize")
# Another encoder than the usual one, which costs three times as much.
MODEL = "ViT-B-32-quickgelu"


def write(
    folder: Path,
    features: dict[str, np.ndarray],
    crops: tuple[int, ...] = (0,),
    frames: int = -1,
    encoder: str = ENCODING.encoder,
) -> Path:
    """Write features [T, crops, 512] as a test shard in ``folder``."""
    header = ShardHeader("xd", "test", 16, crops, replace(ENCODING, encoder=encoder), None)
    with new_shard(folder / "test-00000.h5", header, "float32") as writer:
        for name, rows in features.items():
            writer.add(name, ("A",), rows, None, audio_sounding=0, frames=frames, fps=float("nan"))
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    """Read a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_common_video_and_crop_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw = np.random.default_rng(0)
    first = draw.standard_normal((5, 2, 512)).astype(np.float32)
    second = (first + 0.5 * draw.standard_normal(first.shape)).astype(np.float32)[:4]
    own = {"a": first, "b": first, "mine": first}
    other = {"b": 3 * first[:, ::-1], "theirs": second, "a": second[:, ::-1]}
    ours = write(tmp_path / "ours", own, (0, 5))
    released = write(tmp_path / "released", other, (5, 0))
    audit.main([str(ours), str(released), "--out", str(tmp_path / "out")])

    rows = rows_of(tmp_path / "out" / "similarity.csv")
    assert [(row["video_id"], row["crop"]) for row in rows] == [("a", "0"), ("a", "5"), ("b", "0"), ("b", "5")]
    lengths = np.linalg.norm(first[:4], axis=2) * np.linalg.norm(second, axis=2)
    cosines = (first[:4] * second).sum(axis=2) / lengths
    assert float(rows[1]["cosine_mean"]) == pytest.approx(cosines[:, 1].mean(), abs=1e-6)
    assert float(rows[1]["cosine_min"]) == pytest.approx(cosines[:, 1].min(), abs=1e-6)
    assert (rows[1]["rows_ours"], rows[1]["rows_released"]) == ("5", "4")
    assert float(rows[2]["cosine_mean"]) == pytest.approx(1)
    assert float(rows[2]["norm_released"]) == pytest.approx(3 * float(rows[2]["norm_ours"]), rel=1e-5)
    said = capsys.readouterr().out
    assert "2 videos in both" in said
    assert f"1 videos only in {ours}: mine" in said
    assert f"1 videos only in {released}: theirs" in said
    assert "1 of them differ in their number of rows, first a: 5 and 4" in said
    assert (tmp_path / "out" / "audit.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "out" / "diagnosis.csv").exists()


def test_videos_are_found_across_shards(tmp_path: Path) -> None:
    for folder in ("ours", "released"):
        make_shard(tmp_path / folder / "test-00000.h5", [Made("a", ("A",), 3)], split="test", seed=1)
        make_shard(tmp_path / folder / "test-00001.h5", [Made("b", ("A",), 4)], split="test", seed=2)
    audit.main([str(tmp_path / "ours"), str(tmp_path / "released"), "--out", str(tmp_path)])
    assert [row["cosine_min"] for row in rows_of(tmp_path / "similarity.csv")] == ["1", "1"]


@pytest.mark.parametrize(
    ("other", "arguments", "message"),
    [
        ({"x": 0}, [], r"no video in common; ours begins with 'a', the other with 'x'"),
        ({"a": 3}, [], r"crops \(0,\).*\(3,\): none in both"),
        ({"a": 0}, ["--weights", "random:0"], "--catalog and --weights belong together"),
        ({"a": 0}, ["--frames", "1"], "--frames at least 2"),
        ({"a": 0}, ["--split", "train"], r"no shard named train-00000\.h5"),
    ],
)
def test_what_cannot_be_compared_is_named(
    tmp_path: Path, other: dict[str, int], arguments: list[str], message: str
) -> None:
    ours = write(tmp_path / "ours", {"a": np.ones((3, 1, 512))})
    ((name, crop),) = other.items()
    released = write(tmp_path / "released", {name: np.ones((3, 1, 512))}, (crop,))
    with pytest.raises(InputError, match=message):
        audit.main([str(ours), str(released), "--out", str(tmp_path), *arguments])


def test_shards_of_one_folder_must_belong_together(tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    make_shard(ours / "test-00000.h5", [Made("a", ("A",), 3)], split="test")
    make_shard(ours / "test-00001.h5", [Made("b", ("A",), 4)], split="test", stride=4)
    with pytest.raises(InputError, match=r"test-00001\.h5: stride or crops differ from .*test-00000\.h5"):
        audit.main([str(ours), str(ours), "--out", str(tmp_path)])
    make_shard(ours / "test-00001.h5", [Made("a", ("A",), 4)], split="test")
    with pytest.raises(InputError, match=r"test-00001\.h5: 'a' stands also in .*test-00000\.h5"):
        audit.main([str(ours), str(ours), "--out", str(tmp_path)])


@pytest.mark.usefixtures("ready_clip")
def test_a_diagnosis_needs_the_videos(tmp_path: Path) -> None:
    ours = write(tmp_path / "ours", {"a": np.ones((3, 1, 512))}, frames=48)
    write_catalog(tmp_path / "catalog.jsonl", [Video("a", "test", "", ("A",))])
    command = [str(ours), str(ours), "--out", str(tmp_path), "--catalog", str(tmp_path / "catalog.jsonl")]
    with pytest.raises(InputError, match="none of its videos is in the catalog with a path"):
        audit.main([*command, "--weights", "random:0", "--device", "cpu"])
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    write_catalog(tmp_path / "catalog.jsonl", [Video("a", "test", str(tmp_path / "broken.mp4"), ("A",))])
    with pytest.raises(InputError, match=r"broken\.mp4: .*fetch it again or leave it out of the catalog"):
        audit.main([*command, "--weights", "random:0", "--device", "cpu", "--frames", "2"])


@pytest.mark.parametrize("encoder", ["ViT-B-16", "ViT-L-14-336-quickgelu", "I3D"])
def test_features_whose_causes_are_not_known_are_not_diagnosed(tmp_path: Path, encoder: str) -> None:
    ours = write(tmp_path / "ours", {"a": np.ones((3, 1, 512))}, encoder=encoder)
    write_catalog(tmp_path / "catalog.jsonl", [Video("a", "test", "", ("A",))])
    command = [str(ours), str(ours), "--out", str(tmp_path), "--catalog", str(tmp_path / "catalog.jsonl")]
    with pytest.raises(InputError, match=rf"{ours}: was made with {encoder}; causes are known for .*leave --weights"):
        audit.main([*command, "--weights", "random:0", "--device", "cpu"])


def test_comparing_needs_no_torch() -> None:
    code = "import sys, extract.audit, extract.audit.similarity, extract.audit.search; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_help_is_quick() -> None:
    code = "import sys, extract.audit.__main__ as step; step.parser().format_help(); print(sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not [name for name in ("torch", "h5py", "numpy", "matplotlib", "av") if f"'{name}'" in modules]


def test_from_npy_files_to_a_named_cause(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole way on the command line: the script's files, imported as the authors' are, and audited."""
    clip, _ = load_clip("random:0", MODEL)
    draw = np.random.default_rng(0)
    coarse = draw.integers(0, 255, (60, 24, 3)).repeat(12, 0).repeat(12, 1).astype(np.uint8)
    video = write_video(tmp_path / "v=1__#1_label_A.mp4", [coarse[10 * t : 10 * t + 280, :280] for t in range(19)])
    weights = tmp_path / "clip.safetensors"
    save_file({name: value.contiguous() for name, value in clip.state_dict().items()}, weights)
    python = forked_python.folder() / "python"
    script = [python, "-m", "tests.extract.audit.perturbed_features", str(video), "--out", str(tmp_path / "npy")]
    script += ["--weights", str(weights), "--model", MODEL, "--bgr", "--last", "whole"]
    subprocess.run(script, check=True, capture_output=True)
    (tmp_path / "list.csv").write_text("path,label\n/home/x/v=1__#1_label_A__0.npy,A\n")
    released = ["--list", str(tmp_path / "list.csv"), "--root", str(tmp_path / "npy"), "--split", "test"]
    released += ["--dataset", "xd", "--stride", "4", "--visual-encoder", MODEL, "--out", str(tmp_path / "released")]
    subprocess.run([python, "-m", "extract.released", *released], check=True, capture_output=True)

    with Shard(tmp_path / "released" / "test-00000.h5") as shard:
        own = shard.visual(shard.videos[0], 0)[:, None]
    header = ShardHeader("xd", "test", 4, (0,), replace(VISUAL, encoder=MODEL), None)
    with new_shard(tmp_path / "ours" / "test-00000.h5", header, "float16") as writer:
        writer.add(video.stem, ("A",), own, None, audio_sounding=0, frames=-1, fps=float("nan"))
    write_catalog(tmp_path / "catalog.jsonl", [Video(video.stem, "test", str(video), ("A",))])
    command = [str(tmp_path / "ours"), str(tmp_path / "released"), "--out", str(tmp_path / "out")]
    command += ["--catalog", str(tmp_path / "catalog.jsonl"), "--weights", str(weights)]
    audit.main([*command, "--videos", "1", "--frames", "2", "--device", "cpu"])

    said = capsys.readouterr().out
    assert "Differs: BGR for RGB; last snippet absent\n" in said
    tried = rows_of(tmp_path / "out" / "diagnosis.csv")
    assert (tried[0]["standing"], tried[0]["channels"], tried[0]["causes"]) == ("best", "bgr", "BGR for RGB")
    assert [float(row["misfit"]) for row in tried] == sorted(float(row["misfit"]) for row in tried)
    assert float(tried[0]["misfit"]) < 0.0003 < float(tried[1]["misfit"])
    assert {row["channels"] for row in tried} == {"rgb", "bgr"}
    assert (tmp_path / "out" / "audit.png").stat().st_size > 10_000


def test_features_that_are_not_finite_are_refused_by_shard_video_and_row(tmp_path: Path) -> None:
    rows = np.ones((4, 1, 512), np.float32)
    broken = rows.copy()
    broken[2, 0, 7] = np.nan
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ours, other = write(tmp_path / "a", {"v": rows}), write(tmp_path / "b", {"v": broken})
    with pytest.raises(InputError, match=r"b/test-00000\.h5: 'v', crop 0: row 2 is not finite"):
        audit.main([str(ours), str(other), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out/similarity.csv").exists()
