"""A watch in the browser, as it goes: pages served by Starlette and Uvicorn in a thread of their own.

``/`` is the live page, ``/index.html`` the list of all events, ``/SOURCE/FILE`` a file that the watch has written of a
source; ``/.live`` sends the messages of ``evaluate.watch.board`` as they come (server-sent events) and
``/.picture/SOURCE`` the last picture. A source's name never begins with a dot. Nothing can be changed by asking.
"""

import asyncio
import io
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from evaluate.pages import served_page
from evaluate.pages.html import INDEX
from evaluate.watch.board import Board
from extract.base.errors import InputError
from extract.base.packages import need_packages

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

NEEDED = ("starlette", "uvicorn")
ADDRESS = re.compile(r"(?:([A-Za-z0-9.-]+):)?([0-9]{1,5})")
HERE = "127.0.0.1"
# Of the loopback address, by which a browser asks. A page of another site that had its own name lead here would ask by
# that name.
NAMES_OF_HERE = ["127.0.0.1", "localhost"]
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_BETWEEN_SIGNS = 15.0
ENDING_SECONDS = 2
MOST_CONNECTIONS = 64
PICTURE_PIXELS = 640
JPEG_QUALITY = 75
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def listen(address: str) -> socket.socket:
    """Take the address that pages are to be served at.

    Args:
        address: ``PORT`` of this machine alone, or ``HOST:PORT``; port 0 is any that is free.

    Raises:
        InputError: If it is none, or cannot be taken, or a package is missing.
    """
    need_packages("--serve", NEEDED, "requirements-serve.txt")
    found = ADDRESS.fullmatch(address)
    if found is None or int(found[2]) > 65535:
        raise InputError(f"--serve: {address!r} must be a port, 0 to 65535, or HOST:PORT")
    try:
        return socket.create_server((found[1] or HERE, int(found[2])))
    except OSError as error:
        raise InputError(f"--serve: {address} cannot be taken ({error.strerror}); choose another port") from None


def address_of(listener: socket.socket) -> str:
    """Spell where the live page is."""
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}/"


@contextmanager
def serving(listener: socket.socket, board: Board, out: Path, threshold: float) -> Iterator[None]:
    """Serve a watch.

    Args:
        listener: As of ``listen``.
        board: What is told.
        out: Folder of the watch.
        threshold: From where on an anomaly is an event.
    """
    import uvicorn

    host = listener.getsockname()[0]
    config = uvicorn.Config(
        application(board, out, threshold, NAMES_OF_HERE if host == HERE else ["*"]),
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=ENDING_SECONDS,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(2 * ENDING_SECONDS)
        listener.close()


def application(board: Board, out: Path, threshold: float, hosts: list[str]) -> "Starlette":
    """Build what answers.

    Args:
        board: What is told.
        out: Folder of the watch.
        threshold: From where on an anomaly is an event.
        hosts: Names by which it may be asked; ``*`` is any.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response, StreamingResponse
    from starlette.routing import Route

    text = served_page.spell(board.sources, threshold)

    async def live_page(_: "Request") -> "Response":
        return HTMLResponse(text, headers=HEADERS)

    async def live(request: "Request") -> "Response":
        # A browser that comes back says what it has had.
        last = request.headers.get("last-event-id", "0")
        number = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else 0
        return StreamingResponse(messages(board, number), media_type="text/event-stream", headers=HEADERS)

    async def picture(request: "Request") -> "Response":
        shown = board.picture(request.path_params["source"])
        if shown is None:
            return _absent()
        return Response(
            await asyncio.to_thread(_jpeg, Image.fromarray(shown)), media_type="image/jpeg", headers=HEADERS
        )

    async def index(_: "Request") -> "Response":
        return _sent(out / INDEX)

    async def file(request: "Request") -> "Response":
        source, name = request.path_params["source"], request.path_params["file"]
        path = out / source / name
        # Names are those of one folder, as a path's own last part is; a link might lead out of it.
        known = source in board.sources and path.name == name and not name.startswith(".")
        return _sent(path) if known else _absent()

    def _sent(path: Path) -> "Response":
        return FileResponse(path, headers=HEADERS) if path.is_file() and not path.is_symlink() else _absent()

    def _absent() -> "Response":
        return PlainTextResponse("There is nothing of that name.\n", 404, headers=HEADERS)

    routes: list[tuple[str, Callable[[Request], object]]] = [
        ("/", live_page),
        ("/.live", live),
        ("/.picture/{source}", picture),
        (f"/{INDEX}", index),
        ("/{source}/{file}", file),
    ]
    return Starlette(
        routes=[Route(path, answer) for path, answer in routes],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)],
    )


async def messages(board: Board, number: int) -> AsyncIterator[str]:
    """Spell the messages behind a number as server-sent events, those that are remembered and those that come."""
    quiet = 0.0
    while True:
        closed = board.closed
        told = board.since(number)
        if told:
            number, quiet = told[-1][0], 0.0
            yield "".join(f"id: {one}\ndata: {text}\n\n" for one, text in told)
        elif quiet >= SECONDS_BETWEEN_SIGNS:
            quiet = 0.0
            yield ": still here\n\n"
        if closed:
            return
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        quiet += SECONDS_BETWEEN_LOOKS


def _jpeg(image: Image.Image) -> bytes:
    image.thumbnail((PICTURE_PIXELS, PICTURE_PIXELS))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=JPEG_QUALITY)
    return content.getvalue()
