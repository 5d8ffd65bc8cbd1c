import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evaluate.watch.desk import WAITING, Desk
from evaluate.watch.snippets import Snippet


def snippet(number: int) -> Snippet:
    return Snippet(np.zeros((1, 1, 3), np.uint8), float(number))


def test_on_a_machine_that_is_too_slow_snippets_are_skipped_evenly() -> None:
    """Three come for each that is asked for."""
    out: list[tuple[int, int]] = []
    desk = Desk(lambda one, skipped: out.append((int(one.start), skipped)), patient=False)
    for number in range(90):
        desk.bring(snippet(number), lambda: None)
        if number % 3 == 2:
            desk.ask(1)
    settled = [number for number, _ in out[5:]]
    assert set(np.diff(settled)) == {3}
    assert [skipped for _, skipped in out[5:]] == [2] * len(settled)
    # Never further behind than what may wait.
    assert 90 - settled[-1] <= WAITING + 1


@given(st.lists(st.booleans(), max_size=80))
def test_every_snippet_is_handed_out_once_in_order_or_counted_as_skipped(bring: list[bool]) -> None:
    out: list[int] = []
    skipped: list[int] = []
    desk = Desk(lambda one, before: (out.append(int(one.start)), skipped.append(before)), patient=False)
    brought = 0
    for one in bring:
        if one:
            desk.bring(snippet(brought), lambda: None)
            brought += 1
        else:
            desk.ask(1)
    desk.clear()
    assert out == sorted(set(out))
    assert len(out) + sum(skipped) == brought


def test_a_file_waits_and_loses_nothing() -> None:
    out: list[int] = []
    desk = Desk(lambda one, skipped: out.append(int(one.start)), patient=True)

    def bring() -> None:
        for number in range(20):
            desk.bring(snippet(number), lambda: None)

    thread = threading.Thread(target=bring)
    thread.start()
    while thread.is_alive() or len(out) < 20:
        desk.ask(1)
    thread.join()
    assert out == list(range(20))
