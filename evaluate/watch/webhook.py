"""Events sent to an address of the user's, by a thread of their own: whoever detects never waits for it."""

import base64
import http.client
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

from extract.base.errors import InputError

# What waits while the other side does not answer; the oldest are given up first.
MOST_WAITING = 1000
TRIES = 6
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
ANSWER_SECONDS = 10.0


class Webhook:
    """Sends JSON objects by POST, one after the other, and again if they are not taken.

    Only the address is contacted: no proxy is asked and no redirection followed.

    Args:
        address: ``http://`` or ``https://``; user and password in it go into the header. It is never shown.
        say: Gets what was not taken, a line each.

    Raises:
        InputError: If the address is none.
    """

    def __init__(self, address: str, say: Callable[[str], None]) -> None:
        self._host, self._port, self._secure, self._path, self._headers = _taken_apart(address)
        self._say = say
        self._waiting: deque[bytes] = deque()
        self._given_up = 0
        self._failing = False
        self._closing: float | None = None  # until when to go on, on the monotonic clock
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def send(self, value: Mapping[str, Any]) -> None:
        """Take an object to send; never waits."""
        with self._changed:
            if len(self._waiting) >= MOST_WAITING:
                self._waiting.popleft()
                self._given_up += 1
            self._waiting.append(json.dumps(value, ensure_ascii=False).encode())
            self._changed.notify_all()

    def close(self, seconds: float) -> None:
        """Send what waits, for so long at most, and say what is left."""
        with self._changed:
            self._closing = monotonic() + seconds
            self._changed.notify_all()
        self._thread.join(seconds)
        left = len(self._waiting) + self._given_up
        if left:
            self._say(f"webhook: {left} events were not taken")

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing is not None)
                if not self._waiting:
                    return
                body = self._waiting[0]
            self._deliver(body)
            with self._changed:
                # It may have been given up for newer ones meanwhile.
                if self._waiting and self._waiting[0] is body:
                    self._waiting.popleft()
                if self._closing is not None and monotonic() > self._closing:
                    return

    def _deliver(self, body: bytes) -> None:
        pause = SHORTEST_PAUSE
        for number in range(1, TRIES + 1):
            reason = self._post(body)
            self._tell(reason)
            if not reason:
                return
            if number == TRIES or not self._paused(pause):
                break
            pause = min(2 * pause, LONGEST_PAUSE)
        with self._changed:
            self._given_up += 1

    def _tell(self, reason: str) -> None:
        """Say once that it does not work, and once that it does again."""
        if reason and not self._failing:
            self._say(f"webhook: {reason}; each event is tried {TRIES} times, then given up")
        elif self._failing and not reason:
            self._say(f"webhook: works again; {self._given_up} events were given up so far")
        self._failing = bool(reason)

    def _paused(self, seconds: float) -> bool:
        """Wait; says whether there is time for another try."""
        with self._changed:
            if self._closing is None:
                self._changed.wait_for(lambda: self._closing is not None, timeout=seconds)
            return self._closing is None or monotonic() < self._closing

    def _post(self, body: bytes) -> str:
        """Send once; gives why it was not taken, or nothing."""
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=ANSWER_SECONDS)
        try:
            connection.request("POST", self._path, body, self._headers)
            status = connection.getresponse().status
        except TimeoutError:
            return f"did not answer within {ANSWER_SECONDS:g} s"
        except (OSError, http.client.HTTPException) as error:
            return f"cannot be reached ({getattr(error, 'strerror', None) or type(error).__name__})"
        finally:
            connection.close()
        return "" if 200 <= status < 300 else f"answered {status}"


def _taken_apart(address: str) -> tuple[str, int | None, bool, str, dict[str, str]]:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https"):
        raise InputError("--webhook: must be an address that begins with http:// or https://")
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "avadclip-pipeline"}
    if parts.username is not None:
        words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(words.encode()).decode()}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return host, port, parts.scheme == "https", path, headers
