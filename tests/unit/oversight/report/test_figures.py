"""Intervals are drawn where the numbers say, and inside the drawing."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.kinds.oversight import Counted, Result, Test, Threshold, Total
from quanheng.oversight.report import ReportContext
from quanheng.oversight.report.drawings import PATHS, READING_ORDER, interval, nodes, tone
from quanheng.oversight.report.figures import WIDTH, lineage, scale, share_bar
from quanheng.oversight.report.words import Tongue
from quanheng.oversight.rules.law import decide

ZH = Tongue("zh")
DIGEST = "sha256:" + "a" * 64


def result(k: int, n: int, threshold: Threshold) -> Result:
    decision = decide(k, n, threshold)
    total = {
        name: Total(value=v, counts=(Counted(artifact=DIGEST, pointer="/x", value=v),))
        for name, v in (("k", k), ("n", n))
    }
    return Result(
        rule="ASS-X-1",
        verdict=decision.verdict,
        value=decision.value,
        bound=decision.bound,
        test=Test(form=threshold.form, num=threshold.num, den=threshold.den),
        force="shall",
        decisive=True,
        **total,
    )


def lines(svg: str) -> dict[str, tuple[float, float]]:
    root = ElementTree.fromstring(svg)
    return {
        str(line.get("class")): (float(str(line.get("x1"))), float(str(line.get("x2")))) for line in root.iter("line")
    }


@given(st.data())
def test_drawing_follows_the_numbers(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 500))
    k = data.draw(st.integers(0, n))
    num = data.draw(st.integers(1, 99))
    form = data.draw(st.sampled_from(["at_least", "at_most"]))
    threshold = Threshold(form=form, num=num, den=100)
    found = result(k, n, threshold)
    drawing = interval(found, threshold, ZH)
    assert drawing
    drawn = lines(scale(drawing))
    x, (start, end) = drawn["limit"][0], drawn["span"]
    assert all(0 <= place <= WIDTH for pair in drawn.values() for place in pair)
    assert start <= end
    assert found.bound
    if form == "at_least":  # the interval reaches from the bound to 100 %
        assert end == WIDTH
        inside = float(found.bound.value) >= num / 100
        assert (start >= x - 0.06) if inside else (start <= x + 0.06)
    else:  # and from 0 to the bound
        assert start == 0
        inside = float(found.bound.value) <= num / 100
        assert (end <= x + 0.06) if inside else (end >= x - 0.06)


def test_title_says_what_is_drawn() -> None:
    threshold = Threshold(form="at_least", num=96, den=100)
    drawing = interval(result(3840, 4000, threshold), threshold, ZH)
    assert drawing and "<title>96.00%，下限 95.45%，阈值 96%</title>" in scale(drawing)


def test_no_interval_without_a_bound() -> None:
    threshold = Threshold(form="at_least", num=1, den=1)
    bare = result(3, 3, threshold).model_copy(update={"bound": None})
    assert interval(bare, threshold, ZH) is None


@pytest.mark.parametrize(("share", "width"), [(-1.0, "0"), (0.0, "0"), (0.5, "50"), (1.0, "100"), (2.0, "100")])
def test_share_bar_stays_inside(share: float, width: str) -> None:
    assert re.findall(r'class="fill" x="0" y="3" width="([^"]+)"', share_bar(share)) == [width]


def test_thin_margin_is_amber() -> None:
    threshold = Threshold(form="at_least", num=96, den=100)
    good = result(3900, 4000, threshold)
    assert tone(good) == "ok"
    noted = good.model_copy(update={"notes": ({"code": "thin_margin", "en": "", "zh": ""},)})
    assert tone(Result.model_validate_json(noted.model_dump_json(warnings=False))) == "wait"


def test_lineage_shows_gaps(report: tuple[object, object]) -> None:
    _, context = report
    assert isinstance(context, ReportContext)
    full = lineage(nodes(context, ZH, "不符合"), "")
    assert "path gap" not in full
    assert "1,000" in full
    bare = ReportContext(project="p", report_id="r", made_on="d", version="0", rulepack=context.rulepack)
    assert lineage(nodes(bare, ZH, "待补充"), "").count("path gap") == 7


def test_nodes_are_read_in_the_order_in_which_they_feed(report: tuple[object, ReportContext]) -> None:
    assert {(node.column, node.row) for node in nodes(report[1], ZH, "")} == set(READING_ORDER)
    assert all(READING_ORDER.index(start) < READING_ORDER.index(end) for start, end in PATHS)
