"""Two views of a text: the one that is kept, and the shadow that recognisers look at.

The kept text loses only what carries no meaning (control and invisible characters, line-ending variants) and keeps
Chinese punctuation and width. The shadow folds width, case, digits and dashes one character to one, and leaves out
invisible ones, with a map of offsets back to the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from quanheng.errors import Unavailable
from quanheng.text import utf8_kernels as kinds
from quanheng.text.script import HAN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from opencc_pyo3 import OpenCC

    Utf8 = tuple[NDArray[np.uint8], NDArray[np.int32]]

#: Recorded wherever normalised text is; a change of `normalise` is a new version.
VERSION = 2

#: Controls other than tab and newline; soft hyphen; zero-width space and direction marks (joiners U+200C and U+200D
#: stay: emoji and some scripts need them); bidirectional controls; word joiner and invisible operators; byte order
#: mark; interlinear marks; tag characters.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_NEWLINES = re.compile("[\r\x0b\x0c\x85\u2028\u2029](?:(?<=\r)\n)?")
_SURROGATES = re.compile("[\ud800-\udfff]")
_LINE_ENDS = re.compile(r"[^\S\n]+(?=\n)")
#: Whether there is one of those: line ends are few, and `re` skips to a character that a pattern begins with.
_BLANK_BEFORE_END = re.compile(r"\n(?<=[^\S\n]\n)")
_BLANK_LINES = re.compile(r"\n{3,}")
#: One search decides whether any of the substitutions above can apply.
_SUSPECT = re.compile(_INVISIBLE.pattern[:-1] + "\r\x0b\x0c\x85\u2028\u2029\u2e80-\u2fd5\ud800-\udfff]")
#: Text copied from PDF often has radicals where characters are meant: they look alike and are no Han to any rule. The
#: Kangxi radicals by their compatibility mapping; of the supplement those whose equivalent unified ideograph (Unicode
#: 18, EquivalentUnifiedIdeograph.txt) is in the basic plane.
_RADICALS = str.maketrans(
    "⺁⺂⺃⺄⺅⺆⺈⺉⺊⺋⺌⺍⺎⺏⺐⺒⺓⺔⺖⺗⺘⺙⺛⺜⺝⺞⺟⺠⺡⺢⺣⺤⺥⺦⺧⺨⺩⺫⺬⺭⺯⺰⺱⺲⺳⺴⺶⺹⺺⺻"
    "⺼⺾⺿⻀⻁⻂⻃⻄⻅⻆⻈⻉⻋⻌⻍⻎⻏⻐⻑⻒⻓⻔⻖⻗⻘⻙⻚⻛⻜⻝⻟⻠⻢⻣⻤⻥⻦⻧⻨⻩⻪⻫⻬⻭⻮⻯⻰⻱⻲⻳",
    "厂乛乚乙亻冂刀刂卜㔾小小兀尣尢巳幺彑忄心扌攵旡日月歺母民氵氺灬爫爫丬牛犭王目示礻糹纟罓罒㓁冗羊耂肀聿"
    "肉艹艹艹虎衤覀西见角讠贝车辶辶辶邑钅長镸长门阝雨青韦页风飞食飠饣马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟",
) | {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x2F00, 0x2FD6)}
_RADICAL = re.compile("[\u2e80-\u2fd5]")


def normalise(text: str) -> str:
    """Return `text` in NFC with LF line ends, without invisible characters and outer blanks. Idempotent.

    A lone surrogate becomes U+FFFD, a radical the character that it looks like. Blanks before a line end go; three or
    more line ends become two.

    >>> normalise("  好评！　"), normalise("⼯作⻓期")
    ('好评！', '工作长期')
    """
    if _SUSPECT.search(text):
        text = _NEWLINES.sub("\n", text)
        text = _SURROGATES.sub("\ufffd", _INVISIBLE.sub("", text))
        if _RADICAL.search(text):
            text = text.translate(_RADICALS)
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    if _BLANK_BEFORE_END.search(text):
        text = _LINE_ENDS.sub("", text)
    if "\n\n\n" in text:
        text = _BLANK_LINES.sub("\n\n", text)
    return text.strip()


_CODE_POINTS = 0x110000
#: Letters that mean nothing to normalising and to folding: Han and syllables of hangul.
_PLAIN = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x20000, 0x2F7FF), (0x30000, 0x323AF))
#: What stays as it is in the folded view: these, and pictures.
UNFOLDED = (*_PLAIN, (0x1F300, 0x1FAFF))
#: Of what else there is, most texts hold these only. The rest is entered in a table when it is met: that costs more
#: than a text, for where one is met, the others of the batch are looked for too.
USUAL = (*range(0x500), *range(0x2000, 0x2C00), *range(0x2E80, 0x3400), *range(0xFE00, 0x10000))
#: Hangul letters, which NFC puts together though they are no marks.
_JAMO = re.compile("[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]")


@cache
def _classes() -> Any:
    """Return what each code point is to `utf8_kernels.irregular`; the rarer ones are entered when they are met."""
    import numpy as np

    table = np.full(_CODE_POINTS, kinds.UNKNOWN, np.uint8)
    for first, last in _PLAIN:
        table[first : last + 1] = 0
    _learn_classes(table, map(chr, USUAL))
    return table


def _learn_classes(table: Any, characters: Iterable[str]) -> None:
    for character in characters:
        code = ord(character)
        if table[code] == kinds.UNKNOWN:
            table[code] = _class_of(character)


def _class_of(character: str) -> int:
    if character == "\n":
        return kinds.LINE_END
    category = unicodedata.category(character)
    # In the higher planes letters compose that are no marks: of those only symbols are known to stay as they are.
    is_high = character > "\uffff" and category[0] != "S"
    is_mark = category[0] == "M" and not "\ufe00" <= character <= "\ufe0f"  # emoji have those, which stay as they are
    composes = unicodedata.combining(character) > 0 or is_mark or _JAMO.match(character) is not None
    if is_high or composes or _SUSPECT.match(character) or not unicodedata.is_normalized("NFC", character):
        return kinds.ODD
    return kinds.BLANK if character.isspace() else 0


def irregular(texts: Sequence[str], utf8: Utf8) -> list[int]:
    """Return the places of the texts that `normalise` may change, in order; the others it does not.

    utf8: the same texts as one array of bytes; text i is data[offsets[i]:offsets[i + 1]].
    """
    from quanheng.text.compiled import load

    kernels = load("utf8_kernels")
    if kernels is None:
        return list(range(len(texts)))
    import numpy as np

    flags = np.empty(len(texts), np.uint8)
    is_unknown = kernels.irregular(*utf8, len(texts), _classes(), flags)
    rows: list[int] = np.flatnonzero(flags).tolist()
    if is_unknown:
        _learn_classes(_classes(), set().union(*(texts[row] for row in rows)))
    return rows


_FULL_WIDTH = str.maketrans(",;:?!.()", "，；：？！。（）")
#: Marks after a Han that a Han or the line's end follows; one full stop, for two and more are an ellipsis.
_HALF_MARKS = re.compile(rf"(?<=[{HAN}])(?:[,;:?!]+|\.)(?=[{HAN}“‘「『（《]|$)", re.MULTILINE)
#: A pair of brackets around words that begin and end with a Han.
_HALF_BRACKETS = re.compile(rf"\(([{HAN}](?:[^()\n]*[{HAN}])?)\)")


def with_chinese_punctuation(text: str) -> str:
    """Return `text` with the half-width punctuation between Han as full-width: , ; : ? ! . ( ). Idempotent.

    Numbers, times, code and addresses keep theirs, and so does an ellipsis of full stops.

    >>> with_chinese_punctuation("好,很好(真的)!v1.2,3:00")
    '好，很好（真的）!v1.2,3:00'
    """
    text = _HALF_BRACKETS.sub(r"（\1）", text)
    return _HALF_MARKS.sub(lambda match: match[0].translate(_FULL_WIDTH), text)


def to_simplified(text: str) -> str:
    """Return `text` with traditional forms as simplified ones, by phrase (OpenCC's dictionaries, "t2s").

    Raises Unavailable "opencc_missing" where the package opencc-pyo3 is not installed.

    >>> to_simplified("這個軟體，著作")
    '这个软体，著作'
    """
    return str(_converter().convert(text))


@cache
def _converter() -> OpenCC:
    try:
        from opencc_pyo3 import OpenCC
    except ImportError as error:
        raise Unavailable(
            "traditional forms cannot be made simplified: opencc-pyo3 is not installed",
            "无法将繁体转换为简体：未安装 opencc-pyo3",
            hint=("Install opencc-pyo3, or keep the form.", "请安装 opencc-pyo3，或保留原有字形。"),
            code="opencc_missing",
        ) from error
    return OpenCC("t2s")


@dataclass(frozen=True, slots=True)
class Shadow:
    """The folded view. `offsets[i]` is the place in the text of folded character i; None when they are the same."""

    text: str
    offsets: tuple[int, ...] | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original text that folded [start, end), end > start, stands for."""
        if self.offsets is None:
            return start, end
        return self.offsets[start], self.offsets[end - 1] + 1


_DASHES = frozenset("‐‑‒–—―−﹘﹣－⁃")


def fold_character(character: str) -> str | None:
    """Return what stands for a character in the folded view, None when it is left out."""
    category = unicodedata.category(character)
    if character in "\n\t":
        return character
    if category in ("Cc", "Cf", "Mn", "Me"):
        return None
    if character in _DASHES:
        return "-"
    if category == "Zs":
        return " "
    if category == "Nd":
        return str(unicodedata.decimal(character))
    folded = unicodedata.normalize("NFKC", character).lower()
    return folded if len(folded) == 1 else character


class _Fold(dict[int, str | None]):
    """A translation table that fills itself: one fold per distinct character, then C speed."""

    def __missing__(self, code: int) -> str | None:
        folded = fold_character(chr(code))
        self[code] = folded
        return folded


_FOLD = _Fold()


#: From this length on, numpy is worth its import.
_ARRAY_FROM = 256
NOTHING, _UNKNOWN = 0xFFFFFFFF, 0xFFFFFFFE


@cache
def fold_table() -> Any:
    """Return the folded code point of each, as uint32; 0xFFFFFFFE for those not met yet, until `learn_folds`.

    0xFFFFFFFF stands for a character that is left out. None where numpy is not installed.
    """
    try:
        import numpy as np
    except ImportError:
        return None
    table = np.full(_CODE_POINTS, _UNKNOWN, np.uint32)
    for first, last in UNFOLDED:
        table[first : last + 1] = np.arange(first, last + 1)
    learn_folds(table, np.array(USUAL))
    return table


def learn_folds(table: Any, points: Any) -> None:
    """Enter the code points in `table` that it does not know yet."""
    for code in set(points[table[points] == _UNKNOWN].tolist()):
        one = fold_character(chr(code))
        table[code] = NOTHING if one is None else ord(one)


def _shadow_by_table(text: str) -> Shadow | None:
    """Return the shadow, None without numpy."""
    table = fold_table()
    if table is None:
        return None
    import numpy as np

    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    folded = table[points]
    most = folded.max()
    if most >= _UNKNOWN and (folded == _UNKNOWN).any():
        learn_folds(table, points)
        folded = table[points]
        most = folded.max()
    if most < _UNKNOWN:
        return Shadow(folded.tobytes().decode("utf-32-le", "surrogatepass"), None)
    kept = folded != NOTHING
    seen = folded[kept].tobytes().decode("utf-32-le", "surrogatepass")
    return Shadow(seen, tuple(np.flatnonzero(kept).tolist()))


def shadow(text: str) -> Shadow:
    """Return the folded view of `text`: half-width, lower case, ASCII digits and dashes, nothing invisible.

    >>> shadow("ＴＥＬ：１３８").text
    'tel:138'
    """
    if len(text) >= _ARRAY_FROM and (found := _shadow_by_table(text)):
        return found
    folded = text.translate(_FOLD)
    if len(folded) == len(text):
        return Shadow(folded, None)
    return Shadow(folded, tuple(at for at, character in enumerate(text) if _FOLD[ord(character)] is not None))
