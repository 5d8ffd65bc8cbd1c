"""Every way in which one place of a well-formed file can say what no honest writer would: by format, place and kind."""

import csv
import io
import json
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.faults.foreign_hdf5 import ELSEWHERE, NOT_STORED

# Numbers as they stand in text: Python's JSON makes floats, or numbers too large for them, of all but the last.
NOT_FINITE = ("NaN", "Infinity", "-Infinity", "1e400", "9" * 400, "9" * 5000)
MISTYPED = ("null", "[]", "{}", '"x"', "true", "-1", "1.5", r'"\ud800"', "[[[]]]", '"\\u0000"')
# Stand-ins, so that a text can be made that ``json`` would not write.
VALUE, NAME = "@value@", "@name@"


@dataclass(frozen=True)
class Spoiling:
    """One change of one file.

    Attributes:
        kind: ``elsewhere``, ``sizes``, ``not_finite``, ``doubled`` or ``mistyped``.
        place: What is changed, as a reader of the format would name it.
        how: What is done there.
        write: Writes the changed file.
    """

    kind: str
    place: str
    how: str
    write: Callable[[Path], Any]


def spoilings(base: Path) -> list[Spoiling]:
    """List what can be done to a file, whose format its suffix tells.

    Args:
        base: A good file; it stays as it is.
    """
    return list(FORMATS[base.suffix](base))


def one_of_each(every: list[Spoiling]) -> list[Spoiling]:
    """Choose some, so that every place is changed and everything is done, if only in one place."""
    places: set[tuple[str, str]] = set()
    ways: set[str] = set()
    chosen = []
    # In an order that has nothing to do with theirs, or the first way would be tried at every place.
    for spoiling in sorted(every, key=lambda one: zlib.crc32((one.place + one.how).encode())):
        if (spoiling.kind, spoiling.place) not in places or spoiling.how not in ways:
            places.add((spoiling.kind, spoiling.place))
            ways.add(spoiling.how)
            chosen.append(spoiling)
    return chosen


def of_json(base: Path) -> Iterator[Spoiling]:
    """Spoil a JSON file."""
    text = base.read_text(encoding="utf-8")
    for kind, place, how, spoiled in in_json(json.loads(text)):
        yield Spoiling(kind, place, how, partial(_write_text, spoiled))


def of_json_lines(base: Path) -> Iterator[Spoiling]:
    """Spoil the last line of a file of JSON Lines."""
    *before, last = base.read_text(encoding="utf-8").splitlines()
    for kind, place, how, spoiled in in_json(json.loads(last)):
        yield Spoiling(kind, place, how, partial(_write_text, "\n".join([*before, spoiled]) + "\n"))


def in_json(content: Any) -> Iterator[tuple[str, str, str, str]]:
    """Spoil JSON: kind, place, how, and the text that comes of it."""
    seen = set()
    for place, value, put in _places(content, "", lambda changed: changed):
        # Of a list's members, and of objects that are alike, one will do.
        if (known := "".join("#" if letter.isdigit() else letter for letter in place)) in seen:
            continue
        seen.add(known)
        if isinstance(value, int | float) and not isinstance(value, bool):
            for word in NOT_FINITE:
                yield "not_finite", place, _short(word), json.dumps(put(VALUE)).replace(f'"{VALUE}"', word)
        for word in MISTYPED:
            if not (isinstance(value, dict) and word == "{}"):
                yield "mistyped", place, word, json.dumps(put(VALUE)).replace(f'"{VALUE}"', word)
        if isinstance(value, dict) and value:
            name = next(iter(value))
            doubled = json.dumps(put(value | {NAME: value[name]})).replace(f'"{NAME}"', json.dumps(name))
            yield "doubled", f"{place}.{name}", "twice", doubled


def _places(value: Any, place: str, put: Callable[[Any], Any]) -> Iterator[tuple[str, Any, Callable[[Any], Any]]]:
    yield place, value, put
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _places(member, f"{place}.{name}", lambda to, name=name: put(value | {name: to}))
    elif isinstance(value, list):
        for index, member in enumerate(value[:1]):
            yield from _places(member, f"{place}[{index}]", lambda to: put([to, *value[1:]]))


def of_csv(base: Path) -> Iterator[Spoiling]:
    """Spoil every cell of the last line of a CSV file, and its head."""
    with base.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    for column, name in enumerate(rows[0]):
        for word in (*NOT_FINITE, "", "x", "-1", "1.5", "\0", "a\nb", "=1"):
            kind = "not_finite" if word in NOT_FINITE else "mistyped"
            yield Spoiling(kind, name, _short(word), partial(_write_rows, _put(rows, -1, column, word)))
        yield Spoiling("mistyped", name, "no column", partial(_write_rows, _put(rows, 0, column, "none")))
        yield Spoiling("doubled", name, "twice", partial(_write_rows, [[*row, row[column]] for row in rows]))
    yield Spoiling("mistyped", "last line", "too short", partial(_write_rows, [*rows, ["x"]]))


def of_text(base: Path) -> Iterator[Spoiling]:
    """Spoil every word of a text file's first line."""
    first, *rest = base.read_text(encoding="utf-8").splitlines()
    words = first.split()
    for index in range(len(words)):
        for word in (*NOT_FINITE, "x", "-1", "1.5", "\0"):
            line = " ".join([*words[:index], word, *words[index + 1 :]])
            kind = "not_finite" if word in NOT_FINITE else "mistyped"
            yield Spoiling(kind, f"word {index}", _short(word), partial(_write_text, "\n".join([line, *rest]) + "\n"))


def of_hdf5(base: Path) -> Iterator[Spoiling]:
    """Spoil every data set and attribute of an HDF5 file."""
    datasets, attributes = [], []
    with h5py.File(base, "r") as file:

        def look(name: str, found: Any) -> None:
            attributes.extend((name, attribute) for attribute in found.attrs)
            if isinstance(found, h5py.Dataset):
                datasets.append((name, found.dtype.kind))

        look("/", file)
        file.visititems(look)
    for name, type_of in datasets:
        ways: list[tuple[str, Callable[[h5py.Group, str], None]]] = [("elsewhere", change) for change in ELSEWHERE]
        ways += [("sizes", change) for change in NOT_STORED]
        ways += [("mistyped", change) for change in (_of_text, _of_whole_numbers, _a_group, _one_number, _nothing)]
        if type_of == "f":
            ways += [("not_finite", change) for change in (_nan, _infinite)]
        if type_of in "iu":
            ways += [("sizes", change) for change in (_huge, _below_zero)]
        for kind, change in ways:
            yield Spoiling(kind, name, change.__name__, partial(_write_hdf5, base, name, change))
    for name, attribute in attributes:
        for value in ("x", -1, 1 << 62, 1.5, np.nan, np.inf, [1, 2], b"\xff", h5py.Empty("f4"), [[b"x"]]):
            kind = "not_finite" if isinstance(value, float) and value != 1.5 else "mistyped"
            change = partial(_set_attribute, attribute=attribute, value=value)
            yield Spoiling(kind, f"{name}@{attribute}", str(value), partial(_write_hdf5, base, name, change))


def _write_hdf5(base: Path, name: str, change: Callable[[h5py.Group, str], None], path: Path) -> None:
    shutil.copyfile(base, path)
    with h5py.File(path, "r+", libver="latest") as file:
        change(file[name].parent, name.rpartition("/")[2])


def _set_attribute(group: h5py.Group, name: str, attribute: str, value: Any) -> None:
    owner = group[name] if name else group
    del owner.attrs[attribute]
    owner.attrs[attribute] = value


def _nan(group: h5py.Group, name: str) -> None:
    group[name][-1] = np.nan


def _infinite(group: h5py.Group, name: str) -> None:
    group[name][0] = np.inf


def _huge(group: h5py.Group, name: str) -> None:
    group[name][0] = np.iinfo(group[name].dtype).max


def _below_zero(group: h5py.Group, name: str) -> None:
    group[name][0] = np.iinfo(group[name].dtype).min


def _remade(group: h5py.Group, name: str, data: Any) -> None:
    del group[name]
    group.create_dataset(name, data=data)


def _of_text(group: h5py.Group, name: str) -> None:
    _remade(group, name, np.full(group[name].shape, b"\xff", "S2"))


def _of_whole_numbers(group: h5py.Group, name: str) -> None:
    _remade(group, name, np.ones(group[name].shape, np.int16))


def _one_number(group: h5py.Group, name: str) -> None:
    _remade(group, name, np.float32(1))


def _nothing(group: h5py.Group, name: str) -> None:
    _remade(group, name, h5py.Empty("f4"))


def _a_group(group: h5py.Group, name: str) -> None:
    del group[name]
    group.create_group(name)


def of_npy(base: Path) -> Iterator[Spoiling]:
    """Spoil a NumPy file."""
    for kind, place, how, content in in_npy(np.load(base, allow_pickle=False)):
        yield Spoiling(kind, place, how, partial(_write_bytes, content))


def in_npy(array: np.ndarray[Any, Any]) -> Iterator[tuple[str, str, str, bytes]]:
    """Spoil an array: kind, place, how, and the file that comes of it."""
    rest = array.shape[1:]
    for rows in (1 << 40, 1 << 62, -1, 10**30):
        yield "sizes", "shape", str(rows), _npy(array, shape=(rows, *rest))
    for descr in ("|O", "<U9", "|V0", "<f8", "<i2", "|S2", "<M8[s]"):
        yield "mistyped", "descr", descr, _npy(array, descr=descr)
    yield "mistyped", "fortran_order", "x", _npy(array, fortran_order="x")
    if array.dtype.kind == "f" and array.size:
        for value in (np.nan, np.inf):
            changed = array.copy()
            changed[(-1,) * array.ndim] = value
            yield "not_finite", "values", str(value), _npy(changed)


def _npy(array: np.ndarray[Any, Any], **changes: Any) -> bytes:
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape} | changes
    text = repr(header).ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + array.tobytes()


def of_npz(base: Path) -> Iterator[Spoiling]:
    """Spoil every array of a NumPy archive."""
    with np.load(base, allow_pickle=False) as archive:
        arrays = dict(archive)
    for name, array in arrays.items():
        for kind, place, how, content in in_npy(array):
            others = {f"{other}.npy": _npy(values) for other, values in arrays.items()}
            yield Spoiling(kind, f"{name}.{place}", how, partial(_write_zip, others | {f"{name}.npy": content}))


def of_safetensors(base: Path) -> Iterator[Spoiling]:
    """Spoil the JSON at the beginning of a safetensors file, the JSON within it, and its numbers."""
    content = base.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    outer, numbers = json.loads(content[8 : 8 + length]), content[8 + length :]
    inner = outer["__metadata__"]["header"]
    for kind, place, how, text in in_json(json.loads(inner)):
        changed = json.dumps(outer | {"__metadata__": {"header": text}})
        yield Spoiling(kind, f"header{place}", how, partial(_write_safetensors, changed, numbers))
    name = max(outer.keys() - {"__metadata__"}, key=lambda one: outer[one]["data_offsets"][1])
    others = {other: value for other, value in outer.items() if other != name}
    for kind, place, how, text in in_json({name: outer[name]}):
        # Its library keeps one of two alike, as the format's own rules leave open.
        if kind != "doubled":
            changed = f"{json.dumps(others)[:-1]}, {text[1:]}" if text.startswith('{"') else text
            yield Spoiling("sizes", place, how, partial(_write_safetensors, changed, numbers))
    first, last = outer[name]["data_offsets"]
    for shape in ([1 << 40], [1 << 62, 4], [0], [last - first]):
        changed = json.dumps(outer | {name: outer[name] | {"shape": shape}})
        yield Spoiling("sizes", f"{name}.shape", str(shape), partial(_write_safetensors, changed, numbers))
    spoiled = numbers[: last - 4] + struct.pack("<f", float("nan")) + numbers[last:]
    yield Spoiling("not_finite", name, "nan", partial(_write_safetensors, json.dumps(outer), spoiled))


def of_pt(base: Path) -> Iterator[Spoiling]:
    """Spoil a state dict as torch stores it."""
    import torch

    state = torch.load(base, weights_only=True)
    name, tensor = next(iter(state.items()))
    for kind, how, value in (
        ("sizes", "repeated", torch.zeros(1).expand(1 << 34)),
        ("sizes", "empty", torch.zeros(0)),
        ("sizes", "sparse", torch.zeros(3, 3).to_sparse()),
        ("not_finite", "nan", torch.full_like(tensor, torch.nan)),
        ("not_finite", "inf", torch.full_like(tensor, torch.inf)),
        ("mistyped", "complex", tensor.to(torch.complex64)),
        ("mistyped", "text", "x"),
        ("mistyped", "number", 10**400),
        ("mistyped", "nested", {"x": {"y": tensor}}),
    ):
        yield Spoiling(kind, name, how, partial(torch.save, state | {name: value}))
    for how, whole in (("number", 7), ("list", [state]), ("numbered", {1: tensor}), ("empty", {}), ("tensor", tensor)):
        yield Spoiling("mistyped", "file", how, partial(torch.save, whole))


def _put(rows: list[list[str]], row: int, column: int, cell: str) -> list[list[str]]:
    changed = [list(cells) for cells in rows]
    changed[row][column] = cell
    return changed


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8", newline="")


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _write_rows(rows: list[list[str]], path: Path) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    _write_text(text.getvalue(), path)


def _write_zip(members: dict[str, bytes], path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _write_safetensors(header: str, numbers: bytes, path: Path) -> None:
    encoded = header.encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + numbers)


def _short(word: str) -> str:
    return word if len(word) < 20 else f"{len(word)} digits"


FORMATS: dict[str, Callable[[Path], Iterator[Spoiling]]] = {
    ".json": of_json,
    ".jsonl": of_json_lines,
    ".csv": of_csv,
    ".txt": of_text,
    ".h5": of_hdf5,
    ".npy": of_npy,
    ".npz": of_npz,
    ".safetensors": of_safetensors,
    ".pt": of_pt,
}
