"""What happens to one document: normalise, judge, mask, look for terms. A pure function of text and recipe."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from quanheng.kinds.data import DropReason, PersonalDataType, Recipe
from quanheng.text import personal_data
from quanheng.text.lexicon import Hit, Matcher
from quanheng.text.normalise import normalise
from quanheng.text.script import Script, chinese_form, count_letters, is_chinese

#: Part of every cache key. A change of any rule here is a new version.
VERSION = 1
#: Letters, digits, blanks and ordinary punctuation; what is left is symbols.
_SYMBOLS = re.compile(r"(?:[^\w\s，。、；：？！…—·「」『』（）《》〈〉【】〔〕“”‘’～,.;:?!'\"()\[\]<>/%&@*+=#~-]|_)+")
_BLANKS = re.compile(r"\s+")
_PIECE = 8
_REPETITION_FROM = 64
#: Repetition is judged on the beginning: a set of pieces of a whole book would cost more memory than the book.
_REPETITION_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A document after cleaning. `text` is masked; `reason` says why it is left out, if it is.

    `characters_read`: of the normalised text, before masking.
    """

    text: str
    characters_read: int
    reason: DropReason | None
    script: Script
    masked: tuple[tuple[PersonalDataType, int], ...]
    hits: tuple[Hit, ...]


def drop_reason(text: str, recipe: Recipe) -> tuple[DropReason | None, Script]:
    """Return why normalised `text` does not belong into a corpus of this recipe, or None; and its script."""
    if len(text) < recipe.min_characters:
        return "too_short", "other"
    if len(text) > recipe.max_characters:
        return "too_long", "other"
    letters = count_letters(text)
    visible = len(_BLANKS.sub("", text))
    symbols = visible - len(_BLANKS.sub("", _SYMBOLS.sub("", text)))
    if letters.letters == 0 or symbols * recipe.max_symbols.n > recipe.max_symbols.k * visible:
        return "mostly_symbols", "other"
    min_han = (recipe.min_han.k, recipe.min_han.n)
    max_foreign = (recipe.max_foreign_script.k, recipe.max_foreign_script.n)
    if not is_chinese(letters, min_han=min_han, max_foreign=max_foreign):
        return "not_chinese", "other"
    if is_repetitive(text, recipe):
        return "repetitive", "other"
    return None, chinese_form(text)


def is_repetitive(text: str, recipe: Recipe) -> bool:
    """Return whether more of the 8-character pieces of `text` than the recipe allows stood in it before."""
    if len(text) < _REPETITION_FROM:
        return False
    head = text[:_REPETITION_CHARACTERS]
    total = len(head) - _PIECE + 1
    repeated = total - len({head[at : at + _PIECE] for at in range(total)})
    return repeated * recipe.max_repetition.n > recipe.max_repetition.k * total


def clean(text: str, recipe: Recipe, matcher: Matcher | None) -> Cleaned:
    """Return the document cleaned by the recipe; terms are looked for in the masked text that is kept."""
    text = normalise(text)
    reason, script = drop_reason(text, recipe)
    if reason is not None:
        return Cleaned(text, len(text), reason, script, (), ())
    spans = [span for span in personal_data.find(text) if span.type in recipe.mask]
    kept = personal_data.mask(text, spans) if spans else text
    counted = tuple(sorted(Counter(span.type for span in spans).items()))
    hits = tuple(matcher.find(kept)) if matcher else ()
    return Cleaned(kept, len(text), None, script, counted, hits)
