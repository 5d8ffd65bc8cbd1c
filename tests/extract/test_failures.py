from pathlib import Path

import pytest

from extract.base.errors import InputError
from extract.catalog import Video, write_catalog
from extract.failures import Failure, main, merge_failures, read_failures, write_failures

BROKEN = [
    Failure("x__#1_label_A", "visual", "is cut short: holds 3 of 9 frames"),
    Failure('odd, "name"', "audio", "none of its 5 packets can be decoded"),
]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    ids = ['odd, "name"', "fine", "x__#1_label_A"]
    write_catalog(tmp_path / "catalog.jsonl", [Video(name, "train", f"{name}.mp4", ("A",)) for name in ids])
    return tmp_path / "catalog.jsonl"


def run(catalog: Path, most: int, *lists: Path) -> Path:
    out = catalog.parent / "all.csv"
    main(["--catalog", str(catalog), "--max-failures", str(most), "--out", str(out), *map(str, lists)])
    return out


def test_a_list_survives_writing_and_reading(tmp_path: Path) -> None:
    write_failures(tmp_path / "a.csv", BROKEN)
    assert read_failures(tmp_path / "a.csv") == BROKEN
    write_failures(tmp_path / "none.csv", [])
    assert (tmp_path / "none.csv").read_text() == "video_id,stage,reason\n"
    assert read_failures(tmp_path / "none.csv") == []


def test_a_reason_is_one_line(tmp_path: Path) -> None:
    write_failures(tmp_path / "a.csv", [Failure("a", "visual", "one\ntwo  three")])
    assert read_failures(tmp_path / "a.csv")[0].reason == "one two three"


def test_of_two_failures_of_a_video_the_first_counts() -> None:
    second = Failure("x__#1_label_A", "audio", "later")
    assert merge_failures([BROKEN[:1], [second, BROKEN[1]]]) == BROKEN


def test_lists_are_joined_in_catalog_order(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_failures(catalog.parent / "a.csv", BROKEN[:1])
    write_failures(catalog.parent / "b.csv", BROKEN[1:])
    out = run(catalog, 2, catalog.parent / "a.csv", catalog.parent / "b.csv")
    assert read_failures(out) == BROKEN[::-1]
    assert "2 of 3 videos failed" in capsys.readouterr().out


def test_no_failure_is_said_too(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_failures(catalog.parent / "a.csv", [])
    assert read_failures(run(catalog, 0, catalog.parent / "a.csv")) == []
    assert capsys.readouterr().out == "0 of 3 videos failed\n"


def test_too_many_failures_end_the_run_and_say_which_and_why(catalog: Path) -> None:
    write_failures(catalog.parent / "a.csv", BROKEN)
    with pytest.raises(InputError, match=r"2 of 3 videos failed.*max_failures allows 1.*cut short.*a\.csv"):
        run(catalog, 1, catalog.parent / "a.csv")


def test_a_failure_of_a_video_that_the_catalog_lacks_is_refused(catalog: Path) -> None:
    write_failures(catalog.parent / "a.csv", [Failure("stranger", "visual", "?")])
    with pytest.raises(InputError, match=r"catalog\.jsonl: lacks video_id 'stranger'"):
        run(catalog, 1, catalog.parent / "a.csv")


@pytest.mark.parametrize("content", ["", "id,why\n", "video_id,stage,reason\na,b\n", '"'])
def test_what_is_no_list_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(InputError, match=r"a\.csv"):
        read_failures(tmp_path / "a.csv")
    with pytest.raises(InputError, match="absent"):
        read_failures(tmp_path / "absent.csv")
