"""What to do with a file that seems to be cut short: refuse it, or take what is there and say so wherever it goes."""

import argparse
from collections.abc import Sequence

REFUSE, TAKE = "refuse", "take"
# A note of shards begins so; it follows them into every table.
NOTE = "taken though cut short: "
MOST_NAMED = 3


def add_cut(parser: argparse.ArgumentParser) -> None:
    """Let a command be told what to do with such files."""
    parser.add_argument(
        "--cut",
        choices=(REFUSE, TAKE),
        default=REFUSE,
        help="files that seem to be cut short: refuse them, or take what is there and name them in every output",
    )


def cut_note(video_ids: Sequence[str]) -> str:
    """Name the videos that were taken though they seem to be cut short, for a shard's note; empty if there are none."""
    more = f" and {len(video_ids) - MOST_NAMED} more" if len(video_ids) > MOST_NAMED else ""
    # Notes are joined by semicolons.
    names = ", ".join(video_id.replace(";", ",") for video_id in video_ids[:MOST_NAMED])
    return f"{NOTE}{names}{more}" if video_ids else ""


def cut_notes(note: str) -> list[str]:
    """Give the parts of a shard's note that name such videos."""
    return [part for part in note.split("; ") if part.startswith(NOTE)]
