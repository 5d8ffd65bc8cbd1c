"""Small videos, and a way of hypothesis to draw them."""

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from evaluate.alarms.footage import Footage


def video(
    scores: Sequence[float],
    *events: tuple[int, int],
    stride: int = 1,
    fps: float = 1.0,
    frames: int | None = None,
    label: str | None = None,
) -> Footage:
    """Make a video; it is normal if it has no event and no label."""
    code = label or ("B1" if events else "A")
    return Footage(
        "v",
        (code,),
        code == "A",
        np.array(scores, np.float32),
        stride,
        len(scores) * stride if frames is None else frames,
        events,
        fps,
    )


@st.composite
def drawn_videos(draw: st.DrawFn, most: int = 5) -> list[Footage]:
    """Draw videos of few different scores, so that many are equal."""
    made = []
    for _ in range(draw(st.integers(1, most))):
        stride = draw(st.sampled_from([1, 3]))
        scores = draw(st.lists(st.integers(0, 5), min_size=1, max_size=12))
        length = len(scores) * stride
        bounds = sorted(draw(st.lists(st.integers(0, length), max_size=4, unique=True)))
        events = list(zip(bounds[::2], bounds[1::2], strict=False))
        made.append(
            video(
                [value / 8 for value in scores], *events, stride=stride, fps=draw(st.sampled_from([1.0, 2.5, math.pi]))
            )
        )
    return made
