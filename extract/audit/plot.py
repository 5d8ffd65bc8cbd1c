"""Draws an audit: how similar the videos are, and how well each setting fits."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from extract.audit.diagnosis import Diagnosis
from extract.audit.settings import Setting, differences
from extract.audit.similarity import Similarity
from extract.base.files import atomic_path

MOST_BARS = 16
LONGEST_NAME = 48
BINS = 30
# Keeps the histogram of equal values drawable.
EDGE = 0.005


def draw(path: Path, compared: Sequence[Similarity], diagnosis: Diagnosis | None) -> None:
    """Write audit.png, whole or not at all.

    Args:
        path: The picture.
        compared: The comparison of every video and crop.
        diagnosis: What was found, or ``None`` if nothing was recomputed.
    """
    panels = 1 if diagnosis is None else 2
    figure = Figure(figsize=(6 * panels, 4.5), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    _similarities(axes[0], compared)
    if diagnosis is not None:
        _fits(axes[1], diagnosis)
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def _similarities(axes: Axes, compared: Sequence[Similarity]) -> None:
    by_video: dict[str, list[float]] = {}
    for pair in compared:
        by_video.setdefault(pair.video_id, []).append(pair.cosine_mean)
    means = [float(np.mean(cosines)) for cosines in by_video.values()]
    axes.hist(means, bins=BINS, range=(min(means) - EDGE, max(means) + EDGE))
    axes.set_xlabel("cosine similarity, mean of a video")
    axes.set_ylabel("videos")


def _fits(axes: Axes, diagnosis: Diagnosis) -> None:
    shown = diagnosis.found.tried[:MOST_BARS]
    names = [_name(tried.setting, diagnosis.ours) for tried in shown]
    colours = ["tab:green" if tried == diagnosis.found.best else "tab:gray" for tried in shown]
    axes.barh(range(len(shown)), [tried.misfit for tried in shown], color=colours)
    axes.set_yticks(range(len(shown)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(diagnosis.limit, color="tab:red", linewidth=1, label="most that rounding explains")
    axes.set_xlabel("misfit")
    axes.set_title(f"verdict: {diagnosis.verdict}", fontsize=9)
    axes.legend(fontsize=7)


def _name(setting: Setting, ours: Setting) -> str:
    # What stands in brackets explains a phrase.
    phrases = [phrase.split(" (")[0] for phrase in differences(setting, ours).values()]
    name = ", ".join(phrases) or "ours"
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
