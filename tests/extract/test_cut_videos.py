"""Who wants a file that seems to be cut short gets it, and nobody takes it for whole."""

from pathlib import Path

import numpy as np
import pytest

from extract import cctv, own
from extract.base.errors import InputError
from extract.catalog import Segment, read_catalog
from extract.cut_videos import cut_note, cut_notes
from extract.failures import read_failures
from extract.media.decode import Timeline, UnreadableVideo
from extract.media.reading import End, read_timeline, read_videos
from extract.shard import Shard
from extract.workfile import WorkFile
from tests.extract.made_videos import cut_short, number_of, to_front, write_numbered
from tests.extract.steps import catalog_of, run_align, run_visual


def seen(path: Path) -> list[int]:
    events = [event for _, event in read_videos([(0, path)], stride=1, threads=2, workers=1, cut=True)]
    assert events[-1] == End()
    # A second timeline replaces what came before it.
    last = max(index for index, event in enumerate(events) if isinstance(event, Timeline))
    return [number_of(event) for event in events[last:] if isinstance(event, np.ndarray)]


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "libx264"), (".mkv", "libx264"), (".avi", "mpeg4"), (".flv", "flv")]
)
def test_what_is_there_of_a_cut_file_is_taken_only_on_request(tmp_path: Path, suffix: str, codec: str) -> None:
    path = write_numbered(tmp_path / f"v{suffix}", 100, codec=codec, options={"bf": "0"})
    path = cut_short(to_front(path) if suffix == ".mp4" else path, 0.6)
    with pytest.raises(UnreadableVideo, match="is cut short"):
        read_timeline(path)
    timeline = read_timeline(path, cut=True)
    assert timeline.cut.startswith("is cut short: ")
    numbers = seen(path)
    assert 20 < len(numbers) == len(timeline.starts) < 100
    # The last picture may be half a one that the decoder mends.
    assert numbers[:-1] == list(range(len(numbers) - 1))


def test_a_file_that_is_whole_is_the_same_with_the_setting(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "v.mp4", 40)
    one, other = read_timeline(path), read_timeline(path, cut=True)
    assert (one.starts.tolist(), one.frame_seconds, one.cut) == (other.starts.tolist(), other.frame_seconds, other.cut)
    assert one.cut == ""


@pytest.mark.usefixtures("ready_clip")
def test_a_cut_video_is_named_in_the_shard_s_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = cut_short(write_numbered(tmp_path / "a.mkv", 100), 0.6)
    whole = write_numbered(tmp_path / "b.mp4", 10)
    catalog = catalog_of(tmp_path / "run", [short, whole])
    run_visual(catalog)
    assert [failure.video_id for failure in read_failures(catalog.parent / "visual.csv")] == ["short-a"]

    capsys.readouterr()
    with WorkFile(run_visual(catalog, "--cut", "take"), "visual") as work:
        assert str(work.videos["short-a"]["cut"]).startswith("is cut short: ")
        assert work.videos["b"]["cut"] == ""
    assert "short-a: is cut short: " in capsys.readouterr().err
    with Shard(run_align(catalog.parent, with_audio=False)) as shard:
        assert [video.video_id for video in shard.videos] == ["short-a", "b"]
        assert shard.header.note == "simulated; taken though cut short: short-a"


def test_a_cut_video_is_named_in_the_catalog(tmp_path: Path) -> None:
    short = cut_short(write_numbered(tmp_path / "a.mkv", 100), 0.6)
    rows, out = tmp_path / "list.csv", tmp_path / "catalog.jsonl"
    rows.write_text(f"video,split,labels,segments,unit\n{short.name},test,B1,B1 0.4 0.8,seconds\n")
    arguments = ["--videos", str(tmp_path), "--list", str(rows), "--dataset", "xd", "--out", str(out)]
    with pytest.raises(InputError, match="is cut short"):
        own.main(arguments)
    own.main([*arguments, "--cut", "take"])
    (video,) = read_catalog(out)
    assert video.segments == (Segment("B1", 10, 20),)
    assert video.cut.startswith("is cut short: ")
    fights = cctv.fights_of_file(cctv.TimedFights(((0.4, 0.8),), None, "here"), str(short), cut=True)
    assert (fights.segments, fights.cut) == (video.segments, video.cut)


def test_many_cut_videos_are_counted() -> None:
    assert cut_note([]) == ""
    note = cut_note(["a", "b;c", "d", "e", "f"])
    assert note == "taken though cut short: a, b,c, d and 2 more"
    assert cut_notes(f"demo; {note}") == [note]
