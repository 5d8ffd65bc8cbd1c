import pytest

from evaluate.watch.sources import hidden, parse_sources
from extract.base.errors import InputError
from extract.media.decode import FORMATS

SECRET = "p@ss/w0rd"  # noqa: S105, of nobody


def names(*words: str) -> list[str]:
    return [source.name for source in parse_sources(words, "tcp")]


def test_a_source_is_named_by_its_user_or_by_its_host_or_file_and_never_by_its_path() -> None:
    assert names("front=rtsp://a/b", "http://10.0.0.5:8080/user=admin_password=x.sdp?token=y", "/dev/video0") == [
        "front", "10.0.0.5-8080", "video0"
    ]  # fmt: skip
    assert names("videos/growing.ts", "rtsp://user:pw@cam.example/1") == ["growing", "cam.example"]
    # No name, for one has no colon.
    assert names("rtsp://host/live?a=b") == ["host"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("gopher://u:p@ss/w0rd@h/x", "gopher://h/...: scheme gopher is unknown; use rtsp, rtsps"),
        ("rtsp://u:p@ss/w0rd@h/x", "rtsp://h/...: where its host begins is unclear; write /, ?, # and @ in user"),
        ("file:///etc/passwd", "scheme file is unknown"),
        ("concat:a|b", None),
        ("", "SOURCE is empty"),
        (".hidden=rtsp://h/", "scheme .hidden=rtsp is unknown"),
    ],
)
def test_an_address_that_is_none_is_refused_in_a_line_without_its_password(word: str, message: str | None) -> None:
    if message is None:
        # What has no scheme is a file, by whatever name.
        assert parse_sources([word], "tcp")[0].address == f"file:{word}"
        return
    with pytest.raises(InputError) as caught:
        parse_sources([word], "tcp")
    assert message in str(caught.value)
    assert "w0rd" not in str(caught.value)


def test_two_sources_of_one_name_are_refused() -> None:
    password = SECRET.replace("/", "%2F")
    with pytest.raises(InputError, match=r"rtsp://h/\.\.\.: a second source would be called h; name them: NAME=SOURCE"):
        parse_sources([f"rtsp://u:{password}@h/1", f"rtsp://u:{password}@h/2"], "tcp")


def test_of_an_address_only_scheme_and_host_are_shown() -> None:
    text = f"cannot open rtsp://u:{SECRET}@cam:554/pw=x?y=z, nor https://h2/a?key=1"
    assert hidden(text) == "cannot open rtsp://cam:554/... nor https://h2/..."
    (source,) = parse_sources(["rtsp://u:w0rd@cam/1"], "tcp")
    assert "w0rd" not in repr(source)


def test_what_a_network_sends_can_name_no_file_and_what_a_file_holds_no_network() -> None:
    web, camera, file = parse_sources(["http://a/", "rtsp://b/", "c.ts"], "udp")
    assert "file" not in web.kind.protocols.split(",") + camera.kind.protocols.split(",")
    assert "concat" not in web.kind.formats.split(",")
    assert (file.kind.protocols, file.kind.formats) == ("file", FORMATS)
    assert camera.options["rtsp_transport"] == "udp"
