"""The whole of ``evaluate.watch`` on real servers; only the encoder and the network are narrow (``narrow.py``)."""

import csv
import json
import multiprocessing
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import psutil
import pytest

from evaluate.watch import watcher
from evaluate.watch.__main__ import main
from evaluate.watch.board import Board
from evaluate.watch.camera import LOST, SNIPPET
from evaluate.watch.events import Events, Rule
from evaluate.watch.records import Records
from evaluate.watch.watcher import Watcher
from extract.base.errors import InputError
from extract.encoders.weights import file_sha256
from extract.media.messages import Message
from tests.evaluate.pages.shown import Parsed
from tests.evaluate.watch.narrow import WEIGHTS, replacements, save_model
from tests.evaluate.watch.servers import (
    FPS,
    free_port,
    http_source,
    needs_ffmpeg,
    needs_rtsp_server,
    rtsp_server,
    served,
    write_alarms,
)
from tests.evaluate.watch.test_server import ask, messages

ROOT = Path(__file__).parents[3]
PASSWORD = "s3cret"  # noqa: S105, of the test's own server
SNIPPET_SECONDS = 16 / FPS


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def patch(*, slow: bool = False) -> None:
        for name, value in replacements(slow).items():
            monkeypatch.setattr(name, value)

    patch()
    return patch


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model") / "teacher.safetensors")


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that end with the test, however it ends."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def stop_after(monkeypatch: pytest.MonkeyPatch, enough: Callable[[], bool], seconds: float = 60.0) -> None:
    """Let the next watch end as by Ctrl-C as soon as there is enough."""
    step, began = Watcher._step, time.monotonic()

    def counted(watcher: Watcher) -> None:
        step(watcher)
        watcher.stopping = enough() or time.monotonic() - began > seconds

    monkeypatch.setattr(Watcher, "_step", counted)


def rows(folder: Path) -> list[dict[str, str]]:
    if not (folder / "scores.csv").exists():
        return []
    with (folder / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def events(folder: Path, what: str) -> list[dict[str, Any]]:
    if not (folder / "events.jsonl").exists():
        return []
    lines = map(json.loads, (folder / "events.jsonl").read_text().splitlines())
    return [line for line in lines if line["what"] == what]


def column(found: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in found])


@pytest.mark.usefixtures("narrow")
def test_a_file_that_grows_is_watched_until_it_grows_no_more(tmp_path: Path, checkpoint: Path) -> None:
    content = write_alarms(tmp_path / "whole.ts", 12, [(4, 7)]).read_bytes()
    growing = tmp_path / "growing.ts"
    growing.touch()

    def grow() -> None:
        with growing.open("ab") as file:
            for start in range(0, len(content), len(content) // 20):
                file.write(content[start : start + len(content) // 20])
                file.flush()
                time.sleep(0.1)

    threading.Thread(target=grow).start()
    main([str(growing), "--checkpoint", str(checkpoint), *WEIGHTS, "--out", str(tmp_path / "out"), "--silence", "1.5"])
    folder = tmp_path / "out" / "growing"
    found = rows(folder)
    assert len(found) == 12 * FPS // 16
    assert column(found, "skipped").sum() == 0
    np.testing.assert_allclose(column(found, "start_seconds"), np.arange(len(found)) * SNIPPET_SECONDS, atol=1e-3)
    red = [4 <= start < 7 for start in column(found, "start_seconds")]
    assert ((column(found, "fighting") > 0.5) == red).all()
    assert {row["sound"] for row in found} == {"running statistics"}
    (begins,), (ends,), (clip,) = (events(folder, what) for what in ("begins", "ends", "clip"))
    assert (begins["class"], begins["label"], begins["threshold"]) == ("fighting", "B1", 0.5)
    assert (begins["start_seconds"], ends["end_seconds"]) == (4.48, 7.04)
    assert begins["event"] == ends["event"] == clip["event"]
    assert (folder / begins["thumbnail"]).read_bytes()[:2] == b"\xff\xd8"
    assert (folder / clip["clip"]).stat().st_size > 0
    assert "random weights" in begins["notes"]
    page = Parsed((folder / f"{begins['event']}.html").read_text(encoding="utf-8"))
    (detection,) = page.data["detections"]
    assert detection["start_seconds"] == pytest.approx(4.48 - clip["start_seconds"], abs=2e-3)
    in_clip = [row for row in found if float(row["end_seconds"]) > clip["start_seconds"]][: len(page.data["edges"]) - 1]
    scored = [value for value in page.data["lines"][0]["values"] if value is not None]
    assert scored == pytest.approx(column(in_clip, "anomaly")[: len(scored)], abs=1e-4)
    assert len(scored) >= 8
    index = Parsed((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    assert [one["href"] for one in index.of("a")] == [f"./growing/{begins['event']}.{kind}" for kind in ("html", "mp4")]
    assert not list(folder.glob(".*")), "no temporary file is left"


@pytest.mark.usefixtures("narrow")
def test_sources_that_are_no_video_end_it_with_one_line(tmp_path: Path, checkpoint: Path) -> None:
    (tmp_path / "text.ts").write_text("no video " * 1000)
    words = ["--checkpoint", str(checkpoint), *WEIGHTS, "--silence", "1", "--out", str(tmp_path / "out")]
    with pytest.raises(InputError, match=r"no source could be read: gone cannot be read: No such file.*; text "):
        main([str(tmp_path / "gone.ts"), str(tmp_path / "text.ts"), *words])


@needs_rtsp_server
def test_a_machine_that_is_too_slow_skips_evenly_and_stays_near(
    tmp_path: Path, checkpoint: Path, narrow: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two seconds a batch: two of three snippets, or three of four, cannot be looked at."""
    narrow(slow=True)
    video, port, folder = write_alarms(tmp_path / "v.mp4", 40, []), free_port(), tmp_path / "out" / "cam"
    stop_after(monkeypatch, lambda: len(rows(folder)) >= 9)
    with rtsp_server(video, port):
        address = f"cam=rtsp://user:{PASSWORD}@127.0.0.1:{port}/live"
        main([address, "--checkpoint", str(checkpoint), *WEIGHTS, "--out", str(tmp_path / "out")])
    found = rows(folder)
    settled = column(found, "skipped")[4:]
    assert set(settled) <= {1, 2, 3, 4}
    assert settled.mean() == pytest.approx(2 / SNIPPET_SECONDS - 1, abs=0.7)
    # Four that wait, two rounds of the encoder, and the sound.
    assert column(found, "latency_seconds").max() < 4 * SNIPPET_SECONDS + 2 * 2 + 0.5 + 1


def test_a_second_watch_in_one_folder_is_refused(tmp_path: Path, checkpoint: Path) -> None:
    code = "import sys, pathlib; from extract.base.lock import sole_run\n"
    code += "with sole_run(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", code, str(tmp_path / "watch")]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match=r"watch\.lock: process \d+ on .* is doing this already"):
            main(["a.ts", "--checkpoint", str(checkpoint), *WEIGHTS, "--out", str(tmp_path)])
        other.kill()


@pytest.mark.usefixtures("narrow")
def test_the_threshold_of_an_operating_point_is_taken(tmp_path: Path, checkpoint: Path) -> None:
    point = tmp_path / "point.json"
    origin = {"checkpoint_sha256": file_sha256(checkpoint)}
    fields = {"format": "avadclip-operating-point", "version": 1, "branch": "either", "provenance": origin}
    point.write_text(json.dumps(fields | {"threshold": 0.000001, "remarks": ["chosen for a test"]}))
    video = write_alarms(tmp_path / "v.ts", 3, [])
    words = [str(video), "--checkpoint", str(checkpoint), *WEIGHTS, "--silence", "1", "--out", str(tmp_path / "out")]
    main([*words, "--operating-point", str(point)])
    (begins,) = events(tmp_path / "out" / "v", "begins")
    assert begins["threshold"] == 0.000001
    assert begins["notes"][-1] == "chosen for a test"
    with pytest.raises(InputError, match="both say the threshold"):
        main([*words, "--operating-point", str(point), "--threshold", "0.5"])


def test_a_word_that_is_wrong_shows_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["a.ts", "--threshold", f"rtsp://user:{PASSWORD}@host/x"])
    shown = capsys.readouterr().err
    assert "rtsp://host/..." in shown
    assert PASSWORD not in shown


def test_files_that_cannot_be_written_are_said_once_and_again_when_they_can(tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "cam"
    records = Records(folder, ("normal", "fighting"), said.append)
    shutil.rmtree(folder)
    folder.touch()
    for _ in range(3):
        records.event({"what": "begins"})
        assert records.thumbnail("e", np.zeros((4, 4, 3), np.uint8)) is None
    assert said == ["its files cannot be written (Not a directory); detection goes on without them"]
    folder.unlink()
    folder.mkdir()
    records.event({"what": "ends"})
    assert said[1:] == ["its files can be written again"]
    assert (folder / "events.jsonl").read_text() == '{"what": "ends"}\n'


def test_a_class_that_is_called_as_a_column_or_begins_as_a_formula_does_no_harm(tmp_path: Path) -> None:
    Records(tmp_path / "cam", ("normal", "model", "=1+1"), print)
    header = (tmp_path / "cam" / "scores.csv").read_text().strip().split(",")
    assert header[6:10] == ["normal", "model (class)", "'=1+1", "model"]


def test_scores_of_another_model_are_not_added_to(tmp_path: Path) -> None:
    Records(tmp_path / "cam", ("normal", "fighting"), print)
    Records(tmp_path / "cam", ("normal", "fighting"), print)
    with pytest.raises(InputError, match="cam/scores.csv: has other columns, as of another model"):
        Records(tmp_path / "cam", ("normal", "riot"), print)


def test_a_snippet_that_comes_after_the_end_begins_no_event_that_would_have_no_clip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    theirs, ours = multiprocessing.Pipe()
    ours.send("something")

    class LateFeed:
        """A connection with a snippet still on its way when the watch ends."""

        connection, over = theirs, False

        def finish(self) -> None:
            self.over = True

        def waited(self, seconds: float) -> None:
            pass

        def taken(self, snippets: int) -> None:
            pass

        def messages(self, ready: bool) -> Iterator[Message]:
            yield Message(SNIPPET, {}, ())
            yield Message(LOST, {"reason": "has ended"}, ())
            self.connection = None

    class Site(SimpleNamespace):
        __hash__ = object.__hash__

    def scored(*arguments: object) -> list[object]:
        raise AssertionError("nothing is scored when the watch has ended")

    monkeypatch.setattr(watcher, "score_snippets", scored)
    monkeypatch.setattr(watcher, "_given", lambda message: message)
    tools = SimpleNamespace(model=SimpleNamespace(codes=(), names=()), visual=SimpleNamespace(batch=1))
    watch = Watcher(
        [], tools, Rule(0.5, 0.5, 2.0, 10.0, ""), lambda folder: None, tmp_path, None, Board(["cam"], ()), print
    )
    site = Site(
        name="cam", feed=LateFeed(), waiting=deque([Message(SNIPPET, {}, ())]), events=Events(watch._rule),
        window=object(), latencies=[], skipped=0,
    )  # fmt: skip
    watch._sites = [site]
    watch._end()
    assert site.feed.connection is None
    assert not site.waiting


@needs_ffmpeg
@needs_rtsp_server
def test_three_cameras_for_a_minute_one_of_them_lost_and_found_again(
    tmp_path: Path, checkpoint: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    red = [(8.0, 12.0), (28.0, 33.0)]
    video = write_alarms(tmp_path / "v.mp4", 120, red)
    out, ports, page = tmp_path / "out", [free_port() for _ in range(3)], free_port()
    with rtsp_server(video, ports[1], loss=0.01), http_source(video, ports[2]), served(b"", "text/plain") as hook:
        words = [
            f"front=rtsp://user:{PASSWORD}@127.0.0.1:{ports[0]}/live",
            f"back=rtsp://user:{PASSWORD}@127.0.0.1:{ports[1]}/live",
            f"yard=http://127.0.0.1:{ports[2]}/?key={PASSWORD}",
        ]
        more = ["--checkpoint", str(checkpoint), *WEIGHTS, "--clip-seconds", "2", "--out", str(out)]
        # It takes no POST: every event is answered 501.
        more += ["--webhook", hook.replace("//", f"//user:{PASSWORD}@"), "--serve", str(page)]
        with rtsp_server(video, ports[0]):
            command = [sys.executable, "-m", "tests.evaluate.watch.narrow", *words, *more]
            log = (tmp_path / "log").open("w+")
            watch = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
            started.append(watch)
            _wait(lambda: all(rows(out / name) for name in ("front", "back", "yard")), watch)
            began = time.monotonic()
            time.sleep(15)
            assert {one["what"] for one in messages(page, 60)} >= {"opened", "snippet", "begins"}
            assert ask(page, "/.picture/front")[1][:2] == b"\xff\xd8"
        # Its server is gone.
        time.sleep(4)
        memory = psutil.Process(watch.pid).memory_info().rss
        with rtsp_server(video, ports[0]):
            time.sleep(max(0.0, 55 - (time.monotonic() - began)))
            _wait(lambda: len(events(out / "front", "ends")) >= 2, watch)
            grown = psutil.Process(watch.pid).memory_info().rss - memory
            drawn = out / "front" / f"{events(out / 'front', 'clip')[0]['event']}.html"
            # Librosa is compiled when it is first used.
            _wait(lambda: 'id="sound"' in drawn.read_text(encoding="utf-8"), watch, seconds=300)
            watch.send_signal(signal.SIGTERM)
            assert watch.wait(120) == 0
    log.seek(0)
    said = log.read()
    assert "Traceback" not in said
    assert f"live at http://127.0.0.1:{page}/" in said
    assert "front: lost, it has ended; opened again in 1 s" in said
    assert said.count("front: connected (h264, 64 x 48, with sound); scored by the teacher") == 2
    assert "back: lost" not in said
    assert "yard: lost" not in said
    assert said.count("webhook: answered 501; each event is tried") == 1
    for text in (said, *(path.read_text() for path in out.rglob("*.*") if path.suffix in (".jsonl", ".csv"))):
        assert PASSWORD not in text
    for name, wanted in (("front", [8.0, 8.0]), ("back", [8.0, 28.0]), ("yard", [8.0, 28.0])):
        found = rows(out / name)
        # On a machine that is busy with other things some are skipped.
        assert column(found, "skipped").sum() < len(found)
        assert 0 < column(found, "latency_seconds").min() < 2
        begins, ends, clips = (events(out / name, what) for what in ("begins", "ends", "clip"))
        # A picture that got lost makes a snippet last longer, and the next one begin later.
        found_at = [line["start_seconds"] for line in begins]
        assert found_at[: len(wanted)] == pytest.approx(wanted, abs=3 * SNIPPET_SECONDS)
        assert [line["event"] for line in begins] == [line["event"] for line in ends]
        assert {line["event"] for line in clips} == {line["event"] for line in begins}
        assert {line["model"] for line in begins} == {"teacher"}
        for line in clips:
            with av.open(str(out / name / line["clip"])) as container:
                pictures = [frame.to_ndarray(format="rgb24")[..., 0].mean() for frame in container.decode(video=0)]
            assert max(pictures) > 200
            assert min(pictures[:FPS]) < 50, "it begins before its event"
    assert grown < 50e6


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 120.0) -> None:
    began = time.monotonic()
    while not ready():
        assert process.poll() is None, "it has ended"
        assert time.monotonic() - began < seconds
        time.sleep(0.2)
