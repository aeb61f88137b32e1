"""What recognisers of personal data ask of the surroundings: words before a number, columns of a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast


class _Pattern:
    """A regular expression that is compiled when a method of it is first asked for; then the method is kept."""

    def __init__(self, text: str | Callable[[], str]) -> None:
        self._text = text

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(self._text if isinstance(self._text, str) else self._text()), name)
        setattr(self, name, found)
        return found


def lazily(text: str | Callable[[], str]) -> re.Pattern[str]:
    """Return a regular expression that costs nothing until it is used: all of the recognisers' take 50 CPU-ms.

    >>> lazily("b+").findall("abba")
    ['bb']
    """
    return cast("re.Pattern[str]", _Pattern(text))


#: Stands in the view for every character of a datum already found or masked. The folded view never holds it (it
#: leaves out controls), no pattern matches across it, and no word before it counts as said of a number behind it.
HIDDEN = "\0"
#: Characters before a number in which a word may speak for it or against it.
REACH = 20

#: A number that is called one of these is not a telephone, whatever it looks like.
_SERIAL = lazily(
    r"(?:单号|编号|序号|流水号|序列号|条形?码|货号|批号|工号|学号|案号|文号|合同号|发票号|凭证号|批准文号|证书号|卡密"
    r"|订单|快递|运单|编码|版本|哈希|校验码|时间戳|型号|产品|商品|设备号|刊号|书号|isbn|issn|serial|order|sku|s/n"
    r"|(?<![a-z])(?:sn|no|id|uid|imei|build))(?:号码?|为|是)?[\"'”’]?[ ]?[:.#=|]{0,2}[ ]?[\"'“‘#]?$"
)
#: What is counted in these units is an amount.
_UNIT = lazily(r"[ ]?(?:[元件个次人吨倍股户%‰]|万|亿|字节|字符|byte|公里|平方|毫秒|秒)")


class Cues(NamedTuple):
    """What may stand in a text: flags of `personal_data_kernels`; its folded view; places in that.

    stretches: those of `_numbers`, without their margins. cued: the ends of words behind which there may be a name.
    None where they are not known.
    """

    flags: int
    view: str
    stretches: list[tuple[int, int]] | None
    cued: list[int] | None


def before(seen: str, at: int, reach: int = REACH) -> str:
    """Return at most `reach` characters before `at`, of the same line and behind whatever was found before."""
    lead = seen[max(0, at - reach) : at]
    cut = max(lead.rfind(HIDDEN), lead.rfind("\n"))
    return lead[cut + 1 :]


def is_called_serial(seen: str, start: int, end: int) -> bool:
    """Return whether the words around [start, end) say that it is a serial number or an amount."""
    return _SERIAL.search(before(seen, start)) is not None or _UNIT.match(seen, end) is not None


class Cell(NamedTuple):
    """A cell [start, end) of a table, blanks and quotes left out, and the title of its column."""

    title: str
    start: int
    end: int


_DELIMITERS = "\t|,"
_CELL_BLANKS = " \"'"


def _cells(seen: str, start: int, end: int, delimiter: str) -> list[tuple[int, int]]:
    found = []
    at = start
    for piece in seen[start:end].split(delimiter):
        left = at + len(piece) - len(piece.lstrip(_CELL_BLANKS))
        found.append((left, max(left, at + len(piece.rstrip(_CELL_BLANKS)))))
        at += len(piece) + 1
    return found


def columns(seen: str, titles: re.Pattern[str]) -> Iterator[Cell]:
    """Yield the cells below every title in which `titles` is found, in tables parted by tab, bar or comma.

    A table is a line of two cells or more that holds the title, and the lines below it with as many cells.
    """
    done = 0
    for match in titles.finditer(seen):
        if match.start() < done:
            continue
        start = seen.rfind("\n", 0, match.start()) + 1
        end = _line_end(seen, match.end())
        done = end
        head = seen[start:end]
        delimiter = next((sign for sign in _DELIMITERS if sign in head), None)
        if delimiter is None or end == len(seen):
            continue
        names = [seen[left:right] for left, right in _cells(seen, start, end, delimiter)]
        wanted = [place for place, name in enumerate(names) if titles.search(name)]
        if wanted:
            # A row that holds a title again belongs to the table: tables within tables would cost their square.
            for row_end, cells in _rows(seen, end + 1, delimiter, names, wanted):
                yield from cells
                done = row_end


def _rows(seen: str, at: int, delimiter: str, names: list[str], wanted: list[int]) -> Iterator[tuple[int, list[Cell]]]:
    """Yield the end of each row and its cells that are wanted."""
    while at < len(seen):
        end = _line_end(seen, at)
        cells = _cells(seen, at, end, delimiter)
        if len(cells) != len(names):
            return
        yield end, [Cell(names[place], *cells[place]) for place in wanted]
        at = end + 1


def _line_end(seen: str, at: int) -> int:
    end = seen.find("\n", at)
    return len(seen) if end < 0 else end
