import json
from typing import Any

import numpy as np

from evaluate.watch.board import MOST_EVENTS, MOST_SNIPPETS, Board
from evaluate.watch.events import BEGINS, Moment
from evaluate.watch.scorer import RUNNING, Scores
from tests.evaluate.watch.test_pages import NAMES, line


def board() -> Board:
    return Board(["gate", "yard"], NAMES)


def score(made: Board, source: str, clock: float, anomaly: float = 0.9) -> None:
    classes = np.array([1 - anomaly, anomaly], np.float32)
    moment = Moment(clock, clock + 0.64, clock + 0.64, anomaly, classes)
    picture = np.full((48, 64, 3), 7, np.uint8)
    made.scored(source, moment, Scores(anomaly, anomaly / 2, classes, RUNNING), picture, latency=0.25)


def told(made: Board, number: int = 0) -> list[dict[str, Any]]:
    return [json.loads(text) for _, text in made.since(number)]


def test_messages_come_in_the_order_in_which_things_happened_and_once() -> None:
    made = board()
    made.opened("gate", model="teacher", sounds=True)
    score(made, "yard", 1.0)
    made.event("gate", line(BEGINS), None)
    assert [(one["what"], one["source"]) for one in told(made)] == [
        ("opened", "gate"),
        ("snippet", "yard"),
        ("begins", "gate"),
    ]
    assert told(made)[1] == {
        "what": "snippet", "source": "yard", "clock": 1.64, "seconds": 0.64, "anomaly": 0.9, "alignment": 0.45,
        "probability": 0.9, "latency": 0.25, "class": "fighting",
    }  # fmt: skip
    last = made.since(0)[-1][0]
    assert made.since(last) == []
    score(made, "gate", 2.0)
    assert [one["source"] for one in told(made, last)] == ["gate"]


def test_what_is_remembered_is_bounded_and_no_busy_source_pushes_out_another() -> None:
    made = board()
    made.opened("yard", model="student", sounds=False)
    score(made, "yard", 0.0)
    for number in range(MOST_SNIPPETS + 50):
        score(made, "gate", float(number))
    for number in range(MOST_EVENTS + 5):
        made.event("gate", line(BEGINS, f"e{number}"), None)
    found = told(made)
    assert len(found) == 1 + 1 + MOST_SNIPPETS + MOST_EVENTS
    assert [one["what"] for one in found if one["source"] == "yard"] == ["opened", "snippet"]
    assert found[-1]["event"] == f"e{MOST_EVENTS + 4}"


def test_a_source_that_is_lost_has_no_picture_any_more() -> None:
    made = board()
    assert made.picture("gate") is None
    score(made, "gate", 0.0)
    assert np.array_equal(made.picture("gate"), np.full((48, 64, 3), 7, np.uint8))
    made.lost("gate")
    assert made.picture("gate") is None
    assert [one["what"] for one in told(made)][-1] == "lost"
