"""Small self-contained HTML pages: a heading, tables and lists, no script and nothing from the network."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#1f2430;margin:2rem auto;padding:0 1.5rem;max-width:76rem}"
    "h1{font-size:1.4rem}h2{font-size:1.05rem;margin-top:2rem}"
    "table{border-collapse:collapse;border-top:2px solid #1f2430;border-bottom:2px solid #1f2430}"
    "div{overflow-x:auto;margin-bottom:1rem}th{border-bottom:1px solid #1f2430;font-weight:600}"
    "th,td{padding:.28rem .75rem;text-align:left;vertical-align:top}"
    ".number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "tbody tr:nth-child(even){background:#f4f6f8}"
    "img{max-width:100%}.key{white-space:nowrap;color:#5a6372}"
    "li{margin:.3rem 0}pre{background:#f4f6f8;padding:.8rem;overflow-x:auto;font-size:13px}"
)


def page(title: str, parts: Iterable[str]) -> str:
    """Give a whole page.

    Args:
        title: Its heading, plain text.
        parts: Its content, HTML.
    """
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>{escape(title)}</h1>\n{chr(10).join(parts)}\n</body>\n</html>\n"
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
