"""The page of one video: it plays, and what the model says of it runs beneath.

One HTML file that holds all but the video, to which it leads by a relative address. It works from disk, and without
the video too. What it draws stands in it as JSON, in an element with the id ``data``:

``video_id``, ``file`` (the video's name), ``listed`` (as lists of one's own videos name it), ``unit`` and ``end`` of
the time axis, ``edges`` [T + 1] (where each snippet begins and the last one ends), ``lines`` (``name`` and ``values``
[T]; ``null`` where nothing was scored), ``threshold``, ``class_threshold``, ``classes`` (``name``, ``label`` and
``values`` [T]; the first is normal), ``detections`` as ``evaluate.detect`` writes them, and ``truth`` (``class``,
``label``, ``start``, ``end``; ``null`` without a catalog).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.pages.html import clock, in_script, percent, stretch
from evaluate.report.page import described, heading, page, paragraph

HERE = Path(__file__).parent
# Of probabilities, enough to draw them and to read them off.
DECIMALS = 4


@dataclass(frozen=True, eq=False)
class ScoreLine:
    """How anomalous each snippet is by one branch.

    Attributes:
        name: As the legend has it.
        values: [T] in 0..1; NaN where nothing was scored, as with all values of snippets.
    """

    name: str
    values: NDArray[np.float32]


@dataclass(frozen=True)
class Annotated:
    """An event of the ground truth, in the page's unit.

    Attributes:
        name: Its class in words.
        label: Its code.
        start: When it begins.
        end: When it ends.
    """

    name: str
    label: str
    start: float
    end: float


@dataclass(frozen=True, eq=False)
class VideoPage:
    """What a page shows.

    Attributes:
        video_id: Its heading.
        address: Of the video, relative to the page, as ``evaluate.pages.html.address`` spells it.
        file: Name of the video.
        listed: The video relative to the folder of all videos, as lists for ``extract.own`` name it.
        unit: What the time axis counts, ``seconds`` or ``frames``; by frames nothing can be played to.
        edges: [T + 1] float64, where each snippet begins and the last one ends.
        lines: One or two.
        codes: Label codes [C]; the first is normal.
        names: Each of them in words.
        classes: [T, C] class probabilities.
        detections: What was detected, as the JSON file of ``evaluate.detect`` has it.
        pictures: A data address of a picture a detection, or ``None``.
        threshold: Anomaly from which on something happens.
        class_threshold: Probability from which on it has a class's name.
        facts: How it came about, names and plain texts.
        truth: What the catalog says; ``None`` without one.
        sound: A data address of the spectrogram, over the same time; ``None`` for none.
        warning: What a reader must know before believing it; empty for nothing.
    """

    video_id: str
    address: str
    file: str
    listed: str
    unit: str
    edges: NDArray[np.float64]
    lines: Sequence[ScoreLine]
    codes: Sequence[str]
    names: Sequence[str]
    classes: NDArray[np.float32]
    detections: Sequence[Mapping[str, Any]]
    pictures: Sequence[str | None]
    threshold: float
    class_threshold: float
    facts: Mapping[str, str]
    truth: Sequence[Annotated] | None = None
    sound: str | None = None
    warning: str = ""


def spell(shown: VideoPage) -> str:
    """Spell a page."""
    parts = [
        f"<p class=warning>{escape(shown.warning)}</p>" if shown.warning else "",
        _player(shown),
        _panels(shown),
        _detections(shown),
        *_truth(shown),
        _corrections(),
        heading("How this came about"),
        described(shown.facts),
        f'<script type="application/json" id="data">{in_script(_data(shown))}</script>',
    ]
    script = _beside("video_page.js") + _beside("corrections.js")
    return page(shown.video_id, [part for part in parts if part], _beside("video_page.css"), script)


@cache
def _beside(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _player(shown: VideoPage) -> str:
    name = escape(shown.file)
    return (
        f'<video id="video" controls preload="metadata" playsinline src="{escape(shown.address)}" '
        f'aria-label="The video {name}"></video>\n'
        f'<p id="unplayable" class="warning" role="status" hidden>This browser cannot play {name}, or it is not there '
        f'(<a href="{escape(shown.address)}">its place</a>). Everything else on this page works without it.</p>\n'
        "<noscript><p class=warning>Lines and list follow the video only where scripts may run.</p></noscript>"
    )


def _panels(shown: VideoPage) -> str:
    surest = np.nan_to_num(np.max([line.values for line in shown.lines], axis=0))
    highest = int(surest.argmax())
    words = (
        f"Anomaly over time, highest {percent(float(surest[highest]))} at {clock(float(shown.edges[highest]))}; "
        f"{len(shown.detections)} detected"
    )
    lines = "".join(
        f'<span><i class="line line{number}"></i>{escape(line.name)}</span>' for number, line in enumerate(shown.lines)
    )
    true = '<span><i class="area true"></i>annotated</span>' if shown.truth is not None else ""
    legend = (
        f'{lines}<span><i class="line threshold"></i>threshold {shown.threshold:g}</span>'
        f'<span><i class="area found"></i>detected</span>{true}'
    )
    named = escape(", ".join(shown.names))
    rows = "".join(f"<li>{escape(name)}</li>" for name in shown.names)
    panels = [
        ("<ul class=scale><li>1</li><li>anomaly</li><li>0</li></ul>",
         f'<svg id="lines" role="img" aria-label="{escape(words)}" viewBox="0 0 1000 100" '
         'preserveAspectRatio="none"></svg>', "lines"),
        (f"<ul class=rows>{rows}</ul>",
         f'<canvas id="classes" role="img" aria-label="Probability of each class over time: {named}"></canvas>'
         '<svg id="frames" aria-hidden="true" viewBox="0 0 1000 100" preserveAspectRatio="none"></svg>', "map"),
    ]  # fmt: skip
    if shown.truth is not None:
        panels.append(("annotated", '<svg id="truth" role="img" aria-label="Annotated events over time, listed below" '
                       'viewBox="0 0 1000 100" preserveAspectRatio="none"></svg>', "truth"))  # fmt: skip
    if shown.sound is not None:
        alternative = "Mel spectrogram of the sound over time, from 0 Hz at the bottom to 8 kHz, louder is brighter"
        panels.append(
            ("<ul class=scale><li>8 kHz</li><li>sound</li><li>0</li></ul>",
             f'<img id="sound" alt="{alternative}" src="{shown.sound}">', "sound")
        )  # fmt: skip
    laid = "\n".join(
        f'<div class="panel"><div class="name">{name}</div><div class="plot {kind}">{drawing}</div></div>'
        for name, drawing, kind in panels
    )
    end = float(shown.edges[-1])
    help_text = (
        "Click into the drawings to go there. Arrow keys go a second back and on (with Shift a tenth), Page Up "
        "and Page Down ten, Home and End to the ends; the space bar plays and pauses."
        if shown.unit == "seconds"
        else "All pictures of this file are shown at once, so that the axis counts frames."
    )
    return (
        f'{heading("Over time")}<p class=legend>{legend}</p>\n<section id="panels" aria-label="Over time">\n{laid}\n'
        '<div class="panel"><label class="name" for="seek">moment</label><div class="seek"><input id="seek" type=range '
        f'min=0 max="{end:.3f}" step=0.01 value=0><div id="ticks" aria-hidden="true"></div></div></div>\n</section>\n'
        f'<p class=quiet><output id="now" for="seek">0:00.0</output> of {clock(end)}. {help_text}</p>'
    )


def _detections(shown: VideoPage) -> str:
    title = heading("Detected")
    if not shown.detections:
        return title + paragraph(f"Nothing: the anomaly never reaches {shown.threshold:g}.")
    unit = "seconds" if shown.unit == "seconds" else "frame"
    lines = []
    for number, (one, picture) in enumerate(zip(shown.detections, shown.pictures, strict=True)):
        start, end = float(one[f"start_{unit}"]), float(one[f"end_{unit}"])
        seen = f'<img alt="Picture of {escape(one["class"])}" src="{picture}">' if picture else ""
        likeliest = "; ".join(f"{entry['class']} {percent(entry['probability'])}" for entry in one["likeliest"])
        lines.append(
            f'<tr data-detection="{number}"><td><button type=button class=go data-to="{start:.3f}">{seen}'
            f"{stretch(start, end, shown.unit)}</button></td><td class=class>{escape(one['class'])}</td>"
            f"<td class=number>{percent(one['confidence'])}</td><td class=number>{percent(one['anomaly'])}</td>"
            f"<td>{escape(likeliest)}</td></tr>\n"
        )
    heads = "".join(
        f'<th scope="col">{text}</th>' for text in ("When", "Class", "Confidence", "Anomaly", "Likeliest classes")
    )
    return (
        f'{title}<div class=list><table id="detections"><thead><tr>{heads}</tr></thead><tbody>\n'
        f"{''.join(lines)}</tbody></table></div>"
    )


def _truth(shown: VideoPage) -> list[str]:
    if shown.truth is None:
        return []
    if not shown.truth:
        return [heading("Annotated"), paragraph("Nothing: the catalog says that nothing happens.")]
    lines = "".join(
        f'<li><button type=button class=go data-to="{one.start:.3f}">{stretch(one.start, one.end, shown.unit)}'
        f"</button> {escape(one.name)}</li>\n"
        for one in shown.truth
    )
    return [heading("Annotated"), f'<ul id="annotated">{lines}</ul>']


def _corrections() -> str:
    """Give the place where detections are judged; the script fills it."""
    heads = "".join(f'<th scope="col">{text}</th>' for text in ("Event", "Verdict", "Class", "From", "Until"))
    return (
        f"{heading('Corrections')}<p class=quiet>Confirm or refuse what was detected, change its class or its time, "
        "add what was missed, and save it: a line of a list for python -m extract.own. Nothing leaves this page but "
        'by that file.</p>\n<div class=list><table id="judged" hidden><thead><tr>'
        f"{heads}</tr></thead><tbody></tbody></table></div>\n"
        '<p class=saving><button type=button id="missed">Add an event at this moment</button> '
        '<label>for <select id="split"><option value=train>training</option><option value=test>testing</option>'
        '</select></label> <button type=button id="save">Save the corrections</button> '
        '<output id="saved" role="status"></output></p>'
    )


def _data(shown: VideoPage) -> dict[str, Any]:
    return {
        "video_id": shown.video_id,
        "file": shown.file,
        "listed": shown.listed,
        "unit": shown.unit,
        "end": round(float(shown.edges[-1]), 3),
        "edges": np.round(shown.edges, 3).tolist(),
        "lines": [{"name": line.name, "values": _rounded(line.values)} for line in shown.lines],
        "threshold": shown.threshold,
        "class_threshold": shown.class_threshold,
        "classes": [
            {"name": name, "label": code, "values": _rounded(shown.classes[:, column])}
            for column, (code, name) in enumerate(zip(shown.codes, shown.names, strict=True))
        ],
        "detections": list(shown.detections),
        "truth": None
        if shown.truth is None
        else [{"class": one.name, **{k: v for k, v in asdict(one).items() if k != "name"}} for one in shown.truth],
    }


def _rounded(values: NDArray[np.float32]) -> list[float | None]:
    rounded = np.round(values.astype(np.float64), DECIMALS).tolist()
    return [None if math.isnan(value) else value for value in rounded]
