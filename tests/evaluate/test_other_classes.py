"""Classes given for scoring, with a small model that has learned something and a CLIP of one layer."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from evaluate.detect.__main__ import main as detect
from evaluate.metrics import measure
from evaluate.score import main as score
from evaluate.scores_file import read_scores
from evaluate.watch.__main__ import main as watch
from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog
from extract.encoders.clip import ENCODER
from extract.encoders.preprocessing import PREPROCESSING
from extract.labels.file import write_classes
from extract.labels.label_set import LabelSet, one_word_each
from extract.shard import Encoding
from tests.extract.made_videos import write_numbered
from tests.extract.narrow_clip import narrow_clip
from tests.shards import Made, make_shard
from train.run import main as train

PROMPTS = {"normal": "normal", "fall": "a person falling", "leak": "water running out"}
RENAMED = {"calm": "normal", "Sturz": "a person falling", "漏水": "water running out"}
OFFSETS = {"normal": 0.0, "fall": 1.0, "leak": -1.0}
VISUAL = Encoding(ENCODER, "random:0", "fp32", PREPROCESSING)
SNIPPETS, STRIDE = 6, 16


@dataclass(frozen=True)
class Learned:
    """A trained checkpoint and the folder of its shards."""

    folder: Path
    checkpoint: Path

    def scored(self, name: str, *words: str, shards: Path | None = None) -> Path:
        """Score the test shards."""
        out = self.folder / f"{name}.h5"
        files = ["--checkpoint", str(self.checkpoint), "--shards", str(shards or self.folder), "--out", str(out)]
        score([*files, "--device", "cpu", *words])
        return out

    def classes(self, name: str, prompts: dict[str, str]) -> list[str]:
        """Write a file of classes, and spell the flags that give it."""
        write_classes(self.folder / f"{name}.yaml", one_word_each("own", prompts))
        return ["--classes", str(self.folder / f"{name}.yaml"), "--text-weights", "random:0"]


def videos_of_each(codes: dict[str, str]) -> list[tuple[Made, Video]]:
    """Make two test videos of each class, under other codes."""
    whole = SNIPPETS * STRIDE
    return [
        (
            Made(f"{code}{number}", (codes[code],), SNIPPETS, offset=offset),
            Video(f"{code}{number}", "test", "", (codes[code],), (Segment(codes[code], 0, whole),)),
        )
        for code, offset in OFFSETS.items()
        for number in range(2)
    ]


def make_test_set(folder: Path, labels: LabelSet, codes: dict[str, str]) -> Path:
    """Write the test shard and its catalog into ``folder``."""
    made = videos_of_each(codes)
    make_shard(
        folder / "test-00000.h5", [one for one, _ in made],
        split="test", dataset="own", labels=labels, audio=None, visual=VISUAL, seed=1,
    )  # fmt: skip
    write_catalog(folder / "catalog.jsonl", [video for _, video in made], labels.codes)
    return folder


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learned]:
    folder = tmp_path_factory.mktemp("learned")
    labels = one_word_each("own", PROMPTS)
    videos = [
        Made(f"{code}{number}", (code,), SNIPPETS, offset=offset)
        for code, offset in OFFSETS.items()
        for number in range(4)
    ]
    make_shard(folder / "train-00000.h5", videos, dataset="own", labels=labels, audio=None, visual=VISUAL)
    make_test_set(folder, labels, {code: code for code in PROMPTS})
    files = {"shards": folder, "out": folder / "vadclip", "partial": folder / "partial", "curves": folder / "curves"}
    words = "--model vadclip --window 8 --max-snippets 8 --epochs 12 --batch 6 --learning-rate 1e-3 --milestones 12"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("extract.encoders.clip.load_clip", narrow_clip)
        train(
            [
                *(word for name, path in files.items() for word in (f"--{name}", str(path))),
                *words.split(),
                *("--scoring-crop", "0", "--device", "cpu", "--text-weights", "random:0"),
            ]
        )
        yield Learned(folder, folder / "vadclip")


def test_a_class_of_another_name_is_found_as_well_as_the_one_that_it_renames(learned: Learned, tmp_path: Path) -> None:
    own = learned.scored("own")
    before = measure(own, learned.folder / "catalog.jsonl")
    assert before["per_class"]["fall"]["avg"] > 90
    assert before["per_class"]["leak"]["avg"] > 90

    renamed = make_test_set(tmp_path, one_word_each("own", RENAMED), dict(zip(PROMPTS, RENAMED, strict=True)))
    given = learned.scored("renamed", *learned.classes("renamed", RENAMED), shards=renamed)
    after = measure(given, tmp_path / "catalog.jsonl")
    assert after["classes"] == list(RENAMED)
    for code, new in zip(PROMPTS, RENAMED, strict=True):
        assert after["per_class"][new] == pytest.approx(before["per_class"][code])
    for video_id, scores in read_scores(own)[1].items():
        np.testing.assert_allclose(read_scores(given)[1][video_id].classes, scores.classes, atol=1e-5)
    note = read_scores(given)[0].provenance.note
    assert "classes given for scoring: normal, a person falling, water running out" in note
    assert "not trained" not in note


def test_a_class_that_was_not_trained_is_scored_and_said_to_be_none(learned: Learned) -> None:
    more = PROMPTS | {"fight": "people fighting"}
    header, videos = read_scores(learned.scored("more", *learned.classes("more", more)))
    assert header.classes == tuple(more)
    assert header.prompts == tuple(more.values())
    assert "; not trained: people fighting" in header.provenance.note
    for scores in videos.values():
        assert scores.classes.shape == (SNIPPETS, 4)
        np.testing.assert_allclose(scores.classes.sum(axis=1), 1, atol=1e-5)
        assert scores.classes[:, 3].min() > 0


def test_what_detection_writes_says_which_classes_were_not_trained(learned: Learned, tmp_path: Path) -> None:
    video = write_numbered(tmp_path / "own.mp4", 37)
    given = learned.classes("two", {"normal": "normal", "fall": "A person falling", "fight": "people fighting"})
    settings = ["--visual-weights", "random:0", "--precision", "fp32", "--device", "cpu"]
    thresholds = ["--threshold", "0.001"]
    detect(
        [str(video), "--checkpoint", str(learned.checkpoint), *given, *settings, *thresholds, "--out", str(tmp_path)]
    )
    found = json.loads((tmp_path / "own.json").read_text())
    told = {one["class"] for detection in found["segments"] for one in detection["likeliest"]}
    assert told == {"A person falling", "people fighting (not trained)"}
    assert any("not trained: people fighting" in note for note in found["notes"])
    assert (
        (tmp_path / "own.csv")
        .read_text()
        .split("\n")[0]
        .endswith("normal,A person falling,people fighting (not trained)")
    )


def test_what_a_watch_writes_says_which_classes_were_not_trained(learned: Learned, tmp_path: Path) -> None:
    video = write_numbered(tmp_path / "cam.ts", 37)
    given = learned.classes("watched", {"normal": "normal", "fall": "A person falling", "fight": "people fighting"})
    settings = ["--visual-weights", "random:0", "--precision", "fp32", "--device", "cpu", "--silence", "1"]
    thresholds = ["--threshold", "0.001"]
    watch([str(video), "--checkpoint", str(learned.checkpoint), *given, *settings, *thresholds, "--out", str(tmp_path)])
    begins = json.loads((tmp_path / "cam/events.jsonl").read_text().splitlines()[0])
    assert {one["class"] for one in begins["likeliest"]} == {"A person falling", "people fighting (not trained)"}
    assert any("not trained: people fighting" in note for note in begins["notes"])
    columns = (tmp_path / "cam/scores.csv").read_text().splitlines()[0].split(",")
    assert {"normal", "A person falling", "people fighting (not trained)"} <= set(columns)
    with pytest.raises(InputError, match="--classes and --text-weights go together"):
        watch([str(video), "--checkpoint", str(learned.checkpoint), *given[:2], *settings, "--out", str(tmp_path)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda words: [*words[:3], "random:1"],
            "vadclip: --text-weights random:1: give other embeddings of the trained",
        ),
        (lambda words: words[:2], "--classes and --text-weights go together"),
        (lambda words: words[2:], "--classes and --text-weights go together"),
    ],
)
def test_classes_need_the_text_tower_of_the_training(
    learned: Learned, change: Callable[[list[str]], list[str]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        learned.scored("refused", *change(learned.classes("renamed", RENAMED)))
    assert not (learned.folder / "refused.h5").exists()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("deep_mil_classes", "has an output for each class of its training and takes no others"),
        ("deep_mil", "tells no classes apart and takes no others"),
    ],
)
def test_a_method_that_reads_no_words_takes_no_other_classes(
    learned: Learned, tmp_path: Path, model: str, message: str
) -> None:
    files = {"shards": learned.folder, "out": tmp_path / model, "partial": tmp_path / "p", "curves": tmp_path / "c"}
    words = f"--model {model} --max-snippets 8 --epochs 0 --scoring-crop 0 --device cpu --milestones 1"
    train([*(word for name, path in files.items() for word in (f"--{name}", str(path))), *words.split()])
    with pytest.raises(InputError, match=message):
        Learned(learned.folder, tmp_path / model).scored("refused", *learned.classes("renamed", RENAMED))
