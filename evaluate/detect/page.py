"""The page of a detected video (``evaluate.pages``): what is drawn of it, its pictures, and what a catalog says."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluate.detect.detections import Detection
from evaluate.detect.files import anomaly_of
from evaluate.detect.scoring import Scored
from evaluate.pages.html import address
from evaluate.pages.index_page import Entry
from evaluate.pages.pictures import most_certain, photograph, spectrogram
from evaluate.pages.video_page import Annotated, ScoreLine, VideoPage
from evaluate.report.thumbnails import Glimpse
from evaluate.report.timeline import Drawing
from extract.catalog import Video

# A picture takes some 5 kB of a page.
MOST_PICTURES = 200


def frames_to_see(scored: Scored, found: Sequence[Detection]) -> dict[int, int]:
    """Choose the frames that stand for detections, by the detections' places: each begins its surest snippet."""
    stride = scored.model.checkpoint.header.trained_on.stride
    anomaly = anomaly_of(scored)
    frames = {}
    for place in most_certain([one.confidence for one in found], MOST_PICTURES):
        one = found[place]
        sure = anomaly if one.column is None else scored.scores.classes[:, one.column]
        frames[place] = (one.first + int(sure[one.first : one.after].argmax())) * stride
    return frames


def compose_page(
    scored: Scored,
    drawing: Drawing,
    detections: Sequence[Mapping[str, Any]],
    seen: Glimpse,
    frames: Mapping[int, int],
    truth: Video | None,
    class_threshold: float,
    listed: str,
    path: Path,
) -> VideoPage:
    """Gather what a page shows.

    Args:
        scored: The video.
        drawing: Its figure.
        detections: Of its JSON file.
        seen: Pictures of the frames that ``frames_to_see`` names.
        frames: Those, by the detections' places.
        truth: The video's line of a catalog; ``None`` without one.
        class_threshold: Probability from which on something has a class's name.
        listed: The video as lists for ``extract.own`` name it.
        path: Where the page will be.
    """
    model = scored.model
    return VideoPage(
        video_id=drawing.title,
        address=address(scored.path, path),
        file=os.fsencode(scored.path.name).decode(errors="replace"),
        listed=listed,
        unit=drawing.unit,
        edges=drawing.lines[0].edges,
        lines=[ScoreLine(line.name, line.values) for line in drawing.lines],
        codes=model.codes,
        names=model.names,
        classes=scored.scores.classes,
        detections=detections,
        pictures=[
            photograph(seen.moments[frames[place]]) if place in frames else None for place in range(len(detections))
        ],
        threshold=drawing.threshold or 0.0,
        class_threshold=class_threshold,
        facts={
            "video": str(scored.path),
            "model": model.name,
            "checkpoint (SHA-256)": model.checkpoint.sha256,
            "class threshold": f"{class_threshold:g}",
            **{f"note {number}": note for number, note in enumerate([*scored.notes, *model.remarks], start=1)},
        },
        truth=None if truth is None else _annotated(scored, drawing, truth),
        sound=None if drawing.sound is None else spectrogram(drawing.sound, drawing.end),
        warning=drawing.warning,
    )


def entry_of(shown: VideoPage, path: Path) -> Entry:
    """Give a page's line of the list of all pages."""
    surest = max(float(line.values.max()) for line in shown.lines)
    confident = sorted(range(len(shown.detections)), key=lambda one: -shown.detections[one]["confidence"])
    picture = next((shown.pictures[place] for place in confident if shown.pictures[place]), None)
    names = dict.fromkeys(one["class"] for one in shown.detections)
    return Entry(shown.video_id, path.name, picture, len(shown.detections), ", ".join(names), surest)


def _annotated(scored: Scored, drawing: Drawing, truth: Video) -> list[Annotated] | None:
    """Turn the frames of a catalog into the page's unit; ``None`` where it does not say what happens when."""
    codes = scored.model.codes
    if truth.segments is None:
        return [] if set(truth.labels) == {codes[0]} else None
    names = dict(zip(codes, scored.model.names, strict=True))
    stride = scored.model.checkpoint.header.trained_on.stride
    edges = drawing.lines[0].edges
    frames = np.append(np.arange(len(edges) - 1) * float(stride), float(scored.scores.frames))
    return [
        Annotated(
            names.get(one.label, one.label),
            one.label,
            round(float(np.interp(one.start, frames, edges)), 3),
            round(float(np.interp(one.end, frames, edges)), 3),
        )
        for one in truth.segments
        if one.label != codes[0] and one.start < scored.scores.frames
    ]
