import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluate.watch.events import BEGINS, ENDS, Moment
from evaluate.watch.pages import MOST_EVENTS, Pages
from evaluate.watch.scorer import RUNNING, Scores
from tests.evaluate.pages.shown import Parsed

CODES, NAMES = ("A", "B1"), ("normal", "fighting")


def line(what: str, event: str = "20260101T000000-000", **changes: Any) -> dict[str, Any]:
    return {
        "what": what, "source": "gate", "event": event, "class": "fighting", "label": "B1", "confidence": 0.9,
        "anomaly": 0.95, "likeliest": [{"class": "fighting", "probability": 0.8}], "start_seconds": 100.0,
        "end_seconds": 100.64, "began": "2026-01-01T00:00:00.000Z", "clock": "2026-01-01T00:00:00.640Z",
        "model": "teacher", "checkpoint_sha256": "0" * 64, "threshold": 0.5, "class_threshold": 0.5, "sound": RUNNING,
        "notes": ["random weights"], **changes,
    }  # fmt: skip


def clip(event: str = "20260101T000000-000", start: float = 95.0, seconds: float = 11.0) -> dict[str, Any]:
    names = {"source": "gate", "event": event, "clip": f"{event}.mp4"}
    return {"what": "clip", **names, "start_seconds": start, "seconds": seconds}


def pages(out: Path, said: list[str] | None = None) -> Pages:
    return Pages(out, ["gate"], CODES, NAMES, (said if said is not None else []).append)


def score(made: Pages, start: float, anomaly: float) -> None:
    classes = np.array([1 - anomaly, anomaly], np.float32)
    moment = Moment(start, start + 0.64, 0.0, anomaly, classes)
    made.scored("gate", moment, Scores(anomaly, anomaly / 2, classes, RUNNING))


def index(out: Path) -> Parsed:
    return Parsed((out / "index.html").read_text(encoding="utf-8"))


def test_an_event_is_in_the_list_as_soon_as_it_begins_and_its_clip_and_page_when_they_are_there(tmp_path: Path) -> None:
    made = pages(tmp_path)
    assert "No event so far." in index(tmp_path).all_text
    made.event("gate", line(BEGINS, thumbnail="20260101T000000-000.jpg"))
    found = index(tmp_path)
    assert [one["src"] for one in found.of("img")] == ["./gate/20260101T000000-000.jpg"]
    assert found.of("a") == []
    assert "goes on" in found.all_text
    score(made, 100.0, 0.9)
    made.event("gate", line(ENDS, end_seconds=103.2))
    made.event("gate", clip())
    found = index(tmp_path)
    assert [one["href"] for one in found.of("a")] == [
        "./gate/20260101T000000-000.html",
        "./gate/20260101T000000-000.mp4",
    ]
    assert "over" in found.texts["gate-20260101T000000-000"]
    assert "3.2" in found.texts["gate-20260101T000000-000"]
    assert found.of("script"), "it loads itself again while the watch is running"
    made.close()
    assert index(tmp_path).of("script") == []


def test_an_event_s_page_counts_from_the_clip_s_beginning_and_leaves_out_what_was_skipped(tmp_path: Path) -> None:
    made = pages(tmp_path)
    score(made, 94.0, 0.3)  # over before the clip begins
    for start, anomaly in ((94.72, 0.1), (95.36, 0.2), (100.0, 0.9), (100.64, 0.8)):
        score(made, start, anomaly)
    made.event("gate", line(BEGINS))
    made.event("gate", line(ENDS, end_seconds=101.28))
    made.event("gate", clip())
    found = Parsed((tmp_path / "gate" / "20260101T000000-000.html").read_text(encoding="utf-8"))
    assert found.data["edges"] == [0, 0.36, 1.0, 5.0, 5.64, 6.28, 11.0]
    assert found.data["lines"][0]["values"] == pytest.approx([0.1, 0.2, None, 0.9, 0.8, None])
    assert found.data["lines"][1]["values"] == pytest.approx([0.05, 0.1, None, 0.45, 0.4, None])
    (detection,) = found.data["detections"]
    assert (detection["start_seconds"], detection["end_seconds"], detection["label"]) == (5.0, 6.28, "B1")
    assert [one["src"] for one in found.of("video")] == ["./20260101T000000-000.mp4"]


def test_snippets_of_a_lost_connection_are_in_no_page_of_the_next(tmp_path: Path) -> None:
    made = pages(tmp_path)
    score(made, 100.0, 0.1)
    made.opened("gate", sounds=True)
    made.event("gate", line(BEGINS))
    made.event("gate", clip())
    assert not (tmp_path / "gate" / "20260101T000000-000.html").exists()


def test_the_sound_of_a_clip_is_added_to_its_page_when_it_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path, float, Callable[[str], None]]] = []
    monkeypatch.setattr("evaluate.watch.drawn_sound.DrawnSound.ask", lambda _, *given: asked.append(given))
    made, name = pages(tmp_path), "20260101T000000-000.html"
    for sounds in (False, True):
        made.opened("gate", sounds=sounds)
        score(made, 100.0, 0.9)
        assert made.event("gate", line(BEGINS)) is None
        assert made.event("gate", clip()) == name
    ((path, seconds, take),) = asked
    assert (path, seconds) == (tmp_path / "gate" / "20260101T000000-000.mp4", 11.0)

    def shown() -> Parsed:
        return Parsed((tmp_path / "gate" / name).read_text(encoding="utf-8"))

    before = shown()
    assert "sound" not in [one.get("id") for one in before.of("img")]
    take("data:image/png;base64,AAAA")
    assert [one["src"] for one in shown().of("img") if one.get("id") == "sound"] == ["data:image/png;base64,AAAA"]
    assert shown().data == before.data


def test_the_events_of_an_earlier_run_stay_in_the_list_and_the_oldest_go(tmp_path: Path) -> None:
    (tmp_path / "gate").mkdir()
    told = [line(BEGINS, f"e{number:03d}") for number in range(MOST_EVENTS + 20)]
    odd = ["no JSON", "[]", json.dumps({"what": BEGINS, "event": "x"}), json.dumps(line(BEGINS, "y", anomaly="high"))]
    text = "".join(f"{one}\n" for one in (*map(json.dumps, told), *odd))
    (tmp_path / "gate" / "events.jsonl").write_text(text, encoding="utf-8")
    said: list[str] = []
    made = pages(tmp_path, said)
    rows = [str(one["id"]) for one in index(tmp_path).of("tr") if "id" in one]
    assert rows == [f"gate-e{number:03d}" for number in reversed(range(20, MOST_EVENTS + 20))]
    assert "goes on" not in index(tmp_path).all_text
    assert len(said) == 1
    assert "4 lines of earlier runs are no events" in said[0]
    made.event("gate", line(BEGINS, "new"))
    rows = [str(one["id"]) for one in index(tmp_path).of("tr") if "id" in one]
    assert (rows[0], rows[-1], len(rows)) == ("gate-new", "gate-e021", MOST_EVENTS)


def test_a_disk_that_is_full_is_said_once_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    made = pages(tmp_path, said)

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("evaluate.watch.pages.replaced_path", full)
    made.event("gate", line(BEGINS))
    made.event("gate", line(ENDS))
    assert len(said) == 1
    assert "detection goes on without them" in said[0]
