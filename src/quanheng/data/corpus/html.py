"""The readable text of an HTML page, with the standard library's tolerant parser."""

from __future__ import annotations

from html.parser import HTMLParser

#: Not text for readers: code, forms, and what stands on every page of a site.
_DROPPED = frozenset(
    "script style noscript template svg math head nav header footer aside form button select iframe object".split()
)
_BLOCKS = frozenset(
    "address article blockquote br caption dd div dl dt fieldset figcaption figure h1 h2 h3 h4 h5 h6 hr li main ol p"
    " pre section table td th tr ul".split()
)
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())


class _Extractor(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._dropped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            # A head or nav that was never closed must not swallow the page.
            self._dropped.clear()
        elif tag in _DROPPED and tag not in _VOID:
            self._dropped.append(tag)
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._dropped:
            while self._dropped.pop() != tag:
                pass
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._dropped:
            self.pieces.append(data)


def page_text(html: str) -> str | None:
    """Return the text of a page, one line per block, without scripts, styles and navigation; None if it is no HTML.

    >>> page_text("<p>你好<script>x</script>，世界</p>")
    '你好，世界'
    """
    extractor = _Extractor()
    try:
        extractor.feed(html)
        extractor.close()
    except AssertionError:
        # The parser asserts on unknown "<![…" declarations; such a file is kept aside, not guessed at.
        return None
    blocks = (" ".join(block.split()) for block in "".join(extractor.pieces).split("\n"))
    return "\n".join(block for block in blocks if block)
