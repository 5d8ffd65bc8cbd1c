import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.media.decode import Timeline, demuxed_timeline
from extract.media.frame_times import TOLERANCE_SECONDS, frames_between, known_fps, length_seconds
from tests.extract.made_videos import numbered, write_numbered, write_video


@pytest.mark.parametrize(
    ("start", "end", "frames"),
    [
        (0.0, 0.04, (0, 1)),
        (0.0, 4.0, (0, 100)),
        (1.0, 2.0, (25, 50)),
        (1.01, 2.01, (25, 51)),
        (1.0399, 1.0401, (26, 27)),
        (3.99, 9.0, (99, 100)),
        (1.0, 1.0001, (25, 26)),
    ],
)
@pytest.mark.parametrize("offset", [0.0, 1.4, -0.08])
def test_a_constant_rate_gives_frames_whatever_the_axis_begins_with(
    start: float, end: float, frames: tuple[int, int], offset: float
) -> None:
    starts = np.arange(100) / 25 + offset
    assert frames_between(starts, start, end) == frames


@given(
    durations=st.lists(st.floats(0.004, 3.0), min_size=1, max_size=40),
    offset=st.floats(-10, 10),
    data=st.data(),
)
def test_exactly_the_frames_shown_between_two_moments_are_covered(
    durations: list[float], offset: float, data: st.DataObject
) -> None:
    ends = np.cumsum(durations)
    shown = np.concatenate([[0.0], ends[:-1]])
    start = data.draw(st.floats(0, float(ends[-1]), exclude_max=True))
    end = data.draw(st.floats(start, float(ends[-1]) + 1, exclude_min=True))
    first, after = frames_between(shown + offset, start, end)

    assert 0 <= first < after <= len(shown)
    edge = TOLERANCE_SECONDS * 1.001
    for index, (begins, vanishes) in enumerate(zip(shown, ends, strict=True)):
        overlap = min(end, vanishes) - max(start, begins)
        if overlap > edge:
            assert first <= index < after
        if overlap < -edge:
            assert not first <= index < after or after == first + 1


def test_a_real_file_with_a_variable_rate_is_followed(tmp_path: Path) -> None:
    times = [0, 0.04, 0.08, 1.0, 2.0, 2.04, 2.08]
    path = write_video(tmp_path / "v.mkv", [numbered(index) for index in range(7)], times=times)
    timeline = demuxed_timeline(path)
    assert frames_between(timeline.starts, 0.5, 2.0) == (2, 4)
    assert frames_between(timeline.starts, 2.04, 3.0) == (5, 7)


def test_the_last_frame_lasts_too(tmp_path: Path) -> None:
    timeline = demuxed_timeline(write_numbered(tmp_path / "v.mp4", 50))
    assert length_seconds(timeline) == pytest.approx(2.0)
    assert known_fps(timeline) == 25


def test_frames_that_are_shown_all_at_once_have_no_rate() -> None:
    assert known_fps(Timeline(np.zeros(3), 0.0)) is None
    assert not math.isnan(length_seconds(Timeline(np.zeros(3), 0.0)))
