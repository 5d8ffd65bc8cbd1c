"""The list of the pages of all videos of a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from evaluate.pages.html import INDEX, address, percent
from evaluate.report.page import heading, page, paragraph, table

STYLE = "td{vertical-align:middle}td img{width:120px;height:auto;display:block}"


@dataclass(frozen=True)
class Entry:
    """A video in the list.

    Attributes:
        video_id: Its id.
        page: File name of its page, which lies beside the list.
        picture: A data address, or ``None``.
        found: How many detections were detected.
        classes: Their classes in words.
        anomaly: The highest.
    """

    video_id: str
    page: str
    picture: str | None
    found: int
    classes: str
    anomaly: float


def spell(entries: Sequence[Entry], failed: Sequence[tuple[str, str]]) -> str:
    """Spell the list, the most anomalous first.

    Args:
        entries: The videos.
        failed: Ids of those that failed, and why.
    """
    lines = "".join(_line(one) for one in sorted(entries, key=lambda one: -one.anomaly))
    heads = "".join(f'<th scope="col">{text}</th>' for text in ("Video", "Detected", "Classes", "Highest anomaly"))
    parts = [
        paragraph(f"{sum(one.found > 0 for one in entries)} of {len(entries)} videos have something detected."),
        f"<div><table><thead><tr>{heads}</tr></thead><tbody>\n{lines}</tbody></table></div>",
    ]
    if failed:
        parts += [heading("Failed"), table(("video", "reason"), failed)]
    return page("Detections", parts, STYLE)


def _line(one: Entry) -> str:
    where = escape(address(Path(one.page), Path(INDEX)))
    picture = f'<img alt="" src="{one.picture}">' if one.picture else ""
    return (
        f'<tr><td><a href="{where}">{picture}{escape(one.video_id)}</a></td><td class=number>{one.found}</td>'
        f"<td>{escape(one.classes)}</td><td class=number>{percent(one.anomaly)}</td></tr>\n"
    )
