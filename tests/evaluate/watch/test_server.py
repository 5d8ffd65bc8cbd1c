"""A watch that is served, asked over real connections to loopback."""

import http.client
import io
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluate.watch.board import Board
from evaluate.watch.events import BEGINS
from evaluate.watch.server import address_of, listen, serving
from extract.base.errors import InputError
from tests.evaluate.pages.browser import Browser, browser, needs_chromium
from tests.evaluate.pages.shown import Parsed
from tests.evaluate.watch.test_board import score
from tests.evaluate.watch.test_pages import NAMES, clip, line

SOURCES = ("gate", "a {b} #?%")


@pytest.fixture
def board() -> Board:
    return Board(SOURCES, NAMES)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for name in SOURCES:
        (tmp_path / "out" / name).mkdir(parents=True)
    (tmp_path / "out" / "index.html").write_text("<p>every event")
    (tmp_path / "secret").write_text("nobody may read this")
    (tmp_path / "out" / "gate" / "link.mp4").symlink_to(tmp_path / "secret")
    (tmp_path / "out" / "gate" / ".hidden").write_text("half written")
    (tmp_path / "out" / "other").mkdir()
    (tmp_path / "out" / "other" / "x.html").write_text("of nobody")
    return tmp_path / "out"


@pytest.fixture
def port(board: Board, out: Path) -> Iterator[int]:
    listener = listen("0")
    with serving(listener, board, out, 0.5):
        yield int(listener.getsockname()[1])
        board.close()


def ask(port: int, path: str, host: str = "127.0.0.1", method: str = "GET", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, headers={"Host": host, **headers})
    answer = connection.getresponse()
    return answer.status, answer.read()


def messages(port: int, count: int, **headers: str) -> list[dict[str, Any]]:
    """Read the first messages of the stream."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/.live", headers=headers)
    answer = connection.getresponse()
    assert answer.getheader("Content-Type", "").startswith("text/event-stream")
    found: list[dict[str, Any]] = []
    while len(found) < count:
        text = answer.readline()
        assert text, "the stream has ended"
        if text.startswith(b"data: "):
            found.append(json.loads(text[6:]))
    connection.close()
    return found


def test_the_stream_tells_what_was_and_what_comes_and_goes_on_where_a_browser_was(port: int, board: Board) -> None:
    board.opened("gate", model="teacher", sounds=True)
    score(board, "gate", 1.0)
    assert [one["what"] for one in messages(port, 2)] == ["opened", "snippet"]
    (first, _), (second, _) = board.since(0)
    assert [one["what"] for one in messages(port, 1, **{"Last-Event-ID": str(first)})] == ["snippet"]
    score(board, "gate", 2.0)
    assert [one["clock"] for one in messages(port, 1, **{"Last-Event-ID": str(second)})] == [2.64]
    # What is no number begins anew.
    assert len(messages(port, 3, **{"Last-Event-ID": "9" * 400})) == 3


def test_the_stream_ends_when_the_watch_does(port: int, board: Board) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/.live")
    answer = connection.getresponse()
    board.close()
    assert b'"closed"' in answer.read()


def test_the_last_picture_is_a_jpeg_and_there_is_none_without_a_source(port: int, board: Board) -> None:
    assert ask(port, "/.picture/gate")[0] == 404
    assert ask(port, "/.picture/nobody")[0] == 404
    score(board, SOURCES[1], 0.0)
    status, content = ask(port, "/.picture/a%20%7Bb%7D%20%23%3F%25?0.64")
    assert status == 200
    picture = np.array(Image.open(io.BytesIO(content)))
    assert picture.shape == (48, 64, 3)
    assert abs(picture.astype(int) - 7).max() <= 3


def test_files_of_the_sources_are_shown_in_parts_too_and_no_others(port: int, out: Path) -> None:
    (out / "gate" / "e.mp4").write_bytes(bytes(range(100)))
    (out / SOURCES[1] / "é {x}.html").write_text("<p>page")
    assert ask(port, "/gate/e.mp4") == (200, bytes(range(100)))
    assert ask(port, "/gate/e.mp4", Range="bytes=10-19") == (206, bytes(range(10, 20)))
    assert ask(port, "/a%20%7Bb%7D%20%23%3F%25/%C3%A9%20%7Bx%7D.html") == (200, b"<p>page")
    assert ask(port, "/index.html") == (200, b"<p>every event")
    for path in (
        "/gate/gone.mp4", "/gate/link.mp4", "/gate/.hidden", "/other/x.html", "/gate/", "/gate", "/secret",
        "/gate/../../secret", "/gate/..%2F..%2Fsecret", "/../secret", "/gate/%2E%2E", "/..%2Fsecret/x", "/gate/x%00y",
    ):  # fmt: skip
        status, content = ask(port, path)
        assert status == 404, path
        assert b"nobody may" not in content


def test_nothing_can_be_changed_and_no_other_site_s_name_leads_here(port: int) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert ask(port, "/gate/e.mp4", method=method)[0] == 405
    assert ask(port, "/", host=f"localhost:{port}")[0] == 200
    assert ask(port, "/", host="attacker.example")[0] == 400


def test_an_address_that_cannot_be_served_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"--serve: {port} cannot be taken .*choose another port"):
            listen(str(port))
    for wrong in ("", "x", "70000", "a b:80", ":80", "-1", "80\n"):
        with pytest.raises(InputError, match=r"--serve: .* must be a port"):
            listen(wrong)


def test_without_the_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extract.base.packages.find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"needs starlette, uvicorn, which are not installed; pip install -r requirements-se"
    ):
        listen("0")


def test_it_is_at_the_loopback_address_unless_told_otherwise() -> None:
    for address, host in (("0", "127.0.0.1"), ("localhost:0", "127.0.0.1"), ("0.0.0.0:0", "0.0.0.0")):  # noqa: S104
        with listen(address) as listener:
            assert address_of(listener).startswith(f"http://{host}:")


@needs_chromium
def test_a_browser_shows_sources_live_and_an_event_that_arrives(port: int, board: Board, out: Path) -> None:
    for name in ("t.jpg", "20260101T000000-000.html"):
        (out / "gate" / name).write_bytes(b"<p>page")
    Image.new("RGB", (64, 48), "red").save(out / "gate" / "t.jpg")
    with browser() as chromium:
        chromium.open(f"http://127.0.0.1:{port}/")
        chromium.until("state.textContent === 'The watch is running.'")
        assert chromium.run("document.querySelectorAll('section').length") == 2
        assert chromium.run("document.getElementById('none').checkVisibility()")
        board.opened("gate", model="teacher", sounds=True)
        for number in range(5):
            score(board, "gate", 1e9 + 0.64 * number, 0.1 if number < 3 else 0.9)
        chromium.until("document.querySelector('section .now').textContent === 'Anomaly 90%, likeliest fighting 90%'")
        chromium.until("document.querySelectorAll('section rect').length === 2")
        chromium.until("document.querySelector('section img').naturalWidth === 64")
        steps = chromium.run("document.querySelector('path.classification').getAttribute('d')")
        assert steps.startswith("M973.33")
        assert steps.count("M") == 5
        assert chromium.run("document.querySelector('section').classList.contains('alarm')")
        board.event("gate", line(BEGINS, thumbnail="t.jpg"), None)
        chromium.until("document.querySelectorAll('#events tbody tr').length === 1")
        chromium.until("document.querySelector('#events img').naturalWidth === 64")
        assert "goes on" in chromium.run("document.querySelector('#events tbody').textContent")
        board.event("gate", line("ends"), None)
        board.event("gate", clip(), "20260101T000000-000.html")
        chromium.until("document.querySelectorAll('#events a').length === 2")
        assert chromium.run("document.querySelectorAll('#events tbody tr').length") == 1
        assert "over" in chromium.run("document.querySelector('#events tbody').textContent")
        contrast_picture(chromium, out)
        board.lost("gate")
        chromium.until("document.querySelector('section .now').textContent === 'not connected'")
        board.close()
        chromium.until("state.textContent === 'The watch has ended.'")
        assert chromium.complaints == []
        assert {address.partition("/")[0] for address in chromium.asked} == {"http:"}


def contrast_picture(chromium: Browser, out: Path) -> None:
    """Leave pictures of the page in dark and light to look at."""
    for dark in (False, True):
        chromium.picture(out / f"live-{'dark' if dark else 'light'}.png", dark=dark)


def test_the_page_holds_its_sources_whatever_they_are_called(port: int) -> None:
    found = Parsed(ask(port, "/")[1].decode())
    assert found.data == {"sources": list(SOURCES), "threshold": 0.5}
    assert [one["aria-label"] for one in found.of("section")] == list(SOURCES)


def test_a_server_that_ends_frees_its_port_soon(board: Board, out: Path) -> None:
    listener = listen("0")
    port = listener.getsockname()[1]
    began = time.monotonic()
    with serving(listener, board, out, 0.5):
        assert ask(port, "/")[0] == 200
    assert time.monotonic() - began < 30
    listen(str(port)).close()
