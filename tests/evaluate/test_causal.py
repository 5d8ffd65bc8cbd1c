"""What live costs: scores of which none knows what comes later, and the protocol that measures them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluate.metrics import main as metrics
from evaluate.scores_file import read_scores
from evaluate.tables import main as table
from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog
from extract.shard import Shard
from extract.sound_statistics import PAST, WHOLE, standardised
from tests.evaluate.test_score import SNIPPETS, save_model, score, text
from tests.shards import AUDIO, VISUAL, Made, make_shard
from train.checkpoint import TrainedOn

ENDING = "mean/std of the whole video"
WHOLE_SOUND = replace(AUDIO, preprocessing=f"spectrogram; {ENDING}")
PAST_SOUND = replace(AUDIO, preprocessing=standardised(WHOLE_SOUND.preprocessing, PAST))
VIDEOS = [Made("long", ("B1",), 19, audio_rows=17), Made("short", ("A",), 3)]


def scored(folder: Path, *extra: str, seed: int = 0, sound=PAST_SOUND) -> dict:  # type: ignore[no-untyped-def, type-arg]
    folder.mkdir(exist_ok=True)
    save_model(folder / "model.safetensors", trained_on=TrainedOn(16, (0, 5), VISUAL, WHOLE_SOUND, ""))
    make_shard(folder / "test-00000.h5", VIDEOS, split="test", crops=(0, 5), audio=sound, seed=seed)
    score(folder, *extra)
    header, scores = read_scores(folder / "scores.h5")
    assert header.causal == ("--causal" in extra)
    return scores


def test_each_score_is_that_of_the_last_row_of_the_window_that_ends_with_it(tmp_path: Path) -> None:
    scores = scored(tmp_path, "--causal")
    network = save_model(tmp_path / "same.safetensors")
    with Shard(tmp_path / "test-00000.h5") as shard, torch.no_grad():
        for video in shard.videos:
            visual, sound = shard.visual(video, 1), np.zeros((video.snippets, 512), np.float32)
            sound[: video.audio_rows] = shard.audio(video)
            for row in range(video.snippets):
                first = max(0, row + 1 - SNIPPETS)
                window = np.zeros((2, 1, SNIPPETS, 512), np.float32)
                window[0, 0, : row + 1 - first], window[1, 0, : row + 1 - first] = (
                    rows[first : row + 1] for rows in (visual, sound)
                )
                seen, heard = map(torch.from_numpy, window)
                output = network(seen, heard, torch.tensor([row + 1 - first]), text())
                classes = output.class_logits.softmax(-1)[0, row - first]
                found = scores[video.video_id]
                assert found.anomaly[row] == pytest.approx(
                    float(output.anomaly_logits.sigmoid()[0, row - first]), abs=1e-6
                )
                np.testing.assert_allclose(found.classes[row], classes, atol=1e-6)
    assert read_scores(tmp_path / "scores.h5")[0].provenance.note.startswith("causal: no score knows what comes later")


def test_what_comes_later_changes_no_causal_score_and_does_change_the_others(tmp_path: Path) -> None:
    """The first nine rows of two sets are the same, and the others are not."""
    for name, words, alike in (("causal", ["--causal"], True), ("plain", ["--allow-mismatch"], False)):
        one = scored(tmp_path / f"{name}-0", *words)
        folder = tmp_path / f"{name}-1"
        scored(folder, *words, seed=1)
        _copy_rows(tmp_path / f"{name}-0" / "test-00000.h5", folder / "test-00000.h5", 9)
        score(folder, *words)
        other = read_scores(folder / "scores.h5")[1]
        same = np.isclose(one["long"].anomaly[:9], other["long"].anomaly[:9], rtol=0, atol=1e-6)
        # The ninth row begins a window of its own in the plain scores.
        assert same[8] == alike
        assert not np.isclose(one["long"].anomaly[9:], other["long"].anomaly[9:], atol=1e-6).all()


def _copy_rows(source: Path, target: Path, rows: int) -> None:
    import h5py

    with h5py.File(source) as one, h5py.File(target, "r+") as other:
        for name in ("visual", "audio"):
            other[name][:rows] = one[name][:rows]


def test_sound_that_is_standardised_by_whole_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"its sound is standardised by whole videos.*extract.audio --statistics past"):
        scored(tmp_path, "--causal", sound=WHOLE_SOUND)
    with pytest.raises(InputError, match="audio_preprocessing: checkpoint trained on"):
        scored(tmp_path, sound=PAST_SOUND)
    assert standardised(WHOLE_SOUND.preprocessing, WHOLE) == WHOLE_SOUND.preprocessing


def test_the_protocol_causal_stands_beside_released_and_exact_and_in_tables(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.jsonl"
    write_catalog(
        catalog,
        [Video("long", "test", "l.mp4", ("B1",), (Segment("B1", 40, 200),)), Video("short", "test", "s.mp4", ("A",))],
    )
    scored(tmp_path / "plain", sound=WHOLE_SOUND)
    live = scored(tmp_path / "live", "--causal")
    words = ["--scores", str(tmp_path / "plain" / "scores.h5"), "--catalog", str(catalog), "--resamples", "100"]
    out = tmp_path / "metrics.json"
    metrics([*words, "--causal", str(tmp_path / "live" / "scores.h5"), "--out", str(out)])
    found = json.loads(out.read_text())
    assert found["alignment"].keys() == {"released", "exact", "causal"}
    # By sklearn, frame by frame.
    from sklearn.metrics import average_precision_score

    values = np.concatenate([np.repeat(live[name].anomaly, 16) for name in ("long", "short")])
    truth = np.zeros(len(values), bool)
    truth[40:200] = True
    assert found["classification"]["causal"]["ap"] == pytest.approx(100 * average_precision_score(truth, values))
    words_of_table = ["--table", "1", "--measured", f"m={out}", "--row", "m=ours", "--protocol", "causal"]
    table([*words_of_table, "--branch", "classification", "--out", str(tmp_path / "table.csv")])
    assert f"{found['classification']['causal']['ap']:.2f}" in (tmp_path / "table.csv").read_text()

    with pytest.raises(InputError, match="attribute causal is false; make these scores by evaluate.score --causal"):
        metrics([*words, "--causal", str(tmp_path / "plain" / "scores.h5"), "--out", str(out)])
