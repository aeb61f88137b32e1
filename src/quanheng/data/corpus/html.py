"""Pages of HTML without a parser: what nesting they have, and their text where a tree would be too costly.

Everything here goes forward through the page once, so no page makes it slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

#: Not text for readers: code, forms, and what stands on every page of a site.
_DROPPED = frozenset("script style noscript template svg math head nav header footer aside form select iframe".split())
#: Their content is no markup: it ends at the end tag and nowhere else.
_RAW = frozenset("script style textarea title xmp iframe noembed noframes".split())
_BLOCKS = frozenset(
    "address article blockquote body br caption center dd details div dl dt fieldset figcaption figure h1 h2 h3 h4 h5"
    " h6 hr li main ol p pre section summary table tbody td tfoot th thead title tr ul".split()
)
#: Never hold anything, or end by themselves before the next of their kind: they add no depth.
_FLAT = frozenset(
    "area base br col dd dt embed hr img input li link meta option p param source tbody td tfoot th thead tr track wbr"
    " html head body".split()
)
#: An open one is made again in every paragraph that follows, so their number multiplies the size of the tree.
_FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
#: A tag with its attributes, so that what stands in quotes is none. Possessive: nothing is tried twice.
_TAG = re.compile(r"""<!--(?:-?>)?|<(/?)([a-zA-Z][^\s/>]*+)(?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+)*+""")
_COMMENT = "<!--"


class Nesting(NamedTuple):
    """How deep elements are nested at most, how many tags there are, and how many formatting ones are open at most."""

    depth: int
    tags: int
    formatting: int


def nesting(html: str) -> Nesting:
    """Return the nesting of a page; not less than that of the tree which a browser makes of it."""
    deepest = tags = most = 0
    opened: dict[str, int] = {}
    depth = formatting = 0
    for closing, name in _tags(html.lower()):
        tags += 1
        if name in _FLAT or (closing and not opened.get(name)):
            continue
        step = -1 if closing else 1
        opened[name] = opened.get(name, 0) + step
        depth += step
        formatting += step if name in _FORMATTING else 0
        deepest, most = max(deepest, depth), max(most, formatting)
    return Nesting(deepest, tags, most)


def _tags(low: str) -> Iterator[tuple[bool, str]]:
    """Yield each tag of a page in lower case, and whether it closes; not those in comments, quotes and scripts."""
    at = 0
    while match := _TAG.search(low, at):
        at = match.end()
        if match[2] is None:
            if match[0] == _COMMENT:
                at = low.find("-->", at)
                if at < 0:
                    return
            continue
        yield bool(match[1]), match[2]
        if match[2] in _RAW and not match[1]:
            at = low.find(f"</{match[2]}", at)
            if at < 0:
                return


def page_text(html: str) -> str:
    """Return the text of a page, one line per block, without scripts, styles and navigation; needs no tree.

    >>> page_text("<p>你好<script>x</script>，世界</p>")
    '你好，世界'
    """
    pieces: list[str] = []
    low = html.lower()
    if len(low) != len(html):  # a few capitals grow when lowered, and offsets would not fit
        low = html
    dropped: list[str] = []
    at = 0
    while (start := html.find("<", at)) >= 0:
        if not dropped:
            pieces.append(html[at:start])
        match = _TAG.match(html, start)
        if match is None or match[2] is None:
            at = _past_declaration(html, start)
            if at == start + 1 and not dropped:
                pieces.append("<")
            continue
        name, closing = match[2].lower(), bool(match[1])
        at = min(len(html), match.end() + 1)
        if name == "body":
            dropped.clear()  # a head or nav that was never closed must not swallow the page
        elif name in _DROPPED:
            _drop(dropped, name, closing)
        if name in _BLOCKS and not dropped:
            pieces.append("\n")
        if name in _RAW and not closing:
            raw_end = low.find(f"</{name}", at)
            if raw_end < 0 and name == "title":
                continue  # it was never closed, and must not swallow the page
            raw_end = len(html) if raw_end < 0 else raw_end
            if not dropped and name not in _DROPPED:
                pieces.append(html[at:raw_end])
            at = raw_end
    if not dropped:
        pieces.append(html[at:])
    blocks = (" ".join(block.split()) for block in unescape("".join(pieces)).split("\n"))
    return "\n".join(block for block in blocks if block)


def _drop(dropped: list[str], name: str, closing: bool) -> None:
    if not closing:
        dropped.append(name)
    elif name in dropped[-_LOOK_BACK:]:
        while dropped.pop() != name:
            pass


#: A closing tag ends one of the last so many dropped elements; looking further would make many of them slow.
_LOOK_BACK = 64


def _past_declaration(html: str, start: int) -> int:
    """Return where to go on after a "<" that begins no tag: behind a comment or declaration, or the next character."""
    if html.startswith(_COMMENT, start):
        end = html.find("-->", start + 2)
        return len(html) if end < 0 else end + 3
    if html.startswith(("<!", "<?", "</"), start):
        end = html.find(">", start)
        return len(html) if end < 0 else end + 1
    return start + 1
