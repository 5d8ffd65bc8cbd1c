"""Videos whose display matrix mirrors, as front cameras of phones write them."""

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from extract.media.decode import pictures
from tests.extract.made_videos import write_numbered


def shown(path: Path) -> NDArray[np.uint8]:
    picture: NDArray[np.uint8] = next(pictures(path, 1, stride=1, batch=1, threads=1))[0]
    return picture


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((-1, 0, 0, 1), lambda picture: picture[:, ::-1]),
        ((1, 0, 0, -1), lambda picture: picture[::-1]),
        ((0, 1, 1, 0), lambda picture: picture.swapaxes(0, 1)),
        ((0, -1, -1, 0), lambda picture: picture[::-1, ::-1].swapaxes(0, 1)),
    ],
)
def test_a_mirrored_video_is_shown_as_its_matrix_says(tmp_path: Path, matrix, expected) -> None:  # type: ignore[no-untyped-def]
    path = write_numbered(tmp_path / "a.mp4", 1)
    plain = shown(path)
    a, b, c, d = (value << 16 for value in matrix)
    content = bytearray(path.read_bytes())
    struct.pack_into(">9i", content, content.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    assert np.array_equal(shown(path), expected(plain))
