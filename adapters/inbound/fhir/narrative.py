"""Turns a narrative, the xhtml `div` of FHIR, into plain text."""

from __future__ import annotations

import re
from html import unescape

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*+)[^<>]*+>")
_BLOCK = re.compile(
    r"address|article|blockquote|br|caption|d[dlt]|div|h[1-6r]|li|ol|p|pre|section|table|tbody"
    r"|tfoot|thead|tr|ul"
)
"""Elements that stand on a line of their own."""
_CELLS = ("td", "th")
_BLANKS = re.compile(r"\s+")


def plain_text(div: str) -> str:
    """Return what a reader sees: a line for each block, the cells of a row with `: ` between.

    Takes any text, in time that grows with its length.
    """
    parts, end = [], 0
    div = _without_comments(div)
    for tag in _TAG.finditer(div):
        parts.append(_BLANKS.sub(" ", unescape(div[end : tag.start()])))
        end, name = tag.end(), tag[2].lower()
        if _BLOCK.fullmatch(name):
            parts.append("\n")
        elif tag[1] and name in _CELLS:
            parts.append("\t")
    parts.append(_BLANKS.sub(" ", unescape(div[end:])))
    rows = (row.split("\t") for row in "".join(parts).split("\n"))
    lines = (
        ": ".join(filter(None, (_BLANKS.sub(" ", cell).strip() for cell in row))) for row in rows
    )
    return "\n".join(filter(None, lines))


def _without_comments(div: str) -> str:
    before, *rest = div.split("<!--")
    return before + "".join(part.partition("-->")[2] for part in rest)
