"""Operators that every recipe begins with: one form of the text, its length, its script, its symbols."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import ClassVar, Literal

from quanheng.data.corpus.operator import Batch, Column, Edited, Editor, Gives, Params, Tagger, operator
from quanheng.kinds.base import DecimalText, Say
from quanheng.text import normalise as forms
from quanheng.text.normalise import irregular, normalise, to_simplified, with_chinese_punctuation
from quanheng.text.quality import CharacterCounts, count_characters, share
from quanheng.text.script import Letters, form_of, is_chinese


class NormaliseParams(Params):
    """`form`: of Chinese characters. `punctuation`: "chinese" makes half-width marks between Han full-width."""

    form: Literal["keep", "simplified"] = "keep"
    punctuation: Literal["keep", "chinese"] = "keep"


@operator
class Normalise(Editor):
    """Brings the text into one form; the text is made anew, so there are no spans."""

    name = "normalise"
    version = forms.VERSION
    help = Say(
        en="NFC, LF line ends, no invisible characters, no radicals in place of characters; form: keep or simplified; "
        "punctuation: keep or chinese",
        zh="统一为 NFC 与 LF 换行，去除不可见字符，部首字符改为通用汉字；form：keep、simplified（转简体）；"
        "punctuation：keep、chinese 全角",
    )

    Params = NormaliseParams

    def edit(self, batch: Batch) -> tuple[list[Edited | None], Mapping[str, Column]]:
        """Return the normalised texts, None for those that were so already."""
        edits: list[Edited | None] = [None] * len(batch)
        is_more = self.params != NormaliseParams()
        for row in range(len(batch)) if is_more else irregular(batch.texts, batch.packed):
            if (new := self._normal(batch.texts[row])) != batch.texts[row]:
                edits[row] = Edited(new)
        return edits, {}

    def _normal(self, text: str) -> str:
        text = normalise(text)
        if self.params.punctuation == "chinese":
            text = with_chinese_punctuation(text)
        # OpenCC may compose what NFC keeps apart, so its result is normalised again.
        return normalise(to_simplified(text)) if self.params.form == "simplified" else text


@operator
class Length(Tagger):
    """Counts characters and bytes of UTF-8."""

    name = "length"
    help = Say(en="How long a text is, in characters and in bytes of UTF-8", zh="文本长度：字符数与 UTF-8 字节数")
    gives: ClassVar[Gives] = (("characters", "int64"), ("bytes", "int64"))

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return both lengths."""
        return {"characters": batch.lengths, "bytes": batch.sizes}


def counts_of(batch: Batch) -> CharacterCounts:
    """Return the characters of each class in every text."""
    return batch.view("characters", lambda: count_characters(*batch.codes))


class ScriptParams(Params):
    """A text is Chinese when its share of Han exceeds `min_han` and that of others is below `max_foreign`."""

    min_han: DecimalText = "0.25"
    max_foreign: DecimalText = "0.02"


@operator
class ScriptShares(Tagger):
    """Counts letters and says which script they are in, by the rule of `quanheng.text.script`."""

    name = "script"
    help = Say(
        en="Letters, the share of Han and of kana, hangul and thai among them, and the script by these shares",
        zh="字母数，其中汉字的比例与假名、谚文、泰文的比例，以及据此判定的文字",
    )
    gives: ClassVar[Gives] = (
        ("letters", "int64"),
        ("han_share", "float64"),
        ("foreign_share", "float64"),
        ("script", "string"),
    )

    Params = ScriptParams

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return letters, shares and scripts."""
        counts = counts_of(batch)
        min_han = Fraction(self.params.min_han).as_integer_ratio()
        max_foreign = Fraction(self.params.max_foreign).as_integer_ratio()
        columns = (counts.letter, counts.han, counts.foreign, counts.simplified, counts.traditional)
        scripts = [
            form_of(simplified, traditional)
            if is_chinese(Letters(letters, han, foreign), min_han=min_han, max_foreign=max_foreign)
            else "other"
            for letters, han, foreign, simplified, traditional in zip(*(c.tolist() for c in columns), strict=True)
        ]
        return {
            "letters": counts.letter,
            "han_share": share(counts.han, counts.letter),
            "foreign_share": share(counts.foreign, counts.letter),
            "script": scripts,
        }


@operator
class Symbols(Tagger):
    """Counts what is neither letter, digit nor ordinary punctuation, and counts digits; blanks are not counted."""

    name = "symbols"
    help = Say(
        en="The share of symbols, and of digits, among all characters but blanks",
        zh="除空白外的字符中，符号的比例与数字的比例",
    )
    gives: ClassVar[Gives] = (("symbol_share", "float64"), ("digit_share", "float64"))

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return both shares."""
        counts = counts_of(batch)
        visible = counts.characters - counts.blank
        return {"symbol_share": share(counts.symbol, visible), "digit_share": share(counts.digit, visible)}
