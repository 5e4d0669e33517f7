"""Tables of texts: as lines, and as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

LEFT = "text-align: left"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, in which the cells of a column begin below each other.

    >>> aligned([("name", "shape"), ("W", "(2, 3)")])
    ['name  shape', 'W     (2, 3)']
    """
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths)) for row in rows)
    return [line.rstrip() for line in lines]


def html_table(
    head: Iterable[str], rows: Iterable[Iterable[str]], *, caption: str = "", style: str = ""
) -> str:
    """Rows below a head, and below a caption if there is one; with a style of CSS for cells.

    >>> html_table(["name"], [["a<b"]])
    '<table><tr><th>name</th></tr><tr><td>a&lt;b</td></tr></table>'
    """
    from html import escape

    def row(kind: str, cells: Iterable[str]) -> str:
        start = f'<{kind} style="{style}">' if style else f"<{kind}>"
        return f"<tr>{''.join(f'{start}{escape(cell)}</{kind}>' for cell in cells)}</tr>"

    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{above}{row('th', head)}{''.join(row('td', cells) for cells in rows)}</table>"
