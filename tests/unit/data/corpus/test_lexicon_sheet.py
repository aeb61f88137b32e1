"""A lexicon goes out as a spreadsheet and comes back; bad rows come back with a reason; hostile files are refused."""

from __future__ import annotations

import re
import zipfile
from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from quanheng.data.corpus import lexicon_sheet
from quanheng.data.corpus.lexicon_sheet import COLUMNS, BadRow, read_sheet, write_bad_rows, write_sheet
from quanheng.errors import Invalid
from quanheng.kinds.lexicons import LexiconTerm


def book(*rows: list[Any]) -> bytes:
    made, out = Workbook(), BytesIO()
    for row in rows:
        made.worksheets[0].append(row)
    made.save(out)
    return out.getvalue()


HEAD = ["词语", "风险", "方式", "权重", "组合词", "组合距离", "变体", "有效期", "入库日期"]
WORDS = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Cn"), blacklist_characters="；;\ufffe\uffff"))
WORD = WORDS.filter(lambda text: text.strip() == text and text != "无")
TERM = st.builds(
    lambda text, fields: LexiconTerm(term=text, risk="A.1.h", **fields),
    st.text(st.sampled_from("诈骗=+-@'a1"), min_size=1, max_size=10).filter(lambda text: set(text) & set("诈骗a1")),
    st.fixed_dictionaries(
        {
            "weight": st.integers(1, 100),
            "within": st.integers(1, 1000),
            "category": WORD,
            "note": WORD,
            "unless": st.lists(WORD.filter(bool), max_size=2).map(tuple),
            "evasion": st.lists(st.sampled_from(tuple(lexicon_sheet.EVASIONS)), unique=True).map(tuple),
            "added": st.sampled_from((None, "2026-11-25")),
            "expires": st.sampled_from((None, "2027-01-31")),
            "owner": WORD,
        }
    ),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(TERM, max_size=5, unique_by=lambda found: found.term))
def test_what_is_written_is_read_back(terms: list[LexiconTerm]) -> None:
    data = write_sheet(terms)
    sheet = read_sheet(data)
    assert (list(sheet.terms), sheet.bad) == (terms, ())
    assert write_sheet(terms) == data


def test_combined_terms_go_round() -> None:
    terms = (LexiconTerm(term="价格", risk="A.1.h", mode="combine", with_terms=("代考", "包过"), within=7),)
    assert read_sheet(write_sheet(terms)).terms == terms


def test_people_write_chinese_or_english_numbers_and_dates() -> None:
    sheet = read_sheet(
        book(
            HEAD,
            ["诈骗", "A.1.h", "仅计数", 20.0, None, None, "繁体;拼音", datetime(2027, 1, 31)],
            [None] * 9,
            ["价格", "A.1.h", "combine", "5", "代考；包过\n枪手", 9, None, ""],
            [404, "A.1.h", None, None, None, None, "无", None],
        )
    )
    assert sheet.bad == ()
    first, second, third = sheet.terms
    assert (first.mode, first.weight, first.evasion, first.expires) == (
        "count",
        20,
        ("traditional", "pinyin"),
        "2027-01-31",
    )
    assert (second.mode, second.with_terms, second.within) == ("combine", ("代考", "包过", "枪手"), 9)
    assert second.evasion == ("traditional", "inserted", "lookalike")
    assert (third.term, third.evasion) == ("404", ())


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (["诈骗", "A.9.z"], "风险"),
        (["诈骗", None], "风险"),
        ([None, "A.1.h"], "词语"),
        (["诈骗", "A.1.h", "删除"], "方式"),
        (["诈骗", "A.1.h", None, "重"], "权重：应为整数"),
        (["诈骗", "A.1.h", None, 101], "权重"),
        (["诈骗", "A.1.h", None, -1], "权重"),
        (["诈骗", "A.1.h", "组合"], "组合词"),
        (["诈骗", "A.1.h", None, None, None, None, "火星文"], "变体"),
        (["诈骗", "A.1.h", None, None, None, None, None, "明年"], "有效期"),
        (["诈骗", "A.1.h", None, None, None, None, None, "1/5/2026"], "有效期"),
        (["诈骗", "A.1.h", None, None, None, None, None, "2026-02-30"], "有效期"),
        (["诈骗", "A.1.h", None, None, None, None, None, 46027], "有效期"),
        (["诈骗", "A.1.h", None, None, None, None, None, "2026-01-01", "2026-01-02"], "早于入库日期"),
        (["！？……", "A.1.h"], "只有标点"),
        (["$$", "A.1.h"], "只有标点"),
        (["\u200b", "A.1.h"], "可见字符"),
        (["枪支", "A.1.h"], "第 2 行"),
        (["枪\u200b支", "A.1.h"], "第 2 行"),
        (["=HYPERLINK(1)", "A.1.h"], "公式"),
    ],
)
def test_each_bad_row_has_a_reason_and_the_others_are_read(row: list[Any], says: str) -> None:
    sheet = read_sheet(book(HEAD, ["枪支", "A.1.h"], row, ["毒品", "A.1.h"]))
    assert [found.term for found in sheet.terms] == ["枪支", "毒品"]
    (bad,) = sheet.bad
    assert bad.row == 3 and says in bad.reason and bad.reason_en
    assert not any("\u4e00" <= letter <= "\u9fff" for letter in re.sub(r"\(组合词\)|无", "", bad.reason_en))
    assert not re.search("[a-z]", re.sub(r"A\.[0-9]\.[a-z]", "", bad.reason), re.IGNORECASE), bad.reason


def test_days_are_read_as_people_write_them_and_none_is_guessed() -> None:
    forms = [
        "2027-1-31",
        "2027/01/31",
        "2027.1.31",
        "2027年1月31日",
        "20270131",
        20270131,
        datetime(2027, 1, 31, 8, 30),
    ]
    sheet = read_sheet(book(["词语", "风险", "有效期"], *([f"词{n}", "A.1.h", day] for n, day in enumerate(forms))))
    assert sheet.bad == () and {term.expires for term in sheet.terms} == {"2027-01-31"}
    odd = ["2027-1/31", "31.1.2027", "27-1-31", "2027-13-01", "2027年", "2027-01-31 08:00"]
    sheet = read_sheet(book(["词语", "风险", "入库日期"], *([f"词{n}", "A.1.h", day] for n, day in enumerate(odd))))
    assert sheet.terms == () and all("应为日期" in bad.reason for bad in sheet.bad) and len(sheet.bad) == len(odd)


def test_a_merged_cell_fills_only_its_first_row_and_the_others_say_so() -> None:
    made, out = Workbook(), BytesIO()
    for row in (["词语", "风险"], ["枪支", "A.1.h"], ["毒品", None], ["诈骗", None]):
        made.worksheets[0].append(row)
    made.worksheets[0].merge_cells("B2:B4")
    made.save(out)
    sheet = read_sheet(out.getvalue())
    assert [term.term for term in sheet.terms] == ["枪支"]
    assert [bad.row for bad in sheet.bad] == [3, 4] and all("取消合并" in bad.reason for bad in sheet.bad)


def test_bad_rows_come_back_as_a_sheet_that_can_be_put_right() -> None:
    bad = read_sheet(book(HEAD, ["诈骗", "A.9.z", "仅计数"], ["毒品", "A.1.h", "删除"])).bad
    data = write_bad_rows(bad)
    rows = [[cell.value for cell in row] for row in load_workbook(BytesIO(data)).worksheets[0].iter_rows()]
    assert rows[0] == ["原行号", "原因", *COLUMNS.values()]
    assert rows[1][:5] == [2, bad[0].reason, "诈骗", "A.9.z", "仅计数"]
    assert [found.reason for found in read_sheet(data).bad] == [found.reason for found in bad]
    assert write_bad_rows(bad) == data


def test_nothing_that_goes_out_is_computed() -> None:
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x.example","x")', "\t=1", "|cmd"]
    data = write_sheet([LexiconTerm(term=text, risk="A.1.h", note=text, category=text) for text in texts])
    bad = write_bad_rows([BadRow(2, {"term": text, "risk": text}, text) for text in texts])
    for out in (data, bad):
        cells = [cell for row in load_workbook(BytesIO(out)).worksheets[0].iter_rows(min_row=2) for cell in row]
        said = [cell for cell in cells if isinstance(cell.value, str)]
        assert said and {cell.data_type for cell in said} == {"s"}
        assert all(cell.quotePrefix for cell in said if cell.value[0] in "=+-@\t")
        with zipfile.ZipFile(BytesIO(out)) as zipped:
            assert b"<f>" not in zipped.read("xl/worksheets/sheet1.xml")


def test_the_bytes_hold_no_time() -> None:
    data = write_sheet([LexiconTerm(term="诈骗", risk="A.1.h")])
    with zipfile.ZipFile(BytesIO(data)) as zipped:
        assert {member.date_time for member in zipped.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert not [name for name in zipped.namelist() if name.startswith("docProps")]


def test_a_library_of_100_000_terms_would_come_back_as_it_went_out() -> None:
    terms = [LexiconTerm(term=f"词{number}", risk="A.1.h", note=f"备注{number * 7919}" * 3) for number in range(2_000)]
    data = write_sheet(terms)
    assert 50 * len(data) < lexicon_sheet.MAX_BYTES
    with zipfile.ZipFile(BytesIO(data)) as zipped:
        assert 50 * sum(member.file_size for member in zipped.infolist()) < lexicon_sheet.MAX_UNPACKED
    assert read_sheet(data).terms == tuple(terms)


def test_odd_characters_survive() -> None:
    term = LexiconTerm(term="a<b>&\"'", risk="A.1.h", note=" 前后空格 \U0001f52b", category="_x0041_")
    (read,) = read_sheet(write_sheet([term])).terms
    assert read == term.model_copy(update={"note": term.note.strip()})


@pytest.mark.parametrize(
    ("head", "says"),
    [(["词语"], "缺少"), (["词语", "风险", "颜色"], "颜色"), (["词语", "风险", "term"], "重复"), ([], "缺少")],
)
def test_the_head_row_must_name_known_columns(head: list[str], says: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_sheet(book(head, ["诈骗", "A.1.h"]))
    assert caught.value.code == "sheet_columns" and says in caught.value.text.zh


def zipped(members: dict[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return out.getvalue()


def changed(data: bytes, name: str, content: bytes) -> bytes:
    with zipfile.ZipFile(BytesIO(data)) as source:
        return zipped({found: source.read(found) for found in source.namelist()} | {name: content})


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"not a zip", zipped({"a": b"b"}), zipped({"[Content_Types].xml": b"<x"})]
)
def test_what_is_no_workbook_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        read_sheet(data)
    assert caught.value.code == "not_a_workbook"


def test_a_broken_sheet_is_refused() -> None:
    good = book(HEAD, ["诈骗", "A.1.h"])
    for content in (b"<worksheet", b"", b"\xff\xfe"):
        with pytest.raises(Invalid) as caught:
            read_sheet(changed(good, "xl/worksheets/sheet1.xml", content))
        assert caught.value.code in ("not_a_workbook", "sheet_columns")


def test_entities_are_refused() -> None:
    laughs = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
    with pytest.raises(Invalid) as caught:
        read_sheet(changed(book(HEAD, ["诈骗", "A.1.h"]), "xl/sharedStrings.xml", laughs))
    assert caught.value.code == "not_a_workbook"


def test_bombs_are_refused_before_they_are_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    good = book(HEAD, ["诈骗", "A.1.h"])
    bomb = changed(good, "xl/worksheets/sheet1.xml", b"<x>" + b" " * (20 * 1024 * 1024))
    assert len(bomb) < 1024 * 1024
    monkeypatch.setattr(lexicon_sheet, "MAX_UNPACKED", 16 * 1024 * 1024)
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *args, **kwargs: pytest.fail("unpacked"))
    with pytest.raises(Invalid) as caught:
        read_sheet(bomb)
    assert caught.value.code == "workbook_too_large"


def test_too_many_parts_rows_and_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    good = book(HEAD, *(["词" + str(number), "A.1.h"] for number in range(5)))
    for name, limit in (("MAX_MEMBERS", 3), ("MAX_ROWS", 4), ("MAX_BYTES", 100)):
        with monkeypatch.context() as patch:
            patch.setattr(lexicon_sheet, name, limit)
            with pytest.raises(Invalid) as caught:
                read_sheet(good)
            assert caught.value.code == "workbook_too_large", name
    assert len(read_sheet(good).terms) == 5


def test_a_sheet_that_lies_about_its_size_is_read_whole() -> None:
    good = book(["词语", "风险"], *([f"词{number}", "A.1.h"] for number in range(5)))
    with zipfile.ZipFile(BytesIO(good)) as source:
        sheet = source.read("xl/worksheets/sheet1.xml")
    lying = sheet.replace(b'<dimension ref="A1:B6"', b'<dimension ref="A1:A1"')
    assert lying != sheet
    assert len(read_sheet(changed(good, "xl/worksheets/sheet1.xml", lying)).terms) == 5


def test_a_partner_that_the_list_would_tear_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        write_sheet([LexiconTerm(term="诈骗", risk="A.1.h", unless=("甲；乙",))])
    assert caught.value.code == "sheet_separator"


PACKED = book(HEAD, ["诈骗", "A.1.h"])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_damaged_workbook_is_an_invalid_or_read(data: st.DataObject) -> None:
    packed = data.draw(st.sampled_from((write_sheet([LexiconTerm(term="诈骗", risk="A.1.h")]), PACKED)))
    whole = bytearray(packed)
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_sheet(bytes(whole))
    except Invalid as error:
        assert error.code in ("not_a_workbook", "workbook_too_large", "sheet_columns")


def test_modes_are_taken_as_people_write_them() -> None:
    sheet = read_sheet(book([*HEAD[:2], "方式"], ["枪支", "A.1.h", "计数"], ["毒品", "A.1.h", "仅计数"]))
    assert [term.mode for term in sheet.terms] == ["count", "count"] and not sheet.bad
