import base64
import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from evaluate.watch import webhook
from evaluate.watch.webhook import Webhook
from extract.base.errors import InputError


class Receiver(http.server.ThreadingHTTPServer):
    """Takes what is posted; answers with the statuses it is given, then 200; status 0 is never an answer."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str | None, Any]] = []
        self.statuses: list[int] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append((self.path, self.headers["Authorization"], body))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        if status == 0:
            time.sleep(1)
            return
        self.send_response(status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(webhook, "SHORTEST_PAUSE", 0.05)
    monkeypatch.setattr(webhook, "ANSWER_SECONDS", 0.3)
    # It would be asked where to go by whoever looks at it.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def address(receiver: Receiver, rest: str = "/hook?key=1") -> str:
    return f"http://us%40er:s3cret@127.0.0.1:{receiver.server_port}{rest}"


@pytest.mark.parametrize("statuses", [[], [500, 503], [0], [302]])
def test_an_object_is_sent_until_it_is_taken(receiver: Receiver, statuses: list[int]) -> None:
    receiver.statuses, said = list(statuses), []
    hook = Webhook(address(receiver), said.append)
    for number in range(3):
        began = time.monotonic()
        hook.send({"number": number, "class": "é"})
        assert time.monotonic() - began < 0.1
    hook.close(5.0)
    assert [body["number"] for _, _, body in receiver.got] == [0] * len(statuses) + [0, 1, 2]
    path, authorisation, body = receiver.got[0]
    assert (path, body["class"]) == ("/hook?key=1", "é")
    assert authorisation == f"Basic {base64.b64encode(b'us@er:s3cret').decode()}"
    assert len(said) == 2 * bool(statuses)  # that it does not work, and that it does again
    assert not any("s3cret" in line or "key=1" in line for line in said)


def test_what_is_never_taken_is_given_up_and_said(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TRIES", 2)
    receiver.statuses, said = [500] * 4, []
    hook = Webhook(address(receiver), said.append)
    hook.send({})
    hook.send({})
    while len(receiver.got) < 4:
        time.sleep(0.01)
    hook.close(1.0)
    assert said == [
        "webhook: answered 500; each event is tried 2 times, then given up",
        "webhook: 2 events were not taken",
    ]


def test_who_is_not_there_holds_nobody_up() -> None:
    said: list[str] = []
    hook = Webhook("http://127.0.0.1:1/", said.append)
    for _ in range(webhook.MOST_WAITING + 5):
        hook.send({})
    began = time.monotonic()
    hook.close(0.2)
    assert time.monotonic() - began < 2
    assert said[0].startswith("webhook: cannot be reached (Connection refused); each event is tried")
    assert said[-1].endswith("events were not taken")


@pytest.mark.parametrize("word", ["ftp://h/", "h", "http://", "http://[::"])
def test_what_is_no_address_is_refused(word: str) -> None:
    with pytest.raises(InputError, match="--webhook: must be an address that begins with http:// or https://"):
        Webhook(word, lambda text: None)
