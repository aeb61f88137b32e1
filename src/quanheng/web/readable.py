"""Plain data as HTML that people read: nested lists of name and value, tables where rows are alike, never raw JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from quanheng.core.labels import DATA_FIELDS, LABELS
from quanheng.core.preview import printable
from quanheng.kinds.code_words import code_word
from quanheng.kinds.field_words import FIELD_WORDS, VALUE_WORDS, VALUED
from quanheng.kinds.kind_words import said_zh
from quanheng.web.form_words import CHOICES, label_of
from quanheng.web.templatetags.quanheng import short

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
#: What is shown at most: values in all, levels, characters of a text, items of a list, columns of a table.
MOST_VALUES, DEPTH, CHARACTERS, ITEMS, COLUMNS = 3000, 8, 2000, 100, 6
#: Fields that name an item of a list, the first one that it has.
NAMING = ("title", "rule", "name", "id", "step", "purpose", "code", "digest", "source")


def field_word(key: str, language: str) -> str:
    """Return what a field of a kind, or a role of an input, is called; one without a word by its own name."""
    pair = FIELD_WORDS.get(key) or LABELS.get(key) or VALUE_WORDS.get(key) or (key, key)
    return pair[1 if language == "zh" else 0]


@dataclass
class Reader:
    """Writes values in one language; `links` gives the address of a digest that can be looked at.

    verb: whose parameters are written, called as its form calls them; "" for anything else.
    """

    language: str
    links: Mapping[str, str] = field(default_factory=dict)
    verb: str = ""
    left: int = MOST_VALUES

    def html(self, value: Any, depth: int = 0, of: str = "") -> SafeString:
        """Return a value as HTML, cut where there is too much of it; the cut is said. of: the field it stands in."""
        self.left -= 1
        if self.left < 0:
            return format_html('<span class="small">…</span>')
        if isinstance(value, Mapping) and value and not self._simple(value):
            return self._pairs(value, depth, of) if depth < DEPTH else self._raw(value)
        if isinstance(value, list | tuple) and value:
            return self._list(value, depth) if depth < DEPTH else self._raw(value)
        return self.scalar(value)

    def scalar(self, value: Any) -> SafeString:
        """Return one value without parts: a word, a number, a text, a digest, a share of k in n."""
        if value is None or value == "" or value == [] or value == {}:
            return format_html('<span class="small">{}</span>', "—")
        if isinstance(value, bool):
            return format_html("{}", self._say(("yes", "是") if value else ("no", "否")))
        if isinstance(value, int):
            return format_html("{}", f"{value:,}")
        if isinstance(value, Mapping):
            if set(value) == {"k", "n"}:
                return format_html("{} / {}", f"{value['k']:,}", f"{value['n']:,}")
            return format_html("{}", printable(str(value["zh" if self.language == "zh" else "en"])))
        return self._text(str(value))

    def _text(self, text: str) -> SafeString:
        if DIGEST.fullmatch(text):
            mark = format_html('<span class="hash" title="{}">{}</span>', text, short(text))
            return format_html('<a href="{}">{}</a>', self.links[text], mark) if text in self.links else mark
        if self.language == "zh":
            text = said_zh(text)
        shown = printable(text[:CHARACTERS]) + ("…" if len(text) > CHARACTERS else "")
        return format_html('<span class="long">{}</span>' if "\n" in shown else "{}", shown)

    def _pairs(self, value: Mapping[str, Any], depth: int, of: str) -> SafeString:
        if {"en", "zh"} <= set(value):  # a sentence among other fields
            said = value["zh" if self.language == "zh" else "en"]
            value = {**{key: item for key, item in value.items() if key not in ("en", "zh")}, "text": said}
        rows: list[tuple[str, str]] = []
        for key, item in value.items():
            if self.left <= 0:
                rows.append(("…", self._more(len(value) - len(rows))))
                break
            rows.append((self._key(of, str(key)), self._worded(key, item) or self.html(item, depth + 1, str(key))))
        return format_html('<dl class="facts">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows))

    def _list(self, items: Sequence[Any], depth: int) -> SafeString:
        shown, rest = items[:ITEMS], len(items) - ITEMS
        more = format_html('<p class="small">{}</p>', self._more(rest)) if rest > 0 else ""
        if all(not isinstance(item, Mapping | list) or self._simple(item) for item in shown):
            mark = "、" if self.language == "zh" else ", "
            return format_html("{}{}", format_html_join(mark, "{}", ((self.scalar(item),) for item in shown)), more)
        if self._alike(shown):
            return format_html("{}{}", self._table(shown), more)
        parts = ((self._naming(item, number), self.html(item, depth + 1)) for number, item in enumerate(shown, 1))
        folds = format_html_join("", '<details class="fold"><summary>{}</summary>{}</details>', parts)
        return format_html("{}{}", folds, more)

    def _table(self, rows: Sequence[Mapping[str, Any]]) -> SafeString:
        heads = list(dict.fromkeys(key for row in rows for key in row))
        self.left -= len(heads) * len(rows)
        head = format_html_join("", '<th scope="col">{}</th>', ((self.name(key),) for key in heads))
        body = format_html_join("", "<tr>{}</tr>", ((self._cells(row, heads),) for row in rows))
        return format_html(
            '<div class="scroll"><table class="list"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
            head,
            body,
        )

    def _cells(self, row: Mapping[str, Any], heads: Sequence[str]) -> SafeString:
        pairs = ((self.name(key), self._worded(key, row.get(key)) or self.scalar(row.get(key))) for key in heads)
        return format_html_join("", '<td data-label="{}">{}</td>', pairs)

    def _worded(self, key: str, value: Any) -> str:
        """Return the word for a fixed value of a field that has such values, or for several; "" for anything else."""
        if isinstance(value, list | tuple) and value:
            words = [self._worded(key, item) for item in value]
            return ("、" if self.language == "zh" else ", ").join(words) if all(words) else ""
        if not isinstance(value, str):
            return ""
        if self.verb and (choice := CHOICES.get(key, {}).get(value)):
            return self._say(choice)
        if word := (VALUE_WORDS.get(value) if key in VALUED else None):
            return self._say(word)
        said = code_word(key, value)
        return self._say((said.en, said.zh)) if said else ""

    def _key(self, of: str, key: str) -> str:
        """Return what a key is called: a code by its word, data as it is, a field by its name."""
        said = code_word(of, key)
        if said:
            return self._say((said.en, said.zh))
        return printable(key[:100]) if of in DATA_FIELDS else self.name(key)

    def _simple(self, value: Any) -> bool:
        """Return whether a value is written in one line."""
        if isinstance(value, Mapping):
            return not value or set(value) in ({"k", "n"}, {"en", "zh"})
        return not isinstance(value, list | tuple) or not value

    def _alike(self, items: Sequence[Any]) -> bool:
        """Return whether items make a table: mappings with few fields, each of one line."""
        if not all(isinstance(item, Mapping) and item and not self._simple(item) for item in items):
            return False
        keys = {key for item in items for key in item}
        return len(keys) <= COLUMNS and all(self._simple(value) for item in items for value in item.values())

    def _naming(self, item: Any, number: int) -> SafeString:
        """Return what an item of a list is called."""
        if isinstance(item, Mapping):
            for key in NAMING:
                if item.get(key) and self._simple(item[key]):
                    return format_html("{}. {}", number, self.scalar(item[key]))
        return format_html("{}.", number)

    def name(self, key: str) -> str:
        """Return what a field is called; one without a word by its own name."""
        if self.verb:
            return printable(label_of(self.verb, str(key)[:100]).say(self.language))
        return printable(field_word(str(key)[:100], self.language))

    def _raw(self, value: Any) -> SafeString:
        text = json.dumps(value, ensure_ascii=False)
        return format_html("<code>{}</code>", printable(text[:CHARACTERS]) + ("…" if len(text) > CHARACTERS else ""))

    def _more(self, count: int) -> str:
        return self._say((f"and {count:,} more", f"另有 {count:,} 项"))

    def _say(self, pair: tuple[str, str]) -> str:
        return pair[1 if self.language == "zh" else 0]
