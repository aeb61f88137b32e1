"""Numbers and texts with their places: what is written is escaped, and says where it was read."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.core import shown

HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}"
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cf")), max_size=60)


class Seen(HTMLParser):
    """The text, the tags and the marked parts of some markup."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.text, self.tags, self.marks = "", [], [""]
        self._open: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(attrs)
        self._open.append(tag)
        if tag == "mark":
            self.marks.append("")

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data
        if "mark" in self._open:
            self.marks[-1] += data


def test_counts() -> None:
    made = shown.count(35810, "/totals/documents", "sha256:aa")
    assert made == "35,810" and made.__html__() == (
        '<data value="35810" data-at="sha256:aa /totals/documents">35,810</data>'
    )
    assert shown.count(1, "/n", tag="tspan").markup == '<tspan data-at="/n">1</tspan>'


def test_shares_and_bounds() -> None:
    made = shown.share(184, 300, "/k", "/n")
    assert made == "61.33%" and made.markup == '<data value="184/300" data-k="/k" data-n="/n">61.33%</data>'
    assert shown.share(0, 0, "/k", "/n") == shown.bound("lower", 0, 0, "/k", "/n") == "—"
    assert shown.limit(96, 100, "/a", "/b") == "96%" and shown.limit(1, 3, "/a", "/b").startswith("33.3")
    assert shown.bound("lower", 3861, 4000, "/k", "/n") == "96.01%"
    assert shown.bound("upper", 0, 20, "/k", "/n", value="0.139108") == "13.91%"
    assert shown.interval(0, 20, "/k", "/n") == "0.00%–13.91%"


def test_places() -> None:
    assert shown.where("items.jsonl", id="a b&c=d#e/f") == "items.jsonl?id=a%20b%26c%3Dd%23e%2Ff"
    assert shown.total(["/a", "/b"]) == "/a + /b"


@pytest.mark.parametrize("made", [shown.quote(HOSTILE, HOSTILE, HOSTILE), shown.passage(HOSTILE, HOSTILE, HOSTILE)])
def test_nothing_escapes(made: shown.Shown) -> None:
    seen = Seen(made.markup)
    assert seen.tags == ["span"] and seen.text == HOSTILE == made
    assert seen.attributes == {"data-text": f"{HOSTILE} {HOSTILE}"}
    assert Seen(shown.sentence(HOSTILE, 3, HOSTILE, how=HOSTILE).markup).text == HOSTILE


def test_signs_that_would_not_be_seen_are_made_visible() -> None:
    assert shown.quote("a\u202eb", "/x") == "a⟨U+202E⟩b" and shown.passage("a\x00b", "/x") == "a␀b"


@given(TEXTS, st.lists(st.tuples(st.integers(-5, 70), st.integers(-5, 70)), max_size=5), st.sampled_from([0, 7, 20]))
def test_passages_hold_their_highlights(text: str, spans: list[tuple[int, int]], width: int) -> None:
    made = shown.passage(text, "/x", spans=spans, width=width)
    seen = Seen(made.markup)
    assert seen.text == made
    part = made.removeprefix("…").removesuffix("…") if width and len(text) > width else str(made)
    assert part in text and (len(part) <= width or not width or len(text) <= width)
    covered = {at for start, end in spans if start < end for at in range(max(0, start), min(end, len(text)))}
    inside = [text[at] for at in sorted(covered)]
    if not width or len(text) <= width:
        assert sorted("".join(seen.marks)) == sorted(inside)
    else:
        assert len("".join(seen.marks)) <= len(inside)
        first = min((max(0, start) for start, end in spans if start < end), default=len(text))
        assert "".join(seen.marks) or first >= len(text) or not covered


def test_a_long_text_is_shown_from_its_first_highlight() -> None:
    text = "甲" * 1000 + "要点" + "乙" * 1000
    made = shown.passage(text, "/x", spans=[(1000, 1002, "soft")])
    assert "要点" in made and made.startswith("…") and made.endswith("…") and len(made) == shown.PASSAGE + 2
    assert re.search(r'<mark class="soft">要点</mark>', made.markup)
    assert shown.passage(text, "/x", width=0) == text and len(shown.passage(text, "/x")) == shown.PASSAGE + 1
