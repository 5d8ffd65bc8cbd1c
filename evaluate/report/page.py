"""Self-contained HTML pages: a heading, tables and lists, in dark and light, and nothing from the network.

A page that has a script lets the browser run that one alone and load nothing from elsewhere, by a content security
policy: whatever a name might hold is shown and never run.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape

# The colours stand once, for both forms; drawings in pages take them too.
_STYLE = (
    ":root{color-scheme:light dark;--ink:#1f2430;--paper:#fff;--stripe:#f4f6f8;--quiet:#5a6372;--link:#0b57b0}"
    "@media(prefers-color-scheme:dark)"
    "{:root{--ink:#e4e7ec;--paper:#14171c;--stripe:#20252d;--quiet:#a2abb8;--link:#8ab8ff}}"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:2rem auto;"
    "padding:0 1.5rem;max-width:76rem}"
    "h1{font-size:1.4rem;overflow-wrap:anywhere}h2{font-size:1.05rem;margin-top:2rem}a{color:var(--link)}"
    "table{border-collapse:collapse;border-top:2px solid var(--ink);border-bottom:2px solid var(--ink)}"
    "div{overflow-x:auto;margin-bottom:1rem}th{border-bottom:1px solid var(--ink);font-weight:600}"
    "th,td{padding:.28rem .75rem;text-align:left;vertical-align:top}"
    ".number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "tbody tr:nth-child(even){background:var(--stripe)}"
    "img{max-width:100%}.key{white-space:nowrap;color:var(--quiet)}"
    "li{margin:.3rem 0}pre{background:var(--stripe);padding:.8rem;overflow-x:auto;font-size:13px}"
)


def page(title: str, parts: Iterable[str], style: str = "", script: str = "", *, asks: bool = False) -> str:
    """Give a whole page.

    Args:
        title: Its heading, plain text.
        parts: Its content, HTML.
        style: CSS of its own, behind what all pages have.
        script: A script that runs once the content is there; must not hold the end tag of a script.
        asks: Whether the script may ask the server that the page came from.
    """
    styles = _STYLE + style
    policy = f'<meta http-equiv="Content-Security-Policy" content="{escape(_policy(styles, script, asks))}">'
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">{policy if script else ""}'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{styles}</style></head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{chr(10).join(parts)}\n"
        f"{f'<script>{script}</script>{chr(10)}' if script else ''}</body>\n</html>\n"
    )


def _policy(style: str, script: str, asks: bool) -> str:
    """Allow this style and this script by their sums, pictures and videos beside the page, and nothing else."""
    sums = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii") for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{sums[0]}'; script-src 'sha256-{sums[1]}'; "
        "img-src data: 'self' file:; media-src 'self' file:; base-uri 'none'; form-action 'none'"
        + ("; connect-src 'self'" if asks else "")
    )


def heading(text: str) -> str:
    """Give a second-level heading of plain text."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str) -> str:
    """Give a paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def items(texts: Sequence[str]) -> str:
    """Give a list of plain texts."""
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def verbatim(text: str) -> str:
    """Give a text with its own line breaks."""
    return f"<pre>{escape(text)}</pre>"


def picture(png: bytes, name: str) -> str:
    """Give a picture that the page itself holds.

    Args:
        png: A PNG file in base64.
        name: What it is, for those who cannot see it.
    """
    return f'<img alt="{escape(name)}" src="data:image/png;base64,{png.decode("ascii")}">'


def described(values: Mapping[str, str]) -> str:
    """Give a table of two columns, names and plain texts."""
    rows = "".join(
        f"<tr><td class=key>{escape(name)}</td><td>{escape(text)}</td></tr>\n" for name, text in values.items()
    )
    return f"<div><table><tbody>\n{rows}</tbody></table></div>"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], numbers: frozenset[int] = frozenset()) -> str:
    """Give a table of plain texts.

    Args:
        headings: Of the columns.
        rows: Cells, as many as headings.
        numbers: Columns that stand flush right.
    """
    head = "".join(_cell("th", text, column in numbers) for column, text in enumerate(headings))
    body = "".join(
        f"<tr>{''.join(_cell('td', text, column in numbers) for column, text in enumerate(row))}</tr>\n" for row in rows
    )
    return f"<div><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>"


def _cell(tag: str, text: str, number: bool) -> str:
    return f"<{tag}{' class=number' if number else ''}>{escape(text)}</{tag}>"
