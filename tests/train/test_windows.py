import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from train.windows import average_pieces, cut_windows, window_lengths


def rows_of(total: int) -> np.ndarray:
    return np.random.default_rng(total).standard_normal((total, 3)).astype(np.float32)


@given(st.integers(1, 700), st.sampled_from([4, 64, 256]))
def test_long_videos_are_averaged_and_short_ones_padded(total: int, size: int) -> None:
    rows = rows_of(total)
    result = average_pieces(rows, size)
    assert result.shape == (size, 3)
    if total <= size:
        np.testing.assert_array_equal(result, np.vstack([rows, np.zeros((size - total, 3))]))
    else:
        bounds = [int(bound) for bound in np.linspace(0, total, size + 1)]
        means = [rows[low:high].mean(axis=0) for low, high in itertools.pairwise(bounds)]
        np.testing.assert_allclose(result, means, rtol=1e-5, atol=1e-6)


@given(st.integers(1, 700), st.sampled_from([4, 64, 256]))
def test_joining_the_valid_rows_of_the_windows_gives_the_video_back(total: int, size: int) -> None:
    rows = rows_of(total)
    lengths = window_lengths(total, size)
    windows = cut_windows(rows, size, len(lengths))
    np.testing.assert_array_equal(np.vstack([w[:n] for w, n in zip(windows, lengths, strict=True)]), rows)
    assert all((w[n:] == 0).all() for w, n in zip(windows, lengths, strict=True))


def test_window_lengths_of_a_video_of_600_snippets() -> None:
    assert window_lengths(600, 256).tolist() == [256, 256, 88]


def test_audio_with_other_row_counts_is_cut_and_padded_on_its_own() -> None:
    rows = rows_of(10)
    np.testing.assert_array_equal(cut_windows(rows, 4, 2).reshape(8, 3), rows[:8])
    longer = cut_windows(rows, 4, 4).reshape(16, 3)
    np.testing.assert_array_equal(longer[:10], rows)
    assert (longer[10:] == 0).all()


def test_a_set_without_audio_gives_silence() -> None:
    assert (average_pieces(rows_of(0), 4) == 0).all()
    assert (cut_windows(rows_of(0), 4, 2) == 0).all()
