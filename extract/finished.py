"""Shards that an earlier run of the same command has finished."""

from pathlib import Path

from extract.base.errors import InputError
from extract.shard import Shard, ShardHeader, ShardVideo


def shard_path(folder: Path, split: str, index: int) -> Path:
    """Name shard ``index`` of a split."""
    return folder / f"{split}-{index:05d}.h5"


def finished_videos(path: Path, header: ShardHeader, dtype: str) -> list[ShardVideo] | None:
    """Give the videos of a shard that is already there.

    Args:
        path: The shard.
        header: The header it must have.
        dtype: The type that its features must be stored in.

    Returns:
        Its videos; ``None`` if there is no such file.

    Raises:
        InputError: If it has another header or stores another type.
    """
    if not path.exists():
        return None
    with Shard(path) as shard:
        if shard.header != header:
            raise differs(path, _differences(shard.header, header))
        if shard.dtype != dtype:
            raise differs(path, f"its features are {shard.dtype}, not {dtype}")
        return shard.videos


def differs(path: Path, how: str) -> InputError:
    """Make the error for a shard that another run has made."""
    return InputError(f"{path}: was made by another run: {how}; remove it, or choose another folder")


def refuse_more_shards(folder: Path, split: str, shards: int) -> None:
    """Refuse a folder with more shards than will be written, for they would be read as well.

    Raises:
        InputError: Naming the first.
    """
    planned = {shard_path(folder, split, index).name for index in range(shards)}
    more = sorted(path for path in folder.glob(f"{split}-[0-9][0-9][0-9][0-9][0-9].h5") if path.name not in planned)
    if more:
        raise differs(more[0], f"this one makes {shards} shards of the {split} videos")


def _differences(found: ShardHeader, wanted: ShardHeader) -> str:
    names = [name for name in vars(wanted) if getattr(found, name) != getattr(wanted, name)]
    return "; ".join(f"its {name} is {getattr(found, name)!r}, not {getattr(wanted, name)!r}" for name in names)
