"""A video file through encoders and checkpoint, in memory: what ``evaluate.detect`` says of it."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from evaluate.detect.models import STORED, Model, Tools
from evaluate.scores_file import ScoredVideo
from extract.audio import embed_track
from extract.base.device import exact_arithmetic
from extract.encoders.wav2clip import Wav2ClipEncoder
from extract.media.reading import read_sound
from extract.video_features import extract_video
from extract.workfile import stored
from train.checkpoint import Checkpoint
from train.scoring import WINDOWS_A_BATCH, window_probabilities
from train.windows import cut_windows, window_lengths


@dataclass(frozen=True, eq=False)
class Scored:
    """One video, scored.

    Attributes:
        path: Its file.
        model: What scored it.
        bounds: Start and end of every snippet in seconds since the first frame appears, [T, 2]; the last ends with
            the video.
        scores: Anomaly and class probabilities.
        fps: Typical frame rate, NaN if undefined.
        notes: What is to be said of its sound, one sentence each.
    """

    path: Path
    model: Model
    bounds: NDArray[np.float64]
    scores: ScoredVideo
    fps: float
    notes: list[str]


def score_video(path: Path, tools: Tools) -> Scored:
    """Decode, embed and score one video.

    Args:
        path: The video file.
        tools: What to do it with.

    Raises:
        UnreadableVideo: If its pictures cannot be decoded from the first to the last.
        UnreadableAudio: If it has sound of which nothing can be decoded, and the model listens.
        UnstorableError: If its features are not finite.
    """
    arrays = extract_video(path, tools.visual, tools.settings, tools.threads)
    visual = arrays["visual"][:, 0].astype(np.float32)  # [T, D]
    model = tools.model
    widths = model.checkpoint.header.trained_on.widths
    sound = np.zeros((len(visual), widths.audio), np.float32)
    notes: list[str] = []
    if tools.audio is not None:
        heard, notes = _listen(path, arrays["bounds"], tools.audio)
        if heard is not None:
            sound = heard
        elif tools.student is not None:
            model = tools.student
            notes.append(f"no audio stream: scored by the {model.name}, which reads the pictures alone")
        else:
            notes.append(f"no audio stream: scored by the {model.name} with silence (zero rows)")
    if cut := str(arrays["cut"]):
        notes.append(f"the file {cut}; taken as far as it goes")
    anomaly, classes = _probabilities(model.checkpoint, visual, sound)
    classes = classes[:, model.columns]
    frames, fps = int(arrays["frames"]), float(arrays["fps"])
    return Scored(
        path=path,
        model=model,
        bounds=_within(arrays["bounds"], frames, fps, tools.settings.stride),
        scores=ScoredVideo(anomaly, 1 - classes[:, 0], classes, frames),
        fps=fps,
        notes=notes,
    )


def _listen(
    path: Path, bounds: NDArray[np.float64], encoder: Wav2ClipEncoder
) -> tuple[NDArray[np.float32] | None, list[str]]:
    """Give the rows of a video's sound, ``None`` without an audio stream, and what is to be said of it."""
    track = read_sound(path, float(bounds[0, 0]), float(bounds[-1, 1]))
    if track is None:
        return None, []
    rows, sounding = embed_track(track, bounds, encoder)
    notes = [f"{track.broken} broken audio packets, left silent"] if track.broken else []
    if track.chosen:
        notes.append(f"heard through {track.chosen}")
    if sounding < len(rows):
        notes.append(f"{len(rows) - sounding} of {len(rows)} snippets have no sound and count as silence (zero rows)")
    return stored(rows, STORED).astype(np.float32), notes


def _probabilities(
    checkpoint: Checkpoint, visual: NDArray[np.float32], sound: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Score one video in consecutive windows: anomaly [T] and classes [T, C]."""
    rows = checkpoint.header.architecture.max_snippets
    length = window_lengths(len(visual), rows)
    inputs = (cut_windows(visual, rows, len(length)), cut_windows(sound, rows, len(length)), length)
    device = checkpoint.text.device
    anomaly, classes = [], []
    with exact_arithmetic():
        for start in range(0, len(length), WINDOWS_A_BATCH):
            part = slice(start, start + WINDOWS_A_BATCH)
            visual_part, sound_part, lengths = (torch.from_numpy(values[part]).to(device) for values in inputs)
            probabilities = window_probabilities(checkpoint.network, visual_part, sound_part, lengths, checkpoint.text)
            anomaly.append(probabilities[0].cpu().numpy())
            classes.append(probabilities[1].cpu().numpy())
    valid = np.arange(rows) < length[:, None]  # [windows, T]
    return np.concatenate(anomaly)[valid], np.concatenate(classes)[valid]


def _within(bounds: NDArray[np.float64], frames: int, fps: float, stride: int) -> NDArray[np.float64]:
    """Count from the first frame and end with the last; a snippet's nominal length may reach beyond it."""
    shown: NDArray[np.float64] = bounds - bounds[0, 0]
    if not math.isnan(fps):
        shown[-1, 1] = shown[-1, 0] + (frames - (len(bounds) - 1) * stride) / fps
    return shown
