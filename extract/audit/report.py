"""Writes down what an audit found: diagnosis.csv, and a few lines to read."""

import csv
from collections.abc import Sequence
from pathlib import Path

from extract.audit.diagnosis import AGREES, DIFFERS, NONE, UNDECIDED, Diagnosis
from extract.audit.search import noise_bound
from extract.audit.settings import Setting, differences
from extract.audit.similarity import ShardFolder, Similarity
from extract.base.files import atomic_path

NAMED = 3
COLUMNS = ("rank", *Setting.__dataclass_fields__, "misfit", "cosine", "margin", "standing", "causes")
HEADLINES = {
    AGREES: "Agrees: same setting as ours",
    DIFFERS: "Differs",
    UNDECIDED: "Undecided",
    NONE: "None of these",
}


def similarity_text(ours: ShardFolder, released: ShardFolder, compared: Sequence[Similarity]) -> str:
    """Say in a few lines how similar two folders are and which videos only one of them holds."""
    lowest = min(compared, key=lambda similarity: similarity.cosine_mean)
    mean = sum(similarity.cosine_mean for similarity in compared) / len(compared)
    videos = len({similarity.video_id for similarity in compared})
    lines = [
        f"{videos} videos in both, {len(compared)} pairs of video and crop: cosine similarity {mean:.4f} on average, "
        f"lowest {lowest.cosine_mean:.4f} ({lowest.video_id}, crop {lowest.crop})"
    ]
    unequal = {pair.video_id: pair for pair in compared if pair.rows_ours != pair.rows_released}
    if unequal:
        first = next(iter(unequal.values()))
        lines.append(
            f"{len(unequal)} of them differ in their number of rows, first {first.video_id}: "
            f"{first.rows_ours} and {first.rows_released}"
        )
    for folder, other in ((ours, released), (released, ours)):
        alone = [video_id for video_id in folder.videos if video_id not in other.videos]
        if alone:
            lines.append(f"{len(alone)} videos only in {folder.path}: {', '.join(alone[:NAMED])}{_more(alone)}")
    return "\n".join(lines)


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """Say in a few lines which causes fit and how sure that is."""
    best = diagnosis.found.best
    causes = "; ".join(diagnosis.causes)
    lines = [HEADLINES[diagnosis.verdict] + (f": {causes}" if causes and diagnosis.verdict == DIFFERS else "")]
    if diagnosis.verdict == UNDECIDED:
        lines += [f"  sure: {causes or 'nothing else differs from ours'}"]
        lines += [f"  cannot be told apart: {choice}" for choice in diagnosis.undecided]
    if diagnosis.verdict == NONE:
        lines.append(f"  nearest: {causes or 'our own setting'}, but too much is left unexplained")
    lines.append(
        f"  misfit {best.misfit:.5f} (cosine {best.cosine:.6f}); the next best setting has "
        f"{diagnosis.found.margin:.1f} times that; up to {diagnosis.limit:.5f} can be rounding"
    )
    lines.append(
        f"  rows: {diagnosis.rows.name} in {diagnosis.rows.fitting} of {diagnosis.rows.videos} videos; length of the "
        f"features {diagnosis.length_ratio:.4f} times the recomputed one"
    )
    looked = ", ".join(f"{video.video_id} rows {' '.join(map(str, video.rows))}" for video in diagnosis.videos)
    lines.append(f"  looked at: {looked}")
    return "\n".join(lines)


def write_diagnosis(path: Path, diagnosis: Diagnosis) -> None:
    """Write every setting that was tried, best first, whole or not at all.

    Args:
        path: diagnosis.csv.
        diagnosis: What was found.
    """
    found = diagnosis.found
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for rank, tried in enumerate(found.tried, start=1):
            standing = "best" if tried == found.best else "equal" if tried in found.rivals else ""
            margin = tried.misfit / noise_bound(found.best.misfit)
            causes = "; ".join(differences(tried.setting, diagnosis.ours).values())
            numbers = (f"{tried.misfit:.7f}", f"{tried.cosine:.8f}", f"{margin:.4f}")
            writer.writerow([rank, *vars(tried.setting).values(), *numbers, standing, causes])


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
