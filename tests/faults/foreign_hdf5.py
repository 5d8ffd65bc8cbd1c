"""HDF5 data sets that say where their values lie, or how many there are."""

import zlib
from collections.abc import Callable

import h5py
import numpy as np

Change = Callable[[h5py.Group, str], None]


def over_itself(group: h5py.Group, name: str) -> None:
    shape = group[name].shape
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:] = h5py.VirtualSource(".", f"{group.name}/{name}", shape)
    del group[name]
    group.create_virtual_dataset(name, layout)


def over_a_missing_file(group: h5py.Group, name: str) -> None:
    shape = group[name].shape
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:] = h5py.VirtualSource("gone.h5", "/x", shape)
    del group[name]
    group.create_virtual_dataset(name, layout)


def in_another_file(group: h5py.Group, name: str) -> None:
    shape = group[name].shape
    del group[name]
    group.create_dataset(name, shape, "f4", external=[("/proc/version", 0, h5py.h5f.UNLIMITED)])


def a_soft_link(group: h5py.Group, name: str) -> None:
    group.move(name, f"{name}_moved")
    group[name] = h5py.SoftLink(f"{group.name}/{name}_moved")


def a_link_to_another_file(group: h5py.Group, name: str) -> None:
    del group[name]
    group[name] = h5py.ExternalLink("/nowhere/secret.h5", "/x")


def never_stored(group: h5py.Group, name: str) -> None:
    shape = group[name].shape
    del group[name]
    group.create_dataset(name, (1 << 30, *shape[1:]), "f4")


def stored_in_part(group: h5py.Group, name: str) -> None:
    shape = group[name].shape
    del group[name]
    made = group.create_dataset(name, (1 << 20, *shape[1:]), "f4", chunks=(1, *shape[1:]))
    made[0] = 1


def compressed_to_almost_nothing(group: h5py.Group, name: str) -> None:
    rest = group[name].shape[1:]
    rows = (1 << 27) // (4 * int(np.prod(rest)))
    del group[name]
    made = group.create_dataset(name, (rows, *rest), "f4", chunks=(rows, *rest), compression="gzip")
    made.id.write_direct_chunk((0,) * (1 + len(rest)), zlib.compress(bytes(made.nbytes), 9))


ELSEWHERE: tuple[Change, ...] = (over_itself, over_a_missing_file, in_another_file, a_soft_link, a_link_to_another_file)
NOT_STORED: tuple[Change, ...] = (never_stored, stored_in_part, compressed_to_almost_nothing)
