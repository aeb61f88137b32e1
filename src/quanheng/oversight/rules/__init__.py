"""Rules as data, measured on loaded artifacts. Pure: `assess(load(), Evidence(...))` needs no workspace."""

from __future__ import annotations

from quanheng.oversight.rules.engine import assess
from quanheng.oversight.rules.entered import read_verdicts
from quanheng.oversight.rules.evidence import VERDICTS_LAYER, Evidence, Loaded
from quanheng.oversight.rules.judge import Item, Judgement, KeywordJudge, RefusalJudge, judge_items, seal
from quanheng.oversight.rules.packs import load, load_file, shipped

__all__ = [
    "VERDICTS_LAYER",
    "Evidence",
    "Item",
    "Judgement",
    "KeywordJudge",
    "Loaded",
    "RefusalJudge",
    "assess",
    "judge_items",
    "load",
    "load_file",
    "read_verdicts",
    "seal",
    "shipped",
]
