"""Lines of text joined into documents: a whole file, blocks between blank lines, articles; front matter taken off."""

from __future__ import annotations

from collections.abc import Iterator

from quanheng.data.corpus.lines import Broken, Document, Found, TextLine, excerpt
from quanheng.data.corpus.tagged import untag

#: Front matter longer than this is none: the page begins with a rule.
_FRONT_MATTER_LINES = 200
_FENCES = {"---": ("---", "..."), "+++": ("+++",)}


class Gather:
    """Joins lines into documents: the whole file, or blocks between blank lines."""

    def __init__(self, limit: int, paragraphs: bool) -> None:
        self._limit = limit
        self._paragraphs = paragraphs
        self._parts: list[str] = []
        self._size = 0
        self._first = 0
        self._broken: Broken | None = None

    def gather(self, found: Iterator[TextLine]) -> Iterator[Found]:
        """Yield one document per block; a block with a broken line or above the limit is broken as a whole."""
        for line in found:
            if self._paragraphs and line.text is not None and not line.text.strip():
                yield from self._end()
                continue
            self._first = self._first or line.number
            self._size += line.size + 1
            if self._broken is not None:
                continue
            if line.broken is not None:
                head = excerpt("\n".join([*self._parts[:5], line.broken.excerpt]))
                self._broken = line.broken._replace(row=str(self._first), excerpt=head)
            elif self._size > self._limit:
                self._broken = Broken(str(self._first), "too_large", excerpt("\n".join(self._parts[:5])))
            if self._broken is not None:
                self._parts = []
            else:
                self._parts.append(line.text or "")
        yield from self._end()

    def _end(self) -> Iterator[Found]:
        if self._broken is not None:
            yield self._broken
        elif any(part and not part.isspace() for part in self._parts):
            yield Document(str(self._first), "\n".join(self._parts))
        self._parts, self._size, self._first, self._broken = [], 0, 0, None


def untagged(found: Iterator[TextLine]) -> Iterator[TextLine]:
    """Yield the lines without their tags."""
    for line in found:
        yield line if line.text is None else line._replace(text=untag(line.text).text)


def articles(found: Iterator[TextLine]) -> Iterator[TextLine]:
    """Yield untagged lines with a blank one between articles, and none inside an article."""
    article: str | None = None
    for line in found:
        if line.text is None:
            yield line
            continue
        tagged = untag(line.text)
        if tagged.article is not None and tagged.article != article:
            article = tagged.article
            yield TextLine(line.number, "", None, 0)
        if tagged.text:
            yield line._replace(text=tagged.text)


def without_front_matter(found: Iterator[TextLine]) -> Iterator[TextLine]:
    """Yield the lines of a Markdown file behind its front matter (YAML between "---", TOML between "+++")."""
    held: list[TextLine] = []
    ends: tuple[str, ...] | None = None
    for line in found:
        held.append(line)
        text = None if line.text is None else line.text.rstrip()
        if ends is None:
            ends = _FENCES.get(text or "")
            if ends is None:
                break
        elif text in ends:
            held.clear()
            break
        elif len(held) > _FRONT_MATTER_LINES or text is None:
            break
    yield from held
    yield from found
