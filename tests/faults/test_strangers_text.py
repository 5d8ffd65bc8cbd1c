"""What strangers wrote reaches terminals, pages and spreadsheets as text, and ends no command in a traceback."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evaluate.twins import Laid, markdown
from extract.base.printable import cell, text_of_cell
from extract.failures import Failure, read_failures, write_failures
from tests.workflow.project import ROOT


def command(*words: str, encoding: str = "utf-8", folder: Path = ROOT) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, check=False)


def one_line(done: subprocess.CompletedProcess[bytes]) -> str:
    said = done.stderr.decode("ascii", "surrogateescape").splitlines()
    assert done.returncode == 1, said
    assert b"Traceback" not in done.stderr
    return said[-1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"video_id": "a", "frames": %s}' % ("9" * 5000), "digits"),
        ('{"video_id": "a", "split": "test", "path": "", "labels": ["A"], "fps": 1e400}', "fps"),
        ('{"video_id": "a", "split": "test", "path": "", "labels": ["A"], "fps": Infinity}', "fps"),
        ('{"video_id": "a", "split": "test", "path": "", "labels": ["A"], "frames": %s}' % ("9" * 400), "frames"),
        ('{"video_id": "a", "video_id": "b"}', "twice"),
        ('{"video_id": "\\ud800", "split": "test", "path": "", "labels": ["A"]}', ""),
        ('{"video_id": "\\u001b[2J\\u001b[31m", "split": "test"}', ""),
    ],
    ids=["digits", "exponent", "infinity", "400 digits", "doubled", "surrogate", "escape"],
)
def test_a_strange_catalog_ends_with_one_line_also_on_a_terminal_that_is_not_utf_8(
    tmp_path: Path, line: str, message: str
) -> None:
    (tmp_path / "catalog.jsonl").write_text(line + "\n")
    done = command("extract.check", str(tmp_path / "catalog.jsonl"), encoding="ascii")
    one_line(done)
    said = (done.stdout + done.stderr).decode("ascii")
    assert message in said
    assert "\x1b" not in said


def test_a_name_in_a_file_sends_a_terminal_no_command(tmp_path: Path) -> None:
    done = command("extract.check", f"{tmp_path}/\x1b]0;owned\x07é.h5", encoding="ascii")
    assert one_line(done).startswith("error: ")
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"\\x1b]0;owned\\x07\\xe9.h5" in done.stdout + done.stderr


def test_nobody_reading_the_output_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "catalog.jsonl").write_text("".join(json.dumps({"video_id": str(i)}) + "\n" for i in range(3)))
    words = [sys.executable, "-m", "extract.check", *[str(tmp_path / "catalog.jsonl")] * 3000]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 141
    assert said == b""


@pytest.mark.parametrize("words", [["extract"], ["extract.xd", "--help"], ["extract.check", "gone"]], ids=" ".join)
@pytest.mark.parametrize("buffered", [True, False])
def test_nobody_reading_a_few_lines_is_no_traceback(words: list[str], *, buffered: bool) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, *([] if buffered else ["-u"]), "-m", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert done.stderr in ("", "error: 1 of 1 files break their contract\n")
    # argparse swallows what its own printing meets, and then nothing is left to be said.
    assert done.returncode in ((141, 0) if "--help" in words else (141, 1))


def test_markdown_shows_names_as_text() -> None:
    strange = ["<img src=x onerror=alert(1)>", "[click](javascript:x)", "a|b", "# big", "`code`", "&lt;", "two\nlines"]
    text = markdown(Laid([*strange], [strange], strange))
    assert "\n#" not in text
    assert text.count("\n") == 3 + 1 + len(strange)
    for raw in ("<img", "[click]", "`code`"):
        assert raw not in text.replace("\\" + raw[0], "")
    assert "- \\# big\n" in text
    assert "&amp;lt;" in text


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1+cmd", "-2+3", "@SUM(1)", "'=x", "''=x", "\t=x", "-", "'"])
def test_no_cell_begins_as_a_formula_does_and_each_reads_back(text: str, tmp_path: Path) -> None:
    assert not cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert text_of_cell(cell(text)) == text
    write_failures(tmp_path / "f.csv", [Failure(text.strip() or "x", "visual", "why")])
    assert read_failures(tmp_path / "f.csv") == [Failure(text.strip() or "x", "visual", "why")]
    with (tmp_path / "f.csv").open(newline="") as file:
        assert not any(word.startswith(("=", "+", "-", "@")) for row in csv.reader(file) for word in row)


@pytest.mark.parametrize("text", ["-3.5", "+1e-4", "86.04", "plain", "a=b", "x@y", "it's", "'quoted'"])
def test_numbers_and_ordinary_words_stay_as_they_are(text: str) -> None:
    assert cell(text) == text == text_of_cell(text)
