"""Catalogs and shards count the same frames, so that ground truth and features share an axis."""

import shutil
import subprocess
from pathlib import Path

import pytest

from extract import cctv, own
from extract.catalog import Segment, Video, read_catalog
from extract.media.reading import read_videos
from tests.cases.odd_packets import empty_samples, motion_jpeg, vp8_altref
from tests.extract.made_videos import OPEN_GROUPS, number_of, without_first_packets, write_numbered


def catalogued(path: Path, row: str) -> Video:
    """Make the catalog line of a test video with one row of an own list."""
    rows = path.parent / "list.csv"
    rows.write_text(f"video,split,labels,segments,unit\n{path.name},test,B1,{row}\n")
    out = path.parent / "catalog.jsonl"
    own.main(["--videos", str(path.parent), "--list", str(rows), "--dataset", "xd", "--out", str(out)])
    return read_catalog(out)[0]


def in_shards(path: Path) -> tuple[int, list[int]]:
    """Give how many frames the visual step sees, and the numbers that its pictures show, one in ten."""
    timeline, numbers = None, []
    for _, event in read_videos([(0, path)], stride=10, threads=2, workers=1):
        if hasattr(event, "starts"):
            timeline, numbers = event, []
        elif hasattr(event, "shape"):
            numbers.append(number_of(event))
    assert timeline is not None
    return len(timeline.starts), numbers


def test_packets_that_are_never_shown_are_no_frames(tmp_path: Path) -> None:
    path = vp8_altref(tmp_path)
    video = catalogued(path, "B1 9.6 11.9,seconds")
    # By arithmetic: 9.6 * 25, and 11.9 * 25 = 297.5.
    assert video.segments == (Segment("B1", 240, 298),)
    assert (video.frames, video.fps) == (300, pytest.approx(25))
    assert in_shards(path)[0] == 300


def test_packets_that_cannot_become_pictures_are_no_frames(tmp_path: Path) -> None:
    """The first group is cut away: of 70 packets, 40 become pictures, 30 and the following are not among them."""
    path = without_first_packets(write_numbered(tmp_path / "a.mp4", 100, options=OPEN_GROUPS), 30)
    video = catalogued(path, "B1 10 20,frames")
    frames, numbers = in_shards(path)
    assert video.frames == frames == 40
    assert numbers == [60, 70, 80, 90]
    if shutil.which("ffprobe"):
        command = "ffprobe -v quiet -count_frames -select_streams v -show_entries stream=nb_read_frames -of csv=p=0"
        assert int(subprocess.run([*command.split(), str(path)], capture_output=True, check=True).stdout) == 40


def test_pictures_that_stay_are_no_frames_and_keep_the_seconds_right(tmp_path: Path) -> None:
    path = empty_samples(motion_jpeg(tmp_path / "a.mov", 100))
    video = catalogued(path, "B1 2.0 3.0,seconds")
    # Before 2 s stand 50 samples, before 3 s 75; of these 5 and 7 are empty.
    assert (video.frames, video.segments) == (90, (Segment("B1", 45, 68),))
    assert in_shards(path)[0] == 90


def test_seconds_of_cctv_annotations_become_the_frames_that_are_shown(tmp_path: Path) -> None:
    path = without_first_packets(write_numbered(tmp_path / "a.mp4", 100, options=OPEN_GROUPS), 30)
    fights = cctv.fights_of_file(cctv.TimedFights(((0.0, 0.4),), 25.0, "here"), str(path))
    assert (fights.frames, fights.segments) == (40, (Segment("B1", 0, 10),))


def test_a_video_that_cannot_be_decoded_has_no_number_of_frames(tmp_path: Path) -> None:
    from extract.base.errors import InputError
    from tests.extract.made_videos import spoil_packets

    path = spoil_packets(write_numbered(tmp_path / "a.mp4", 60), "video", slice(30, 31))
    with pytest.raises(InputError, match="cannot be decoded"):
        catalogued(path, "B1 10 20,frames")
