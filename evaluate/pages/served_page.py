"""The page of a watch that is served (``evaluate.watch --serve``): every source live, and events as they come.

What its script is told is the messages of ``evaluate.watch.board``. What the page holds itself stands in the element
``data``: ``sources``, their names, and ``threshold``.
"""

from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path

from evaluate.pages.html import INDEX, in_script
from evaluate.report.page import heading, page

HERE = Path(__file__).parent
HEADS = ("Began (UTC)", "Source", "Class", "Confidence", "Anomaly", "Seconds", "Event", "Clip")


def spell(sources: Sequence[str], threshold: float) -> str:
    """Spell the page.

    Args:
        sources: Names of the sources.
        threshold: From where on an anomaly is an event.
    """
    heads = "".join(f'<th scope="col">{text}</th>' for text in HEADS)
    parts = [
        '<p><output id="state" role="status">Connecting ...</output> '
        f'<a href="./{INDEX}">All events, also of earlier runs</a>.</p>',
        '<p class="legend quiet">Lines: <span class="classification">classification branch</span>, <span '
        'class="alignment">alignment branch</span> (dashed), threshold (dotted); the last two minutes.</p>',
        f'<div id="sources">{"".join(map(_source, range(len(sources)), sources))}</div>',
        f'{heading("Events")}<p id="none">None so far.</p>\n<div><table id="events" hidden><thead><tr>{heads}</tr>'
        '</thead><tbody aria-live="polite"></tbody></table></div>',
        f'<script type="application/json" id="data">{in_script({"sources": list(sources), "threshold": threshold})}'
        "</script>",
    ]
    return page("Live", parts, _beside("served_page.css"), _beside("served_page.js"), asks=True)


@cache
def _beside(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _source(number: int, name: str) -> str:
    shown = escape(name)
    return (
        f'<section data-source="{number}" aria-label="{shown}">{heading(name)}<p class="now">not connected</p>'
        f'<img alt="The last picture of {shown}" hidden>'
        f'<svg role="img" aria-label="Anomaly of {shown} over the last minutes" viewBox="0 0 1000 100" '
        'preserveAspectRatio="none"></svg><p class="quiet">&#160;</p></section>\n'
    )
