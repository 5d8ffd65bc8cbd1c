"""How many rows of an array each video has, by the rules that repositories count by; and where a sum goes wrong."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evaluate.arrays.lengths import Length
from evaluate.arrays.rules import AUTO, DOWN, FRAMES, RULES, SHORT, SNIPPETS, UP, rate_of
from extract.base.errors import InputError

NAMED = 3
# Repeated scores change at the ends of snippets, but for those across a video's end.
REPEATED_SHARE = 0.5
FEWEST_CHANGES = 3

Ints = NDArray[np.int64]
# Of an array [rows, C], the videos that it joins and their rows [V], says where it goes wrong; empty if it cannot tell.
Clue = Callable[[NDArray[np.float64], Sequence[str], Ints], str]


def rows_by(rule: str, frames: Ints, stride: int) -> Ints:
    """Count the rows of videos by a rule.

    Args:
        rule: One of ``RULES``.
        frames: [V] frames of each video.
        stride: Frames a snippet.
    """
    rate, _, rounding = rule.partition("-")
    if not rounding:
        return frames
    snippets = {UP: -(-frames // stride), DOWN: frames // stride, SHORT: (frames - 1) // stride}[rounding]
    return snippets * stride if rate == FRAMES else snippets


def rows_of(order: Sequence[str], lengths: Mapping[str, Length], stride: int, rule: str, where: str) -> Ints:
    """Count the rows of some videos by a rule [V], or as ``rows`` say where all have them.

    Raises:
        InputError: If a length is unknown.
    """
    counted = [rows for video_id in order if (rows := lengths[video_id].rows) is not None]
    if len(counted) == len(order):
        return np.array(counted, dtype=np.int64)
    unknown = [video_id for video_id in order if lengths[video_id].frames is None]
    if unknown:
        raise InputError(
            f"{where}: the length of {len(unknown)} of {len(order)} videos is unknown, first {unknown[0]!r}; give "
            "frames, or rows in the array, with --lengths"
        )
    return rows_by(rule, np.array([lengths[video_id].frames for video_id in order], dtype=np.int64), stride)


def split_rows(
    values: NDArray[np.float64],
    order: Sequence[str],
    lengths: Mapping[str, Length],
    stride: int,
    rule: str,
    where: str,
    clue: Clue,
) -> tuple[dict[str, NDArray[np.float64]], str]:
    """Cut a joined array into its videos.

    Args:
        values: [rows, C].
        order: Ids of the videos that it joins.
        lengths: Of each of them; where all have ``rows``, these count and no rule.
        stride: Frames a snippet.
        rule: One of ``RULES``, or ``auto`` for the one by which the sum fits.
        where: The array and its list, for messages.
        clue: Is asked where the array goes wrong if the sum does not fit.

    Returns:
        The rows of each video, and the rule; the one given where ``rows`` part the array.

    Raises:
        InputError: If a length is unknown, the sum fits by no rule, or by several that part the array differently.
            Says by how much, and at which video it may first go wrong.
    """
    counted = all(lengths[video_id].rows is not None for video_id in order)
    rules = RULES if rule == AUTO and not counted else (rule,)
    by_rule = {name: rows_of(order, lengths, stride, name, where) for name in rules}
    used = _fitting(values, order, by_rule, where, clue)
    rows = by_rule[used]
    ends = np.cumsum(rows)
    return {
        video_id: values[end - count : end]
        for video_id, count, end in zip(order, rows.tolist(), ends.tolist(), strict=True)
    }, used


def rate_of_files(rows: Mapping[str, int], lengths: Mapping[str, Length], stride: int, rule: str, where: str) -> str:
    """Tell whether videos' own files have a row a frame or a row a snippet.

    Args:
        rows: Rows of each video.
        lengths: Lengths of the videos; those without ``frames`` are held to nothing.
        stride: Frames a snippet.
        rule: One of ``RULES``, which must then fit every video, or ``auto``: within a snippet of the video's length.
        where: The files, for messages.

    Raises:
        InputError: If the rows of a video fit neither, or not the rule, or no length is known and none is named.
    """
    known = [video_id for video_id in rows if lengths[video_id].frames is not None]
    frames = np.array([lengths[video_id].frames for video_id in known], dtype=np.int64)
    found = np.array([rows[video_id] for video_id in known], dtype=np.int64)
    if rule != AUTO:
        _refuse(known, found, frames, found == rows_by(rule, frames, stride), f"by rule {rule}", where)
        return rate_of(rule)
    if not known:
        raise InputError(f"{where}: no video's length is known; give --lengths, or --rows {FRAMES} or {SNIPPETS}-up")
    fits = {
        rate: (rows_by(f"{rate}-{SHORT}", frames, stride) <= found) & (found <= rows_by(f"{rate}-{UP}", frames, stride))
        for rate in (FRAMES, SNIPPETS)
    }
    likelier = max(fits, key=lambda rate: int(fits[rate].sum()))
    _refuse(known, found, frames, fits[likelier], f"as {likelier} of stride {stride}", where)
    return likelier


def whole_snippets(values: Mapping[str, NDArray[np.float64]], stride: int) -> dict[str, NDArray[np.float64]] | None:
    """Give a row a snippet of scores that stand once for each frame; ``None`` if they change within a snippet."""
    joined = {video_id: rows[::stride] for video_id, rows in values.items()}
    for video_id, rows in values.items():
        if not np.array_equal(np.repeat(joined[video_id], stride, axis=0)[: len(rows)], rows):
            return None
    return joined


def changes_within_snippets(stride: int) -> Clue:
    """Make the clue for scores a frame: where repeated ones first change within a snippet, a length is wrong.

    Args:
        stride: Frames a snippet.

    Returns:
        A clue that has nothing to say where no score does so, or scores are not repeated at all.
    """

    def find(values: NDArray[np.float64], order: Sequence[str], rows: Ints) -> str:
        changes = 1 + np.flatnonzero((values[1:] != values[:-1]).any(axis=1))
        starts = np.cumsum(rows) - rows
        changes = changes[changes < rows.sum()]
        if len(changes) < FEWEST_CHANGES or (np.diff(changes) % stride == 0).mean() < REPEATED_SHARE:
            return ""
        video = np.searchsorted(starts, changes, side="right") - 1
        off = (changes - starts[video]) % stride != 0
        first = int(np.argmax(off))
        if not off[first]:
            return ""
        return (
            f"scores stand for {stride} frames each, but from {order[int(video[first])]!r} (row {int(changes[first])}) "
            "on change in between, so it or a video just before it has another length or place"
        )

    return find


def _fitting(
    values: NDArray[np.float64], order: Sequence[str], by_rule: Mapping[str, Ints], where: str, clue: Clue
) -> str:
    """Name the rule by which the sum fits."""
    surplus = {name: len(values) - int(rows.sum()) for name, rows in by_rule.items()}
    fits = [name for name, difference in surplus.items() if difference == 0]
    if not fits:
        nearest = sorted(surplus, key=lambda name: abs(surplus[name]))
        sums = [
            f"{by_rule[name].sum()} by {'--lengths' if name == AUTO else name} ({_apart(surplus[name])})"
            for name in nearest[:NAMED]
        ]
        doubt = _doubt(values, order, by_rule, nearest[0], clue) + _where_it_ends(values, order, by_rule[nearest[0]])
        raise InputError(f"{where}: has {len(values)} rows, but its {len(order)} videos need {', '.join(sums)}.{doubt}")
    others = [name for name in fits if not np.array_equal(by_rule[name], by_rule[fits[0]])]
    if others:
        raise InputError(f"{where}: its {len(values)} rows fit by {fits[0]} and by {others[0]}; name one with --rows")
    return fits[0]


def _doubt(
    values: NDArray[np.float64], order: Sequence[str], by_rule: Mapping[str, Ints], nearest: str, clue: Clue
) -> str:
    """Say at which video a sum may first go wrong."""
    rows = by_rule[nearest]
    found = clue(values, order, rows)
    sentences = [f"{found}."] if found else []
    missing = int(rows.sum()) - len(values)
    like = [video_id for video_id, count in zip(order, rows.tolist(), strict=True) if count == missing]
    if like:
        sentences.append(f"{like[0]!r} has just as many; is it missing?")
    up, down = (by_rule.get(f"{rate_of(nearest)}-{rounding}", rows) for rounding in (UP, DOWN))
    rounded = np.flatnonzero(up != down)
    if not found and len(rounded):
        first = int(rounded[0])
        sentences.append(
            f"it may first go wrong at {order[first]!r} (row {int(rows[:first].sum())}), the first video that is "
            "no whole number of snippets."
        )
    return "".join(f" {sentence[0].upper()}{sentence[1:]}" for sentence in sentences)


def _where_it_ends(values: NDArray[np.float64], order: Sequence[str], rows: Ints) -> str:
    ends = np.cumsum(rows)
    if len(values) >= ends[-1]:
        return f" The rows from {int(ends[-1])} on belong to no video."
    last = int(np.searchsorted(ends, len(values), side="right"))
    return f" The array ends within {order[last]!r}, video {last + 1} of {len(order)}."


def _apart(surplus: int) -> str:
    return f"{abs(surplus)} too {'many' if surplus > 0 else 'few'}"


def _refuse(known: Sequence[str], found: Ints, frames: Ints, fits: NDArray[np.bool_], how: str, where: str) -> None:
    if not fits.all():
        wrong = np.flatnonzero(~fits)
        first = int(wrong[0])
        raise InputError(
            f"{where}: the rows of {len(wrong)} of {len(known)} videos do not fit {how}; first {known[first]!r}: "
            f"{int(found[first])} rows, {int(frames[first])} frames"
        )
