"""The sound's panel: when and how high a sound is, and what there is to show without one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluate.report import heard
from evaluate.report.heard import hear, kilohertz_rows
from tests.evaluate.report.test_figure import drawing, drawn
from tests.extract.made_videos import RATE, cut_short, write_numbered

FRAMES = 50


def tone(seconds: float, begin: float, end: float, hertz: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * hertz * time) * ((time >= begin) & (time < end))).astype(np.float32)


@pytest.mark.parametrize("columns", [800, 7])
def test_a_tone_is_shown_when_it_sounds_and_as_high_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setattr(heard, "MOST_COLUMNS", columns)
    monkeypatch.setattr(heard, "COLUMNS_AT_ONCE", 5)
    path = write_numbered(tmp_path / "a.mp4", FRAMES, sound=tone(2.0, 0.6, 1.2, 2000))
    found = hear(path, 0.0, 2.0)
    assert found is not None
    assert found.decibels.shape == (64, len(found.edges) - 1)
    assert (found.edges[0], found.edges[-1]) == (0.0, pytest.approx(2.0))
    loud = found.decibels.max(axis=0) > -30
    width = found.edges[1]
    assert found.edges[:-1][loud].min() == pytest.approx(0.6, abs=width + 0.05)
    assert found.edges[1:][loud].max() == pytest.approx(1.2, abs=width + 0.05)
    row, _ = np.unravel_index(found.decibels.argmax(), found.decibels.shape)
    assert row == pytest.approx(kilohertz_rows(2), abs=1)
    assert (found.decibels.max(), found.decibels.min() >= -80) == (0, True)


def test_it_counts_from_the_first_frame(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", FRAMES, sound=tone(2.0, 1.0, 1.2, 1000))
    later = hear(path, 0.5, 1.5)
    assert later is not None
    assert later.edges[:-1][later.decibels.max(axis=0) > -30].min() == pytest.approx(0.5, abs=0.08)


def test_silence_is_dark_and_no_sound_is_no_panel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silent = hear(write_numbered(tmp_path / "a.mp4", 12, sound=np.zeros(RATE // 2, np.float32)), 0.0, 0.4)
    assert silent is not None
    assert (silent.decibels == -80).all()
    video = write_numbered(tmp_path / "b.mp4", 12)
    assert hear(video, 0.0, 0.4) is None
    assert hear(video, 0.0, 0.0) is None
    assert hear(cut_short(video, 0.2), 0.0, 0.4) is None
    assert "b.mp4: drawn without its sound" in capsys.readouterr().err


def test_the_panel_makes_the_figure_higher(tmp_path: Path) -> None:
    loud = heard.Spectrogram(np.zeros((64, 4), np.float32), np.linspace(0, 8, 5))
    without, with_sound = drawn(tmp_path, drawing()), drawn(tmp_path, replace(drawing(), sound=loud))
    assert with_sound.shape[0] - without.shape[0] == pytest.approx((0.75 + 0.14) * 150, abs=2)
