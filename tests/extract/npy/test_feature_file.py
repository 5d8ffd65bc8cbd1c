"""One .npy file: read bit for bit, or refused by name without harm."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.npy.feature_file import FeatureFile, FeatureFileError, inspect_features, read_features


def saved(folder: Path, array: np.ndarray) -> Path:
    np.save(folder / "x.npy", array)
    return folder / "x.npy"


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f2", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_file_is_read_bit_for_bit_in_its_own_precision(tmp_path: Path, dtype: str, order: str) -> None:
    array = np.asarray(np.random.default_rng(0).standard_normal((5, 512)), dtype=dtype, order=order)
    array[0, :3] = [-0.0, 6e-8, 65504]
    path = saved(tmp_path, array)
    assert inspect_features(path) == FeatureFile(path, 5, np.dtype(dtype).name)
    read = read_features(path)
    assert read.dtype == np.dtype(dtype).newbyteorder("=")
    assert read.tobytes() == array.astype(read.dtype).tobytes()


def test_version_two_of_the_format_is_read(tmp_path: Path) -> None:
    array = np.ones((2, 512), np.float32)
    with (tmp_path / "x.npy").open("wb") as file:
        np.lib.format.write_array(file, array, version=(2, 0))
    np.testing.assert_array_equal(read_features(tmp_path / "x.npy"), array, strict=True)


def test_a_promise_of_more_memory_than_there_is_is_not_believed(tmp_path: Path) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (100000000000000, 512), }"
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(2048))
    with pytest.raises(FeatureFileError, match=r"x\.npy: has \d+ bytes where its header promises 2048\d+"):
        read_features(tmp_path / "x.npy")


def test_bytes_after_the_array_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, np.ones((2, 512), np.float16))
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(FeatureFileError, match="header promises"):
        read_features(path)


def test_the_row_that_is_not_finite_is_named(tmp_path: Path) -> None:
    array = np.ones((4, 512), np.float16)
    array[2, 511] = np.inf
    with pytest.raises(FeatureFileError, match=r"x\.npy: row 2 is not finite"):
        read_features(saved(tmp_path, array))


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeatureFileError, match="cannot be read"):
        read_features(tmp_path)


@pytest.mark.filterwarnings("ignore:Reading `.npy`:UserWarning", "ignore::SyntaxWarning", "ignore::DeprecationWarning")
@settings(
    max_examples=300,
    suppress_health_check=[*settings.default.suppress_health_check, HealthCheck.function_scoped_fixture],
)
@given(
    start=st.integers(0, 127),
    damage=st.binary(min_size=1, max_size=40) | st.text("(){}[]'\"-\\\n\t :,<f248OV#1", max_size=40).map(str.encode),
)
def test_a_damaged_header_is_refused_or_still_gives_numbers(tmp_path: Path, start: int, damage: bytes) -> None:
    path = saved(tmp_path, np.ones((3, 512), np.float32))
    content = bytearray(path.read_bytes())
    content[start : start + len(damage)] = damage
    path.write_bytes(content)
    try:
        outcome = str(read_features(path).shape[1])
    except FeatureFileError as error:
        outcome = str(error)
    assert outcome == "512" or outcome.startswith(str(path))
