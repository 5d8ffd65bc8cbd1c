"""A word means one thing (docs/glossary.md): names in code that have one of these words stand where they mean it."""

import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Where names may have the word; all else has another one for what it means.
HOMES = {
    # What training reports of every epoch; the last two call scikit-learn's precision_recall_curve.
    "curve": (
        *("train/curves.py", "train/loop.py", "train/run.py", "evaluate/report/training_curves.py"),
        *("extract/check.py", "evaluate/alarms/frames.py", "evaluate/report/precision_recall.py"),
    ),
    # Annotated events; never the pieces into which a method cuts a video.
    "segment": ("extract/", "evaluate/", "train/frame_ap.py", "train/selection.py", "benchmarks/"),
    # The step that a video failed in, and the name that CUPL's checkpoints have for its phase.
    "stage": (
        *("extract/failures.py", "extract/visual.py", "extract/audio.py", "extract/npy/listed_features.py"),
        *("extract/released.py", "evaluate/detect/__main__.py", "evaluate/report/failures_page.py"),
        "train/baselines/cupl.py",
    ),
}


def named(word: str) -> set[str]:
    """Name the modules in which a name has a word, alone or as a part: ``curve`` for ``read_curves``."""
    part = re.compile(rf"(?<![a-z]){word}s?(?![a-z])", re.IGNORECASE)
    found = set()
    for package in ("config", "extract", "train", "evaluate", "benchmarks"):
        for path in (ROOT / package).rglob("*.py"):
            tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
            if any(token.type == tokenize.NAME and part.search(token.string) for token in tokens):
                found.add(path.relative_to(ROOT).as_posix())
    return found


@pytest.mark.parametrize("word", HOMES)
def test_a_word_stands_in_names_where_it_has_its_one_meaning(word: str) -> None:
    assert {path for path in named(word) if not path.startswith(HOMES[word])} == set()
    assert named(word)


@pytest.mark.parametrize(
    "word", [*HOMES, "snippet", "crop", "protocol", "selection", "branch", "released", "detection"]
)
def test_the_glossary_says_what_it_means(word: str) -> None:
    glossary = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| .*\*\*{word}s?\*\*.* \| \S", glossary, re.MULTILINE)
