"""``python -m benchmarks.shards``: simulated shards to train and score on, without any data set at hand.

Made-up videos that last as long on average as XD-Violence's; ``extract.simulate`` makes their features.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from extract.base import command
from extract.base.help import command_parser

XD_VIDEOS, XD_HOURS = 4754, 217
# Its training videos, each of which gives a sample for every crop.
XD_NORMAL, XD_VIOLENT, XD_CROPS = 2049, 1905, 10
EVENT = [{"label": "B1", "start": 100, "end": 600}]


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser(
        "benchmarks.shards", __doc__, writes="train-00000.h5, ..., test-00000.h5, ... and their catalog into --out"
    )
    parser.add_argument("--train", type=int, default=192, help="training videos")
    parser.add_argument("--test", type=int, default=50, help="test videos")
    parser.add_argument("--crops", type=int, default=10, help="crops of each")
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards and their catalog")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the catalog and simulate its shards."""
    arguments = parser().parse_args(argv)

    from extract import simulate

    videos = [
        {
            "video_id": f"{split}_{number:05d}",
            "split": split,
            "path": "",
            **(_violent(split) if number % 2 else _NORMAL),
        }
        for split in ("train", "test")
        for number in range(getattr(arguments, split))
    ]
    catalog = write_catalog(arguments.out / "catalog.jsonl", videos)
    hours = str(len(videos) * XD_HOURS / XD_VIDEOS)
    simulate.main(
        ["--catalog", str(catalog), "--out", str(arguments.out), "--crops", str(arguments.crops), "--hours", hours]
    )


_NORMAL: dict[str, Any] = {"labels": ["A"]}


def _violent(split: str) -> dict[str, Any]:
    return {"labels": ["B1"]} | ({"segments": EVENT} if split == "test" else {})


def write_catalog(path: Path, entries: Iterable[dict[str, Any]]) -> Path:
    """Write a catalog of made-up videos; gives its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return path


if __name__ == "__main__":
    command.run(main)
