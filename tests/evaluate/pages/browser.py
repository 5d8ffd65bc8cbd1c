"""Chromium without a window, driven over two pipes by its own protocol; no package beside the browser is needed."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
SECONDS = 60.0

needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="Chromium (Debian's package chromium) is not here")


class Browser:
    """One page at a time.

    Attributes:
        complaints: What the page's console, its exceptions and its policy said of errors.
        asked: Addresses that it asked for.
    """

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back, self._held = to, back, b""
        self._number = 0
        self._session: str | None = None
        self.complaints: list[str] = []
        self.asked: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """Do one thing and give its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + SECONDS
        while (answer := self._next(until)).get("id") != self._number:
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def open(self, address: str) -> None:
        """Go to an address and wait until its page is there."""
        self.complaints.clear()
        self.asked.clear()
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """Evaluate an expression in the page; a promise is awaited."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + SECONDS
        while not self.run(condition):
            if time.monotonic() > until:
                raise TimeoutError(condition)
            time.sleep(0.05)

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key."""
        keys = {"key": key, "code": "Space" if key == " " else key, "modifiers": 8 * shift}
        codes = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, " ": 32, "Enter": 13, "Tab": 9}
        text = {" ": " ", "Enter": "\r"}.get(key, "")
        self.call("Input.dispatchKeyEvent", type="keyDown", windowsVirtualKeyCode=codes[key], **keys, text=text)
        self.call("Input.dispatchKeyEvent", type="keyUp", windowsVirtualKeyCode=codes[key], **keys)

    def click(self, selector: str, across: float = 0.5, down: float = 0.5) -> None:
        """Click into an element, at a share of its width and height."""
        place = self.run(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)}); one.scrollIntoView("
            "{block: 'center'}); const {x, y, width, height} = one.getBoundingClientRect(); "
            "return [x, y, width, height]; })()"
        )
        at = {"x": place[0] + across * place[2], "y": place[1] + down * place[3], "button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type="mousePressed", **at)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", **at)

    def picture(self, path: Path, *, dark: bool = False, width: int = 1200) -> None:
        """Save what the whole page looks like as PNG."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        shown = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shown["data"]))

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._held:
            if not select.select([self._back], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError("Chromium does not answer")
            piece = os.read(self._back, 1 << 20)
            if not piece:
                raise RuntimeError("Chromium ended")
            self._held += piece
        message, _, self._held = self._held.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif event.get("method") == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(params["args"]))
        elif event.get("method") == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium, which reads commands from file descriptor 3 and answers through 4; end it afterwards."""
    theirs, to = os.pipe()
    back, answers = os.pipe()
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--remote-debugging-pipe", "--autoplay-policy=no-user-gesture-required", "--disable-background-networking",
            f"--user-data-dir={profile}", "about:blank",
        ]  # fmt: skip
        # Through high numbers, since one of the pipes may itself be 3 or 4.
        code = (
            "import os, sys; theirs, answers = (os.dup2(int(one), 100 + at) for at, one in enumerate(sys.argv[1:3])); "
            "os.dup2(theirs, 3); os.dup2(answers, 4); os.execv(sys.argv[3], sys.argv[3:])"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(theirs), str(answers), CHROMIUM, *flags],
            pass_fds=(theirs, answers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            os.close(theirs)
            os.close(answers)
            yield Browser(to, back)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
            os.close(to)
            os.close(back)
