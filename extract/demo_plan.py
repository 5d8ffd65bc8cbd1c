"""What happens in each video of the generated demo data set: kind, labels, events, names.

Planning is cheap and needs no pictures or sound, so the ground truth is fixed before anything is
drawn. Every random choice about one video comes from generators seeded with
``(seed, split, index, purpose)``: any one video can be made again alone.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from extract.errors import InputError
from extract.labels import LABEL_SETS

STRIDE = 16
SHORTEST = 8
TYPICAL = 14
NORMAL, *VIOLENCE = LABEL_SETS["xd"].codes
FILMS = (
    "Harbour.Nights.2004",
    "The.Long.Quay.1987",
    "v=kT4_dRw-2Xo",
    "Station.No.9.2011",
    "Market@Dawn",
    "v=Pz81mmQeVaY",
    "Low.Tide.II.1996",
    "Ring.Road@Km12",
)


class Kind(StrEnum):
    """How a video's events can be noticed, or what stands in for them when it is normal."""

    SEEN_AND_HEARD = "seen_and_heard"
    HEARD_ONLY = "heard_only"
    SEEN_ONLY = "seen_only"
    MISLEADING_NORMAL = "misleading_normal"
    PLAIN_NORMAL = "plain_normal"


class Sound(StrEnum):
    """What the audio stream of a file covers."""

    WHOLE = "whole"
    ENDS_EARLY = "ends_early"
    NO_STREAM = "no_stream"


# Kinds and classes go round with lengths that share no divisor, so that every pair of them comes up.
VIOLENT_KINDS = (
    Kind.SEEN_AND_HEARD,
    Kind.HEARD_ONLY,
    Kind.SEEN_ONLY,
    Kind.SEEN_AND_HEARD,
    Kind.HEARD_ONLY,
    Kind.SEEN_ONLY,
    Kind.SEEN_AND_HEARD,
)
NORMAL_KINDS = (Kind.MISLEADING_NORMAL, Kind.PLAIN_NORMAL)
VIOLENT_SHARE = {"train": 0.5, "test": 0.6}  # XD-Violence: 0.48 and 0.625
PURPOSES = ("plan", "pictures", "brightness", "sounds", "loudness")


@dataclass(frozen=True)
class Burst:
    """A stretch in which something happens.

    Attributes:
        label: Code of the violence, or the normal code for a harmless flash and bang.
        start: First frame.
        end: One past the last frame.
    """

    label: str
    start: int
    end: int


@dataclass(frozen=True)
class VideoPlan:
    """Everything that decides the content of one video.

    Attributes:
        seed: Seed of the data set.
        split: ``train`` or ``test``.
        index: Number of the video within its split.
        video_id: XD-style name, the file's stem.
        kind: How its events can be noticed.
        bursts: Events and harmless bursts, in order, apart from one another.
        frames: Number of frames.
        rate: Frames per second (the mean rate of a video with a variable one).
        width: Width of the coded picture in pixels.
        height: Height of the coded picture in pixels.
        night: Whether the whole video is dark.
        sound: What the audio stream covers.
        variable_rate: Whether frames show for unequal times.
    """

    seed: int
    split: str
    index: int
    video_id: str
    kind: Kind
    bursts: tuple[Burst, ...]
    frames: int
    rate: int
    width: int
    height: int
    night: bool
    sound: Sound
    variable_rate: bool

    @property
    def events(self) -> tuple[Burst, ...]:
        """The violent bursts: the ground truth."""
        return tuple(burst for burst in self.bursts if burst.label != NORMAL)

    @property
    def snippets(self) -> int:
        """Number of snippets at a stride of 16 frames."""
        return -(-self.frames // STRIDE)

    @property
    def visible(self) -> tuple[Burst, ...]:
        """The bursts that show in the picture."""
        return self.bursts if self.kind is not Kind.HEARD_ONLY else _harmless(self.bursts)

    @property
    def audible(self) -> tuple[Burst, ...]:
        """The bursts that are heard."""
        return self.bursts if self.kind is not Kind.SEEN_ONLY else _harmless(self.bursts)


def generator(plan: VideoPlan, purpose: str) -> np.random.Generator:
    """The generator for one purpose in one video: pictures do not change when sounds do."""
    return _generator(plan.seed, plan.split, plan.index, purpose)


def plan_data_set(seed: int, train: int, test: int, max_snippets: int) -> list[VideoPlan]:
    """Plan all videos, the training ones first.

    Args:
        seed: Decides everything.
        train: Number of training videos; half of them are normal.
        test: Number of test videos; two in five are normal.
        max_snippets: Most snippets in all. The videos have from 8 to 20, 14 on average, and fewer
            if the limit asks for it.

    Raises:
        InputError: If a number is negative or the limit leaves fewer than 8 snippets a video.
    """
    for name, value in (("--seed", seed), ("--train", train), ("--test", test)):
        if value < 0:
            raise InputError(f"{name}: {value} must be at least 0")
    videos = train + test
    mean = min(TYPICAL, max_snippets // videos) if videos else TYPICAL
    if mean < SHORTEST:
        raise InputError(
            f"--max-snippets: {max_snippets} leaves {mean} for each of {videos} videos;"
            f" use at least {SHORTEST * videos}, or fewer videos"
        )
    lengths = np.linspace(SHORTEST, 2 * mean - SHORTEST, videos).astype(int)
    np.random.default_rng(seed).shuffle(lengths)
    return [
        _plan_video(seed, split, index, count, int(length))
        for split, index, count, length in zip(
            ["train"] * train + ["test"] * test,
            [*range(train), *range(test)],
            [train] * train + [test] * test,
            lengths,
            strict=True,
        )
    ]


def frame_times(plan: VideoPlan) -> list[Fraction]:
    """When each frame begins to show, in seconds, and when the last one ends: ``frames + 1`` values."""
    if not plan.variable_rate:
        return [Fraction(frame, plan.rate) for frame in range(plan.frames + 1)]
    # Durations from half to one and a half of the usual one, as a phone's camera gives in changing light.
    swing = np.sin(np.arange(plan.frames) * 2 * np.pi / 48) * 0.5
    quarters = np.round((1 + swing) * 4).astype(int)
    return [Fraction(int(sum_), 4 * plan.rate) for sum_ in np.concatenate(([0], np.cumsum(quarters)))]


def levels(plan: VideoPlan, purpose: str, low: float, high: float) -> NDArray[np.float32]:
    """A level for each frame ``[frames]`` that jumps from one stretch to the next and knows nothing of violence.

    Bursts and the stretches between them draw from the same uniform distribution, so that neither
    brightness nor loudness tells an event from anything else.

    Args:
        plan: The video; its bursts are stretches of their own, the rest is cut at random.
        purpose: ``brightness`` or ``loudness``.
        low: Least level.
        high: Greatest level.
    """
    random = generator(plan, purpose)
    base = random.uniform(low, high)
    edges = [0, *(edge for burst in plan.bursts for edge in (burst.start, burst.end)), plan.frames]
    track = np.empty(plan.frames, dtype=np.float32)
    for start, end in pairwise(edges):
        frame = start
        while frame < end:
            length = int(random.integers(30, 100))
            track[frame : min(frame + length, end)] = 0.4 * base + 0.6 * random.uniform(low, high)
            frame += length
    return track


def _plan_video(seed: int, split: str, index: int, count: int, snippets: int) -> VideoPlan:
    random = _generator(seed, split, index, "plan")
    violent = round(count * VIOLENT_SHARE[split])
    kind = (
        VIOLENT_KINDS[index % len(VIOLENT_KINDS)]
        if index < violent
        else NORMAL_KINDS[(index - violent) % len(NORMAL_KINDS)]
    )
    frames = snippets * STRIDE - int(random.integers(STRIDE // 2))
    codes = _burst_codes(random, kind, index, two=snippets >= 12)
    bursts = _place(random, codes, frames)
    first_seen_only = index == VIOLENT_KINDS.index(Kind.SEEN_ONLY)
    sound = Sound.WHOLE
    if first_seen_only and kind is Kind.SEEN_ONLY:
        sound = Sound.NO_STREAM if split == "test" else Sound.ENDS_EARLY
    width, height = [(340, 256), (320, 240), (480, 272)][int(random.integers(3))]
    return VideoPlan(
        seed=seed,
        split=split,
        index=index,
        video_id=_video_id(random, split, index, bursts),
        kind=kind,
        bursts=bursts,
        frames=frames,
        rate=int(random.choice([24, 25])),
        width=width,
        height=height,
        night=_is_night(kind, index, violent),
        sound=sound,
        variable_rate=split == "test" and index == 0,
    )


def _burst_codes(random: np.random.Generator, kind: Kind, index: int, *, two: bool) -> list[str]:
    if kind is Kind.PLAIN_NORMAL:
        return []
    if kind is Kind.MISLEADING_NORMAL:
        return [NORMAL, NORMAL] if two else [NORMAL]
    first = VIOLENCE[index % len(VIOLENCE)]
    if not two:
        return [first]
    # A second event of the same class, of another class, or a harmless burst beside the event.
    other = VIOLENCE[(index + 1 + index // len(VIOLENCE)) % len(VIOLENCE)]
    codes = [first, [first, other, NORMAL][int(random.integers(3))]]
    return codes if random.random() < 0.5 else codes[::-1]


def _place(random: np.random.Generator, codes: list[str], frames: int) -> tuple[Burst, ...]:
    slot = frames // max(len(codes), 1)
    bursts = []
    for number, code in enumerate(codes):
        length = int(random.integers(44, min(92, slot - 16) + 1))
        start = number * slot + int(random.integers(4, slot - length - 3))
        bursts.append(Burst(code, start, start + length))
    return tuple(bursts)


def _is_night(kind: Kind, index: int, violent: int) -> bool:
    # Every other heard-only event hides in the dark, one violent video in seven. So is one normal video in seven, for
    # darkness must say nothing.
    if kind is Kind.HEARD_ONLY:
        return index % 2 == 0
    return kind in NORMAL_KINDS and (index - violent) % 7 == 1


def _video_id(random: np.random.Generator, split: str, index: int, bursts: tuple[Burst, ...]) -> str:
    source = FILMS[int(random.integers(len(FILMS)))]
    codes = list(dict.fromkeys(burst.label for burst in bursts if burst.label != NORMAL))
    label = "-".join([*codes, "0", "0"][:3]) if codes else NORMAL
    # The minute is the video's number, which keeps names apart; the hour tells the splits apart.
    begin = f"{0 if split == 'train' else 1:02d}-{index % 60:02d}"
    hour = index // 60
    return f"{source}__#{begin}-{10 + hour:02d}_{begin}-{25 + hour:02d}_label_{label}"


def _generator(seed: int, split: str, index: int, purpose: str) -> np.random.Generator:
    return np.random.default_rng([seed, int(split == "test"), index, PURPOSES.index(purpose)])


def _harmless(bursts: tuple[Burst, ...]) -> tuple[Burst, ...]:
    return tuple(burst for burst in bursts if burst.label == NORMAL)
