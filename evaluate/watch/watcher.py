"""The loop of ``evaluate.watch``: what the sources send to scores, events and files."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.detect.models import Model, Tools
from evaluate.watch.board import Board
from evaluate.watch.camera import BEGIN, CLIP, END, LOST, NO_CLIP, OPENED, SNIPPET, Settings
from evaluate.watch.events import BEGINS, ENDS, Events, Moment, Rule, Said, class_of
from evaluate.watch.feed import Feed
from evaluate.watch.pages import Pages
from evaluate.watch.records import Records, event_id, line_of
from evaluate.watch.scorer import UNHEARD, Given, Scores, Window, model_for, score_snippets
from evaluate.watch.sources import Source
from evaluate.watch.webhook import Webhook
from extract.base.errors import InputError
from extract.encoders.running_statistics import RunningStatistics
from extract.media.messages import Message

WAIT_SECONDS = 0.25
# How long clips may take to be finished when the watch ends, and events to be sent.
ENDING_SECONDS = 10.0
SECONDS_BETWEEN_SUMMARIES = 60.0


@dataclass(eq=False)
class _Site:
    """One source and what becomes of it.

    Attributes:
        feed: Its processes.
        records: Its files.
        events: What is going on.
        statistics: Of its sound so far.
        window: Its last snippets; ``None`` while there is no connection.
        waiting: Snippets that are not scored yet.
        sound: How the sound of its last snippet was taken.
        latencies: Of the snippets since the last summary, seconds.
        skipped: Snippets that were left out since then.
        clips_failed: Whether it was said that there are none.
    """

    feed: Feed
    records: Records
    events: Events
    statistics: RunningStatistics = field(default_factory=RunningStatistics)
    window: Window | None = None
    waiting: deque[Message] = field(default_factory=deque)
    latencies: list[float] = field(default_factory=list)
    skipped: int = 0
    sound: str = UNHEARD
    clips_failed: bool = False

    @property
    def name(self) -> str:
        return self.feed.source.name


class Watcher:
    """Watches sources until they end or it is told to stop.

    Args:
        sources: Where pictures come from.
        tools: Encoders and models.
        rule: When something is an event.
        settings: What the workers have to know; gives each the folder of its source.
        out: Where a folder of each source is made.
        webhook: Takes the events, too.
        board: Is told everything, for those who look on.
        say: Gets what happens, a line each.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        tools: Tools,
        rule: Rule,
        settings: Callable[[Path], Settings],
        out: Path,
        webhook: Webhook | None,
        board: Board,
        say: Callable[[str], None],
    ) -> None:
        self._tools = tools
        self._rule = rule
        self._webhook = webhook
        self._board = board
        self._say = say
        self._names = tools.model.names
        self._summary = monotonic()
        self.stopping = False
        self._sites = []
        for source in sources:
            folder = out / source.name
            self._sites.append(
                _Site(
                    Feed(source, settings(folder), tools.visual.batch, say),
                    Records(folder, self._names, partial(self._say_of, source.name)),
                    Events(rule),
                )
            )
        self._pages = Pages(out, [source.name for source in sources], tools.model.codes, self._names, say)

    def run(self) -> None:
        """Watch.

        Raises:
            InputError: If every source is over and none has ever shown a picture.
        """
        try:
            while not self.stopping and any(not site.feed.over for site in self._sites):
                self._step()
            self._end()
        finally:
            for site in self._sites:
                site.feed.stop()
        if not self.stopping and not any(site.feed.seen for site in self._sites):
            reasons = "; ".join(f"{site.name} {site.feed.reason}" for site in self._sites)
            raise InputError(f"no source could be read: {reasons}")

    def _say_of(self, name: str, text: str) -> None:
        self._say(f"{name}: {text}")

    def _step(self) -> None:
        for site in self._sites:
            site.feed.begin_if_due()
        self._hear(WAIT_SECONDS)
        self._score()
        self._pages.step()
        if monotonic() - self._summary > SECONDS_BETWEEN_SUMMARIES:
            self._summarise()

    def _hear(self, seconds: float) -> None:
        """Wait for what workers say, so long at most, and take it."""
        connections = {connection: site for site in self._sites if (connection := site.feed.connection) is not None}
        began = monotonic()
        ready = wait(connections, timeout=0 if any(site.waiting for site in self._sites) else seconds)
        waited = min(monotonic() - began, seconds)
        for connection, site in connections.items():
            site.feed.waited(waited)
            for message in site.feed.messages(connection in ready):
                self._take(site, message)

    def _take(self, site: _Site, message: Message) -> None:
        values = message.values
        if message.name == OPENED:
            sounds = bool(values["sound"])
            model = model_for(self._tools, sounds=sounds)
            site.window = Window(model, site.statistics)
            self._pages.opened(site.name, sounds=sounds)
            self._board.opened(site.name, model=model.name, sounds=sounds)
            self._say(
                f"{site.name}: connected ({values['pictures']}, {values['width']} x {values['height']}, "
                f"{'with' if sounds else 'without'} sound); scored by the {model.name}"
            )
        elif message.name == SNIPPET:
            # When the watch ends its events have ended too, and none may begin that would have no clip.
            if not site.feed.over:
                site.waiting.append(message)
        elif message.name == LOST:
            # What was handed over last counts still.
            while site.waiting:
                self._score()
            self._tell_all(site, list(site.events.close()))
            site.window = None
            self._board.lost(site.name)
        elif message.name == CLIP:
            self._add(site, {
                "what": CLIP, "source": site.name, "event": values["event"], "clip": values["file"],
                "start_seconds": round(values["start"], 3), "seconds": round(values["seconds"], 3),
            })  # fmt: skip
        elif message.name == NO_CLIP:
            if not site.clips_failed:
                self._say(f"{site.name}: no clip of event {values['event']}: {values['reason']}; events go on")
            site.clips_failed = True

    def _score(self) -> None:
        """Score what waits, as much as fills one batch, taking turns."""
        chosen: list[tuple[_Site, Message]] = []
        while len(chosen) < self._tools.visual.batch and any(site.waiting for site in self._sites):
            for site in self._sites:
                if site.waiting:
                    chosen.append((site, site.waiting.popleft()))
        for site in dict.fromkeys(site for site, _ in chosen):
            # They send the next ones while these are scored.
            site.feed.taken(sum(one is site for one, _ in chosen))
        pairs = [(site, message, site.window) for site, message in chosen if site.window is not None]
        if not pairs:
            return
        given = [(window, _given(message)) for _, message, window in pairs]
        for (site, message, window), scores in zip(pairs, score_snippets(given, self._tools), strict=True):
            self._tell(site, message, scores, window.model)

    def _tell(self, site: _Site, message: Message, scores: Scores, model: Model) -> None:
        values = message.values
        latency = monotonic() - float(values["came"])
        skipped = int(values["skipped"])
        site.latencies.append(latency)
        site.skipped += skipped
        site.sound = scores.sound
        moment = Moment(
            float(values["start"]), float(values["end"]), float(values["clock"]), scores.surer, scores.classes
        )
        site.records.score(moment, scores, model=model.name, latency=latency, skipped=skipped)
        self._pages.scored(site.name, moment, scores)
        self._board.scored(site.name, moment, scores, message.arrays[0], latency=latency)
        for said in site.events.see(moment):
            self._tell_event(site, said, model, latency, message.arrays[0])

    def _tell_all(self, site: _Site, told: Sequence[Said]) -> None:
        for said in told:
            window = site.window
            model = self._tools.model if window is None else window.model
            self._tell_event(site, said, model, None, None)

    def _tell_event(
        self,
        site: _Site,
        said: Said,
        model: Model,
        latency: float | None,
        picture: NDArray[np.uint8] | None,
    ) -> None:
        event = event_id(said)
        if said.what == BEGINS:
            site.feed.order(BEGIN, event=event, start=said.start)
        elif said.what == ENDS:
            site.feed.order(END, event=event, until=said.end)
        line = line_of(said, site.name, model.name, self._names, model.codes)
        line["checkpoint_sha256"] = model.checkpoint.sha256
        line["threshold"], line["class_threshold"] = self._rule.threshold, self._rule.named
        line["sound"] = site.sound
        line["notes"] = [*model.remarks, *filter(None, [self._rule.says])]
        line["latency_seconds"] = None if latency is None else round(latency, 3)
        if said.what == BEGINS and picture is not None:
            line["thumbnail"] = site.records.thumbnail(event, picture)
        self._add(site, line)
        self._say(
            f"{site.name}: event {event} {said.what}: {class_of(said, self._names)}, confidence {said.confidence:.2f}, "
            f"at {said.end:.1f} s"
        )

    def _add(self, site: _Site, line: dict[str, Any]) -> None:
        site.records.event(line)
        self._board.event(site.name, line, self._pages.event(site.name, line))
        if self._webhook is not None:
            self._webhook.send(line)

    def _end(self) -> None:
        """End what goes on, and let the workers finish their clips."""
        for site in self._sites:
            site.waiting.clear()
            self._tell_all(site, list(site.events.close()))
            site.feed.finish()
        until = monotonic() + ENDING_SECONDS
        while self._unfinished() and monotonic() < until:
            self._hear(WAIT_SECONDS)
            self._pages.step()
        self._summarise()
        self._pages.close()
        self._board.close()
        if self._webhook is not None:
            self._webhook.close(ENDING_SECONDS)

    def _unfinished(self) -> bool:
        return self._pages.busy or any(site.feed.connection is not None for site in self._sites)

    def _summarise(self) -> None:
        self._summary = monotonic()
        for site in self._sites:
            if site.latencies:
                median, most = np.quantile(site.latencies, [0.5, 0.99])
                self._say(
                    f"{site.name}: {len(site.latencies)} snippets scored, {site.skipped} skipped; latency {median:.2f} "
                    f"s, 99th percentile {most:.2f} s"
                )
            site.latencies.clear()
            site.skipped = 0


def _given(message: Message) -> Given:
    sound = message.arrays[1] if len(message.arrays) > 1 else None
    return Given(message.arrays[0], sound)
