import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evaluate.watch.events import BEGINS, ENDS, GOES_ON, Events, Moment, Rule, Said

RULE = Rule(threshold=0.5, named=0.6, gap=2.0, every=10.0)
NORMAL, FIGHT, RIOT = (0.9, 0.05, 0.05), (0.1, 0.8, 0.1), (0.05, 0.05, 0.9)


def moment(second: float, anomaly: float, classes: tuple[float, ...] = NORMAL, length: float = 1.0) -> Moment:
    return Moment(second, second + length, 1000 + second + length, anomaly, np.array(classes, np.float32))


def told(*moments: Moment) -> list[Said]:
    events = Events(RULE)
    return [said for one in moments for said in events.see(one)]


def test_an_event_begins_where_the_anomaly_reaches_the_threshold_and_ends_after_the_gap() -> None:
    values = [0.1, 0.5, 0.7, 0.1, 0.1, 0.1, 0.1]
    begins, ends = told(*(moment(second, value) for second, value in enumerate(values)))
    assert (begins.what, begins.start, begins.began) == (BEGINS, 1.0, 1001.0)
    assert (ends.what, ends.event, ends.start, ends.end) == (ENDS, begins.event, 1.0, 3.0)
    assert (ends.column, ends.anomaly, ends.confidence) == (None, 0.7, 0.7)


def test_a_short_dip_ends_nothing() -> None:
    values = [0.9, 0.1, 0.1, 0.9]
    assert [said.what for said in told(*(moment(second, value) for second, value in enumerate(values)))] == [BEGINS]


def test_it_is_said_that_an_event_goes_on_every_ten_seconds_and_when_its_class_changes() -> None:
    steady = told(*(moment(second, 0.9, FIGHT) for second in range(25)))
    assert [(said.what, said.end) for said in steady] == [(BEGINS, 1.0), (GOES_ON, 11.0), (GOES_ON, 21.0)]
    first, second = told(moment(0, 0.9, FIGHT), moment(1, 0.9, FIGHT), moment(2, 0.9, RIOT))
    assert (first.column, first.confidence) == (1, np.float32(0.8))
    assert (second.what, second.column, second.confidence) == (GOES_ON, 2, np.float32(0.9))
    assert second.likeliest[0][0] == 1


def test_time_in_which_nothing_was_looked_at_ends_no_event() -> None:
    assert [said.what for said in told(moment(0, 0.9), moment(20, 0.9), moment(40, 0.9))] == [BEGINS, GOES_ON, GOES_ON]


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 1)), max_size=60))
def test_every_event_begins_once_and_ends_once_and_holds_every_moment_that_reaches_the_threshold(
    steps: list[tuple[float, float]],
) -> None:
    moments, now = [], 0.0
    for step, anomaly in steps:
        moments.append(moment(now + step, anomaly))
        now += step + 1
    events = Events(RULE)
    said = [one for each in moments for one in events.see(each)] + list(events.close())
    begins, ends = ([one for one in said if one.what == what] for what in (BEGINS, ENDS))
    assert [one.event for one in begins] == [one.event for one in ends] == list(range(len(begins)))
    for one in moments:
        inside = any(end.start <= one.start and one.end <= end.end for end in ends)
        assert inside or one.anomaly < RULE.threshold
    assert all(before.end < after.start for before, after in itertools.pairwise(ends))
