import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from extract.base.errors import InputError
from extract.encoders.clip import OPENAI_SHA256
from extract.fetch_weights import RELEASES, Release, fetch

CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def url(tmp_path: Path) -> str:
    source = tmp_path / "published.pt"
    source.write_bytes(CONTENT)
    return source.as_uri()


def test_a_release_is_fetched_and_its_checksum_recorded(tmp_path: Path, url: str) -> None:
    out = tmp_path / "weights" / "w.pt"
    assert fetch(Release(url, SHA256), out) == SHA256
    assert out.read_bytes() == CONTENT
    assert (out.parent / "w.pt.sha256").read_text() == f"{SHA256}  w.pt\n"


def test_a_file_with_another_checksum_is_refused_and_not_kept(tmp_path: Path, url: str) -> None:
    out = tmp_path / "weights" / "w.pt"
    with pytest.raises(InputError, match=f"{SHA256}, not {'0' * 64}"):
        fetch(Release(url, "0" * 64), out)
    assert list(out.parent.iterdir()) == []


def test_without_a_published_checksum_the_first_download_binds_the_later_ones(tmp_path: Path, url: str) -> None:
    out = tmp_path / "weights" / "w.pt"
    fetch(Release(url, None), out)
    (tmp_path / "published.pt").write_bytes(CONTENT + b"changed")
    with pytest.raises(InputError, match=SHA256):
        fetch(Release(url, None), out)
    assert out.read_bytes() == CONTENT


def test_an_unreachable_release_names_its_address(tmp_path: Path) -> None:
    absent = (tmp_path / "absent.pt").as_uri()
    with pytest.raises(InputError, match=absent):
        fetch(Release(absent, None), tmp_path / "w.pt")
    assert list(tmp_path.iterdir()) == []


@contextmanager
def server(answers: list[bytes], *, length: int | None = None) -> Iterator[str]:
    """Serve one answer after the other over HTTP, promising ``length`` bytes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = answers.pop(0)
            self.send_response(200)
            self.send_header("Content-Length", str(length or len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{http.server_port}/w.pt"
        finally:
            http.shutdown()


def test_a_server_that_gives_another_file_is_caught_and_the_good_file_stays(tmp_path: Path) -> None:
    out = tmp_path / "w.pt"
    with server([CONTENT, b"changed" + CONTENT, CONTENT]) as address:
        fetch(Release(address, SHA256), out)
        with pytest.raises(InputError, match=rf"127\.0\.0\.1.*not {SHA256}; the file is damaged or was changed"):
            fetch(Release(address, SHA256), out)
        assert out.read_bytes() == CONTENT
        assert fetch(Release(address, SHA256), out) == SHA256
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.pt", "w.pt.sha256"]


def test_a_download_that_breaks_off_is_caught_before_its_checksum_could_become_the_known_one(tmp_path: Path) -> None:
    with (
        server([CONTENT[:500]], length=len(CONTENT)) as address,
        pytest.raises(InputError, match=r"500 of 7000|fetched"),
    ):
        fetch(Release(address, None), tmp_path / "w.pt")
    assert list(tmp_path.iterdir()) == []


def test_clips_release_has_a_checksum_that_its_authors_published() -> None:
    """OpenAI's address spells it; Wav2CLIP's authors published none."""
    release = RELEASES["ViT-B-16.pt"]
    assert release.sha256 == OPENAI_SHA256
    assert f"/{OPENAI_SHA256}/" in release.url


def must_be_weights(path: Path) -> None:
    if not path.read_bytes().startswith(b"weights"):
        raise InputError(f"weights {path}: no plain state dict")


def test_a_login_page_is_not_recorded_and_the_real_file_can_still_come(tmp_path: Path) -> None:
    out = tmp_path / "weights" / "w.pt"
    with server([b"<html>please log in</html>", CONTENT]) as address:
        release = Release(address, None, must_be_weights)
        with pytest.raises(InputError, match="what was fetched is not what it should be .*no plain state dict"):
            fetch(release, out)
        assert list(out.parent.iterdir()) == []
        assert fetch(release, out) == SHA256


def test_the_released_wav2clip_must_be_weights_of_that_network(tmp_path: Path) -> None:
    check = RELEASES["Wav2CLIP.pt"].check
    assert check is not None
    (tmp_path / "page.pt").write_text("<html></html>")
    with pytest.raises(InputError, match="no safetensors file and no plain state dict"):
        check(tmp_path / "page.pt")
    torch.save({"projection.weight": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="do not fit"):
        check(tmp_path / "other.pt")


def test_a_wrong_record_is_named_with_how_to_forget_it(tmp_path: Path, url: str) -> None:
    record = tmp_path / "w.pt.sha256"
    record.write_text(f"{'0' * 64}  w.pt\n")
    with pytest.raises(InputError, match=rf"{record} has that of an earlier download; remove it"):
        fetch(Release(url, None), tmp_path / "w.pt")
    record.write_text("")
    with pytest.raises(InputError, match=rf"{record}: holds no sha256; remove it"):
        fetch(Release(url, None), tmp_path / "w.pt")


def test_what_is_no_address_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be fetched"):
        fetch(Release("no address", None), tmp_path / "w.pt")
