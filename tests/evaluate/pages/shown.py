"""A page to look at, made without a model, and what a parser finds in a page."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from evaluate.pages.html import address
from evaluate.pages.pictures import photograph
from evaluate.pages.video_page import Annotated, ScoreLine, VideoPage

CODES, NAMES = ("A", "B1", "G"), ("normal", "fighting", 'a <bang> & "boom"')
SNIPPET = 0.64


def detection(first: int, after: int, column: int | None, confidence: float = 0.9) -> dict[str, Any]:
    """Spell a detection as the JSON file of ``evaluate.detect`` does."""
    return {
        "class": "anomaly" if column is None else NAMES[column],
        "label": None if column is None else CODES[column],
        "confidence": confidence,
        "anomaly": 0.95,
        "likeliest": [{"class": NAMES[1], "probability": 0.8}, {"class": NAMES[2], "probability": 0.1}],
        "start_seconds": round(first * SNIPPET, 3),
        "end_seconds": round(after * SNIPPET, 3),
        "start_frame": first * 16,
        "end_frame": after * 16,
    }


def shown(video: Path, page: Path, snippets: int = 15, **changes: Any) -> VideoPage:
    """Give a page of a video of so many snippets of 0.64 s: from the sixth to the tenth somebody fights."""
    anomaly = np.full(snippets, 0.1, np.float32)
    anomaly[6:11] = 0.95
    classes = np.stack([1 - anomaly, 0.9 * anomaly, 0.1 * anomaly], axis=1)
    picture = photograph(np.full((48, 64, 3), (255, 0, 0), np.uint8))
    one = VideoPage(
        video_id=video.stem,
        address=address(video, page),
        file=video.name,
        listed=f"yard/{video.name}",
        unit="seconds",
        edges=np.arange(snippets + 1) * SNIPPET,
        lines=[
            ScoreLine("teacher, classification branch", anomaly),
            ScoreLine("teacher, alignment branch", anomaly * 0.9),
        ],
        codes=CODES,
        names=NAMES,
        classes=classes,
        detections=[detection(6, 11, 1), detection(13, 14, None, 0.6)],
        pictures=[picture, None],
        threshold=0.5,
        class_threshold=0.5,
        facts={"model": "teacher", "note 1": "</table><script>alert(1)</script>"},
        truth=[Annotated(NAMES[1], CODES[1], 4.0, 7.5)],
        sound=photograph(np.zeros((64, 80, 3), np.uint8)),
        warning="random weights",
    )
    return replace(one, **changes)


class Parsed(HTMLParser):
    """What stands in a page.

    Attributes:
        tags: Name and attributes of every element, in order.
        texts: Text by the id of the element around it.
        all_text: All text outside scripts and styles.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.all_text = ""
        self._open: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()

    @property
    def data(self) -> dict[str, Any]:
        """The JSON that the page holds."""
        found: dict[str, Any] = json.loads(self.texts["data"])
        return found

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """Give the attributes of all elements of a name."""
        return [attributes for name, attributes in self.tags if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input", "br", "link"):
            self._open.append((tag, dict(attrs).get("id")))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for _, name in self._open:
            if name:
                self.texts[name] = self.texts.get(name, "") + data
        if not self._open or self._open[-1][0] not in ("script", "style"):
            self.all_text += data
