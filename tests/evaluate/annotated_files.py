"""A catalog of three test videos and scores of them, small enough to count by hand."""

from pathlib import Path

import numpy as np

from evaluate.scores_file import ScoredVideo, ScoresHeader, write_scores
from extract.catalog import Segment, Video, write_catalog

CODES = ("A", "B1", "B2")
STRIDE = 4
# Two snippets each, the last one cut short in the first video.
FIGHT, MIXED, QUIET = "fight_label_B1-0-0", "mixed_label_B1-B2-0", "quiet_label_A"
LIKELIEST = {FIGHT: (1, 2), MIXED: (1, 0), QUIET: (0, 2)}
FRAMES = {FIGHT: 6, MIXED: 8, QUIET: 8}


def write_annotated(folder: Path, *, known_frames: bool = True, tells_classes: bool = True) -> tuple[Path, Path]:
    """Write ``scores.h5`` and ``catalog.jsonl``."""
    videos = [
        Video(FIGHT, "test", "", ("B1",), (Segment("B1", 2, 6),)),
        Video(MIXED, "test", "", ("B1", "B2"), (Segment("B1", 0, 4), Segment("B2", 3, 6))),
        Video(QUIET, "test", "", ("A",)),
    ]
    write_catalog(folder / "catalog.jsonl", videos)
    scored = {video_id: _scored(video_id, known_frames) for video_id in LIKELIEST}
    write_scores(folder / "scores.h5", ScoresHeader(STRIDE, CODES, tells_classes=tells_classes), iter(scored.items()))
    return folder / "scores.h5", folder / "catalog.jsonl"


def _scored(video_id: str, known_frames: bool) -> ScoredVideo:
    classes = np.full((2, 3), 0.1, np.float32)
    classes[[0, 1], LIKELIEST[video_id]] = 0.8
    anomaly = 1 - classes[:, 0]
    return ScoredVideo(anomaly / 2, anomaly, classes, FRAMES[video_id] if known_frames else -1)
