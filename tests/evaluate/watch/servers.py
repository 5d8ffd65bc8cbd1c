"""Cameras on loopback: GStreamer's RTSP server, ffmpeg behind HTTP, and videos in which something happens."""

import http.server
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

PYTHON = "/usr/bin/python3"  # Debian's, for which its packages of GStreamer are
RTSP_SERVER = Path(__file__).with_name("rtsp_server.py")
RTSP_PACKAGES = "gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-good and -bad and python3-gi"
FPS = 25
SECONDS_TO_START = 30.0


@cache
def has_rtsp_server() -> bool:
    """Whether Debian's packages of GStreamer and its RTSP server are here."""
    code = (
        "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer\n"
        "Gst.init(None); import sys\n"
        "sys.exit(not all(map(Gst.ElementFactory.find, ('qtdemux', 'h264parse', 'rtph264pay', 'aacparse'))))"
    )
    return Path(PYTHON).exists() and subprocess.run([PYTHON, "-c", code], capture_output=True).returncode == 0


needs_rtsp_server = pytest.mark.skipif(not has_rtsp_server(), reason=f"Debian's {RTSP_PACKAGES} are not here")
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="Debian's ffmpeg is not here")


def write_alarms(
    path: Path,
    seconds: float,
    red: list[tuple[float, float]],
    *,
    sounds: bool = True,
    size: tuple[int, int] = (64, 48),
    begins: float = 0.0,
) -> Path:
    """Write a video that is blue, and red between some moments; with a hum, if it sounds. Its clock ``begins`` so."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=FPS, options={"g": "25", "bf": "0", "preset": "ultrafast"})
        pictures.width, pictures.height = size
        pictures.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=16000, layout="mono") if sounds else None
        hum = 0.2 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * 16000)) / 16000)
        heard = 0
        for index in range(round(seconds * FPS)):
            now = index / FPS
            colour = (255, 0, 0) if any(start <= now < end for start, end in red) else (0, 0, 255)
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), colour, np.uint8))
            frame.pts, frame.time_base = index + round(begins * FPS), Fraction(1, FPS)
            container.mux(pictures.encode(frame))
            while sound is not None and heard + 1024 <= (now + 1 / FPS) * 16000:
                piece = (hum[None, heard : heard + 1024] * 32767).astype(np.int16)
                samples = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
                samples.rate, samples.pts = 16000, heard + round(begins * 16000)
                container.mux(sound.encode(samples))
                heard += 1024
        for stream in (pictures, sound):
            if stream is not None:
                container.mux(stream.encode(None))
    return path


def free_port() -> int:
    """Find a port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def rtsp_server(video: Path, port: int, loss: float = 0.0) -> Iterator[None]:
    """Play a video to whoever connects to ``rtsp://user:s3cret@127.0.0.1:PORT/live``."""
    words = [PYTHON, str(RTSP_SERVER), str(video), str(port), str(loss)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            yield
        finally:
            server.kill()


@contextmanager
def http_source(video: Path, port: int) -> Iterator[None]:
    """Send a video, as fast as it happened, to each who fetches ``http://127.0.0.1:PORT/``, one at a time."""
    words = ["ffmpeg", "-v", "error", "-re", "-i", str(video), "-c", "copy", "-f", "mpegts", "-listen", "1"]
    ended = threading.Event()
    servers: list[subprocess.Popen[bytes]] = []

    def serve() -> None:
        while not ended.is_set():
            with subprocess.Popen([*words, f"http://127.0.0.1:{port}/"], stderr=subprocess.DEVNULL) as server:
                servers[:] = [server]
            time.sleep(0.1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        for server in servers:
            server.kill()
        thread.join()


@contextmanager
def served(content: bytes | None, kind: str = "video/mp2t") -> Iterator[str]:
    """Serve some bytes to whoever asks, at once; of ``None`` nothing, and no end. Gives the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if content is None:
                time.sleep(3)
                return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
