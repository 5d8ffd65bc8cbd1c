"""What ``evaluate.detect`` writes of a video: scores as CSV, detected segments as JSON, and the figure.

CSV, a line a snippet: ``snippet``, ``start_seconds``, ``end_seconds``, ``start_frame``, ``anomaly`` (classification
branch), ``anomaly_alignment`` (1 - p(normal) of the alignment branch) and a column a class, named by its prompt.

JSON: ``format`` = "avadclip-detections", ``version`` = 1, ``video_id``, ``video`` (its path as given), ``frames``,
``fps`` (``null`` if undefined), ``seconds``, ``stride``, ``model``, ``checkpoint_sha256``, ``notes``, ``threshold``,
``segments`` (``class``, ``label``, ``confidence``: the class's highest probability in it, ``start_seconds``,
``end_seconds``, ``start_frame``, ``end_frame``) and ``provenance`` as in scores files. Seconds count from the first
frame; intervals are half open.
"""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.figure import ClassMap, Curve, Drawing, Mark
from evaluate.segments import Detection
from evaluate.video_scoring import Scored
from extract.datasets import class_names

FORMAT = "avadclip-detections"
VERSION = 1


def scores_csv(scored: Scored) -> str:
    """Spell the scores as CSV, one line a snippet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["snippet", "start_seconds", "end_seconds", "start_frame", "anomaly", "anomaly_alignment",
         *class_names(scored.model.codes)]
    )  # fmt: skip
    stride = scored.model.checkpoint.header.trained_on.stride
    for snippet, (start, end) in enumerate(scored.bounds.tolist()):
        values = (scored.scores.anomaly[snippet], scored.scores.anomaly_alignment[snippet])
        probabilities = [f"{value:.6f}" for value in (*values, *scored.scores.classes[snippet])]
        writer.writerow([snippet, f"{start:.3f}", f"{end:.3f}", snippet * stride, *probabilities])
    return text.getvalue()


def detections_json(scored: Scored, found: Sequence[Detection], threshold: float) -> str:
    """Spell the detected segments and how they came about as JSON."""
    header = scored.model.checkpoint.header
    names = class_names(scored.model.codes)
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
        "segments": [
            {
                "class": names[one.column],
                "label": scored.model.codes[one.column],
                "confidence": round(one.confidence, 6),
                "start_seconds": round(float(scored.bounds[one.first, 0]), 3),
                "end_seconds": round(float(scored.bounds[one.after - 1, 1]), 3),
                "start_frame": one.first * header.trained_on.stride,
                "end_frame": min(one.after * header.trained_on.stride, scored.scores.frames),
            }
            for one in found
        ],
        "provenance": asdict(scored.model.provenance),
    }
    return json.dumps(values, ensure_ascii=False, indent=2) + "\n"


def compose(scored: Scored, found: Sequence[Detection], thumbnails: Sequence[NDArray[np.uint8]]) -> Drawing:
    """Gather what the figure shows: both branches' anomaly, with the detected segments marked.

    Args:
        scored: The video.
        found: Its segments.
        thumbnails: Pictures of it, evenly spaced.
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
        curves=[
            Curve(f"{scored.model.name}, classification branch", times, scored.scores.anomaly),
            Curve(f"{scored.model.name}, alignment branch", times, scored.scores.anomaly_alignment),
        ],
        class_map=ClassMap(class_names(scored.model.codes), times, scored.scores.classes),
        marks=[Mark(float(times[one.first]), float(times[one.after]), one.column) for one in found],
        marks_are="detected",
        thumbnails=thumbnails,
    )
