"""Snippets of several sources to scores, through one encoder and one network.

A score comes from a window of the source's last ``max_snippets`` snippets, of which the newest is the last row: no row
sees a later one. ``evaluate.score --causal`` scores test sets so.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from evaluate.causal import score_windows
from evaluate.detect.models import STORED, Model, Tools
from extract.base.errors import InputError
from extract.encoders.preprocessing import crop_frames
from extract.encoders.running_statistics import RunningStatistics
from extract.workfile import UnstorableError, stored

# What the sound was standardised by; stands in every output.
RUNNING, SILENT, UNHEARD = "running statistics", "silence", "not listened to"


@dataclass(frozen=True, eq=False)
class Given:
    """A snippet as it arrives.

    Attributes:
        picture: RGB [H, W, 3] uint8.
        sound: [n] float32 at 16 kHz; ``None`` where nothing was heard.
    """

    picture: NDArray[np.uint8]
    sound: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class Scores:
    """What the model says of one snippet.

    Attributes:
        anomaly: Of the classification branch.
        anomaly_alignment: 1 - p(normal) of the alignment branch.
        classes: [C] class probabilities; the first is normal.
        sound: How its sound was taken: ``RUNNING``, ``SILENT`` or ``UNHEARD``.
    """

    anomaly: float
    anomaly_alignment: float
    classes: NDArray[np.float32]
    sound: str

    @property
    def surer(self) -> float:
        """The anomaly that decides whether something happens: that of the surer branch."""
        return max(self.anomaly, self.anomaly_alignment)


@dataclass(eq=False)
class Window:
    """The last snippets of one connection to a source.

    Attributes:
        model: What scores them.
        statistics: Of the sound of the source so far, earlier connections included.
        visual: The rows of the pictures, [D] each.
        sound: The rows of the sound, likewise.
    """

    model: Model
    statistics: RunningStatistics
    visual: deque[NDArray[np.float32]] = field(init=False)
    sound: deque[NDArray[np.float32]] = field(init=False)

    def __post_init__(self) -> None:
        rows = self.model.checkpoint.header.architecture.max_snippets
        self.visual, self.sound = deque(maxlen=rows), deque(maxlen=rows)


def model_for(tools: Tools, *, sounds: bool) -> Model:
    """Choose what scores a connection: the student, if there is one, where there is no sound to listen to."""
    return tools.student if tools.student is not None and not sounds else tools.model


def score_snippets(given: Sequence[tuple[Window, Given]], tools: Tools) -> list[Scores]:
    """Score snippets in the order in which they came; those of one source may follow each other.

    Args:
        given: Each with the window of its connection, to which it is added.
        tools: Encoders and settings.

    Raises:
        InputError: If an encoder's features are not finite.
    """
    try:
        visual = _looked_at([one.picture for _, one in given], tools)
        sound, how = _listened_to(given, tools)
    except UnstorableError as error:
        raise InputError(f"the encoders' {error}; give other weights") from None
    windows = []
    for (window, _), picture_row, sound_row in zip(given, visual, sound, strict=True):
        window.visual.append(picture_row)
        window.sound.append(sound_row)
        windows.append((np.stack(window.visual), np.stack(window.sound)))
    found: list[Scores | None] = [None] * len(given)
    # Only a student's rows are scored apart.
    for model in dict.fromkeys(window.model for window, _ in given):
        rows = [index for index, (window, _) in enumerate(given) if window.model is model]
        anomaly, classes = score_windows(model.checkpoint, [windows[row] for row in rows])
        kept = classes[:, model.columns]
        for row, value, probabilities in zip(rows, anomaly.tolist(), kept, strict=True):
            found[row] = Scores(value, float(1 - probabilities[0]), probabilities, how[row])
    return [one for one in found if one is not None]


def _looked_at(pictures: Sequence[NDArray[np.uint8]], tools: Tools) -> NDArray[np.float32]:
    """Embed pictures of any sizes: [n, D], rounded as stored features are."""
    device = tools.visual.device
    crops = [crop_frames(torch.from_numpy(one).to(device)[None], tools.settings.crops)[0] for one in pictures]
    return stored(tools.visual.encode(torch.cat(crops)).numpy(), STORED).astype(np.float32)


def _listened_to(given: Sequence[tuple[Window, Given]], tools: Tools) -> tuple[NDArray[np.float32], list[str]]:
    """Embed the sound of snippets: [n, D], zero where nothing was heard; and how it was taken."""
    width = tools.model.checkpoint.header.trained_on.widths.audio
    rows = np.zeros((len(given), width), np.float32)
    how = []
    for row, (window, one) in zip(rows, given, strict=True):
        if tools.audio is None or not window.model.checkpoint.header.architecture.reads_audio:
            how.append(UNHEARD)
        elif one.sound is None or len(one.sound) == 0:
            how.append(SILENT)
        else:
            span = np.array([[0, len(one.sound)]])
            row[:] = tools.audio.encode_running(one.sound, span, window.statistics)[0]
            how.append(RUNNING)
    return stored(rows, STORED).astype(np.float32), how
