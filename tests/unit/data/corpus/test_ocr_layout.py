"""Lines of a page in reading order: columns, titles across, vertical text, tables, skew; whatever the order given."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus.ocr_layout import Line, text_of


def line(text: str, x: float, y: float, width: float, height: float = 20) -> Line:
    box = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)
    return Line(box, text, 1.0)


def column(name: str, x: float, y: float, rows: int, width: float = 300, last: float = 120) -> list[Line]:
    """Return lines of prose: all fill the column but the last."""
    return [
        line(f"{name}{row}", x, y + 32 * row, width - (row % 3) * 8 if row < rows - 1 else last) for row in range(rows)
    ]


def turned(lines: list[Line], degrees: float) -> list[Line]:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return [made._replace(box=made.box @ turn) for made in lines]


def names(lines: list[Line]) -> list[str]:
    shuffled = list(lines)
    random.Random(5).shuffle(shuffled)
    return text_of(shuffled).split("\n")


def test_lines_of_one_column_stand_from_the_top() -> None:
    lines = column("a", 100, 100, 12)
    assert names(lines) == [made.text for made in lines]


def test_columns_are_read_one_after_the_other() -> None:
    lines = column("a", 100, 100, 14) + column("b", 440, 100, 9) + column("c", 780, 100, 14)
    assert names(lines) == [made.text for made in lines]
    long = column("a", 100, 100, 30) + column("b", 430, 100, 30)
    for degrees in (-5, -2, 2, 5):
        assert names(turned(long, degrees)) == [made.text for made in long]


def test_a_title_across_the_columns_cuts_them_into_bands() -> None:
    upper = column("a", 100, 200, 8) + column("b", 440, 200, 8)
    lower = column("c", 100, 560, 7) + column("d", 440, 560, 5)
    title, heading = line("title", 250, 100, 340, 40), line("heading", 300, 500, 240)
    assert names([title, *upper, heading, *lower]) == [
        made.text for made in [title, *upper, heading, *lower]
    ]  # fmt: skip


def test_rows_of_a_table_stay_rows() -> None:
    cells = []
    for row in range(6):
        cells.append(line(f"{row}a", 100, 100 + 40 * row, 30 + 25 * row))
        cells.append(line(f"{row}b", 400, 100 + 40 * row, 180 - 25 * row))
    assert names(cells) == [f"{row}a {row}b" for row in range(6)]


def test_vertical_text_runs_from_the_right() -> None:
    vertical = [
        Line(np.array([[x, 100], [x + 20, 100], [x + 20, 700], [x, 700]], float), f"第{n}行竖排", 1.0)
        for n, x in enumerate(range(900, 300, -40))
    ]
    assert names(vertical) == [made.text for made in vertical]
    # Two storeys, as in a newspaper: the upper one first.
    lower = [made._replace(box=made.box + np.array([0, 660]), text="下" + made.text) for made in vertical]
    assert names(vertical + lower) == [made.text for made in vertical + lower]


def test_nothing_gives_nothing() -> None:
    assert text_of([]) == ""


@given(
    st.lists(
        st.tuples(*(st.integers(0, 2000),) * 2, st.integers(0, 900), st.integers(0, 900)), min_size=1, max_size=40
    ),
    st.randoms(use_true_random=False),
)
def test_every_line_is_in_the_text_once_whatever_the_order(boxes: list[tuple[int, ...]], order: random.Random) -> None:
    lines = [line(f"<{n}>", *box) for n, box in enumerate(boxes)]
    shuffled = list(lines)
    order.shuffle(shuffled)
    text = text_of(lines)
    assert sorted(text.replace("\n", " ").split(" ")) == sorted(made.text for made in lines)
    assert text_of(shuffled) == text
