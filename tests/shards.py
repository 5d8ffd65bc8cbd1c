"""Small random shards for tests."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extract.labels.label_set import LabelSet
from extract.shard import Encoding, ShardHeader, new_shard

VISUAL = Encoding("ViT-B-16-quickgelu", "random:0", "fp32", "resize")
AUDIO = Encoding("Wav2CLIP", "random:0", "fp32", "spectrogram")


@dataclass(frozen=True)
class Made:
    """One video of a made shard: random features unless ``offset`` shifts them apart by label."""

    video_id: str
    labels: tuple[str, ...]
    snippets: int
    audio_rows: int | None = None
    offset: float = 0.0


# 1.6 MB.
LARGE = (Made("a", ("A",), 300), Made("b", ("B1",), 100))


def make_shard(
    path: Path,
    videos: Sequence[Made],
    *,
    split: str = "train",
    crops: tuple[int, ...] = (0,),
    stride: int = 16,
    dataset: str = "xd",
    audio: Encoding | None = AUDIO,
    visual: Encoding = VISUAL,
    note: str = "",
    seed: int = 0,
    labels: LabelSet | None = None,
) -> Path:
    """Write a shard of random features, float32, and give its path."""
    random = np.random.default_rng(seed)
    header = ShardHeader(dataset, split, stride, crops, visual, audio, note, labels)
    with new_shard(path, header, "float32") as writer:
        for video in videos:
            rows = video.audio_rows if video.audio_rows is not None else video.snippets
            visual_rows = random.standard_normal((video.snippets, len(crops), visual.width)) + video.offset
            sound = random.standard_normal((rows, audio.width)) + video.offset if audio else None
            writer.add(
                video.video_id,
                video.labels,
                visual_rows.astype(np.float32),
                None if sound is None else sound.astype(np.float32),
                audio_sounding=rows if audio else 0,
                frames=video.snippets * stride,
                fps=math.nan,
            )
    return path
