from __future__ import annotations

import copy
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from quanheng.errors import NotFound, Text
from quanheng.store.assessment_check import check_assessment, overall_verdict, required_verdicts

ROWS = [b'{"g":"a","n":1,"ok":true,"v":"pass"}\n'] * 95 + [b'{"g":"b","n":true,"ok":false,"v":"fail"}\n'] * 5
CONFIG = {"n": 100, "list": [1, 2, 3], "a/b": {"~": 7}, "yes": True, "text": "x"}


class Evidence:
    def config(self, digest):
        if digest != "A":
            raise NotFound(f"no {digest}", f"没有 {digest}")
        return CONFIG

    def rows(self, digest, layer):
        if layer == "sealed":
            return Text("sealed", "封存")
        if layer == "broken":
            return [b"{"]
        if layer == "list":
            return [b"[]"]
        if layer != "rows":
            raise NotFound(f"no layer {layer}", f"没有 {layer}")
        return ROWS


def rows(value, layer="rows", **where):
    return {"artifact": "A", "layer": layer, "pointer": None, "where": where, "value": value}


def at(pointer, value, artifact="A"):
    return {"artifact": artifact, "layer": None, "pointer": pointer, "where": {}, "value": value}


def total(*counts):
    return {"value": sum(count["value"] for count in counts), "counts": list(counts)}


GOOD = {
    "rule": "R-1",
    "verdict": "conforms",
    "k": total(rows(95, v="pass")),
    "n": total(rows(95, g="a"), rows(5, g="b")),
    "value": "0.950000",
    "bound": {"side": "lower", "value": f"{beta.ppf(0.05, 95, 6):.6f}", "confidence": "0.95"},
    "test": {"form": "at_least", "num": 95, "den": 100, "min_n": 100},
    "force": "shall",
    "decisive": True,
}


def check(**changes):
    return check_assessment({"results": [{**copy.deepcopy(GOOD), **changes}]}, Evidence())


def test_a_good_result():
    finding = check()
    assert finding.problems == []
    assert (finding.results, finding.recomputed, finding.not_recomputed) == (1, 3, {})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"verdict": "fails"}, "gives conforms"),
        ({"verdict": "pending"}, "gives conforms"),
        ({"verdict": "maybe"}, "not a verdict"),
        ({"k": total(rows(96, v="pass"))}, "its value is"),
        ({"k": total(rows(96, v="pass")), "value": "0.960000", "bound": None}, "gives 95"),
        ({"k": {"value": 95, "counts": [rows(94, v="pass")]}}, "do not add up"),
        ({"k": {"value": 95, "counts": []}}, "do not add up"),
        ({"k": {"value": 95}}, "no counts"),
        ({"k": None}, "without k and n"),
        ({"k": None, "value": None, "bound": None}, "pending or not_applicable"),
        ({"n": total(at("/n", 101)), "value": None, "bound": None, "verdict": "fails"}, "/n of A gives 100"),
        ({"value": "0.95001"}, "its value is"),
        ({"value": "abc"}, "not a decimal"),
        ({"value": "NaN"}, "not a decimal"),
        ({"value": 1}, "not a decimal"),
        ({"bound": {"side": "lower", "value": "0.910000", "confidence": "0.95"}}, "the exact one"),
        ({"bound": {"side": "upper", "value": GOOD["bound"]["value"], "confidence": "0.95"}}, "the exact one"),
        ({"bound": {"side": "lower", "value": GOOD["bound"]["value"], "confidence": "0.9"}}, "one-sided 95 %"),
        ({"bound": {"side": "both", "value": "0.9", "confidence": "0.95"}}, "one-sided 95 %"),
        ({"bound": "0.9"}, "part of the result is missing"),
        ({"test": {"form": "at_least", "num": 96, "den": 100, "min_n": 100}}, "gives fails"),
        ({"test": {"form": "at_most", "num": 5, "den": 100, "min_n": None}}, "gives fails"),
        ({"test": {"form": "about", "num": 5, "den": 100}}, "is unknown"),
        ({"test": {"form": "at_least", "num": 5, "den": 0}}, "is unknown"),
        ({"test": {"form": "at_least", "num": "5", "den": 1}}, "not a count"),
        ({"test": None}, "part of the result is missing"),
        ({"k": total(rows(95, layer="other"))}, "no layer other"),
        ({"k": total(rows(95, layer="broken"))}, "not JSON"),
        ({"k": total(rows(95, layer="list"))}, "not an object"),
        ({"k": total(at("/nothing", 95))}, "nothing at /nothing"),
        ({"k": total(at("n", 95))}, "not a JSON pointer"),
        ({"k": total(at("/text", 95))}, "not a count"),
        ({"k": total(at("/yes", 95))}, "not a count"),
        ({"k": total(at("/list/9", 95))}, "nothing at /list/9"),
        ({"k": total(at("/n", 95, artifact="B"))}, "no B"),
        ({"k": total({**rows(95), "pointer": "/n"})}, "neither rows nor"),
        ({"k": total({**rows(95), "layer": None})}, "neither rows nor"),
        ({"k": total({**at("/n", 95), "where": {"x": 1}})}, "neither rows nor"),
    ],
)
def test_what_does_not_follow(changes, says):
    finding = check(**changes)
    assert any(says in problem.text.en for problem in finding.problems), finding.problems
    assert all(problem.rule == "R-1" and problem.text.zh for problem in finding.problems)


def test_true_is_not_one():
    result = {**GOOD, "k": total(rows(95, n=1)), "n": total(rows(95, n=1), rows(5, n=True))}
    assert check_assessment({"results": [result]}, Evidence()).problems == []
    assert check(k=total(rows(95, ok=1))).problems


def test_pointers():
    none = {"form": "none", "num": 0, "den": 1}
    base = {"rule": "R", "verdict": "conforms", "n": None, "value": None, "bound": None, "test": none}
    for pointer, value in [("/n", 100), ("/list", 3), ("/list/0", 1), ("/a~1b/~0", 7), ("/a~1b", 1), ("", 5)]:
        finding = check_assessment({"results": [{**base, "k": total(at(pointer, value))}]}, Evidence())
        assert finding.problems == [] and finding.recomputed == 1


def test_sealed_counts_are_said_to_be_not_recomputed():
    finding = check(k=total(rows(95, layer="sealed", v="pass")), n=total(rows(100, layer="sealed")))
    assert finding.problems == []
    assert finding.not_recomputed == {Text("sealed", "封存"): 2}
    assert finding.recomputed == 0


@pytest.mark.parametrize("config", [None, [], {}, {"results": None}, {"results": 3}])
def test_no_results(config):
    assert check_assessment(config, Evidence()).problems


def test_rubbish_results_are_problems():
    finding = check_assessment({"results": [None, 3, {}, [], {"rule": 5}]}, Evidence())
    assert len(finding.problems) == 5


def test_sums():
    tally = {"conforms": 1, "fails": 0, "not_applicable": 0, "pending": 0}
    good = {"results": [GOOD], "tally": tally, "overall": "conforms"}
    assert check_assessment(good, Evidence()).problems == []
    assert len(check_assessment({**good, "tally": {**tally, "conforms": 2}}, Evidence()).problems) == 1
    assert len(check_assessment({**good, "overall": "fails"}, Evidence()).problems) == 1


@pytest.mark.parametrize(
    ("results", "overall"),
    [
        ([], "not_applicable"),
        ([("conforms", "shall", True)], "conforms"),
        ([("conforms", "shall", True), ("fails", "shall", True)], "fails"),
        ([("conforms", "shall", True), ("fails", "shall", False)], "pending"),
        ([("conforms", "shall", True), ("pending", "shall", True)], "pending"),
        ([("conforms", "shall", True), ("fails", "warn", True), ("pending", "warn", False)], "conforms"),
        ([("not_applicable", "shall", True)], "not_applicable"),
    ],
)
def test_overall(results, overall):
    rows = [{"verdict": verdict, "force": force, "decisive": decisive} for verdict, force, decisive in results]
    assert overall_verdict(rows) == overall


@given(st.data())
def test_the_law_of_verdicts(data):
    n = data.draw(st.integers(0, 500))
    k = data.draw(st.integers(0, n))
    den = data.draw(st.integers(1, 100))
    num = data.draw(st.integers(0, den))
    form = data.draw(st.sampled_from(["at_least", "at_most"]))
    min_n = data.draw(st.none() | st.integers(1, 500))
    allowed = required_verdicts(form, num, den, min_n, k, n)
    if n == 0:
        assert set(allowed) == {"pending", "not_applicable"}
        return
    share, limit = Fraction(k, n), Fraction(num, den)
    passes = share >= limit if form == "at_least" else share <= limit
    if min_n is None or n >= min_n:
        assert allowed == (("conforms",) if passes else ("fails",))
        return
    assert "pending" in allowed and "conforms" not in allowed
    upper = 1.0 if k == n else beta.ppf(0.95, k + 1, n - k)
    lower = 0.0 if k == 0 else beta.ppf(0.05, k, n - k + 1)
    far = limit - Fraction(upper) if form == "at_least" else Fraction(lower) - limit
    if abs(far) > 1e-9:
        assert ("fails" in allowed) == (not passes and far > 0)


@pytest.mark.parametrize(
    ("k", "n", "value"),
    [
        (1, 3, "0.333333"),
        (2, 3, "0.666667"),
        (1, 2_000_000, "0.000000"),
        (3, 2_000_000, "0.000002"),
        (5, 2_000_000, "0.000002"),
        (1, 1, "1.000000"),
        (1, 2, "0.5"),
    ],
)
def test_values_round_halves_to_even(k, n, value):
    result = {
        **GOOD, "verdict": "pending", "k": total(rows(k, layer="sealed")), "n": total(rows(n, layer="sealed")),
        "value": value, "bound": None, "test": {"form": "none", "num": 0, "den": 1},
    }  # fmt: skip
    assert check_assessment({"results": [result]}, Evidence()).problems == []
