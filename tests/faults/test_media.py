import collections
from pathlib import Path

import pytest

from extract import audio, visual
from tests.faults.broken_media import KINDS, make, make_sources
from tests.faults.media import FEATURES, NEITHER, outcomes, steps, write_catalog_of

SAMPLE = 2 * len(KINDS)
# Whatever damage does elsewhere, these are whole files or plainly none.
CERTAIN = {
    **dict.fromkeys(("zero_length", "no_media", "audio_only", "larger_than_8k"), "reason"),
    **dict.fromkeys(("no_audio", "one_frame", "8k", "rotated", "av1", "hevc", "hevc_10_bit", "vp9", "noise"), FEATURES),
}


@pytest.mark.usefixtures("ready_clip")
def test_every_broken_file_ends_as_features_or_as_a_reason(tmp_path: Path) -> None:
    sources = make_sources(tmp_path / "sources")
    made = [make(tmp_path / "files", sources, 0, number) for number in range(SAMPLE)]
    files = {path.stem: path for _, path in made}
    write_catalog_of(tmp_path, files)
    for step, arguments in zip((visual, audio), steps(tmp_path), strict=True):
        step.main(arguments[1:])
    found = outcomes(tmp_path, files)
    assert not {name: outcome for name, outcome in found.items() if outcome[0] == NEITHER}
    for kind, path in made:
        assert found[path.stem][0] == CERTAIN.get(kind, found[path.stem][0]), found[path.stem]
    assert len(collections.Counter(outcome for outcome, _ in found.values())) == 2


def test_broken_files_are_the_same_for_a_seed(tmp_path: Path) -> None:
    sources = make_sources(tmp_path / "sources")
    once, again, other = (
        [make(tmp_path / name, sources, seed, number)[1].read_bytes() for number in range(3)]
        for name, seed in (("once", 0), ("again", 0), ("other", 1))
    )
    assert once == again != other
