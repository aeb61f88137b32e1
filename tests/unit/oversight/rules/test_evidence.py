"""Counting rows of verdicts, and finding the right evidence."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from quanheng.errors import Corrupt
from quanheng.kinds.oversight import Verdicts
from quanheng.oversight.rules import Evidence, Loaded
from quanheng.oversight.rules.evidence import tabulate

if TYPE_CHECKING:
    from conftest import Kit


def test_rows_are_counted_by_group_and_verdict(kit: Kit) -> None:
    table = tabulate(kit.verdicts("corpus", {("a", "pass"): 3, ("a", "fail"): 1, ("b", "pass"): 2}))
    assert table.groups() == ("a", "b")
    assert table.total("pass").value == 5
    total = table.total("pass", "fail", group="a")
    assert [(count.where, count.value) for count in total.counts] == [
        ({"verdict": "pass", "group": "a"}, 3),
        ({"verdict": "fail", "group": "a"}, 1),
    ]


def test_rows_that_disagree_with_the_config_are_corrupt(kit: Kit) -> None:
    good = kit.verdicts("corpus", {"pass": 2})
    other = kit.verdicts("corpus", {"pass": 1, "fail": 1})
    mixed: Loaded[Verdicts] = Loaded(good.digest, good.kind, other.open_layer)
    with pytest.raises(Corrupt) as caught:
        tabulate(mixed)
    assert caught.value.code == "verdicts_disagree"
    assert "逐行统计" in caught.value.text.zh


def test_layer_is_closed_again(kit: Kit) -> None:
    held = kit.verdicts("corpus", {"pass": 2})
    opened: list[io.BytesIO] = []

    def open_layer(title: str) -> io.BytesIO:
        opened.append(io.BytesIO(held.open_layer(title).read()))
        return opened[-1]

    tabulate(Loaded(held.digest, held.kind, open_layer))
    assert [layer.closed for layer in opened] == [True]


def test_absent_evidence_is_none() -> None:
    evidence = Evidence()
    assert evidence.bank("generation") is None
    assert evidence.judged("corpus", "manual") is None
    assert evidence.sample("sha256:" + "0" * 64) is None
