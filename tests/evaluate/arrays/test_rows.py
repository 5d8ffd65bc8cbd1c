import re
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluate.arrays.lengths import Length
from evaluate.arrays.rows import changes_within_snippets, rate_of_files, rows_by, split_rows, whole_snippets
from evaluate.arrays.rules import AUTO, RULES
from extract.base.errors import InputError

STRIDE = 16


def split(
    values: NDArray[np.float64], frames: dict[str, int | None], rule: str = AUTO, **rows: int
) -> tuple[dict[str, NDArray[np.float64]], str]:
    lengths = {name: Length(count, rows.get(name)) for name, count in frames.items()}
    clue = changes_within_snippets(STRIDE)
    return split_rows(values[:, None], [*frames], lengths, STRIDE, rule, "s.npy by list", clue)


def test_the_rules_count_what_the_repositories_do() -> None:
    # 1,601 and 1,600 frames: XD-Violence's gt.npy has 100 and 99 snippets, others 101 and 100.
    counted = {rule: rows_by(rule, np.array([1601, 1600]), STRIDE).tolist() for rule in RULES}
    assert counted == {
        "frames": [1601, 1600],
        "frames-up": [1616, 1600],
        "frames-down": [1600, 1600],
        "frames-short": [1600, 1584],
        "snippets-up": [101, 100],
        "snippets-down": [100, 100],
        "snippets-short": [100, 99],
    }


@settings(max_examples=60)
@given(
    frames=st.lists(st.integers(1, 300), min_size=1, max_size=6),
    rule=st.sampled_from(RULES),
)
def test_what_was_joined_by_a_rule_is_parted_by_it(frames: list[int], rule: str) -> None:
    rows = rows_by(rule, np.array(frames), STRIDE).tolist()
    videos = {f"v{number}": np.full(count, float(number)) for number, count in enumerate(rows)}
    joined = np.concatenate([*videos.values()])
    parts, used = split(joined, dict(zip(videos, frames, strict=True)), rule)
    assert used == rule
    for name, values in videos.items():
        np.testing.assert_array_equal(parts[name][:, 0], values)


@settings(max_examples=60)
@given(frames=st.lists(st.integers(1, 300), min_size=1, max_size=6), rule=st.sampled_from(RULES))
def test_without_a_rule_it_is_parted_alike_or_refused_never_otherwise(frames: list[int], rule: str) -> None:
    rows = rows_by(rule, np.array(frames), STRIDE).tolist()
    joined = np.repeat(np.arange(len(rows), dtype=float), rows)
    known = {f"v{number}": count for number, count in enumerate(frames)}
    every = [rows_by(other, np.array(frames), STRIDE).tolist() for other in RULES]
    alike = {tuple(one) for one in every if sum(one) == len(joined)}
    if len(alike) > 1:
        with pytest.raises(InputError, match="name one with --rows"):
            split(joined, known)
        return
    parts, _ = split(joined, known)
    assert [len(part) for part in parts.values()] == rows


def test_a_sum_that_does_not_fit_says_by_how_much_and_where_the_array_ends() -> None:
    with pytest.raises(InputError) as raised:
        split(np.zeros(5), {"a": 32, "b": 50, "c": 16})
    message = str(raised.value)
    assert "s.npy by list: has 5 rows, but its 3 videos need 6 by snippets-down (1 too few)" in message
    assert "7 by snippets-up (2 too few)" in message
    assert "may first go wrong at 'b' (row 2), the first video that is no whole number of snippets" in message
    assert "ends within 'c', video 3 of 3" in message


def test_a_missing_video_is_found_by_its_length() -> None:
    with pytest.raises(InputError, match="'b' has just as many; is it missing."):
        split(np.zeros(320 - 80), {"a": 160, "b": 80, "c": 80}, "frames")


def test_repeated_scores_show_where_a_length_is_wrong() -> None:
    # Seven videos; the fourth has 8 frames fewer than the catalog says.
    true = [160, 96, 320, 152, 64, 96, 160]
    joined = np.concatenate(
        [np.repeat(np.random.default_rng(i).random(-(-n // 16)), 16)[:n] for i, n in enumerate(true)]
    )
    known = {f"v{i}": n for i, n in enumerate([160, 96, 320, 160, 64, 96, 160])}
    row = list(accumulate(true))[3]
    with pytest.raises(InputError) as raised:
        split(joined, known)
    assert "has 1048 rows, but its 7 videos need 1056 by frames (8 too few)" in str(raised.value)
    found = re.search(r"from '(v\d)' \(row (\d+)\) on change in between", str(raised.value))
    assert found is not None
    assert found.groups() == ("v3", str(row))


def test_scores_that_are_not_repeated_give_no_false_clue() -> None:
    values = np.random.default_rng(0).random((100, 1))
    assert changes_within_snippets(STRIDE)(values, ["a", "b"], np.array([50, 50])) == ""


def test_rows_that_were_counted_need_no_rule() -> None:
    parts, _ = split(np.arange(7.0), {"a": None, "b": None}, a=3, b=4)
    assert parts["b"][:, 0].tolist() == [3, 4, 5, 6]
    with pytest.raises(InputError, match="has 6 rows, but its 2 videos need 7 by --lengths .1 too few."):
        split(np.arange(6.0), {"a": None, "b": None}, a=3, b=4)


def test_a_video_of_unknown_length_is_named() -> None:
    with pytest.raises(InputError, match="length of 1 of 2 videos is unknown, first 'b'; give frames, or rows"):
        split(np.zeros(48), {"a": 24, "b": None})


def test_two_rules_that_part_an_array_differently_are_told() -> None:
    with pytest.raises(InputError, match="fit by frames-down and by snippets-up; name one with --rows"):
        split(np.zeros(16), {"a": 16, **{f"v{i}": 15 for i in range(15)}})


@pytest.mark.parametrize(("rows", "rate"), [((100, 33), "frames"), ((7, 3), "snippets"), ((6, 2), "snippets")])
def test_the_rate_of_files_is_told_by_the_lengths(rows: tuple[int, int], rate: str) -> None:
    lengths = {"a": Length(100), "b": Length(33)}
    assert rate_of_files(dict(zip("ab", rows, strict=True)), lengths, STRIDE, AUTO, "folder") == rate


def test_a_file_of_another_length_is_named() -> None:
    lengths = {"a": Length(100), "b": Length(33), "c": Length(64)}
    message = "the rows of 1 of 3 videos do not fit as snippets of stride 16; first 'b': 9 rows, 33 frames"
    with pytest.raises(InputError, match=message):
        rate_of_files({"a": 7, "b": 9, "c": 4}, lengths, STRIDE, AUTO, "folder")


def test_frames_become_snippets_only_where_nothing_is_lost() -> None:
    repeated = {"a": np.repeat([[0.1], [0.7], [0.2]], 16, axis=0)[:40]}
    found = whole_snippets(repeated, STRIDE)
    assert found is not None
    assert found["a"][:, 0].tolist() == [0.1, 0.7, 0.2]
    assert whole_snippets({**repeated, "b": np.linspace(0, 1, 40)[:, None]}, STRIDE) is None
