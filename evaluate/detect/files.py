"""What ``evaluate.detect`` writes of a video: scores as CSV, detections as JSON, and the figure.

CSV, a line a snippet: ``snippet``, ``start_seconds``, ``end_seconds``, ``start_frame``, ``anomaly`` (classification
branch), ``anomaly_alignment`` (1 - p(normal) of the alignment branch) and a column a class, named by its prompt, with
``(class)`` behind it where a column has that name already.

JSON: ``format`` = "avadclip-detections", ``version`` = 1, ``video_id``, ``video`` (its path as given), ``frames``,
``fps`` (``null`` if undefined), ``seconds``, ``stride``, ``model``, ``checkpoint_sha256``, ``notes``, ``threshold`` (of
the anomaly), ``class_threshold``, ``segments`` (the detections) and ``provenance`` as in scores files. A detection has
``class``, ``label``, ``confidence`` (the class's highest probability in it), ``anomaly`` (the highest anomaly in it, of
either branch), ``likeliest`` (the two classes of the highest mean probability in it, ``class`` and ``probability``),
``start_seconds``, ``end_seconds``, ``start_frame`` and ``end_frame``. Where no class is clear, ``class`` is "anomaly",
``label`` ``null`` and ``confidence`` the anomaly. Seconds count from the first frame; intervals are half open.

``detections.csv``, a line a detection of all videos of a folder: ``video_id`` and what a detection has.
"""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.detect.detections import Detection
from evaluate.detect.models import RANDOM_WEIGHTS
from evaluate.detect.scoring import Scored
from evaluate.report.heard import hear
from evaluate.report.thumbnails import Glimpse
from evaluate.report.timeline import ClassMap, Drawing, Mark, ScoreLine
from extract.base.printable import cell

FORMAT = "avadclip-detections"
VERSION = 1
ANOMALY = "anomaly"
LIKELIEST = 2
SNIPPET_COLUMNS = ("snippet", "start_seconds", "end_seconds", "start_frame", "anomaly", "anomaly_alignment")
COLUMNS = (
    "video_id", "start_seconds", "end_seconds", "class", "label", "confidence", "anomaly", "likeliest", "start_frame",
    "end_frame",
)  # fmt: skip


def scores_csv(scored: Scored) -> str:
    """Spell the scores as CSV, one line a snippet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            *SNIPPET_COLUMNS,
            *(cell(f"{name} (class)" if name in SNIPPET_COLUMNS else name) for name in scored.model.names),
        ]
    )
    stride = scored.model.checkpoint.header.trained_on.stride
    for snippet, (start, end) in enumerate(scored.bounds.tolist()):
        values = (scored.scores.anomaly[snippet], scored.scores.anomaly_alignment[snippet])
        probabilities = [f"{value:.6f}" for value in (*values, *scored.scores.classes[snippet])]
        writer.writerow([snippet, f"{start:.3f}", f"{end:.3f}", snippet * stride, *probabilities])
    return text.getvalue()


def anomaly_of(scored: Scored) -> NDArray[np.float32]:
    """Give the anomaly that decides whether something happens [T]: that of the surer branch."""
    surer: NDArray[np.float32] = np.maximum(scored.scores.anomaly, scored.scores.anomaly_alignment)
    return surer


def detections_of(scored: Scored, found: Sequence[Detection]) -> list[dict[str, Any]]:
    """Spell the detections of a video as the JSON file has them."""
    names, stride = scored.model.names, scored.model.checkpoint.header.trained_on.stride
    anomaly = anomaly_of(scored)
    detections = []
    for one in found:
        rows = slice(one.first, one.after)
        mean = scored.scores.classes[rows].mean(axis=0)
        likeliest = sorted(range(1, len(names)), key=lambda column: -mean[column])[:LIKELIEST]
        detections.append(
            {
                "class": ANOMALY if one.column is None else names[one.column],
                "label": None if one.column is None else scored.model.codes[one.column],
                "confidence": round(one.confidence, 6),
                "anomaly": round(float(anomaly[rows].max()), 6),
                "likeliest": [{"class": names[i], "probability": round(float(mean[i]), 6)} for i in likeliest],
                "start_seconds": round(float(scored.bounds[one.first, 0]), 3),
                "end_seconds": round(float(scored.bounds[one.after - 1, 1]), 3),
                "start_frame": one.first * stride,
                "end_frame": min(one.after * stride, scored.scores.frames),
            }
        )
    return detections


def detections_csv(videos: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Spell the detections of several videos, by id, as CSV, one line a detection."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for video_id, detections in videos.items():
        for detection in detections:
            likeliest = "; ".join(f"{one['class']} {one['probability']:.2f}" for one in detection["likeliest"])
            texts = {
                "video_id": video_id,
                "class": detection["class"],
                "label": detection["label"] or "",
                "likeliest": likeliest,
            }
            writer.writerow({**detection, **{name: cell(text) for name, text in texts.items()}})
    return text.getvalue()


def detections_json(
    scored: Scored, detections: Sequence[Mapping[str, Any]], threshold: float, class_threshold: float
) -> str:
    """Spell the detections, as ``detections_of`` gives them, and how they came about as JSON."""
    header = scored.model.checkpoint.header
    values: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "video_id": scored.path.stem,
        "video": str(scored.path),
        "frames": scored.scores.frames,
        "fps": None if math.isnan(scored.fps) else scored.fps,
        "seconds": round(float(scored.bounds[-1, 1]), 3),
        "stride": header.trained_on.stride,
        "model": scored.model.name,
        "checkpoint_sha256": scored.model.checkpoint.sha256,
        "notes": [*scored.notes, *scored.model.remarks],
        "threshold": threshold,
        "class_threshold": class_threshold,
        "segments": list(detections),
        "provenance": asdict(scored.model.provenance),
    }
    return json.dumps(values, ensure_ascii=False, indent=2) + "\n"


def compose(scored: Scored, found: Sequence[Detection], seen: Glimpse | None, threshold: float) -> Drawing:
    """Gather what the figure shows: both branches' anomaly, with the detections marked.

    Args:
        scored: The video.
        found: Its detections.
        seen: Pictures of it, evenly spaced, and when they begin; ``None`` where they cannot be had.
        threshold: Anomaly from which on something happens.
    """
    times, unit = np.append(scored.bounds[:, 0], scored.bounds[-1, 1]), "seconds"
    if times[-1] <= 0:
        # Some files show all their frames at once.
        stride = scored.model.checkpoint.header.trained_on.stride
        times, unit = np.append(np.arange(len(scored.bounds)) * float(stride), float(scored.scores.frames)), "frames"
    return Drawing(
        title=scored.path.stem,
        unit=unit,
        end=float(times[-1]),
        lines=[
            ScoreLine(f"{scored.model.name}, classification branch", times, scored.scores.anomaly),
            ScoreLine(f"{scored.model.name}, alignment branch", times, scored.scores.anomaly_alignment),
        ],
        class_map=ClassMap(scored.model.names, times, scored.scores.classes),
        marks=[Mark(float(times[one.first]), float(times[one.after]), one.column) for one in found],
        marks_are="detected",
        thumbnails=seen.thumbnails if seen else [],
        sound=hear(scored.path, seen.start, float(times[-1])) if seen and unit == "seconds" else None,
        threshold=threshold,
        warning=RANDOM_WEIGHTS if RANDOM_WEIGHTS in scored.model.remarks else "",
    )
