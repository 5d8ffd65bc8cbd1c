"""Pages in a real browser: they play, seek and follow, from disk and without the video too."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from evaluate.pages.live_page import SCRIPT
from evaluate.pages.video_page import spell
from evaluate.watch.events import BEGINS
from extract.base.files import write_text
from extract.catalog import Segment, read_catalog
from extract.catalogs.own import main as own
from tests.evaluate.pages.browser import Browser, browser, needs_chromium
from tests.evaluate.pages.shown import shown
from tests.evaluate.watch.servers import write_alarms
from tests.evaluate.watch.test_pages import line, pages

pytestmark = needs_chromium
NAME = "a <b>\"#&' ?%41"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as one:
        yield one


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_alarms(tmp_path_factory.mktemp("made") / "v.mp4", 9.6, [(3.84, 7.04)]).read_bytes()


@pytest.fixture
def folder(tmp_path: Path, video: bytes) -> Path:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / f"{NAME}.mp4").write_bytes(video)
    return tmp_path


def open_page(chromium: Browser, folder: Path, **changes: object) -> None:
    page = folder / "out" / f"{NAME}.html"
    write_text(page, spell(shown(folder / "videos" / f"{NAME}.mp4", page, **changes)))
    chromium.open("file://" + quote(str(page)))


def moment(chromium: Browser) -> tuple[float, float]:
    """Give the page's moment and the video's."""
    chromium.until("!video.seeking")
    now, current = chromium.run("[now, video.currentTime]")
    return now, current


def test_a_click_and_the_keys_go_to_a_moment_of_the_video(chromium: Browser, folder: Path) -> None:
    open_page(chromium, folder)
    chromium.until("video.readyState >= 2")
    chromium.click("#lines", across=0.5)
    assert moment(chromium) == (pytest.approx(4.8, abs=0.02), pytest.approx(4.8, abs=0.02))
    chromium.press("ArrowRight")
    chromium.press("ArrowLeft", shift=True)
    assert moment(chromium) == (pytest.approx(5.7, abs=0.02), pytest.approx(5.7, abs=0.02))
    chromium.press("Home")
    assert moment(chromium) == (0, 0)
    chromium.click("tr[data-detection='1'] button")
    assert moment(chromium) == (pytest.approx(8.32), pytest.approx(8.32))
    assert chromium.run("document.querySelector('[aria-current]').dataset.detection") == "1"
    chromium.click("#annotated button")
    assert moment(chromium)[1] == pytest.approx(4.0)
    assert chromium.run("document.getElementById('now').textContent") == "0:04.0"
    assert chromium.complaints == []
    assert {address.partition(":")[0] for address in chromium.asked} == {"file", "data"}


def test_the_cursor_follows_the_video_that_plays(chromium: Browser, folder: Path) -> None:
    open_page(chromium, folder)
    chromium.until("video.readyState >= 2")
    chromium.press(" ")
    chromium.until("now > 0.5")
    chromium.press(" ")
    chromium.until("video.paused")
    now, current = moment(chromium)
    assert now == pytest.approx(current, abs=0.3)
    share = chromium.run("parseFloat(getComputedStyle(panels).getPropertyValue('--now-at'))")
    assert share == pytest.approx(100 * now / 9.6)
    left, wide = chromium.run(
        "(() => { const plot = document.querySelector('.plot'); "
        "return [parseFloat(getComputedStyle(plot, '::after').left), plot.clientWidth]; })()"
    )
    assert left / wide == pytest.approx(share / 100, abs=0.01)


def test_what_is_drawn_is_what_the_page_holds(chromium: Browser, folder: Path) -> None:
    open_page(chromium, folder)
    assert chromium.run("document.querySelectorAll('#lines path').length") == 2
    steps = chromium.run("document.querySelector('#lines path').getAttribute('d')").split("H")
    assert len(steps) == 16
    # The seventh snippet, 0.95 of the height, which leaves 3 of 100 free above and below.
    assert float(steps[6].split(" ")[1]) == pytest.approx(97 - 94 * 0.95, abs=0.01)
    place = chromium.run("['x', 'width'].map((one) => Number(document.querySelector('rect.found').getAttribute(one)))")
    assert place == pytest.approx([400, 1000 / 3])
    alpha = (
        "[0, 1, 2].map((row) => document.getElementById('classes').getContext('2d')"
        ".getImageData(1000, row, 1, 1).data[3] / 255)"
    )
    assert chromium.run(alpha) == pytest.approx([0.05, 0.855, 0.095], abs=0.01)
    assert chromium.run("document.querySelectorAll('#frames rect').length") == 1


def test_without_the_video_the_page_says_so_and_the_rest_works(chromium: Browser, folder: Path) -> None:
    (folder / "videos" / f"{NAME}.mp4").write_bytes(b"no video")
    open_page(chromium, folder)
    chromium.until("video.classList.contains('absent')")
    assert chromium.run("document.getElementById('unplayable').checkVisibility()")
    chromium.click("tr[data-detection='0'] button")
    assert chromium.run("now") == pytest.approx(3.84)
    chromium.press("ArrowRight")
    assert chromium.run("document.getElementById('now').textContent") == "0:04.8"


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_the_page_in_dark_and_light(chromium: Browser, folder: Path, dark: bool) -> None:
    """By the contrast of WCAG 2, for normal text 4.5 to 1 at least."""
    open_page(chromium, folder)
    chromium.picture(folder / "page.png", dark=dark)
    contrast = """(() => {
      const light = (colour) => {
        const parts = colour.match(/[0-9.]+/g).slice(0, 3).map((one) => one / 255)
          .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
      };
      const paper = light(getComputedStyle(document.body).backgroundColor);
      return ['body', '.quiet', '.warning', 'button.go', '.name'].map((one) => {
        const ink = light(getComputedStyle(document.querySelector(one)).color);
        return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
      }).concat(paper);
    })()"""
    *found, paper = chromium.run(contrast)
    assert min(found) >= 4.5
    assert (paper < 0.1) is dark


def test_a_page_that_counts_frames_does_not_try_to_play(chromium: Browser, folder: Path) -> None:
    open_page(chromium, folder, unit="frames")
    chromium.click("#lines", across=0.25)
    assert chromium.run("now") == pytest.approx(2.4, abs=0.02)
    assert chromium.run("video.currentTime") == 0


def saved(chromium: Browser, folder: Path, name: str = NAME) -> Path:
    """Save the corrections, and give the file."""
    chromium.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder / "saved"))
    chromium.click("#save")
    until = time.monotonic() + 30
    while not (found := list((folder / "saved").glob("*.jsonl"))):
        assert time.monotonic() < until, chromium.run("document.getElementById('saved').textContent")
        time.sleep(0.05)
    return found[0]


def choose(chromium: Browser, words: str, value: str) -> None:
    chromium.run(
        f"(() => {{ const one = document.querySelector('[aria-label={json.dumps(words)}]'); one.value = "
        f"{json.dumps(value)}; one.dispatchEvent(new Event('change')); }})()"
    )


def test_corrections_are_saved_as_a_list_that_extract_own_takes(chromium: Browser, folder: Path) -> None:
    (folder / "videos" / "yard").mkdir()
    shutil.copy(folder / "videos" / f"{NAME}.mp4", folder / "videos" / "yard")
    open_page(chromium, folder, names=("normal", "fighting", "explosion"))
    chromium.click("#save")
    said = "document.getElementById('saved').textContent"
    assert chromium.run(said) == "Event 1 is not judged: confirm or refuse it."
    choose(chromium, "Verdict on event 1", "confirmed")
    choose(chromium, "Verdict on event 2", "confirmed")
    chromium.click("#save")
    assert chromium.run(said) == "Event 2 has no class: choose one."
    choose(chromium, "Verdict on event 2", "refused")
    choose(chromium, "Class of event 1", "G")
    choose(chromium, "Begin of event 1", "7.5")
    chromium.click("#save")
    assert chromium.run(said) == "Event 1 must begin before it ends, within 0 and 9.6."
    choose(chromium, "Begin of event 1", "4.04")
    chromium.run("go(9)")
    chromium.click("#missed")
    choose(chromium, "Class of event 3", "B1")
    choose(chromium, "End of event 3", "9.6")
    assert chromium.run("document.querySelectorAll('#lines rect').length") == 2
    chromium.run("document.getElementById('split').value = 'test'")
    chromium.picture(folder / "corrected.png", dark=True)
    listed = saved(chromium, folder)
    assert chromium.complaints == []
    words = ["--videos", str(folder / "videos"), "--list", str(listed), "--dataset", "xd"]
    own([*words, "--out", str(folder / "catalog.jsonl")])
    (video,) = read_catalog(folder / "catalog.jsonl")
    assert (video.video_id, video.split, video.labels) == (NAME, "test", ("G", "B1"))
    assert video.segments == (Segment("G", 101, 176), Segment("B1", 225, 240))


def test_a_video_in_which_all_was_refused_is_normal(chromium: Browser, folder: Path) -> None:
    open_page(chromium, folder)
    choose(chromium, "Verdict on event 1", "refused")
    choose(chromium, "Verdict on event 2", "refused")
    assert chromium.run("document.querySelectorAll('#lines rect').length") == 0
    line = json.loads(saved(chromium, folder).read_text(encoding="utf-8"))
    assert line == {
        "video": f"yard/{NAME}.mp4", "split": "train", "labels": "A", "segments": [], "unit": "seconds"
    }  # fmt: skip


def test_the_list_of_a_watch_shows_an_event_that_arrives(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluate.pages.live_page.SCRIPT", SCRIPT.replace("10000", "200"))
    made = pages(tmp_path)
    chromium.open((tmp_path / "index.html").as_uri())
    chromium.run("document.getElementById('again').click()")  # still, until it is let again
    made.event("gate", line(BEGINS))
    time.sleep(0.6)
    assert chromium.run("document.querySelectorAll('tbody tr').length") == 0
    chromium.run("document.getElementById('again').click()")
    chromium.until("document.querySelectorAll('tbody tr').length === 1")
    assert chromium.complaints == []
