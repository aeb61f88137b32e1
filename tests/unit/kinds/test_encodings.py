"""Encodings by their usual names: what a file in one of them holds is read by the encoding that is named."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from quanheng.errors import Invalid
from quanheng.kinds.encodings import Encoding, EncodingName, encoding_of
from quanheng.kinds.kind_words import reason, reason_en
from quanheng.text.encoding import decode


class Asked(BaseModel):
    """An input that names an encoding."""

    encoding: EncodingName | None = None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gbk", "gb18030"),
        ("GB2312", "gb18030"),
        ("cp936", "gb18030"),
        ("gb18030", "gb18030"),
        ("big5-hkscs", "big5"),
        ("Big5", "big5"),
        ("cp950", "big5"),
        ("utf8", "utf-8"),
        ("UTF-8-sig", "utf-8"),
        ("utf_8", "utf-8"),
        ("UTF16", "utf-16"),
        ("ascii", "utf-8"),
    ],
)
def test_usual_names_are_taken(name: str, meant: Encoding) -> None:
    assert encoding_of(name) == Asked(encoding=name).encoding == meant  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["gbk", "gb2312", "big5", "big5hkscs", "cp950", "utf-8-sig", "ascii"])
def test_what_is_written_in_one_is_read_by_the_other(name: str) -> None:
    """Every Chinese character; Python's Big5 and that of Hong Kong differ in kana and Cyrillic."""
    different, meant = [], encoding_of(name)
    for letter in map(chr, [*range(0x20, 0x7F), *range(0x3000, 0x3010), *range(0x4E00, 0xA000)]):
        try:
            data = letter.encode(name)
            same = decode(data, meant) == letter  # type: ignore[arg-type]
        except UnicodeEncodeError:
            continue
        except Invalid:
            same = False
        if not same and letter != "々":
            different.append(letter)
    assert different == []


@pytest.mark.parametrize("name", ["latin-1", "utf-16-be", "shift_jis", "", "nonsense", "gbk\0", "中文"])
def test_others_are_refused_with_those_that_are_known(name: str) -> None:
    assert encoding_of(name) is None
    with pytest.raises(ValidationError) as caught:
        Asked(encoding=name)  # type: ignore[arg-type]
    [item] = caught.value.errors()
    for said in (reason_en(item), reason(item)):
        assert "gb2312" in said and "big5-hkscs" in said and "utf-16" in said
    assert "不支持" in reason(item)


def test_nothing_is_nothing() -> None:
    assert Asked().encoding is None
