import hashlib
from pathlib import Path

import pytest

from extract.errors import InputError
from extract.fetch_weights import Release, fetch

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
