import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.media.sampling import sampled_frames, snippet_bounds, snippet_count

strides = st.integers(1, 40)
# Durations of frames in seconds, from a still that stands for a minute to several at one instant.
durations = st.lists(st.floats(0, 60, allow_nan=False), min_size=1, max_size=200)


def starts_of(lengths: list[float]) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(lengths[:-1])])


@given(st.integers(0, 5000), strides)
def test_every_sampled_frame_opens_a_snippet(frames: int, stride: int) -> None:
    assert sampled_frames(frames, stride).tolist() == list(range(0, frames, stride))
    assert snippet_count(frames, stride) == len(range(0, frames, stride))


@given(st.integers(1, 5000), strides)
def test_snippets_cover_all_frames_and_the_last_is_not_empty(frames: int, stride: int) -> None:
    snippets = snippet_count(frames, stride)
    assert (snippets - 1) * stride < frames <= snippets * stride


@given(durations, strides)
def test_a_snippet_begins_with_its_first_frame_and_ends_with_the_next_snippet(
    lengths: list[float], stride: int
) -> None:
    starts = starts_of(lengths)
    bounds = snippet_bounds(starts, stride, frame_seconds=0.04)
    assert bounds[:, 0].tolist() == [starts[frame] for frame in range(0, len(starts), stride)]
    assert bounds[:-1, 1].tolist() == bounds[1:, 0].tolist()
    assert (bounds[:, 1] >= bounds[:, 0]).all()


@given(st.integers(1, 500), strides, st.sampled_from([10.0, 24.0, 25.0, 30.0]))
def test_at_a_constant_rate_all_snippets_last_equally_long(frames: int, stride: int, fps: float) -> None:
    bounds = snippet_bounds(np.arange(frames) / fps, stride, 1 / fps)
    np.testing.assert_allclose(bounds[:, 1] - bounds[:, 0], stride / fps, atol=1e-9)


def test_a_video_shorter_than_one_snippet_still_gets_one_row_of_nominal_length() -> None:
    np.testing.assert_allclose(snippet_bounds(np.array([2.0, 2.1, 2.2]), 16, 0.1), [[2.0, 3.6]])


def test_at_a_variable_rate_spans_follow_the_clock_and_not_the_frame_index() -> None:
    starts = np.array([0.0, 0.1, 0.2, 1.2, 2.2, 2.3])
    np.testing.assert_allclose(snippet_bounds(starts, 2, 0.46), [[0.0, 0.2], [0.2, 2.2], [2.2, 3.12]])


@pytest.mark.parametrize(("frames", "stride"), [(-1, 16), (10, 0)])
def test_impossible_counts_are_refused(frames: int, stride: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        snippet_count(frames, stride)
