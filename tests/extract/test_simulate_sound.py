"""The sound study's data: what is planted is there, and nothing else differs."""

from pathlib import Path

import numpy as np
import pytest

from extract.base.errors import InputError
from extract.catalog import read_catalog
from extract.check import check
from extract.shard import Shard
from extract.simulate_sound import main


def made(folder: Path, sound: float, train: int = 40, sight: float = 1.5) -> Path:
    main(["--train", str(train), "--test", "200", "--sound", str(sound), "--sight", str(sight), "--out", str(folder)])
    return folder


def rows(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    with Shard(path) as shard:
        return {video.video_id: (shard.visual(video, 0), shard.audio(video)) for video in shard.videos}


def shift(folder: Path, stream: int) -> float:
    """How far events lie from normal rows, in standard deviations of the rows along the line between their means."""
    tested = rows(folder / "test-00000.h5")
    normal, event = [], []
    for video in read_catalog(folder / "catalog.jsonl"):
        if video.split == "test":
            own = tested[video.video_id][stream]
            inside = np.zeros(len(own), bool)
            for segment in video.segments or ():
                inside[segment.start // 16 : segment.end // 16] = True
            normal.append(own[~inside])
            event.append(own[inside])
    quiet, loud = np.concatenate(normal), np.concatenate(event)
    line = loud.mean(axis=0) - quiet.mean(axis=0)
    line /= np.linalg.norm(line)
    return float((loud @ line).mean() - (quiet @ line).mean()) / float((quiet @ line).std())


def test_files_keep_their_contract_and_say_that_they_are_simulated_and_how(tmp_path: Path) -> None:
    made(tmp_path, sound=3)
    assert check(tmp_path / "catalog.jsonl") == ("catalog", [])
    for split in ("train", "test"):
        assert check(tmp_path / f"{split}-00000.h5") == ("shard", [])
    with Shard(tmp_path / "train-00000.h5") as shard:
        assert shard.header.visual.weights == "simulated:0"
        assert shard.header.note == "simulated features: sight tells 1.5, sound 3; 40 training videos"
        assert {video.labels for video in shard.videos} == {
            (code,) for code in ("A", "B1", "B2", "B4", "B5", "B6", "G")
        }


def test_sound_tells_as_much_as_was_asked_for_and_sight_tells_the_same(tmp_path: Path) -> None:
    told = [shift(made(tmp_path / str(sound), sound), stream=1) for sound in (0, 2, 4)]
    assert told[0] < 0.4
    # All classes together are told by what they share alone.
    assert told[0] < 0.6 * told[1] < 0.6 * 0.7 * told[2]
    for sound in (2, 4):
        quiet, loud = rows(tmp_path / "0/train-00000.h5"), rows(tmp_path / f"{sound}/train-00000.h5")
        assert all(np.array_equal(quiet[name][0], loud[name][0]) for name in quiet)


def test_more_training_videos_leave_the_others_and_the_test_videos_as_they_are(tmp_path: Path) -> None:
    few, many = made(tmp_path / "few", 2, train=10), made(tmp_path / "many", 2, train=30)
    for name in ("train-00000.h5", "test-00000.h5"):
        less, more = rows(few / name), rows(many / name)
        assert less.keys() <= more.keys()
        for video_id, (visual, audio) in less.items():
            assert np.array_equal(visual, more[video_id][0])
            assert np.array_equal(audio, more[video_id][1])


def test_rows_are_as_long_as_clips_and_vary_along_few_directions(tmp_path: Path) -> None:
    stacked = np.concatenate([visual for visual, _ in rows(made(tmp_path, 0, sight=0) / "train-00000.h5").values()])
    assert np.linalg.norm(stacked, axis=1).mean() == pytest.approx(10, rel=0.05)
    assert np.linalg.matrix_rank(stacked, tol=0.5) == 32


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--train", "1"], "--train 1 and --test 150 must be at least 2"),
        (["--snippets", "3"], "--snippets 3 must be at least 4"),
        (["--sight", "nan"], "--sight nan"),
    ],
)
def test_what_makes_no_study_is_named(tmp_path: Path, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        main(["--sound", "1", "--out", str(tmp_path / "none"), *words])
    assert not (tmp_path / "none").exists()
