"""The HTML builder: what is not markup made here is escaped, whatever it is."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from quanheng.oversight.report.html import Html, el, join

#: HTML turns NUL and lone carriage returns into something else; surrogates cannot be written.
TEXT = st.text(st.characters(exclude_characters="\x00\r", exclude_categories=["Cs"]), max_size=60)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text = ""
        self.attributes: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(TEXT, TEXT)
def test_text_and_attributes_come_back_as_they_were(text: str, attribute: str) -> None:
    reader = Reader()
    reader.feed(el("p", text, title=attribute))
    reader.close()
    assert reader.tags == ["p"]
    assert reader.text == text
    assert reader.attributes == {"title": attribute}


def test_children() -> None:
    assert el("p", ["a", None, 3, [el("b", "<")]], class_="x") == '<p class="x">a3<b>&lt;</b></p>'
    assert el("br") == "<br>"
    assert el("p", id=None) == "<p></p>"
    assert el("svg", text_anchor="end") == '<svg text-anchor="end"></svg>'
    assert join(["<", Html("<i>")], Html("|")) == "&lt;|<i>"
