"""People's verdicts as files: both formats, both languages, and every way they can be wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quanheng.errors import Invalid, NotFound
from quanheng.oversight.rules import read_verdicts

GROUPS = {"a": "A.1.f", "b": "A.1.f", "c": "A.4.f"}


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "v.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_csv_with_bom_and_chinese_words(tmp_path: Path) -> None:
    path = write(tmp_path, '\ufeffid,verdict,reason\r\na,合格,\r\nb,,还没看\r\nc,不合格,"含个人信息,\n须改"\r\n')
    rows = read_verdicts(path, GROUPS)
    assert [(row.id, row.group, row.verdict) for row in rows] == [("a", "A.1.f", "pass"), ("c", "A.4.f", "fail")]
    assert rows[1].reason == "含个人信息,\n须改"


def test_jsonl(tmp_path: Path) -> None:
    path = write(tmp_path, '{"id": "c", "verdict": "Refused"}\n\n{"id":"a","verdict":"未拒答","reason":"\u2028"}\n')
    assert [row.verdict for row in read_verdicts(path, GROUPS)] == ["refused", "answered"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,verdict\nx,pass\n", "line 2: the id 'x' is not in the subject"),
        ("id,verdict\na,pass\na,fail\n", "line 3: 'a' stands on line 2 already"),
        ("id,verdict\na,maybe\n", "line 2: 'maybe' is not a verdict"),
        ("name,verdict\na,pass\n", "columns id and verdict"),
        ("id,verdict\na,pass,x,y\n", "more fields"),
        ('id,verdict\n"a,pass\n', "not CSV"),
        ('{"id": "a", "verdict": "pass"}\n{"id": \n', "line 2: it is not JSON"),
        ('{"id": "a", "verdict": 1}\n', "line 1: id, verdict and reason are texts"),
        ('{"id": "a", "verdict": "pass"}\n[1]\n', "line 2: it is not a JSON object"),
        ("id,verdict\na,\n", "has no verdict"),
        ("", "columns id and verdict"),
        (b"id,verdict\n\xff,pass\n", "not UTF-8 .byte 11."),
        ('"', "not CSV"),
    ],
)
def test_wrong_files_name_the_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(Invalid, match=said) as caught:
        read_verdicts(write(tmp_path, text), GROUPS)
    assert caught.value.hint and caught.value.text.zh


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_verdicts(tmp_path / "none.csv", GROUPS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(body=st.binary(max_size=200))
def test_any_bytes_end_well_or_in_one_clear_error(tmp_path: Path, body: bytes) -> None:
    try:
        read_verdicts(write(tmp_path, body), GROUPS)
    except Invalid as error:
        assert error.code in ("bad_verdicts", "no_verdicts")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(reason=st.text(max_size=50))
def test_reasons_survive_jsonl(tmp_path: Path, reason: str) -> None:
    path = write(tmp_path, json.dumps({"id": "a", "verdict": "pass", "reason": reason}) + "\n")
    assert read_verdicts(path, GROUPS)[0].reason == reason.strip()
