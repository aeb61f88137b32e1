from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.errors import Corrupt, Invalid
from quanheng.store.canonical import MAX_DEPTH, MAX_INTEGER, canonical_json, parse_canonical

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


def write_by_hand(value) -> str:
    """An independent writer: RFC 8259 by the letter."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
        return '"' + "".join(short.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'
    if isinstance(value, list):
        return "[" + ",".join(map(write_by_hand, value)) + "]"
    return "{" + ",".join(f"{write_by_hand(k)}:{write_by_hand(value[k])}" for k in sorted(value)) + "}"


@given(VALUES)
def test_round_trip_and_independent_writer(value):
    data = canonical_json(value)
    assert data == write_by_hand(value).encode()
    assert parse_canonical(data) == value
    assert canonical_json(parse_canonical(data)) == data


@given(VALUES, st.sampled_from([None, 1, 2]))
def test_other_spellings_of_the_same_value_are_corrupt(value, indent):
    for text in (
        json.dumps(value, indent=indent),
        json.dumps(value, ensure_ascii=False, indent=indent),
        json.dumps(value) + "\n",
    ):
        if text.encode() != canonical_json(value):
            with pytest.raises(Corrupt):
                parse_canonical(text.encode())


@given(st.binary(max_size=40))
def test_bytes_are_canonical_or_corrupt(data):
    try:
        value = parse_canonical(data)
    except Corrupt:
        return
    assert canonical_json(value) == data


def test_keys_are_sorted_by_code_point():
    # U+10000 is the pair D800 DC00 in UTF-16 and would come before U+FFFF there (RFC 8785 section 3.2.3).
    assert canonical_json({"\U00010000": 1, "\uffff": 2}) == '{"\uffff":2,"\U00010000":1}'.encode()


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), float("inf"), {"a": [0.5]}, b"x", {1: 2}, {None: 1}, {True: 1}, 2**53, -(2**53), "\ud800",
     {"\udfff": 1}, {1, 2}, object(), bytearray(b"x")],
)  # fmt: skip
def test_refused_values(value):
    with pytest.raises(Invalid) as caught:
        canonical_json(value)
    assert caught.value.code == "not_canonical"


def test_the_place_is_named():
    with pytest.raises(Invalid, match=r"\$\.a\[1\]\.b"):
        canonical_json({"a": [0, {"b": 1.5}]})


def test_depth_is_bounded():
    value: list = []
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert parse_canonical(canonical_json(value)) == value
    with pytest.raises(Invalid, match="deeper"):
        canonical_json([value])
    with pytest.raises(Corrupt):
        parse_canonical(b"[" * 100_000)


@pytest.mark.parametrize(
    "data",
    [b'{"a":1,"a":1}', b"1.0", b"1e3", b"NaN", b"-0", b"01", b'"\\u0041"', b'"\\/"', b'{"b":1,"a":2}', b"[1, 2]",
     b"1 ", b" 1", b"\xff", b"", b"9007199254740992", b"9" * 5000, b'"\\ud800"', b"\xef\xbb\xbf1", b'{"a":1.5}'],
)  # fmt: skip
def test_refused_bytes(data):
    with pytest.raises(Corrupt) as caught:
        parse_canonical(data, "the file x")
    assert "the file x" in caught.value.text.en
    assert "the file x" in caught.value.text.zh


def test_a_key_that_stands_twice_is_named():
    with pytest.raises(Corrupt, match="'a' stands twice"):
        parse_canonical(b'{"a":1,"b":2,"a":1}')


def test_the_offset_is_named():
    with pytest.raises(Corrupt, match="at byte 11"):
        parse_canonical('{"a":"权", "b":2}'.encode())


def test_tuples_are_arrays_and_input_is_left_alone():
    value = {"b": (1, 2), "a": ()}
    assert canonical_json(value) == b'{"a":[],"b":[1,2]}'
    assert list(value) == ["b", "a"]
