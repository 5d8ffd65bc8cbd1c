"""Samples of a video's sound: in memory while they are few, in a temporary file when they are many."""

import tempfile
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

# A quarter of an hour at 16 kHz is 58 MB. Sound for longer lies on disk, whatever its length.
MOST_SAMPLES_IN_MEMORY = 15 * 60 * 16_000
BYTES = np.dtype(np.float32).itemsize


class Samples(Protocol):
    """Mono samples that are read in slices, as an array [n] float32 is."""

    def __len__(self) -> int:
        """Count the samples."""

    def __getitem__(self, place: slice, /) -> NDArray[np.float32]:
        """Read the samples of a slice without a step."""


class SampleFile:
    """Samples in a temporary file without a name, which goes when this object does; zero where nothing was put.

    Silence is a hole in the file and takes no room.

    Args:
        samples: How many there are.
    """

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="sound-", buffering=0)  # noqa: SIM115, lives as long as this
        self._file.truncate(samples * BYTES)

    def __len__(self) -> int:
        """Count the samples."""
        return self._samples

    def __getitem__(self, place: slice, /) -> NDArray[np.float32]:
        """Read the samples of a slice without a step."""
        first, last, step = place.indices(self._samples)
        if step != 1:
            raise ValueError("samples in a file are read one after the other")
        self._file.seek(first * BYTES)
        content = bytearray()
        wanted = max(0, last - first) * BYTES
        while len(content) < wanted:
            part = self._file.read(wanted - len(content))
            if not part:
                raise OSError("the temporary file of a video's sound became shorter")
            content += part
        return np.frombuffer(content, np.float32)

    def __setitem__(self, place: slice, sound: NDArray[np.float32]) -> None:
        """Put some samples."""
        first, last, _ = place.indices(self._samples)
        if not sound.any() and not self[first:last].any():
            return
        self._file.seek(first * BYTES)
        left = memoryview(sound.astype(np.float32).tobytes())
        while left:
            left = left[self._file.write(left) :]


def room_for(samples: int) -> NDArray[np.float32] | SampleFile:
    """Make room for some samples, all zero."""
    if samples > MOST_SAMPLES_IN_MEMORY:
        return SampleFile(samples)
    # Zeros that nobody writes to take no memory.
    return np.zeros(samples, np.float32)


class WithoutHoles:
    """Samples of which some stretches are left out.

    Args:
        samples: All samples.
        holes: First sample and the one after the last of every stretch to leave out; [H, 2], ascending and apart.
    """

    def __init__(self, samples: Samples, holes: NDArray[np.int64]) -> None:
        self._samples = samples
        inside = np.clip(holes, 0, len(samples))
        self._firsts = np.concatenate([[0], inside[:, 1]])
        self._lasts = np.concatenate([inside[:, 0], [len(samples)]])
        self._ends = np.cumsum(self._lasts - self._firsts)  # of the kept stretches, counted without the holes

    def __len__(self) -> int:
        """Count the samples that are left."""
        return int(self._ends[-1])

    def __getitem__(self, place: slice, /) -> NDArray[np.float32]:
        """Read some samples, counted without the holes."""
        first, last, _ = place.indices(len(self))
        parts = [np.zeros(0, np.float32)]
        for kept in range(int(np.searchsorted(self._ends, first, side="right")), len(self._ends)):
            end = int(self._ends[kept])
            begin = end - int(self._lasts[kept] - self._firsts[kept])
            if begin >= last:
                break
            shift = int(self._firsts[kept]) - begin
            parts.append(self._samples[max(first, begin) + shift : min(last, end) + shift])
        return np.concatenate(parts)


def closed(places: NDArray[np.int64], holes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count places in samples without some stretches; one within a stretch is at its end.

    Args:
        places: Places among all samples, any shape.
        holes: As for ``WithoutHoles``.
    """
    left_out = np.zeros_like(places)
    for first, last in holes.tolist():
        left_out += np.clip(places - first, 0, last - first)
    return places - left_out
