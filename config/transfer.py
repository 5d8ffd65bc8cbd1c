"""What the matrix of data sets is made from: checkpoints, test shards and catalogs of several configurations."""

from pathlib import Path
from typing import NamedTuple

from config import yaml_text
from config.configuration import Configuration
from config.reading import read
from config.spelling import flags
from extract.base.errors import InputError


class Needed(NamedTuple):
    """The files of one configuration.

    Attributes:
        checkpoints: Of the methods' runs.
        shards: Its test shards, all in one folder.
        catalog: Its catalog.
    """

    checkpoints: list[str]
    shards: list[str]
    catalog: str


def files(configuration: Configuration) -> list[str]:
    """Name all files that the matrix is made from, this configuration's first.

    Raises:
        InputError: If another configuration is wrong, or its files are not there; says which command makes them.
    """
    named: list[str] = []
    for one in _all(configuration):
        needed = _needed(configuration, one)
        every = [*needed.checkpoints, *needed.shards, needed.catalog]
        absent = [path for path in every if not Path(path).exists()]
        if one is not configuration and absent:
            raise InputError(
                f"{configuration.source}: key transfer.configurations: {one.source}: {absent[0]} is not there. Make it "
                f"first:\n  snakemake --cores 8 --configfile {one.source} -- {' '.join(absent)}"
            )
        named += every
    return named


def settings(configuration: Configuration) -> str:
    """Spell the files and whose score counts.

    Raises:
        InputError: As ``files`` does.
    """
    needed = [_needed(configuration, one) for one in _all(configuration)]
    return flags(
        {
            "checkpoint": [path for one in needed for path in one.checkpoints],
            "shards": [str(Path(one.shards[0]).parent) for one in needed],
            "catalog": [one.catalog for one in needed],
            "branch": configuration.frame_level.branch,
            "device": configuration.device,
        }
    )


def _all(configuration: Configuration) -> list[Configuration]:
    others = configuration.transfer.configurations if configuration.transfer else ()
    found = [configuration, *map(_read, map(Path, others))]
    names = [one.data_set.name for one in found]
    for one in found[1:]:
        if names.count(one.data_set.name) > 1:
            raise InputError(
                f"{configuration.source}: key transfer.configurations: {one.source}: data set {one.data_set.name!r} "
                "stands there twice; a matrix tells sets by name"
            )
    return found


def _read(path: Path) -> Configuration:
    return read(yaml_text.read_mapping(path), str(path))


def _needed(configuration: Configuration, one: Configuration) -> Needed:
    methods = configuration.transfer.methods if configuration.transfer else ()
    checkpoints = [
        f"{one.work}/checkpoints/{name}/{run}.safetensors"
        for name in methods
        if name in one.models and not one.models[name].chance
        for run in one.runs_of(name)
    ]
    return Needed(checkpoints, one.shards_of("test"), f"{one.work}/catalog.jsonl")
