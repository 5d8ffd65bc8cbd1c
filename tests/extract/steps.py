"""The steps of extraction as a user would call them, with small settings."""

from collections.abc import Sequence
from pathlib import Path

from extract import align, audio, visual
from extract.catalog import Video, write_catalog

STRIDE = 5
SECONDS = 1 / 25 * STRIDE


def catalog_of(folder: Path, videos: Sequence[Path], split: str = "train") -> Path:
    """List ``videos`` in ``folder``/catalog.jsonl."""
    folder.mkdir(exist_ok=True)
    write_catalog(folder / "catalog.jsonl", [Video(path.stem, split, str(path), ("A",)) for path in videos])
    return folder / "catalog.jsonl"


def visual_arguments(catalog: Path, *more: str) -> list[str]:
    """Give the arguments of the visual step; its outputs lie beside the catalog."""
    folder = catalog.parent
    arguments = ["--catalog", str(catalog), "--split", "train", "--stride", str(STRIDE), "--crops", "0", "5"]
    arguments += ["--weights", "random:0", "--precision", "auto", "--batch", "4", "--device", "cpu"]
    arguments += ["--partial", str(folder / "partial"), "--out", str(folder / "visual.h5")]
    return [*arguments, "--failures", str(folder / "visual.csv"), *more]


def run_visual(catalog: Path, *more: str) -> Path:
    """Run the visual step and give its work file."""
    visual.main(visual_arguments(catalog, *more))
    return catalog.parent / "visual.h5"


def run_audio(catalog: Path, *more: str) -> Path:
    """Run the audio step after the visual one and give its work file."""
    folder = catalog.parent
    arguments = ["--catalog", str(catalog), "--visual", str(folder / "visual.h5"), "--weights", "random:0"]
    arguments += ["--batch", "4", "--device", "cpu", "--partial", str(folder / "partial-audio")]
    audio.main([*arguments, "--out", str(folder / "audio.h5"), "--failures", str(folder / "audio.csv"), *more])
    return folder / "audio.h5"


def run_align(folder: Path, *more: str, with_audio: bool = True) -> Path:
    """Run the aligning step after the others and give its shard."""
    arguments = ["--visual", str(folder / "visual.h5"), "--visual-failures", str(folder / "visual.csv")]
    if with_audio:
        arguments += ["--audio", str(folder / "audio.h5"), "--audio-failures", str(folder / "audio.csv")]
    arguments += ["--dataset", "xd", "--split", "train", "--note", "simulated"]
    arguments += ["--out", str(folder / "train-00000.h5"), "--failures", str(folder / "train-00000.csv")]
    align.main([*arguments, *more])
    return folder / "train-00000.h5"
