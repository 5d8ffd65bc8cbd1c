"""Features that an independent script makes wrongly in known ways, and what the audit says of them."""

import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from extract.audit.diagnosis import AGREES, DIFFERS, NONE, UNDECIDED, Diagnosis, diagnose
from extract.audit.features import Recomputer
from extract.audit.report import diagnosis_text
from extract.audit.similarity import open_folder
from extract.encoders.clip import load_clip
from extract.shard import RELEASED_VISUAL, ShardHeader, new_shard
from tests.extract.audit.perturbed_features import Maker, Recipe
from tests.extract.made_videos import write_video
from tests.shards import VISUAL

STRIDE = 4
MODEL, PLAIN_GELU = "ViT-B-32-quickgelu", "ViT-B-32"
# Neither length is a multiple of the stride, so that an absent last snippet is missed.
LENGTHS, SHAPES = (25, 30), ((480, 640), (420, 560))
# How many single causes and pairs the normal run takes; the slow one takes the rest.
SINGLES_SAMPLED, PAIRS_SAMPLED, SEED = 3, 2, 2


def scene(seed: int, frames: int, shape: tuple[int, int]) -> list[np.ndarray]:
    """A texture that moves and changes its brightness, with two coloured discs; no symmetry."""
    draw = np.random.default_rng(seed)
    height, width = shape
    texture = sum(share * _noise(draw, cell, shape) for share, cell in ((0.5, 60), (0.3, 14), (0.2, 3)))
    rows, columns = np.mgrid[:height, :width]
    colours = draw.uniform(0, 255, (2, 3))
    pictures = []
    for time in range(frames):
        picture = texture[5 * time : 5 * time + height, 3 * time : 3 * time + width].copy()
        picture[(rows - 150 - 3 * time) ** 2 + (columns - 160 - 4 * time) ** 2 < 90**2] = colours[0]
        picture[(rows - 330 + 2 * time) ** 2 + (columns - 430 + 3 * time) ** 2 < 60**2] = colours[1]
        pictures.append(np.clip(picture * (0.6 + 0.4 * np.sin(0.21 * time + seed)), 0, 255).astype(np.uint8))
    return pictures


def _noise(draw: np.random.Generator, cell: int, shape: tuple[int, int]) -> np.ndarray:
    height, width = 2 * shape[0], 2 * shape[1]
    coarse = draw.uniform(0, 255, (height // cell + 2, width // cell + 2, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), np.float32)


@dataclass(frozen=True)
class Auditor:
    """What all cases share: videos, and both sides' memory of what they have encoded."""

    folder: Path
    videos: dict[str, Path]
    maker: Maker
    recomputer: Recomputer

    def diagnose(self, recipe: Recipe, videos: dict[str, Path] | None = None) -> Diagnosis:
        """Make features by ``recipe`` and let the audit explain them."""
        videos = videos or self.videos
        return self.explain({name: self.maker.features(path, recipe) for name, path in videos.items()}, recipe, videos)

    def explain(self, features: dict[str, np.ndarray], recipe: Recipe, videos: dict[str, Path]) -> Diagnosis:
        """Let the audit explain features [crops, T, 512] of some videos."""
        folder = self.folder / f"{len(list(self.folder.iterdir()))}"
        frames = {name: LENGTHS[0] if name == "still" else LENGTHS[int(name)] for name in videos}
        crops = tuple(range(len(recipe.places)))
        released = ShardHeader("xd", "test", recipe.stride, crops, RELEASED_VISUAL, None)
        write(folder / "released", released, features, {})
        ours = ShardHeader("xd", "test", STRIDE, (0,), VISUAL, None)
        own = {name: np.ones((1, -(-length // STRIDE), 512)) for name, length in frames.items()}
        write(folder / "ours", ours, own, frames)
        with open_folder(folder / "ours", "test") as mine, open_folder(folder / "released", "test") as other:
            return diagnose(mine, other, videos, self.recomputer, videos=2, frames=2)


def write(folder: Path, header: ShardHeader, features: dict[str, np.ndarray], frames: dict[str, int]) -> None:
    """Write features [crops, T, 512] of some videos as a shard."""
    with new_shard(folder / "test-00000.h5", header, "float16") as writer:
        for name, rows in features.items():
            visual = rows.transpose(1, 0, 2)
            writer.add(name, ("A",), visual, None, audio_sounding=0, frames=frames.get(name, -1), fps=float("nan"))


@pytest.fixture(scope="module")
def clip() -> torch.nn.Module:
    """A third of ViT-B/16's work; how pictures are sampled and prepared is the same."""
    return load_clip("random:0", MODEL)[0]


@pytest.fixture(scope="module")
def weights(clip: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "clip.safetensors"
    save_file({name: value.contiguous() for name, value in clip.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def auditor(clip: torch.nn.Module, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    folder = tmp_path_factory.mktemp("audit")
    videos = {}
    for number, (frames, shape) in enumerate(zip(LENGTHS, SHAPES, strict=True)):
        videos[str(number)] = write_video(folder / f"{number}.mp4", scene(number, frames, shape))
    cases = folder / "cases"
    cases.mkdir()
    recomputer = Recomputer(clip, encoder=MODEL, device=torch.device("cpu"), threads=1)
    return Auditor(cases, videos, Maker(weights), recomputer)


RIGHT = Recipe(model=MODEL)
SINGLE = {
    "time offset +3 frames": replace(RIGHT, offset=3),
    "time offset -2 frames": replace(RIGHT, offset=-2),
    "time offset +1 snippets": replace(RIGHT, offset=4),
    "stride 8": replace(RIGHT, stride=8),
    "last snippet absent": replace(RIGHT, last="whole"),
    "one snippet extra": replace(RIGHT, last="extra"),
    "mirrored": replace(RIGHT, places=(5,)),
    "crop 0 is our crop 3": replace(RIGHT, places=(3,)),
    "crop order: 0 is our 1, 1 is our 2, 2 is our 5": replace(RIGHT, places=(1, 2, 5)),
    "plain GELU": replace(RIGHT, model=PLAIN_GELU),
    "resize bilinear-rounded": replace(RIGHT, resize="rounded"),
    "resize bilinear-antialiased": replace(RIGHT, resize="pillow-bilinear"),
    "resize bicubic-antialiased": replace(RIGHT, resize="pillow-bicubic"),
    "resize clip": replace(RIGHT, resize="clip"),
    "resize squashed-bicubic": replace(RIGHT, resize="squashed"),
    "resize squashed-bilinear": replace(RIGHT, resize="squashed-rounded"),
    "BGR": replace(RIGHT, bgr=True),
    "scaled to length one": replace(RIGHT, scaled=True),
}
PAIRS = {
    ("time offset +3 frames", "BGR"): replace(RIGHT, offset=3, bgr=True),
    ("time offset +1 frames", "resize clip"): replace(RIGHT, offset=1, resize="clip"),
    ("stride 8", "plain GELU"): replace(RIGHT, stride=8, model=PLAIN_GELU),
    ("last snippet absent", "mirrored"): replace(RIGHT, last="whole", places=(5,)),
    ("one snippet extra", "resize bilinear-antialiased"): replace(RIGHT, last="extra", resize="pillow-bilinear"),
    ("mirrored", "resize squashed-bicubic"): replace(RIGHT, places=(5,), resize="squashed"),
    ("crop 0 is our crop 3", "time offset -2 frames"): replace(RIGHT, places=(3,), offset=-2),
    ("plain GELU", "resize bicubic-antialiased"): replace(RIGHT, model=PLAIN_GELU, resize="pillow-bicubic"),
    ("BGR", "resize bilinear-rounded"): replace(RIGHT, bgr=True, resize="rounded"),
    ("plain GELU", "BGR"): replace(RIGHT, model=PLAIN_GELU, bgr=True),
    ("scaled to length one", "plain GELU"): replace(RIGHT, scaled=True, model=PLAIN_GELU),
    ("stride 8", "time offset +2 frames"): replace(RIGHT, stride=8, offset=2),
}
CASES = {(cause,): recipe for cause, recipe in SINGLE.items()} | PAIRS
DRAW = random.Random(SEED)
SAMPLED = [(cause,) for cause in DRAW.sample(sorted(SINGLE), SINGLES_SAMPLED)] + DRAW.sample(
    sorted(PAIRS), PAIRS_SAMPLED
)


def check(auditor: Auditor, causes: tuple[str, ...]) -> None:
    """The diagnosis of a case names exactly its causes."""
    found = auditor.diagnose(CASES[causes])
    assert found.verdict == DIFFERS, diagnosis_text(found)
    assert len(found.causes) == len(causes), diagnosis_text(found)
    for cause in causes:
        assert any(named.startswith(cause) or cause in named for named in found.causes), diagnosis_text(found)


@pytest.mark.parametrize("causes", SAMPLED, ids=" and ".join)
def test_a_sample_of_the_causes_is_named(auditor: Auditor, causes: tuple[str, ...]) -> None:
    check(auditor, causes)


@pytest.mark.slow
@pytest.mark.parametrize("causes", [causes for causes in CASES if causes not in SAMPLED], ids=" and ".join)
def test_every_cause_and_pair_of_causes_is_named(auditor: Auditor, causes: tuple[str, ...]) -> None:
    check(auditor, causes)


def test_a_crop_that_is_none_of_ours_is_named(auditor: Auditor) -> None:
    recipe = replace(RIGHT, places=(0, 1))
    features = {name: auditor.maker.features(path, recipe) for name, path in auditor.videos.items()}
    for rows in features.values():
        rows[1] = np.random.default_rng(0).standard_normal(rows[1].shape)
    found = auditor.explain(features, recipe, auditor.videos)
    assert found.causes == ("crop order: 0 is our 0, 1 is none of ours",)


def test_features_made_as_ours_agree(auditor: Auditor) -> None:
    found = auditor.diagnose(RIGHT)
    assert (found.verdict, found.causes, found.undecided) == (AGREES, (), ())
    assert "Agrees: same setting as ours" in diagnosis_text(found)


def test_a_cause_that_is_not_listed_is_none_of_these(auditor: Auditor) -> None:
    found = auditor.diagnose(replace(RIGHT, spoil="blur"))
    assert found.verdict == NONE, diagnosis_text(found)


@pytest.mark.slow
def test_a_wrong_range_of_colours_is_none_of_these(auditor: Auditor) -> None:
    found = auditor.diagnose(replace(RIGHT, spoil="range"))
    assert found.verdict == NONE, diagnosis_text(found)


def test_a_time_offset_of_a_video_in_which_nothing_moves_is_undecided(auditor: Auditor, tmp_path: Path) -> None:
    still = write_video(tmp_path / "still.mp4", scene(2, 1, SHAPES[0]) * LENGTHS[0], options={"crf": "0"})
    found = auditor.diagnose(replace(RIGHT, offset=2), {"still": still})
    assert found.verdict == UNDECIDED, diagnosis_text(found)
    assert found.causes == ()
    # 25 frames give 6 rows if every fourth from frame 2 on is taken, every fifth from frame 0 or 1, and so on.
    stride, offset, rows = found.undecided
    assert stride == "stride 4 or 5 or 6"
    assert set(map(int, offset.removeprefix("offset ").split(" or "))) > {-4, -3, -2, -1, 0, 1, 2, 3, 4, 8}
    assert "as expected" in rows
