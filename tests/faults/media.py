"""Put broken media through the visual and the audio step: ``python -m tests.faults.media --out FILE.json``.

Every file must end as features or as a reason; a step that crashes or hangs, a file that is neither, and memory above
the bound are faults. Files are tried in parts; a finished part lies in ``FILE.json.parts/`` until all are, so that
a run that was killed goes on.
"""

import argparse
import collections
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from extract.base.files import write_text
from extract.base.progress import say
from extract.catalog import Video, write_catalog
from extract.failures import read_failures
from extract.workfile import WorkFile
from tests.faults.broken_media import KINDS, make, make_sources

STRIDE = 64
FILES_A_PART = 52
# Far above what a part takes; a step that runs longer hangs.
STEP_SECONDS, FILE_SECONDS = 600, 90
LOG_SHOWN = 2000
FEATURES, REASON, NEITHER = "features", "reason", "neither"


def outcomes(folder: Path, files: dict[str, Path]) -> dict[str, tuple[str, str]]:
    """Say what became of files, from what both steps wrote into ``folder``: features, or a reason and which."""
    reasons = {
        failure.video_id: f"{failure.stage}: {failure.reason}"
        for step in ("visual", "audio")
        if (folder / f"{step}.csv").exists()
        for failure in read_failures(folder / f"{step}.csv")
    }
    whole = set()
    if (folder / "audio.h5").exists():
        with WorkFile(folder / "visual.h5", "visual") as visual, WorkFile(folder / "audio.h5", "audio") as audio:
            for name in audio.videos:
                rows = visual.rows("visual", name)
                finite = np.isfinite(rows).all() and np.isfinite(audio.rows("audio", name)).all()
                if finite and len(rows) == len(audio.rows("audio", name)) > 0:
                    whole.add(name)
    return {
        name: (FEATURES, "")
        if name in whole and name not in reasons
        else (REASON, reasons[name])
        if name in reasons and name not in whole
        else (NEITHER, "")
        for name in files
    }


def steps(folder: Path) -> list[list[str]]:
    """Give the two steps' arguments for the catalog in ``folder``."""
    weights = ["--weights", "random:0", "--device", "cpu", "--batch", "2", "--threads", "1"]
    places = {
        step: [
            *["--catalog", str(folder / "catalog.jsonl"), "--partial", str(folder / f"partial-{step}")],
            *["--out", str(folder / f"{step}.h5"), "--failures", str(folder / f"{step}.csv")],
        ]
        for step in ("visual", "audio")
    }
    seen = ["--split", "test", "--stride", str(STRIDE), "--precision", "auto"]
    return [
        ["extract.visual", *places["visual"], *weights, *seen],
        ["extract.audio", *places["audio"], *weights, "--visual", str(folder / "visual.h5")],
    ]


def write_catalog_of(folder: Path, files: dict[str, Path]) -> None:
    """List the files in ``folder``/catalog.jsonl."""
    write_catalog(folder / "catalog.jsonl", [Video(name, "test", str(path), ("A",)) for name, path in files.items()])


def try_part(seed: int, numbers: Sequence[int]) -> dict[str, Any]:
    """Make the files of some numbers and put them through both steps."""
    with tempfile.TemporaryDirectory(prefix="broken-media-") as place:
        folder = Path(place)
        sources = make_sources(folder / "sources")
        made = [make(folder / "files", sources, seed, number) for number in numbers]
        files = {path.stem: path for _, path in made}
        write_catalog_of(folder, files)
        limit = STEP_SECONDS + FILE_SECONDS * len(files)
        ended, peaks = "", {"step": 0, "worker": 0}
        for arguments in steps(folder):
            how, peak = _run([sys.executable, "-m", *arguments], limit)
            ended = ended or (f"{arguments[0]} {how}" if how else "")
            peaks = {name: max(size, peak[name]) for name, size in peaks.items()}
        found = outcomes(folder, files)
        kinds = {path.stem: kind for kind, path in made}
    return {
        "ended": ended,
        "peak_bytes": peaks,
        "files": [
            {"name": name, "kind": kinds[name], "outcome": outcome, "reason": reason}
            for name, (outcome, reason) in found.items()
        ],
    }


def _run(command: Sequence[str], limit: float) -> tuple[str, dict[str, int]]:
    """Run a step; give how it failed, or nothing, and the largest resident memory seen of it and of its workers."""
    peaks = {"step": 0, "worker": 0}
    started = time.monotonic()
    with (
        tempfile.TemporaryFile("w+", errors="replace") as log,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log) as process,
    ):
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            _measure(watched, peaks)
            if time.monotonic() - started > limit:
                process.kill()
                return "hung", peaks
            time.sleep(0.1)
        if process.returncode == 0:
            return "", peaks
        log.seek(0)
        return f"crashed ({process.returncode}): {log.read()[-LOG_SHOWN:]}", peaks


def _measure(watched: psutil.Process, peaks: dict[str, int]) -> None:
    try:
        peaks["step"] = max(peaks["step"], watched.memory_info().rss)
        for child in watched.children(recursive=True):
            peaks["worker"] = max(peaks["worker"], child.memory_info().rss)
    except psutil.NoSuchProcess:
        return


def summary(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Count outcomes over parts."""
    files = [file for part in parts for file in part["files"]]
    counts = collections.Counter(file["outcome"] for file in files)
    ends = [part["ended"] for part in parts if part["ended"]]
    by_kind = {
        kind: dict(collections.Counter(file["outcome"] for file in files if file["kind"] == kind)) for kind in KINDS
    }
    return {
        "tried": len(files),
        **{outcome: counts[outcome] for outcome in (FEATURES, REASON, NEITHER)},
        "hung": sum("hung" in end for end in ends),
        "crashed": sum("crashed" in end for end in ends),
        "peak_bytes": {
            name: max((part["peak_bytes"][name] for part in parts), default=0) for name in ("step", "worker")
        },
        "ends": ends,
        "by_kind": by_kind,
    }


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.media", description="Put broken media files through extraction and count outcomes."
    )
    parser.add_argument("--count", type=int, default=1000, help="files (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the files (default: 0)")
    parser.add_argument("--out", type=Path, required=True, help="result to write, JSON")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    arguments = parser().parse_args(argv)
    parts = arguments.out.with_name(f"{arguments.out.name}.parts")
    results = []
    for start in range(0, arguments.count, FILES_A_PART):
        end = min(start + FILES_A_PART, arguments.count)
        part = parts / f"seed{arguments.seed}-{start}-{end}.json"
        if not part.exists():
            write_text(part, json.dumps(try_part(arguments.seed, range(start, end)), indent=1))
        results.append(json.loads(part.read_text(encoding="utf-8")))
        counts = {name: value for name, value in summary(results).items() if isinstance(value, int)}
        say(f"broken media: {end}/{arguments.count}: {counts}")
    files = [file for result in results for file in result["files"]]
    whole = {"seed": arguments.seed, **summary(results), "files": files}
    write_text(arguments.out, json.dumps(whole, indent=1) + "\n")
    shutil.rmtree(parts, ignore_errors=True)
    if whole[NEITHER] or whole["hung"] or whole["crashed"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
