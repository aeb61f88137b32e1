"""Lexicons from files: every wrong line is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quanheng.data.corpus import read_lexicon
from quanheng.data.corpus.lexicon_sheet import read_sheet, write_bad_rows
from quanheng.data.corpus.term_words import COLUMNS
from quanheng.data.corpus.terms import BadRow, lexicon_of, read_term_file, read_term_lines
from quanheng.data.corpus.work import read_terms
from quanheng.errors import QuanhengError
from quanheng.kinds.base import Rate
from quanheng.kinds.lexicons import Admission, LexiconTerm
from quanheng.store import LocalObjects

GOOD = '{"term": "诈骗", "risk": "A.1.h"}\n\n{"term": "裸聊", "risk": "A.1.f", "mode": "count", "note": "x"}\n'


def read(path: Path, text: str | bytes) -> tuple[object, bytes]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_lexicon(path, title="词表", version="1", owner="安全部")


def test_a_lexicon_is_counted_and_its_rows_read_back(tmp_path: Path, objects: LocalObjects) -> None:
    model, rows = read_lexicon_of(tmp_path / "a.jsonl", GOOD)
    assert model.terms == 2 and model.per_risk == {"A.1.f": 1, "A.1.h": 1}
    terms = read_terms(objects, objects.put_bytes(rows).digest)
    assert [(term.term, term.mode) for term in terms] == [("诈骗", "review"), ("裸聊", "count")]
    assert read_lexicon_of(tmp_path / "b.jsonl", GOOD.replace("\n\n", "\n"))[1] == rows


#: Every word and day that may be written, and heads of columns for names of fields.
WORDS = [
    *({"mode": word} for word in ("复核", "待复核", "仅复核", "review", "计数", "仅计数", "count")),
    *({"mode": word, "with_terms": "代考；包过", "within": 7} for word in ("组合", "组合词", "combine")),
    *({"evasion": word} for word in ("繁体", "插入符号", "拼音", "同音字;拆字", "形近字；倒写", "split", "无")),
    *({"expires": day} for day in ("2027-01-31", "2027年1月31日", "2027/1/31", "2027.01.31", "20270131")),
    {"unless": "甲；乙", "category": "计数", "note": "无", "owner": "复核", "added": "2026年1月5日"},
]


@pytest.mark.parametrize("chinese", [False, True])
def test_lines_take_the_words_that_a_sheet_takes(tmp_path: Path, chinese: bool) -> None:
    """The same rows, once as a sheet, once as lines of JSON with the names of fields or the heads of columns."""
    rows = [{"term": f"词{'一' * place}语", "risk": "A.1.h", **row} for place, row in enumerate(WORDS)]
    sheet = read_sheet(write_bad_rows(BadRow(n, {k: str(v) for k, v in row.items()}, "") for n, row in enumerate(rows)))
    named = [{COLUMNS[name] if chinese else name: value for name, value in row.items()} for row in rows]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in named), "utf-8")
    assert not sheet.bad and len(sheet.terms) == len(rows)
    assert read_term_file(path) == list(sheet.terms)
    assert {term.mode for term in sheet.terms} == {"review", "count", "combine"}


def test_a_wrong_line_comes_back_under_its_fields(tmp_path: Path) -> None:
    """Of both a field and its head in one line none is dropped unseen; a line far too deep is told too."""
    path = tmp_path / "a.jsonl"
    first = '{"词语": "甲甲", "风险": "A.9.z", "方式": "计数"}'
    path.write_text("\n".join([first, '{"term": "乙乙", "词语": "丙", "risk": "A.1.h"}', "[" * 99_999]), "utf-8")
    one, second, third = read_term_lines(path).bad
    assert one.cells == {"term": "甲甲", "risk": "A.9.z", "mode": "计数"} and "A.9.z" in one.reason_en
    assert "词语" in second.reason_en and second.cells["词语"] == "丙" and third.row == 3


def read_lexicon_of(path: Path, text: str):  # type: ignore[no-untyped-def]
    path.write_text(text, "utf-8")
    return read_lexicon(path, title="词表", version="1", owner="安全部")


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "empty_lexicon", ""),
        (GOOD + "{", "bad_term", "line 4"),
        (GOOD + '{"term": "x"}', "bad_term", "risk"),
        (GOOD + '{"term": "x", "risk": "A.9.z"}', "bad_term", "line 4"),
        (GOOD + '{"term": "x", "risk": "A.1.f", "typo": 1}', "bad_term", "typo"),
        (GOOD + '{"term": "\u200b", "risk": "A.1.f"}', "bad_term", "visible"),
        (GOOD + '{"term": "诈骗", "risk": "A.1.f"}', "term_twice", "line 1"),
        (GOOD + '{"term": "。。", "risk": "A.1.f"}', "bad_term", "hit everywhere"),
        (GOOD + '{"term": "x", "risk": "A.1.f", "expires": "2026-02-30"}', "bad_term", "no day"),
        (GOOD + '{"term": "x", "risk": "A.1.f", "added": "2026-02-02", "expires": "2026-02-01"}', "bad_term", "before"),
        ("词语,风险\n诈骗,A.1.h\n", "bad_term", "line 1"),
        ('{"term": "ABc", "risk": "A.1.f"}\n{"term": "ａｂＣ", "risk": "A.1.f"}', "term_twice", "line 2"),
        (bytes(range(256)) * 9, "unknown_encoding", ""),
    ],
)
def test_each_wrong_line_is_named(tmp_path: Path, text: str | bytes, code: str, says: str) -> None:
    with pytest.raises(QuanhengError) as caught:
        read(tmp_path / "a.jsonl", text)
    assert caught.value.code == code and says in str(caught.value)
    assert caught.value.hint


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(QuanhengError) as caught:
        read_lexicon(tmp_path / "none", title="t", version="1", owner="o")
    assert caught.value.code == "no_such_path"
    with pytest.raises(QuanhengError) as caught:
        read_lexicon(tmp_path, title="t", version="1", owner="o")
    assert caught.value.code == "unreadable_file"


def test_checked_terms_become_a_lexicon_of_the_third_version(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(GOOD + '{"term": "价格", "risk": "A.3.e", "mode": "combine", "with_terms": ["代考"]}', "utf-8")
    terms = read_term_file(path)
    admission = Admission(corpus="sha256:" + "0" * 64, documents=9, limit=Rate(k=1, n=10_000), demoted=1)
    model, rows = lexicon_of(terms, title="词表", version="2", owner="安全部", admission=admission)
    assert (model.kind, model.terms, model.admission) == ("lexicon/v3", 3, admission)
    assert model.per_risk == {"A.1.f": 1, "A.1.h": 1, "A.3.e": 1}
    assert [LexiconTerm.model_validate_json(line) for line in rows.splitlines()] == terms
    assert rows == read_lexicon(path, title="词表", version="2", owner="安全部")[1]
    with pytest.raises(QuanhengError) as caught:
        lexicon_of([], title="词表", version="2", owner="安全部")
    assert caught.value.code == "empty_lexicon"


def test_a_combined_term_without_partners_is_named(tmp_path: Path) -> None:
    with pytest.raises(QuanhengError) as caught:
        read(tmp_path / "a.jsonl", GOOD + '{"term": "价格", "risk": "A.3.e", "mode": "combine"}')
    assert caught.value.code == "bad_term" and "line 4" in str(caught.value)


def test_lines_that_are_no_terms_are_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    bad = [
        '{"term": "x", "risk": "A.9.z", "with_terms": ["甲", "乙"]}',
        "{",
        '{"term": "诈骗", "risk": "A.1.f"}',
        "[1]",
    ]
    path.write_text(GOOD + "\n".join(bad) + "\n", "utf-8")
    found = read_term_lines(path)
    assert [term.term for term in found.terms] == ["诈骗", "裸聊"]
    assert [row.row for row in found.bad] == [4, 5, 6, 7]
    assert (
        found.bad[0].cells == {"term": "x", "risk": "A.9.z", "with_terms": "甲；乙"} and "风险" in found.bad[0].reason
    )
    assert found.bad[1].cells == {"term": "{"} and "第 1 行" in found.bad[2].reason and found.bad[3].reason_en
    path.write_text(GOOD, "utf-8")
    assert list(read_term_lines(path).terms) == read_term_file(path) and read_term_lines(path).bad == ()


def test_rows_of_earlier_versions_are_read_and_a_term_lasts_through_its_last_day() -> None:
    old = LexiconTerm.model_validate_json('{"term": "诈骗", "risk": "A.1.h", "expires": "2026-11-25"}')
    assert (old.added, old.owner) == (None, "")
    assert [old.is_in_force(day) for day in ("2026-11-24", "2026-11-25", "2026-11-26")] == [True, True, False]
    assert LexiconTerm(term="诈骗", risk="A.1.h").is_in_force("9999-12-31")


@pytest.mark.parametrize(
    ("line", "zh", "en"),
    [
        ('{"term": "甲", "risk": "A.1.f", "valid_until": "2026-01-01"}', "是否想写 'expires'", "mean 'expires'"),
        ('{"term": "甲", "risk": "A.1.f", "expires_on": "2026-01-01"}', "是否想写 'expires'", "mean 'expires'"),
        ('{"word": "甲", "risk": "A.1.f"}', "'word' 应写作 'term'", "did you mean 'term' by 'word'?"),
        ('{"term": "甲"}', "每行至少要有 term（词语）和 risk（风险）", "a line has at least term and risk"),
        ('{"term": "甲", "risk": "A.1.f", "zzz": 1}', "可用：term、risk、", "there are: term, risk,"),
    ],
)
def test_a_wrong_key_names_the_right_one(tmp_path: Path, line: str, zh: str, en: str) -> None:
    (tmp_path / "t.jsonl").write_text(line + "\n", "utf-8")
    [bad] = read_term_lines(tmp_path / "t.jsonl").bad
    assert zh in bad.reason and en in bad.reason_en
