from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import numpy as np
import pytest

from evaluate.pages.pictures import most_certain, spectrogram
from evaluate.pages.video_page import spell
from evaluate.report.heard import Spectrogram
from tests.evaluate.pages.shown import NAMES, Parsed, shown

HOSTILE = "</script><b>\"#&' ?%41".replace("/", "")


def page_of(tmp_path: Path, name: str = "own", **changes: object) -> Parsed:
    return Parsed(spell(shown(tmp_path / "videos" / f"{name}.mp4", tmp_path / "out" / f"{name}.html", **changes)))


def test_names_are_shown_and_never_become_markup(tmp_path: Path) -> None:
    plain, hostile = page_of(tmp_path), page_of(tmp_path, HOSTILE)
    assert [name for name, _ in hostile.tags] == [name for name, _ in plain.tags]
    assert hostile.texts["data"].count("<") == 0
    assert hostile.data["video_id"] == HOSTILE
    assert [one["name"] for one in hostile.data["classes"]] == list(NAMES)
    assert f"{HOSTILE}.mp4" in hostile.texts["unplayable"]
    (video,) = hostile.of("video")
    place = urlsplit(urljoin((tmp_path / "out" / "x.html").as_uri(), str(video["src"])))
    assert unquote(place.path) == str(tmp_path / "videos" / f"{HOSTILE}.mp4")


def test_a_page_leads_nowhere_but_to_its_video(tmp_path: Path) -> None:
    found = page_of(tmp_path)
    sources = [value for _, attributes in found.tags for key, value in attributes.items() if key in ("src", "href")]
    assert {str(value).partition(":")[0] for value in sources} == {"./../videos/own.mp4".partition(":")[0], "data"}
    (policy,) = (one["content"] for one in found.of("meta") if "http-equiv" in one)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert not any(word in policy for word in ("http", "unsafe", "*"))


def test_the_data_are_the_lines_and_classes_rounded_to_four_decimals(tmp_path: Path) -> None:
    anomaly = np.linspace(0, 1, 15, dtype=np.float32)
    classes = np.stack([1 - anomaly, anomaly / 2, anomaly / 2], axis=1)
    one = page_of(tmp_path, classes=classes)
    np.testing.assert_allclose([row["values"] for row in one.data["classes"]], classes.T, atol=5e-5)
    assert one.data["edges"][:3] == [0, 0.64, 1.28]
    assert one.data["end"] == 9.6


def test_what_was_not_scored_is_a_gap_and_no_zero(tmp_path: Path) -> None:
    given = shown(tmp_path / "a.mp4", tmp_path / "a.html")
    for line in given.lines:
        line.values[3] = np.nan
    found = Parsed(spell(given)).data
    assert [line["values"][3] for line in found["lines"]] == [None, None]
    assert found["lines"][0]["values"][6] == pytest.approx(0.95)


def test_every_detected_and_annotated_event_can_be_chosen(tmp_path: Path) -> None:
    found = page_of(tmp_path)
    assert [one["data-to"] for one in found.of("button") if "data-to" in one] == ["3.840", "8.320", "4.000"]
    assert "0:03.8 to 0:07.0" in found.texts["detections"]
    assert 'fighting 80%; a <bang> & "boom" 10%' in found.texts["detections"]
    assert "0:04.0 to 0:07.5" in found.texts["annotated"]


def test_all_that_is_drawn_has_words_for_those_who_cannot_see_it(tmp_path: Path) -> None:
    found = page_of(tmp_path)
    assert all(one.get("alt") for one in found.of("img"))
    drawn = [one for name in ("svg", "canvas") for one in found.of(name)]
    assert all(one.get("aria-label") or one.get("aria-hidden") == "true" for one in drawn)
    (lines,) = (one for one in drawn if one["id"] == "lines")
    assert lines["aria-label"] == "Anomaly over time, highest 95% at 0:03.8; 2 detected"
    assert all(one.get("scope") == "col" for one in found.of("th"))


def test_a_page_without_events_truth_or_sound_says_so_or_leaves_them_out(tmp_path: Path) -> None:
    found = page_of(tmp_path, detections=[], pictures=[], truth=None, sound=None, warning="")
    assert "Nothing: the anomaly never reaches 0.5." in found.all_text
    assert "annotated" not in found.all_text.lower()
    assert found.of("img") == []
    assert "Nothing: the catalog says that nothing happens." in page_of(tmp_path, truth=[]).all_text


def test_the_spectrogram_has_high_sounds_on_top_and_darkness_behind_its_end() -> None:
    import base64
    from io import BytesIO

    from PIL import Image

    decibels = np.full((64, 100), -80, np.float32)
    decibels[0] = 0  # the lowest band is loud
    picture = spectrogram(Spectrogram(decibels, np.linspace(0, 5, 101)), end=10)
    pixels = np.array(Image.open(BytesIO(base64.b64decode(picture.partition(",")[2])))).astype(int).sum(axis=2)
    assert pixels.shape == (64, 100)
    assert pixels[-1, :50].min() > 500 > 50 > pixels[-1, 50:].max()
    assert pixels[:-1].max() < 50


def test_the_surest_have_pictures_where_not_all_can() -> None:
    assert most_certain([0.2, 0.9, 0.5, 0.7], 2) == [1, 3]
