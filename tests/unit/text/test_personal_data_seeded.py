"""Recall and precision on the texts of bench/seeded.py; and the generator itself against python-stdnum."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
import stdnum.cn.ric
import stdnum.cn.uscc
import stdnum.luhn

from quanheng.text.personal_data import LABELS, find

seeded = pytest.importorskip("bench.seeded", reason="run from the repository's root")
makers = pytest.importorskip("bench.seeded_makers", reason="run from the repository's root")
seeded_traps = pytest.importorskip("bench.seeded_traps", reason="run from the repository's root")

N = 100
SEED = 3


@pytest.mark.parametrize("kind", sorted(LABELS))
def test_recall_and_precision(kind: str) -> None:
    truth = hits = wrong = 0
    missed = []
    for each in seeded.positives(kind, N, SEED):
        found = {(span.start, span.end, str(span.type)) for span in find(each.text)}
        wanted = {span for span in each.truth if span[2] == kind}
        truth += len(wanted)
        hits += len(wanted & found)
        wrong += len({span for span in found if span[2] == kind} - wanted)
        missed += [each.text] if wanted - found else []
    assert truth >= N
    assert hits >= 0.98 * truth, missed[:5]
    assert wrong <= 0.01 * truth


def test_what_only_looks_like_it_is_left_alone() -> None:
    found = Counter(each.form for each in seeded_traps.traps(150, SEED) if find(each.text))
    # Of eleven digits without a word for them nobody can tell.
    assert found.pop("bare digits", 0) <= 6
    assert not found


def test_every_type_is_made_in_many_forms() -> None:
    assert set(makers.MAKERS) == set(LABELS)
    forms = {each.form for kind in LABELS for each in seeded.positives(kind, 60, SEED)}
    assert {"JSON", "table", "form", "waybill"} <= forms
    assert {f"sentence, {form}" for form in ("plain", "wide", "invisible", "spaced", "dashed", "dotted")} <= forms


def test_the_truth_stands_where_it_says_and_the_same_seed_gives_the_same() -> None:
    for kind in LABELS:
        texts = list(seeded.positives(kind, 20, SEED))
        assert texts == list(seeded.positives(kind, 20, SEED))
        for each in texts:
            assert all(0 <= start < end <= len(each.text) for start, end, _ in each.truth)


def test_its_check_characters_are_those_of_python_stdnum() -> None:
    random = Random("stdnum")
    for _ in range(200):
        for number in (makers.resident_id(random), makers.permit(random)):
            assert len(number) == 15 or stdnum.cn.ric.calc_check_digit(number) == number[-1].upper()
        assert stdnum.cn.uscc.is_valid(makers.credit_code(random))
        assert stdnum.luhn.is_valid(makers.bank_card(random))
