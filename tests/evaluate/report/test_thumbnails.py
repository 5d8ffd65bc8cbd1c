from pathlib import Path

import pytest

from evaluate.report.thumbnails import glimpse
from extract.media.decode import UnreadableVideo
from tests.extract.made_videos import FPS, OPEN_GROUPS, cut_short, number_of, write_numbered


@pytest.mark.parametrize("frames", [16, 100, 333])
def test_pictures_come_from_the_middle_of_equal_parts(tmp_path: Path, frames: int) -> None:
    seen = glimpse(write_numbered(tmp_path / "a.mp4", frames, options=OPEN_GROUPS))
    middles = [(k + 0.5) * frames / 8 for k in range(8)]
    numbers = [number_of(picture) for picture in seen.thumbnails]
    assert (
        max(abs(number + 0.5 - middle) for number, middle in zip(numbers, middles, strict=True)) <= frames / 128 + 0.5
    )
    assert seen.fps == pytest.approx(FPS)


def test_a_video_of_fewer_frames_shows_some_twice(tmp_path: Path) -> None:
    seen = glimpse(write_numbered(tmp_path / "a.mp4", 3))
    assert [number_of(picture) for picture in seen.thumbnails] == [0, 0, 0, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("frames", [40, 600])
def test_small_pictures_of_moments_come_beside_them_and_are_no_more_than_8_frames_away(
    tmp_path: Path, frames: int
) -> None:
    moments = [0, 16, frames // 2, frames - 1]
    seen = glimpse(write_numbered(tmp_path / "a.mp4", frames), count=2, moments=moments)
    assert len(seen.thumbnails) == 2
    assert list(seen.moments) == moments
    for moment, picture in seen.moments.items():
        assert abs(number_of(picture) - moment) <= 8
        assert max(picture.shape) <= 192


def test_a_damaged_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableVideo, match="is cut short|cannot be read"):
        glimpse(cut_short(write_numbered(tmp_path / "a.mp4", 100), 0.5))
