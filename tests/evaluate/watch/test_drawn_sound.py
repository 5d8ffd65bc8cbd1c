"""The sound of clips, drawn in real worker processes."""

import time
from pathlib import Path

import pytest

from evaluate.watch import drawn_sound
from evaluate.watch.drawn_sound import DrawnSound
from tests.evaluate.watch.servers import write_alarms


def drawn(paths: list[Path], said: list[str], seconds: float = 300.0) -> dict[str, str]:
    """Have the sound of clips drawn, and give the addresses by the clips' names."""
    sounds, found = DrawnSound(said.append), dict[str, str]()
    for path in paths:
        sounds.ask(path, 2.0, lambda address, name=path.name: found.update({name: address}))  # type: ignore[misc]
    until = time.monotonic() + seconds
    while sounds.busy and time.monotonic() < until:
        sounds.step()
        time.sleep(0.05)
    assert not sounds.busy
    return found


def test_clips_get_their_spectrogram_and_one_that_fails_or_waits_too_long_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawn_sound, "MOST_WAITING", 3)
    forgotten, sounding = (write_alarms(tmp_path / name, 2, []) for name in ("a.mp4", "b.mp4"))
    silent = write_alarms(tmp_path / "c.mp4", 2, [], sounds=False)
    said: list[str] = []
    found = drawn([forgotten, silent, tmp_path / "gone.mp4", sounding], said)
    assert found.keys() == {"b.mp4"}
    assert found["b.mp4"].startswith("data:image/png;base64,")
    assert said == [f"{forgotten}: its sound is not drawn, since too many clips wait for that"]


def test_one_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn_sound, "MOST_SECONDS", 0.0)
    said: list[str] = []
    clip = write_alarms(tmp_path / "a.mp4", 2, [])
    assert drawn([clip], said) == {}
    assert said == [f"{clip}: its sound is not drawn: that took more than 0 s"]
