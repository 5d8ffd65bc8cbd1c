import json
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from evaluate.pages.html import address, clock, in_script


def test_data_cannot_end_the_script_that_holds_it_and_is_what_it_was() -> None:
    values = {"</script><script>alert(1)": ["<!--", "&lt;", "]]>", "é", 0.5, None]}
    text = in_script(values)
    assert not set("<>&") & set(text)
    assert json.loads(text) == values


@pytest.mark.parametrize(
    "name", ["plain.mp4", "a <b>\"#&' ?%41.mp4", "http:evil.mp4", "..mp4", "//host.mp4"[2:], "été\\x.mp4"]
)
def test_an_address_leads_a_browser_to_the_file_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    page, video = tmp_path / "out" / "page.html", tmp_path / "videos" / name
    found = urlsplit(urljoin(page.as_uri(), address(video, page)))
    assert (found.scheme, found.query, found.fragment) == ("file", "", "")
    assert unquote(found.path) == str(video)
    beside = urlsplit(urljoin(page.as_uri(), address(page.parent / name, page)))
    assert (beside.scheme, unquote(beside.path)) == ("file", str(page.parent / name))


@pytest.mark.parametrize(
    ("seconds", "spelled"), [(0, "0:00.0"), (7.46, "0:07.5"), (59.96, "1:00.0"), (3723.04, "1:02:03.0")]
)
def test_times_are_spelled_to_a_tenth_of_a_second(seconds: float, spelled: str) -> None:
    assert clock(seconds) == spelled
