"""What the oversight wing suggests to do next: rules to assess by, verdicts of people, and what an assessment lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from quanheng.core.holdings import Held, made_into, newest
from quanheng.core.next import Step, suggests
from quanheng.core.session import Session
from quanheng.errors import Text
from quanheng.kinds.oversight import Assessment, Need, Result, Rule, RulePack
from quanheng.oversight.rules.packs import DEFAULT

#: What an assessment is made from, beside the rules.
EVIDENCE = ("corpus", "lexicon", "benchmark", "responses", "sample", "verdicts")
JUDGED = {
    "corpus": ("items of the training data", "条训练数据"),
    "generation": ("generated answers", "条生成内容"),
    "must_refuse": ("answers to the must-refuse bank", "条应拒答题的回答"),
    "must_not_refuse": ("answers to the must-not-refuse bank", "条非拒答题的回答"),
}
BY_ITSELF = Text("runs by itself", "自动执行")
#: More sources than this are not written into an address; people tick them in the form.
MOST_SOURCES = 60


@suggests
def assess(session: Session) -> Iterator[Step]:
    """Suggest to register rules, to assess what is there, and to assess again when more came since."""
    held = {kind: newest(session, kind) for kind in EVIDENCE}
    if not held["corpus"] and not held["responses"]:
        return
    packs = newest(session, "rulepack", 1)
    if not packs:
        yield Step(
            "rulepack.register",
            Text(
                "Register the rules to assess by: a rule pack comes with Quanheng",
                "登记评估所依据的规则包：有随附的规则包",
            ),
            Text("about a minute", "约 1 分钟"),
            {"file": f"shipped:oversight/rules/packs/{DEFAULT}.json"},
            order=13,
        )
        return
    done = newest(session, "assessment", 1)
    data = {"rulepack": packs[0].digest, **_evidence(held)}
    if not done:
        yield Step(
            "assessment.run", Text("Assess what is there by the rules", "按规则评估现有材料"), BY_ITSELF, data, 14
        )
        return
    new = sum(item.id > done[0].id for kind in EVIDENCE for item in held[kind])
    if new:
        en = "1 artifact" if new == 1 else f"{new} artifacts"
        text = Text(f"Assess again: {en} came since the last assessment", f"重新评估：上次评估之后又有 {new} 个制品")
        yield Step("assessment.run", text, BY_ITSELF, data, order=9)


def _evidence(held: Mapping[str, list[Held]]) -> dict[str, str | list[str]]:
    """Return the newest of everything as input of assessment.run, which finds samples and verdicts itself."""
    data: dict[str, str | list[str]] = {}
    for kind in ("corpus", "lexicon"):
        if held[kind]:
            data[kind] = held[kind][0].digest
    data["banks"] = [item.digest for item in _by_purpose(held["benchmark"]).values()]
    data["responses"] = [item.digest for item in _by_purpose(held["responses"]).values()]
    return data


def _by_purpose(items: Iterable[Held]) -> dict[str, Held]:
    """Return the newest artifact of each purpose; `items` are newest first."""
    found: dict[str, Held] = {}
    for item in items:
        found.setdefault(str(item.config["purpose"]), item)
    return found


@suggests
def judge(session: Session) -> Iterator[Step]:
    """Suggest to reviewers what no person has judged yet."""
    for purpose, (subject, left) in _unjudged(session).items():
        if left:
            en, zh = JUDGED[purpose]
            yield Step(
                "verdicts.enter",
                Text(f"Review {left:,} {en}", f"复核 {left:,} {zh}"),
                _effort(left),
                {"subject": subject.digest},
                order=12 if purpose in ("corpus", "generation") else 21,
            )


def _effort(left: int) -> Text:
    from quanheng.oversight.report.todo import effort
    from quanheng.oversight.report.words import Tongue

    need = Need(code="review", amount=left, en="", zh="")
    return Text(effort(need, Tongue("en")), effort(need, Tongue("zh")))


def _unjudged(session: Session) -> dict[str, tuple[Held, int]]:
    """Return by purpose what people judge, and how much of it no person has: the newest sample, the newest answers."""
    samples = [item for item in newest(session, "sample") if item.config["purpose"] == "manual"]
    subjects = {**({"corpus": samples[0]} if samples else {}), **_by_purpose(newest(session, "responses"))}
    human = {v.digest: v.config["n"] for v in newest(session, "verdicts") if v.config["judge"]["type"] == "human"}
    judged = made_into(session, subjects.values(), "verdicts")
    found = {}
    for purpose, subject in subjects.items():
        total = int(subject.config["n"] if purpose == "corpus" else subject.config["asked"])
        done = sum(human.get(digest, 0) for digest in judged[subject.digest])
        found[purpose] = (subject, max(0, total - done))
    return found


@suggests
def close_gaps(session: Session) -> Iterator[Step]:
    """Suggest what the newest assessment lacks, in the order and with the effort of its report."""
    from quanheng.core.artifacts import load_digest
    from quanheng.oversight.report.todo import steps
    from quanheng.oversight.report.words import Tongue

    done = newest(session, "assessment", 1)
    if not done:
        return
    model = cast(Assessment, load_digest(session, done[0].digest).model)
    rules = _rules(session, model)
    results = {result.rule: result for result in model.results}
    unjudged = {purpose: left for purpose, (_, left) in _unjudged(session).items()}
    said = [steps(model.results, Tongue(language)) for language in ("zh", "en")]  # the same steps, in both languages
    for zh, en in zip(*said, strict=True):
        rule, result = rules.get(zh.rule), results[zh.rule]
        verb, data = _verb(session, rule, result, unjudged) if rule else ("", {})
        if verb:
            told = Text(en.effort, zh.effort) if en.effort else None
            yield Step(verb, Text(en.action, zh.action), told, data, _order(result))


def _rules(session: Session, model: Assessment) -> dict[str, Rule]:
    """Return the rules that an assessment was computed with, by id; none when their pack is not in the project."""
    from quanheng.core.artifacts import load_digest

    here = {pack.digest for pack in newest(session, "rulepack")}
    if model.rulepack.digest not in here:
        return {}
    pack = cast(RulePack, load_digest(session, str(model.rulepack.digest)).model)
    return {rule.id: rule for rule in pack.rules}


def _order(result: Result) -> int:
    """Return how urgent a need is: what fails, what is pending, what is below a recommendation."""
    return {"fails": 11, "pending": 15}.get(result.verdict, 20)


#: What to do for a need; those of code "review", "ask", "draw" and "provide" depend on what the rule reads.
VERB_OF_NEED = {
    "licence": "source.register",
    "sources": "source.register",
    "record": "files.register",
    "terms": "lexicon.register",
    "questions": "benchmark.register",
    "model": "endpoint.register",
}
VERB_OF_ITEM = {
    "sources": "source.register",
    "lexicon": "lexicon.register",
    "bank": "benchmark.register",
}


def _verb(
    session: Session, rule: Rule, result: Result, unjudged: Mapping[str, int]
) -> tuple[str, dict[str, str | list[str]]]:
    """Return the verb that answers a need, with what is known of its input; "" when `judge` suggests it already."""
    need, purpose = result.need, rule.reads.purpose
    if need is None or (need.code == "review" and need.amount <= unjudged.get(str(purpose), 0)):
        return "", {}
    if need.code in VERB_OF_NEED:
        known = need.code == "questions" and purpose
        return VERB_OF_NEED[need.code], {"purpose": str(purpose)} if known else {}
    if rule.reads.item == "corpus":
        return "corpus.build", _built_anew(session)
    if rule.reads.item in VERB_OF_ITEM:
        return VERB_OF_ITEM[rule.reads.item], {}
    return _more_to_judge(session, str(purpose), str(rule.reads.method or "manual"))


def _built_anew(session: Session) -> dict[str, str | list[str]]:
    """Return the sources of the newest corpus and the newest lexicon, as input of corpus.build."""
    corpora, lexica = newest(session, "corpus", 1), newest(session, "lexicon", 1)
    sources = [str(share["source"]) for share in corpora[0].config["per_source"]] if corpora else []
    data: dict[str, str | list[str]] = {"sources": sources} if len(sources) <= MOST_SOURCES else {}
    return {**data, "lexicon": lexica[0].digest} if lexica else data


def _more_to_judge(session: Session, purpose: str, method: str) -> tuple[str, dict[str, str | list[str]]]:
    """Return how more items to judge come about: another sample, or more questions asked."""
    if purpose == "corpus":
        corpora = newest(session, "corpus", 1)
        way = method if method in ("manual", "keyword", "classifier") else "manual"
        return "sample.commit", {"purpose": way, **({"corpus": corpora[0].digest} if corpora else {})}
    data: dict[str, str | list[str]] = {}
    endpoints, banks = newest(session, "endpoint", 1), _by_purpose(newest(session, "benchmark"))
    if endpoints:
        data["endpoint"] = endpoints[0].digest
    if purpose in banks:
        data["bank"] = banks[purpose].digest
    return "responses.generate", data
