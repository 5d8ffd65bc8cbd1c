"""Which members of a file that nobody vouches for are read."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from extract.base.errors import InputError
from extract.base.hdf5_file import ALWAYS_ALLOWED_BYTES, member, open_hdf5

VALUES = np.arange(12.0).reshape(3, 4)


def compact(file: h5py.File) -> None:
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_layout(h5py.h5d.COMPACT)
    made = h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_DOUBLE, h5py.h5s.create_simple((3, 4)), settings)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, VALUES)


def soft_link(file: h5py.File) -> None:
    file["elsewhere"] = VALUES
    file["x"] = h5py.SoftLink("/elsewhere")


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3, 4), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "x", (3, 4))
    file.create_virtual_dataset("x", layout)


def read(path: Path, make: Callable[[h5py.File], object]) -> object:
    with h5py.File(path, "w") as file:
        make(file)
    with open_hdf5(path, "make it again") as file:
        found = member(file, "x", path)
        return found[()] if isinstance(found, h5py.Dataset) else found


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda file: file.create_dataset("x", data=VALUES), VALUES),
        (lambda file: file.create_dataset("x", data=VALUES, chunks=(2, 3), compression="gzip", shuffle=True), VALUES),
        (compact, VALUES),
        (lambda file: file.create_dataset("x", data=2.5), 2.5),
        (lambda file: file.create_dataset("x", data=np.empty((0, 4))), np.empty((0, 4))),
        (lambda file: file.create_dataset("x", data="words", dtype=h5py.string_dtype()), b"words"),
        (lambda file: file.create_dataset("x", data=np.zeros(ALWAYS_ALLOWED_BYTES // 8 + 1)), None),
    ],
)
def test_what_lies_in_the_file_is_read(tmp_path: Path, make: Callable[[h5py.File], object], expected: object) -> None:
    found = read(tmp_path / "a.h5", make)
    if expected is None:
        assert np.shape(found) == (ALWAYS_ALLOWED_BYTES // 8 + 1,)
    else:
        np.testing.assert_array_equal(found, expected)


def test_groups_are_given_and_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert read(tmp_path / "a.h5", lambda file: file.create_dataset("y", data=VALUES)) is None
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x/y"] = VALUES
        assert isinstance(member(file, "x", tmp_path / "b.h5"), h5py.Group)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (soft_link, "x is a link, which could lead into any file"),
        (lambda file: file.__setitem__("x", h5py.ExternalLink("other.h5", "x")), "x is a link"),
        (virtual, "x takes its values from elsewhere"),
        (lambda file: file.create_dataset("x", (3, 4), "f8", external=[("raw", 0, 96)]), "x takes its values from els"),
        (lambda file: file.create_dataset("x", data=h5py.Empty("f8")), "x has no shape"),
        (
            lambda file: file.create_dataset("x", (3, 4), "f8"),
            r"declares \[3, 4\] values, but some were never stored",
        ),
        (lambda file: file.create_dataset("x", (3, 4), "f8", chunks=(1, 4)), "but some were never stored"),
        (
            lambda file: file.create_dataset(
                "x", data=np.zeros(ALWAYS_ALLOWED_BYTES // 8 + 1), chunks=(1 << 20,), compression="gzip"
            ),
            r"x declares \d+ bytes, in a file of \d+",
        ),
    ],
)
def test_what_does_not_is_refused_with_its_name(tmp_path: Path, make: Callable[[h5py.File], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path / "a.h5", make)
