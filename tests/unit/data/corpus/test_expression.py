"""What judges say: conditions over columns, equal to what plain Python says, and nothing that could do harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus.expression import Expression
from quanheng.data.corpus.operator import Batch
from quanheng.errors import Invalid

TYPES = {"n": "int64", "share": "float64", "ok": "bool", "word": "string", "labels": "strings"}


def batch(rows: list[dict[str, Any]]) -> Batch:
    import pyarrow as pa

    kinds = {"n": pa.int64(), "share": pa.float64(), "ok": pa.bool_(), "word": pa.string()}
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in kinds.items()}
    columns["labels"] = pa.array([row["labels"] for row in rows], pa.list_(pa.string()))
    return Batch(pa.record_batch(list(columns.values()), names=list(columns)))


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.integers(-5, 5),
            "share": st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]),
            "ok": st.booleans(),
            "word": st.sampled_from(["zh-Hans", "other", ""]),
            "labels": st.lists(st.sampled_from(["law", "health"]), max_size=2),
        }
    ),
    max_size=8,
)
ATOMS = st.sampled_from(
    [
        "n < 3",
        "n * 2 >= 4 - n",
        "-n > 1",
        "share > 0.25",
        "share + n <= 1.5",
        "ok",
        "word == 'other'",
        "word in ['zh-Hans', 'zh']",
        "'law' in labels",
        "n != 0",
    ]
)
TREES = st.recursive(
    ATOMS,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda found: f"({found[0]}) {found[1]} ({found[2]})"
        )
        | inner.map(lambda text: f"not ({text})")
    ),
    max_leaves=5,
)


@given(text=TREES, rows=ROWS)
def test_a_condition_holds_where_python_says_so(text: str, rows: list[dict[str, Any]]) -> None:
    found = Expression(text, TYPES).holds(batch(rows)).tolist()
    assert found == [bool(eval(text, {"__builtins__": {}}, row)) for row in rows]


def test_a_division_by_zero_is_no_reason_to_drop() -> None:
    rows = [{"n": n, "share": 1.0, "ok": True, "word": "", "labels": []} for n in (0, 2)]
    assert Expression("share / n < 1", TYPES).holds(batch(rows)).tolist() == [False, True]
    assert Expression("1 < 2", TYPES).holds(batch(rows)).tolist() == [True, True]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("__import__('os').system('true')", "bad_expression"),
        ("word.upper() == 'A'", "bad_expression"),
        ("(lambda: n)()", "bad_expression"),
        ("[n for n in labels]", "bad_expression"),
        ("n", "bad_expression"),
        ("n < ", "bad_expression"),
        ("", "bad_expression"),
        ("n < 1 < 2", "bad_expression"),
        ("n < 'a'", "bad_expression"),
        ("word and ok", "bad_expression"),
        ("n in ['a']", "bad_expression"),
        ("word in 'abc'", "bad_expression"),
        ("True", "bad_expression"),
        ("n < 1 " + "and n < 1 " * 60, "bad_expression"),
        ("(" * 400 + "n", "bad_expression"),
        ("\0", "bad_expression"),
        ("shaer > 1", "unknown_word"),
    ],
)
def test_what_is_no_condition_is_refused(text: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        Expression(text, TYPES)
    assert caught.value.code == code and caught.value.hint
    if code == "unknown_word":
        assert "'share'" in caught.value.text.en


def test_nothing_is_guessed_where_no_column_is_near() -> None:
    with pytest.raises(Invalid) as caught:
        Expression("zzz > 1", TYPES)
    assert "did you mean" not in caught.value.text.en and "是否想写" not in caught.value.text.zh
    assert caught.value.hint and "share" in caught.value.hint.en


@given(text=st.text(max_size=40))
def test_any_text_is_judged_or_refused(text: str) -> None:
    try:
        Expression(text, TYPES)
    except Invalid:
        pass
