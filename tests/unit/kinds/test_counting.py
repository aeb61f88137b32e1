"""One thing is singular, in English only."""

from __future__ import annotations

import pytest

from quanheng.core.shown import count
from quanheng.kinds.counting import counted, in_number


@pytest.mark.parametrize(
    ("n", "text", "said"),
    [
        (1, "{} documents", "{} document"),
        (1, "bytes of weights", "byte of weights"),
        (1, "log entries", "log entry"),
        (1, "read", "read"),
        (1, "documents with hits", "document with hits"),
        (0, "files", "files"),
        (2, "files", "files"),
        ("1", "rows", "row"),
        ("1,001", "rows", "rows"),
        ("", "rows", "rows"),
        (1, "条", "条"),
        (1, "profiles", "profiles"),
    ],
)
def test_of_one_thing_the_first_word_is_singular(n: int | str, text: str, said: str) -> None:
    assert in_number(text, n) == said


def test_a_number_as_it_is_shown_counts_too() -> None:
    assert in_number("terms", count(1, "/terms")) == "term" and in_number("terms", count(11, "/terms")) == "terms"


def test_a_number_and_what_it_counts() -> None:
    assert [counted(n, "bytes") for n in (0, 1, 21_001)] == ["0 bytes", "1 byte", "21,001 bytes"]
