"""Media files as the other steps see them: read in worker processes, so that none of them can hurt the run."""

import os
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from extract.base.decoders import DECORD, LIBAV
from extract.base.progress import say
from extract.media import worker as media_worker
from extract.media.audio_track import AudioTrack, Canvas, Heard, UnreadableAudio
from extract.media.decode import MOST_HOURS, Timeline, UnreadableVideo
from extract.media.decord_pictures import ADVICE
from extract.media.isolation import DONE, FAILED, LOST, Job, Task, run_tasks
from extract.media.messages import Message

Key = TypeVar("Key", bound=Hashable)
# One file at a time; more threads than this help no decoder.
MOST_THREADS = 4


@dataclass(frozen=True)
class End:
    """A file has been read to its end.

    Attributes:
        reason: Why it counts as unreadable, in one line; empty if it does not.
    """

    reason: str = ""


@dataclass(frozen=True)
class Remark:
    """What is odd about a file that is read all the same.

    Attributes:
        text: In one line, without the path.
    """

    text: str


def read_videos(
    videos: Iterable[tuple[Key, Path]],
    *,
    stride: int,
    threads: int,
    workers: int,
    cut: bool = False,
    decoder: str = LIBAV,
) -> Iterator[tuple[Key, Timeline | NDArray[np.uint8] | Remark | End]]:
    """Decode videos side by side.

    Args:
        videos: Keys and files; taken one by one as workers become free.
        stride: Frames a snippet.
        threads: Decoding threads a worker; the pictures do not depend on it.
        workers: Processes at a time; the pictures do not depend on it.
        cut: Whether to take files that seem to be cut short.
        decoder: What decodes the pictures, which do not depend on it (``extract.base.decoders``).

    Yields:
        The key and: when its frames are shown; every sampled picture in order, RGB [H, W, 3] uint8; a ``Remark``, at
        any time; an ``End``. A second ``Timeline`` of a video replaces the first and all pictures that came after it.
    """
    tasks = (Task(key, media_worker.video, (path, stride, threads, cut, decoder)) for key, path in videos)
    for key, message in run_tasks(tasks, workers):
        event = _visual_event(message)
        # Its threads end a worker that has no more memory in many ways, or wait for ever.
        if decoder == DECORD and message.name == FAILED and message.values["kind"] in (LOST, MemoryError.__name__):
            event = End(f"{_reason(message)}, decoding ahead by decord; {ADVICE}")
        yield key, event


def read_sounds(
    sounds: Iterable[tuple[Key, Path, float, float]], *, workers: int
) -> Iterator[tuple[Key, AudioTrack | End | None]]:
    """Decode the sound of videos side by side.

    Args:
        sounds: Keys, files, and begin and end in seconds on the container's axis.
        workers: Processes at a time; the sound does not depend on it.

    Yields:
        The key and the sound, ``None`` for a file without an audio stream, or why it is unreadable.
    """
    spans: dict[Key, tuple[float, float]] = {}
    canvases: dict[Key, Canvas] = {}
    heard: dict[Key, Heard] = {}

    def tasks() -> Iterator[Task[Key]]:
        for key, path, start, end in sounds:
            # The last snippet's nominal end can lie years ahead.
            spans[key] = (start, min(end, start + MOST_HOURS * 3600))
            yield Task(key, media_worker.sound, (path, start))

    for key, message in run_tasks(tasks(), workers):
        if message.name == "stretch":
            if key not in canvases:
                canvases[key] = Canvas.between(*spans[key])
            canvases[key].put(int(message.values["position"]), message.arrays[0])
        elif message.name == "stream":
            heard[key] = Heard(int(message.values["broken"]), str(message.values["chosen"]))
        elif message.name == FAILED:
            canvases.pop(key, None)
            yield key, End(_reason(message))
        else:
            canvas = canvases.pop(key) if key in canvases else Canvas.between(*spans[key])
            found = heard.pop(key, None)
            yield key, None if found is None else canvas.track(found.broken, found.chosen)


def read_timeline(path: Path, *, cut: bool = False) -> Timeline:
    """Read when the frames of a video are shown, as its features have them; what is odd about it is said.

    Args:
        path: A video file.
        cut: Whether to take one that seems to be cut short.

    Raises:
        UnreadableVideo: If it cannot be decoded from its first to its last frame, or is too much for its worker.
    """
    threads = min(MOST_THREADS, len(os.sched_getaffinity(0)))
    *remarks, timeline = answers(media_worker.timeline, (path, threads, cut))
    for message in remarks:
        say(f"{path}: {message.values['text']}")
    return _timeline(timeline)


def read_sound(path: Path, start: float, end: float) -> AudioTrack | None:
    """Decode the sound between two times.

    Raises:
        UnreadableAudio: As ``audio_track.read_audio`` does, or if the file is too much for its worker.
    """
    ((_, track),) = read_sounds([(0, path, start, end)], workers=1)
    if isinstance(track, End):
        raise UnreadableAudio(track.reason)
    return track


def read_frames(path: Path, frames: int, wanted: Sequence[int], threads: int) -> Iterator[NDArray[np.uint8]]:
    """Decode a video up to the last of some frames.

    Args:
        path: A video file.
        frames: How many frames it shows.
        wanted: Their numbers, ascending.
        threads: Decoding threads.

    Yields:
        The pictures of those frames, RGB [H, W, 3] uint8.

    Raises:
        UnreadableVideo: If decoding fails.
    """
    task = Task(0, media_worker.frames, (path, frames, tuple(wanted), threads))
    for _, message in run_tasks([task], workers=1):
        if message.name == FAILED:
            raise UnreadableVideo(_reason(message))
        if message.name == "picture":
            yield message.arrays[0]


def answers(job: Job, arguments: tuple[Any, ...]) -> list[Message]:
    """Run one job and give all it says.

    Raises:
        UnreadableVideo: If it fails.
    """
    messages = [message for _, message in run_tasks([Task(0, job, arguments)], workers=1)]
    if messages[-1].name == FAILED:
        raise UnreadableVideo(_reason(messages[-1]))
    return messages[:-1]


def _visual_event(message: Message) -> Timeline | NDArray[np.uint8] | Remark | End:
    if message.name == DONE:
        return End()
    if message.name == FAILED:
        return End(_reason(message))
    if message.name == "timeline":
        return _timeline(message)
    if message.name == "remark":
        return Remark(str(message.values["text"]))
    picture: NDArray[np.uint8] = message.arrays[0]
    return picture


def _timeline(message: Message) -> Timeline:
    values = message.values
    return Timeline(message.arrays[0], float(values["frame_seconds"]), str(values["cut"]))


def _reason(message: Message) -> str:
    return str(message.values["reason"])
