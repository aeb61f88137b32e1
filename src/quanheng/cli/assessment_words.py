"""`quanheng assessment show`: the verdicts for a person, one line per rule, with its notes below."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from quanheng.cli.actions import ask_query
from quanheng.cli.answer import digest_text, print_answer
from quanheng.cli.caller import Caller
from quanheng.core.labels import label
from quanheng.errors import QuanhengError, Text

if TYPE_CHECKING:
    from quanheng.core.workspace import Workspace
    from quanheng.kinds.oversight import Assessment, Result, Rule, Tally

#: Each verdict with its mark, which says the same where there is no colour.
VERDICTS = {
    "conforms": ("✓", Text("conforms", "符合")),
    "fails": ("✗", Text("fails", "不符合")),
    "pending": ("…", Text("pending", "待补充")),
    "not_applicable": ("–", Text("not applicable", "不适用")),
}
#: The codes of notes as words; their sentences stand below the line.
NOTES = {
    "below_recommended": Text("below the recommended value", "未达推荐值"),
    "clear_failure": Text("clear failure", "明显不达标"),
    "items_without_verdict": Text("items without verdict", "有未判定条目"),
    "judge_error_matters": Text("judge's error matters", "判定误差有影响"),
    "judge_not_validated": Text("judge not validated", "机器判定未校验"),
    "missing_evidence": Text("evidence is missing", "缺少材料"),
    "no_answer": Text("questions without answer", "有题未答"),
    "not_decisive": Text("a person must look", "须人工核对"),
    "office_practice": Text("outside office practice", "超出通常尺度"),
    "partial_bank": Text("part of the bank", "未提问全部题目"),
    "recall_unknown": Text("misses not measured", "漏检率未知"),
    "redraw": Text("drawn again", "重复抽样"),
    "self_drawn": Text("self-drawn", "自行抽取"),
    "small_lexicon": Text("small keyword library", "关键词库偏小"),
    "thin_margin": Text("thin margin", "统计裕度不足"),
    "thin_source": Text("few items of a source", "某来源样本偏少"),
    "too_few": Text("too few items", "条数不足"),
}
_SIDES = {"lower": Text("95 % lower bound", "95%置信下限"), "upper": Text("95 % upper bound", "95%置信上限")}


def show(caller: Caller, values: dict[str, Any]) -> None:
    """Print the overall verdict, the tally, and a line for each rule; with --json the query's whole answer."""
    if caller.json:
        print_answer(caller, ask_query(caller, "assessment.show", values))
        return
    from quanheng.kinds.oversight import Assessment

    with caller.open() as workspace:
        answer = workspace.call("assessment.show", **values)
        model = workspace.load(answer["digest"]).model
        assert isinstance(model, Assessment)  # noqa: S101 - the query has checked the kind
        caller.print(f"{label('digest', caller.language)}  {digest_text(caller, answer['digest'])}")
        verdicts(caller, workspace, model)


def verdicts(caller: Caller, workspace: Workspace, model: Assessment) -> None:
    """Write the overall verdict, the tally, and one line per rule with its notes below."""
    said = VERDICTS[model.overall][1]
    en, zh = tally_words(model.tally)
    caller.tell(f"Verdict  {said.en.upper()}: {en}", f"结论  {said.zh}：{zh}")
    rules = _rules(workspace, model)
    for result in model.results:
        _result(caller, rules.get(result.rule), result)


def tally_words(tally: Tally) -> tuple[str, str]:
    """Return how many rules have each verdict; of those that conform, how many are below a recommended value."""
    below = tally.below_recommended
    en = f" ({below} of them below the recommended value)" if below else ""
    zh = f"（其中 {below} 项未达推荐值）" if below else ""
    return (
        f"{tally.conforms} conform{en}, {tally.fails} fail, {tally.pending} pending, "
        f"{tally.not_applicable} not applicable",
        f"符合 {tally.conforms}{zh} · 不符合 {tally.fails} · 待补充 {tally.pending} · 不适用 {tally.not_applicable}",
    )


def _rules(workspace: Workspace, model: Assessment) -> dict[str, Rule]:
    """Return the rules by id; none when the pack cannot be read any more, and then their ids stand alone."""
    from quanheng.kinds.oversight import RulePack

    if model.rulepack.digest is None:
        return {}
    try:
        pack = workspace.load(model.rulepack.digest).model
    except QuanhengError:  # withdrawn, or of another project: the verdicts can be read without it
        return {}
    return {rule.id: rule for rule in pack.rules} if isinstance(pack, RulePack) else {}


def _result(caller: Caller, rule: Rule | None, result: Result) -> None:
    mark, verdict = VERDICTS[result.verdict]
    parts = [f"{mark} {caller.say(verdict)}", result.rule]
    if rule:
        parts.append(caller.say((rule.title.en, rule.title.zh)))
    parts += [caller.say(part) for part in _measured(result)]
    tags = [caller.say(NOTES[n.code]) if n.code in NOTES else n.code for n in result.notes]
    if tags:
        parts.append("[" + caller.say((", ".join(tags), "，".join(tags))) + "]")
    caller.print("  ".join(parts))
    lines = [(x.en, x.zh) for x in result.notes] + [(x.en, x.zh) for x in result.details]
    for line in dict.fromkeys(caller.say(pair) for pair in lines):
        caller.print("      " + line)


def _measured(result: Result) -> list[Text]:
    """Return k of n, the share, and its bound, where there are any."""
    found: list[Text] = []
    if result.k:
        count = f"{result.k.value:,} / {result.n.value:,}" if result.n else f"{result.k.value:,}"
        found.append(Text(count, count))
    if result.value is not None:
        share = f"{Decimal(result.value):.2%}"
        found.append(Text(share, share))
    if result.bound:
        side, share = _SIDES[result.bound.side], f"{Decimal(result.bound.value):.2%}"
        found.append(Text(f"{side.en} {share}", f"{side.zh} {share}"))
    return found
