"""Imported checkpoints score whole videos as the released implementations did (see tests/golden)."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evaluate.score import main as score
from evaluate.scores_file import read_scores
from extract.datasets import DATA_SETS
from extract.shard import RELEASED_AUDIO, RELEASED_VISUAL, ShardHeader, new_shard
from tests.golden.fixture import features
from train.checkpoint import read_header

GOLDEN = Path(__file__).parents[1] / "golden/models.npz"
CROP = {"teacher": 5, "student": 5, "vadclip_xd": 0, "vadclip_ucf": 5}


def write_features(folder: Path, dataset: str, crop: int) -> list[int]:
    """Write the golden features as a shard of imported ones; give the videos' lengths."""
    with np.load(GOLDEN, allow_pickle=False) as golden:
        lengths: list[int] = golden["score_lengths"].tolist()
    header = ShardHeader(dataset, "test", 16, (crop,), RELEASED_VISUAL, None if dataset == "ucf" else RELEASED_AUDIO)
    with new_shard(folder / "test-00000.h5", header, "float32") as writer:
        for i, (visual, audio) in enumerate(zip(*features(lengths, "open/score"), strict=True)):
            sound = None if header.audio is None else audio
            writer.add(
                f"video{i}",
                (DATA_SETS[dataset].normal,),
                visual[:, None],
                sound,
                audio_sounding=0 if sound is None else len(sound),
                frames=-1,
                fps=math.nan,
            )
    return lengths


@pytest.mark.parametrize("model", list(CROP))
def test_an_imported_checkpoint_gives_the_golden_scores(
    tmp_path: Path, imported: Callable[[str], Path], model: str
) -> None:
    lengths = write_features(tmp_path, "ucf" if model == "vadclip_ucf" else "xd", CROP[model])
    files = ["--checkpoint", str(imported(model)), "--shards", str(tmp_path), "--out", str(tmp_path / "scores.h5")]
    score([*files, "--device", "cpu"])

    header, scores = read_scores(tmp_path / "scores.h5")
    assert header.provenance.features == f"released, stride 16, crop {CROP[model]}"
    assert header.provenance.mismatch == ()
    assert header.provenance.note == read_header(imported(model)).note
    with np.load(GOLDEN, allow_pickle=False) as golden:
        for i, length in enumerate(lengths):
            found = scores[f"video{i}"]
            assert len(found.anomaly) == length
            np.testing.assert_allclose(found.anomaly, golden[f"{model}/score/{i}/anomaly"], rtol=0, atol=1e-5)
            np.testing.assert_allclose(found.classes, golden[f"{model}/score/{i}/classes"], rtol=0, atol=1e-5)
