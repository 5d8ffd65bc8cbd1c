"""The list of the sources of ``evaluate.watch`` and their events, which is written anew with each."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from evaluate.pages.html import INDEX, address, percent
from evaluate.report.page import heading, page, paragraph

STYLE = (
    "td{vertical-align:middle}td img{width:160px;height:auto;display:block}"
    ".on{font-weight:600}:focus-visible{outline:3px solid #c2185b}"
)
SECONDS = 10
# The choice stands in the address, which a reload keeps.
SCRIPT = f""""use strict";
const again = document.getElementById("again");
again.checked = location.hash !== "#still";
again.addEventListener("change", () => history.replaceState(null, "", again.checked ? "#" : "#still"));
setInterval(() => {{ if (again.checked) location.reload(); }}, {1000 * SECONDS});
"""
HEADS = ("Began (UTC)", "Class", "Confidence", "Anomaly", "Seconds", "Event", "Clip")


def spell(sources: Mapping[str, Sequence[Mapping[str, Any]]], most: int, *, running: bool) -> str:
    """Spell the list.

    Args:
        sources: Of each source its events, the oldest first, each as the last line of ``events.jsonl`` that tells of
            it, and from others ``thumbnail``, ``clip`` and ``page``, names of files in the source's folder, and
            ``over``, whether it has ended.
        most: How many events of a source stand in the list at most.
        running: Whether more may come.
    """
    says = "The watch is running." if running else "The watch has ended."
    again = (
        f'<p><label><input type=checkbox id="again" checked> load this page again every {SECONDS} seconds</label></p>'
    )
    parts = [paragraph(says), again if running else ""]
    for name, events in sources.items():
        parts.append(heading(name))
        if len(events) >= most:
            parts.append(paragraph(f"The last {most} events; earlier ones are in {name}/events.jsonl."))
        parts.append(_table(name, events) if events else paragraph("No event so far."))
    return page("Live", [part for part in parts if part], STYLE, SCRIPT if running else "")


def _table(name: str, events: Sequence[Mapping[str, Any]]) -> str:
    heads = "".join(f'<th scope="col">{text}</th>' for text in HEADS)
    lines = "".join(_line(name, one) for one in reversed(events))
    return f"<div><table><thead><tr>{heads}</tr></thead><tbody>\n{lines}</tbody></table></div>"


def _line(name: str, event: Mapping[str, Any]) -> str:
    def where(file: Any) -> str:
        return escape(address(Path(name) / str(file), Path(INDEX)))

    began, what = str(event["began"]), str(event["class"])
    seen = event.get("thumbnail")
    picture = f'<img alt="Picture of {escape(what)}" src="{where(seen)}">' if seen else ""
    shown = event.get("page")
    first = f'<a href="{where(shown)}">{picture}{escape(began)}</a>' if shown else f"{picture}{escape(began)}"
    lasts = float(event["end_seconds"]) - float(event["start_seconds"])
    state = "over" if event.get("over") else "goes on"
    clip = event.get("clip")
    return (
        f'<tr id="{escape(name)}-{escape(str(event["event"]))}"><td>{first}</td><td>{escape(what)}</td>'
        f"<td class=number>{percent(float(event['confidence']))}</td>"
        f"<td class=number>{percent(float(event['anomaly']))}</td><td class=number>{lasts:.1f}</td>"
        f"<td{'' if event.get('over') else ' class=on'}>{state}</td>"
        f"<td>{f'<a href={chr(34)}{where(clip)}{chr(34)}>{escape(str(clip))}</a>' if clip else '-'}</td></tr>\n"
    )
