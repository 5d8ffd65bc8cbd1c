"""What a SOURCE on the command line means, and what libav may open for it.

What comes over a network is a stranger's, and can name more than itself: a playlist names addresses, and libav would
open a file of this machine by them as readily as a part of the stream. So every kind of source has a list of formats
and a list of protocols of its own, which hold for everything that its content names too: what a web server sends may
lead to other web addresses and nowhere else, and a file leads nowhere (``extract.media.decode.FORMATS``).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from extract.base.errors import InputError
from extract.base.printable import printable
from extract.catalog import check_video_id
from extract.media.decode import FORMATS

NAMED = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*)=(.+)", re.DOTALL)
ADDRESS = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*://)(?:\S*@)?([^/?#\s]*)\S*")
DEVICE = re.compile(r"/dev/video[0-9]+")
# What HTTP carries: playlists (HLS), their parts, and streams that go on and on.
WEB_FORMATS = "hls,mpegts,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,flv,live_flv,mpjpeg,mjpeg,aac,mp3,ac3"
TRANSPORTS = ("tcp", "udp")


@dataclass(frozen=True)
class Kind:
    """A kind of source.

    Attributes:
        formats: libav's names of what it may be, comma between them.
        protocols: libav's names of the ways in which it may come.
        options: What libav is told beside.
        device: The name of libav's device, if it is one.
        ends: Whether it has an end: it is then read from its beginning, nothing is skipped, and it is not opened again.
        paced: Whether it may come faster than it happened, as the parts of a playlist do.
    """

    formats: str
    protocols: str
    options: Mapping[str, str] = field(default_factory=dict)
    device: str | None = None
    ends: bool = False
    paced: bool = False


FILE = Kind(FORMATS, "file", {"follow": "1", "seekable": "0"}, ends=True)
CAMERA_DEVICE = Kind("video4linux2,v4l2", "", device="v4l2")
WEB = Kind(WEB_FORMATS, "http,https,tcp,tls,crypto", paced=True)
SCHEMES = {
    "rtsp": Kind("rtsp", "rtp,udp,tcp,tls"),
    "rtsps": Kind("rtsp", "rtp,udp,tcp,tls"),
    "http": WEB,
    "https": WEB,
    "udp": Kind("mpegts", "udp"),
    "tcp": Kind("mpegts", "tcp"),
}


@dataclass(frozen=True)
class Source:
    """Where pictures come from.

    Attributes:
        name: What files, logs and errors call it.
        address: What libav opens. It may hold a password: it is never shown.
        kind: What libav may take it for.
        options: What libav is told, the kind's own options included.
    """

    name: str
    address: str = field(repr=False)
    kind: Kind
    options: Mapping[str, str]


def hidden(text: str) -> str:
    """Show of every address in a text its scheme and its host alone: passwords stand before them and behind them."""
    return ADDRESS.sub(r"\1\2/...", text)


def parse_sources(words: Sequence[str], transport: str) -> list[Source]:
    """Read what stands on the command line.

    Args:
        words: ``SOURCE`` or ``NAME=SOURCE`` each; a source is an address, a device ``/dev/video0`` or a file.
        transport: How RTSP is to come, one of ``TRANSPORTS``.

    Raises:
        InputError: If an address has an unknown scheme, or a name cannot name a folder or stands for two sources.
    """
    sources: dict[str, Source] = {}
    for word in words:
        source = _parse(word, transport)
        if source.name in sources:
            raise InputError(
                f"{hidden(printable(word))}: a second source would be called {source.name}; name them: NAME=SOURCE"
            )
        sources[source.name] = source
    return list(sources.values())


def _parse(word: str, transport: str) -> Source:
    named = NAMED.fullmatch(word)
    name, address = (named[1], named[2]) if named else ("", word)
    if not address:
        raise InputError("SOURCE is empty; write an address, a device such as /dev/video0 or a file")
    scheme, separator, _ = address.partition("://")
    if separator:
        if scheme.lower() not in SCHEMES:
            raise InputError(
                f"{hidden(printable(address))}: scheme {printable(scheme)} is unknown; use {', '.join(SCHEMES)}, a "
                "device such as /dev/video0 or a file"
            )
        authority, _, rest = re.sub(r"[?#]", "/", address.partition("://")[2]).partition("/")
        if "@" in authority and "@" in rest:
            raise InputError(
                f"{hidden(printable(address))}: where its host begins is unclear; write /, ?, # and @ in user and "
                "password as %2F, %3F, %23 and %40"
            )
        kind, found = SCHEMES[scheme.lower()], _host(address)
        options = {**kind.options, "rtsp_transport": transport} if kind.formats == "rtsp" else kind.options
        return Source(_checked(name or found, address), address, kind, options)
    stem = address.rstrip("/").rpartition("/")[2].partition(".")[0]
    if DEVICE.fullmatch(address):
        return Source(_checked(name or stem, address), address, CAMERA_DEVICE, CAMERA_DEVICE.options)
    return Source(_checked(name or stem, address), f"file:{address}", FILE, FILE.options)


def _host(address: str) -> str:
    # Not the path: some cameras take user and password there.
    try:
        parts = urlsplit(address)
        found = "-".join(str(part) for part in (parts.hostname, parts.port) if part)
    except ValueError:
        found = ""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", found).strip("-.") or "source"


def _checked(name: str, address: str) -> str:
    try:
        return check_video_id(name)
    except InputError as error:
        raise InputError(f"{hidden(printable(address))}: its name is no name ({error}); write NAME=SOURCE") from None
