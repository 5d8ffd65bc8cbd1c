"""What happens in each video of a generated demo data set: kind, labels, events, names.

Planning is cheap and needs no pictures or sound, so the ground truth is fixed before anything is
drawn. Labels are XD-Violence's codes whatever the set, for that is what the scenes and sounds are drawn
by; ``demo_lists`` translates them. Every random choice about one video comes from generators seeded with
``(seed, split, index, purpose)``: any one video can be made again alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from extract.base.errors import InputError
from extract.datasets import CCTV, UCF, XD
from extract.demo.names import UCF_CLASSES, cctv_name, ucf_name, xd_name

NORMAL, *VIOLENCE = XD.codes


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
# Where the sound has to show what it is worth: one kind of seven events more is only heard, one fewer only seen.
OFTEN_HEARD_KINDS = (
    Kind.SEEN_AND_HEARD,
    Kind.HEARD_ONLY,
    Kind.SEEN_ONLY,
    Kind.HEARD_ONLY,
    Kind.SEEN_AND_HEARD,
    Kind.HEARD_ONLY,
    Kind.SEEN_AND_HEARD,
)
NORMAL_KINDS = (Kind.MISLEADING_NORMAL, Kind.PLAIN_NORMAL)
PURPOSES = ("plan", "pictures", "brightness", "sounds", "loudness")


@dataclass(frozen=True)
class Style:
    """What tells the videos of one data set from those of another.

    Attributes:
        name: Names a video; see ``demo_names.xd_name``.
        stride: Frames a snippet, as the set is sampled.
        shortest: Fewest snippets a video; enough to hold the shortest burst and its margins.
        typical: Mean snippets a video, if the limit on all videos allows it.
        two_from: Snippets from which a video holds two bursts.
        burst: Fewest and most frames of a burst; at least two snippets, and short enough that frames remain outside.
        codes: Classes of violence, as XD-Violence codes.
        mixes_classes: Whether a video may hold two classes.
        violent_kinds: Kinds of violent videos, in turn.
        violent_share: Share of violent videos in each split.
        silent: Whether no file has an audio stream; otherwise one test video has none, and the audio of one training
            video ends early.
        variable_rate: Whether the first test video has a variable frame rate. Not for a set whose ground truth is in
            seconds: its users turn them into frames by the mean rate.
    """

    name: Callable[[np.random.Generator, str, int, Sequence[str]], str]
    stride: int
    shortest: int
    typical: int
    two_from: int
    burst: tuple[int, int]
    codes: tuple[str, ...]
    mixes_classes: bool
    violent_kinds: tuple[Kind, ...]
    violent_share: dict[str, float]
    silent: bool
    variable_rate: bool


STYLES = {
    XD.name: Style(
        name=xd_name,
        stride=16,
        shortest=6,
        typical=7,
        two_from=8,
        burst=(36, 72),
        codes=tuple(VIOLENCE),
        mixes_classes=True,
        violent_kinds=OFTEN_HEARD_KINDS,
        violent_share={"train": 0.5, "test": 0.6},  # XD-Violence: 0.48 and 0.625
        silent=False,
        variable_rate=True,
    ),
    CCTV.name: Style(
        name=cctv_name,
        stride=4,
        shortest=10,
        typical=17,
        two_from=18,
        burst=(12, 28),
        codes=("B1",),
        mixes_classes=False,
        violent_kinds=VIOLENT_KINDS,
        violent_share={"train": 0.5, "test": 1},
        silent=False,
        variable_rate=False,
    ),
    UCF.name: Style(
        name=ucf_name,
        stride=16,
        shortest=8,
        typical=13,
        two_from=12,
        burst=(44, 92),
        codes=tuple(UCF_CLASSES),
        mixes_classes=False,
        violent_kinds=(Kind.SEEN_ONLY,),
        violent_share={"train": 0.5, "test": 0.5},  # UCF-Crime: 0.50 and 0.48
        silent=True,
        variable_rate=False,
    ),
}


@dataclass(frozen=True)
class Burst:
    """A stretch in which something happens.

    Attributes:
        label: XD-Violence code of the violence, or the normal code for a harmless flash and bang.
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
        dataset: ``xd``, ``cctv`` or ``ucf``.
        seed: Seed of the data set.
        split: ``train`` or ``test``.
        index: Number of the video within its split.
        video_id: Name as the data set has them, the file's stem.
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

    dataset: str
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


def plan_data_set(seed: int, train: int, test: int, max_snippets: int, dataset: str = XD.name) -> list[VideoPlan]:
    """Plan all videos, the training ones first.

    Args:
        seed: Decides everything.
        train: Number of training videos; half of them are normal.
        test: Number of test videos; normal are two in five (xd), none (cctv), or half (ucf).
        max_snippets: Most snippets in all, at the set's stride. The videos have from 6 to 8, 7 on average (xd), from
            10 to 24 (cctv), or from 8 to 18 (ucf), and fewer if the limit asks for it.
        dataset: ``xd``, ``cctv`` or ``ucf``.

    Raises:
        InputError: If a number is negative or the limit leaves too few snippets a video.
    """
    for name, value in (("--seed", seed), ("--train", train), ("--test", test)):
        if value < 0:
            raise InputError(f"{name}: {value} must be at least 0")
    shortest, videos = STYLES[dataset].shortest, train + test
    mean = min(STYLES[dataset].typical, max_snippets // videos) if videos else STYLES[dataset].typical
    if mean < shortest:
        raise InputError(
            f"--max-snippets: {max_snippets} leaves {mean} for each of {videos} videos;"
            f" use at least {shortest * videos}, or fewer videos"
        )
    lengths = np.linspace(shortest, 2 * mean - shortest, videos).round().astype(int)
    np.random.default_rng(seed).shuffle(lengths)
    return [
        _plan_video(dataset, seed, split, index, count, int(length))
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


def _plan_video(dataset: str, seed: int, split: str, index: int, count: int, snippets: int) -> VideoPlan:
    style = STYLES[dataset]
    random = _generator(seed, split, index, "plan")
    violent = round(count * style.violent_share[split])
    kind = (
        style.violent_kinds[index % len(style.violent_kinds)]
        if index < violent
        else NORMAL_KINDS[(index - violent) % len(NORMAL_KINDS)]
    )
    frames = snippets * style.stride - int(random.integers(style.stride // 2))
    codes = _burst_codes(random, style, kind, index, two=snippets >= style.two_from)
    bursts = _place(random, style, codes, frames)
    width, height = [(340, 256), (320, 240), (480, 272)][int(random.integers(3))]
    return VideoPlan(
        dataset=dataset,
        seed=seed,
        split=split,
        index=index,
        video_id=style.name(random, split, index, [burst.label for burst in bursts]),
        kind=kind,
        bursts=bursts,
        frames=frames,
        rate=int(random.choice([24, 25])),
        width=width,
        height=height,
        night=_is_night(style, kind, index if index < violent else index - violent),
        sound=_sound(style, kind, split, index),
        variable_rate=style.variable_rate and split == "test" and index == 0,
    )


def _burst_codes(random: np.random.Generator, style: Style, kind: Kind, index: int, *, two: bool) -> list[str]:
    if kind is Kind.PLAIN_NORMAL:
        return []
    if kind is Kind.MISLEADING_NORMAL:
        return [NORMAL, NORMAL] if two else [NORMAL]
    first = style.codes[index % len(style.codes)]
    if not two:
        return [first]
    # A second event of the same class, of another class, or a harmless burst beside the event.
    other = style.codes[(index + 1 + index // len(style.codes)) % len(style.codes)] if style.mixes_classes else first
    codes = [first, [first, other, NORMAL][int(random.integers(3))]]
    return codes if random.random() < 0.5 else codes[::-1]


def _place(random: np.random.Generator, style: Style, codes: list[str], frames: int) -> tuple[Burst, ...]:
    slot = frames // max(len(codes), 1)
    least, most = style.burst
    bursts = []
    for number, code in enumerate(codes):
        length = int(random.integers(least, min(most, slot - 16) + 1))
        start = number * slot + int(random.integers(4, slot - length - 3))
        bursts.append(Burst(code, start, start + length))
    return tuple(bursts)


def _is_night(style: Style, kind: Kind, position: int) -> bool:
    # Every second or third heard-only event hides in the dark, one violent video in seven. So is one normal video in
    # seven, for darkness must say nothing; and for the same reason one in seven where no event is only heard.
    if kind in NORMAL_KINDS or Kind.HEARD_ONLY not in style.violent_kinds:
        return position % 7 == 1
    return kind is Kind.HEARD_ONLY and position % style.violent_kinds.count(kind) == 0


def _sound(style: Style, kind: Kind, split: str, index: int) -> Sound:
    if style.silent:
        return Sound.NO_STREAM
    if kind is Kind.SEEN_ONLY and index == style.violent_kinds.index(Kind.SEEN_ONLY):
        return Sound.NO_STREAM if split == "test" else Sound.ENDS_EARLY
    return Sound.WHOLE


def _generator(seed: int, split: str, index: int, purpose: str) -> np.random.Generator:
    return np.random.default_rng([seed, int(split == "test"), index, PURPOSES.index(purpose)])


def _harmless(bursts: tuple[Burst, ...]) -> tuple[Burst, ...]:
    return tuple(burst for burst in bursts if burst.label == NORMAL)
