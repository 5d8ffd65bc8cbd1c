"""``python -m evaluate.watch``: cameras and other live sources, scored as they come: events, clips, thumbnails.

A SOURCE is the address of a camera or stream (rtsp, rtsps, http, https, also HLS; MPEG-TS over udp and tcp), a device
(/dev/video0), or a file, which may still be growing (MPEG-TS, Matroska, FLV, MP4 in fragments). NAME=SOURCE gives it a
name; without one it is called after its host or file. All share one encoder.

Of each source ``--out`` then holds a folder: ``events.jsonl`` (a line when an event begins, goes on, ends, and when its
clip is there), ``scores.csv`` (a line a snippet), and of every event a clip, a thumbnail and a page in which the clip
plays above its scores. ``index.html`` leads to the last events of all; with ``--serve`` a browser shows sources and
events as they come. A source that is lost is opened again after a pause, a second at first and a minute at most. Ctrl-C
and SIGTERM end events and close clips. With ``--classes`` the classes are others than the checkpoint was trained with,
as in evaluate.detect.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from evaluate.detect.level import add_level, given_level, said_of
from evaluate.detect.options import (
    add_class_level,
    add_computing,
    add_models,
    add_runtime,
    check_options,
    ready_tools,
)
from evaluate.given_classes import add_given_classes, given_classes
from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.lock import sole_run

if TYPE_CHECKING:
    from types import FrameType

    from evaluate.watch.watcher import Watcher

LABEL = "watch"
GAP_SECONDS = 2.0
GOES_ON_SECONDS = 10.0


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser(
        "evaluate.watch",
        __doc__,
        writes="index.html and of each source a folder into --out: events.jsonl, scores.csv, and a clip, a picture and "
        "a page of each event",
        whole=True,
    )
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="address, device or file; or NAME=SOURCE")
    add_models(parser, "sources without sound")
    add_given_classes(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder to write; one watch at a time")
    add_level(parser, "an event")
    add_class_level(parser, "an event")
    parser.add_argument("--webhook", metavar="URL", help="address that gets every line of events.jsonl by POST")
    parser.add_argument(
        "--serve",
        metavar="[HOST:]PORT",
        help="show all sources live in a browser, at 127.0.0.1 unless HOST says otherwise; whoever reaches that "
        "address sees the pictures, without a password; needs requirements-serve.txt",
    )
    parser.add_argument("--clip-seconds", type=float, default=5.0, help="of a clip before its event, and after it")
    parser.add_argument("--longest-clip", type=float, default=60.0, help="seconds after which a clip ends by itself")
    parser.add_argument("--silence", type=float, default=10.0, help="seconds without data after which a source is lost")
    parser.add_argument("--rtsp-transport", choices=("tcp", "udp"), default="tcp", help="how RTSP sends its packets")
    add_computing(parser, "every event's notes say so")
    add_runtime(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Watch."""
    from evaluate.watch.sources import hidden, parse_sources

    reader = parser()
    refuse = reader.error

    def error(message: str) -> NoReturn:
        refuse(hidden(message))

    reader.error = error  # type: ignore[method-assign]
    arguments = reader.parse_args(argv)
    check_options(arguments)
    for flag in ("clip_seconds", "longest_clip", "silence"):
        value = getattr(arguments, flag)
        if not 0 < value <= 3600:
            raise InputError(f"--{flag.replace('_', '-')}: {value} must be above 0 and at most 3600 s")
    sources = parse_sources(arguments.sources, arguments.rtsp_transport)
    threshold, point = given_level(arguments.operating_point, arguments.threshold)

    from evaluate.watch.board import Board
    from evaluate.watch.camera import Settings
    from evaluate.watch.events import Rule
    from evaluate.watch.watcher import Watcher
    from evaluate.watch.webhook import Webhook
    from extract.base.progress import say

    def tell(text: str) -> None:
        say(f"{LABEL}: {text}")

    listener = None
    if arguments.serve is not None:
        from evaluate.watch.server import address_of, listen, serving

        listener = listen(arguments.serve)
    with sole_run(arguments.out / LABEL):
        tools = ready_tools(arguments, LABEL, classes=given_classes(arguments), audio_batch=1)
        says = said_of(point, arguments, tools.model, LABEL) if point else ""
        settings = partial(
            Settings,
            tools.settings.stride,
            tools.audio is not None,
            before=arguments.clip_seconds,
            longest=arguments.longest_clip,
            silence=arguments.silence,
        )
        rule = Rule(threshold, arguments.class_threshold, GAP_SECONDS, GOES_ON_SECONDS, says)
        webhook = Webhook(arguments.webhook, tell) if arguments.webhook is not None else None
        board = Board([source.name for source in sources], tools.model.names)
        watcher = Watcher(sources, tools, rule, settings, arguments.out, webhook, board, tell)
        served = nullcontext() if listener is None else serving(listener, board, arguments.out, threshold)
        with served, _stopped_by_signals(watcher):
            if listener is not None:
                tell(f"live at {address_of(listener)}")
            watcher.run()


@contextmanager
def _stopped_by_signals(watcher: Watcher) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the watch in good order; a second one ends it at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        watcher.stopping = True
        for one, handler in before.items():
            signal.signal(one, handler)

    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


if __name__ == "__main__":
    command.run(main)
