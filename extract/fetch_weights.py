"""``python -m extract.fetch_weights``: fetch the encoders' released weights once, where there is internet.

Compute nodes of a cluster usually have none, so this is the only step that uses the network.
"""

import argparse
import hashlib
import re
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from extract.base import command
from extract.base.errors import InputError
from extract.base.files import atomic_path, write_text
from extract.base.help import command_parser

BLOCK_BYTES = 1 << 20
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Release:
    """A published weights file.

    Attributes:
        url: Where its authors put it.
        sha256: Its checksum; ``None`` where its authors published none. That of the first download is
            then recorded beside the file, and every later download must equal it.
        check: Raises an ``InputError`` if a file is not this network's weights. Before a first download is recorded: a
            login page of some network on the way would otherwise be the truth from then on.
    """

    url: str
    sha256: str | None
    check: Callable[[Path], object] | None = None


def _check_wav2clip(path: Path) -> None:
    from extract.encoders.wav2clip import load_wav2clip

    load_wav2clip(str(path))


RELEASES = {
    "ViT-B-16.pt": Release(
        "https://openaipublic.azureedge.net/clip/models/"
        "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f/ViT-B-16.pt",
        "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
    ),
    "Wav2CLIP.pt": Release(
        "https://github.com/descriptinc/lyrebird-wav2clip/releases/download/v0.1.0-alpha/Wav2CLIP.pt",
        None,
        _check_wav2clip,
    ),
}


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("extract.fetch_weights", __doc__, writes="--out")
    parser.add_argument("name", choices=sorted(RELEASES), help="which file")
    parser.add_argument("--out", type=Path, required=True, help="where to put it")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Fetch one file."""
    arguments = parser().parse_args(argv)
    digest = fetch(RELEASES[arguments.name], arguments.out)
    print(f"{arguments.out}: sha256 {digest}")


def fetch(release: Release, out: Path) -> str:
    """Download a release and check it.

    Args:
        release: What to fetch.
        out: The file to make; ``<out>.sha256`` is written beside it.

    Returns:
        The file's sha256.

    Raises:
        InputError: If it cannot be fetched whole, or is not the file it should be. Nothing is left then.
    """
    record = out.with_name(out.name + ".sha256")
    expected = release.sha256
    recorded = release.sha256 is None and record.exists()
    if recorded:
        expected = _recorded(record)
    with atomic_path(out) as temporary:
        digest = _download(release.url, temporary)
        if expected is not None and digest != expected:
            forget = f". {record} has that of an earlier download; remove it if that one was wrong" if recorded else ""
            raise InputError(
                f"{release.url}: sha256 is {digest}, not {expected}; the file is damaged or was changed{forget}"
            )
        if expected is None and release.check is not None:
            try:
                release.check(temporary)
            except InputError as error:
                reason = str(error).replace(str(temporary), "the file")
                raise InputError(f"{release.url}: what was fetched is not what it should be ({reason})") from None
    write_text(record, f"{digest}  {out.name}\n")
    return digest


def _recorded(record: Path) -> str:
    words = record.read_text(encoding="utf-8", errors="replace").split()
    if not words or not re.fullmatch("[0-9a-f]{64}", words[0]):
        raise InputError(f"{record}: holds no sha256; remove it, and the next download is recorded")
    return words[0]


def _download(url: str, path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response, path.open("wb") as file:  # noqa: S310
            while block := response.read(BLOCK_BYTES):
                file.write(block)
                digest.update(block)
            length = response.headers.get("Content-Length")
            if length is not None and str(file.tell()) != length.strip():
                raise InputError(f"{url}: ended after {file.tell()} of {length} bytes; run the command again")
    # A broken answer, and an address that is none, are no OSError.
    except (OSError, HTTPException, ValueError) as error:
        raise InputError(f"{url}: cannot be fetched ({error}); fetch it elsewhere and configure its path") from None
    return digest.hexdigest()


if __name__ == "__main__":
    command.run(main)
