"""What the oversight wing can do: rule packs, verdicts on samples and answers, assessments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from quanheng.core.context import Draft, JobContext, Loaded
from quanheng.core.inputs import Filled, Input, Local, Takes, param
from quanheng.core.layer_rows import layer_rows
from quanheng.core.resolve import local_path
from quanheng.core.session import Session
from quanheng.core.verb import verb
from quanheng.errors import Invalid
from quanheng.oversight.rules import (
    VERDICTS_LAYER,
    Evidence,
    Item,
    KeywordJudge,
    RefusalJudge,
    assess,
    judge_items,
    seal,
)
from quanheng.oversight.rules import Loaded as Held
from quanheng.oversight.rules.entered import read_verdicts
from quanheng.store import Layer

JSONL = "application/jsonl"


class RulePackRegister(Input):
    """Input of rulepack.register."""

    file: Annotated[str, Local()] = param(..., "JSON file of the rule pack", "规则包的 JSON 文件")


@verb(
    "rulepack.register",
    permission="build",
    cache=True,
    makes=("rulepack/v1",),
    help=("Register a rule pack", "登记规则包"),
)
def rulepack_register(ctx: JobContext, inp: RulePackRegister) -> Draft:
    """Leave the rule pack in the file as an artifact."""
    from quanheng.oversight.rules.packs import load_file

    return Draft(load_file(local_path(inp.file)))


class VerdictsScan(Input):
    """Input of verdicts.scan."""

    subject: Annotated[str, Takes("sample", "responses")] = param(
        ..., "Sample or responses to look through", "要检查的样本或回答"
    )
    lexicon: Annotated[str, Takes("lexicon")] = param(..., "Keyword library", "关键词库")


@verb(
    "verdicts.scan",
    permission="build",
    cache=True,
    makes=("verdicts/v1",),
    help=("Look for keywords in a sample or in answers", "对样本或回答做关键词抽检"),
)
def verdicts_scan(ctx: JobContext, inp: VerdictsScan) -> Draft:
    """Judge each item by the keyword library: it passes when no term is found. Leave the verdicts."""
    from quanheng.kinds.lexicons import Lexicon, LexiconTerm

    lexicon = ctx.one("lexicon")
    assert isinstance(lexicon.model, Lexicon)  # noqa: S101 - Takes has checked the kind
    terms = list(layer_rows(lexicon, "terms.jsonl", LexiconTerm))
    judge = KeywordJudge(terms, version=lexicon.digest.removeprefix("sha256:")[:16])
    return _judge(ctx, ctx.one("subject"), judge)


class VerdictsJudge(Input):
    """Input of verdicts.judge."""

    responses: Annotated[str, Takes("responses")] = param(..., "Answers to judge", "要判定的回答")


@verb(
    "verdicts.judge",
    permission="build",
    cache=True,
    makes=("verdicts/v1",),
    help=("Judge by written rules whether each answer refuses", "按书面规则判定每条回答是否拒答"),
)
def verdicts_judge(ctx: JobContext, inp: VerdictsJudge) -> Draft:
    """Judge each answer as refused, answered or unjudged. Leave the verdicts."""
    return _judge(ctx, ctx.one("responses"), RefusalJudge())


def _judge(ctx: JobContext, subject: Loaded, judge: KeywordJudge | RefusalJudge) -> Draft:
    items = list(_items(subject))

    def counted() -> Iterator[Item]:
        for number, item in enumerate(items):
            ctx.progress(number, len(items))
            yield item

    with ctx.objects.writer() as out:
        model = seal(
            judge_items(counted(), judge), out, purpose=_purpose(subject), subject=subject.digest, judge=judge.card
        )
    ctx.progress(len(items), len(items))
    return Draft(
        model, (Layer(out.result.digest, out.result.size, JSONL, VERDICTS_LAYER),), subject.manifest.descriptor
    )


def _purpose(subject: Loaded) -> Literal["corpus", "generation", "must_refuse", "must_not_refuse"]:
    from quanheng.kinds.models import Responses

    return subject.model.purpose if isinstance(subject.model, Responses) else "corpus"


def _items(subject: Loaded) -> Iterable[Item]:
    """Yield what is to be judged: sampled documents by source, or answers by risk or aspect."""
    if subject.kind.startswith("sample/"):
        for row in subject.rows("items.jsonl"):
            yield Item(str(row["id"]), str(row["source"]), str(row["text"]))
        return
    for row in subject.rows("responses.jsonl"):
        text = None if row["error"] else str(row["answer"])
        yield Item(str(row["id"]), str(row["risk"] or row["aspect"]), text)


class VerdictsEnter(Input):
    """Input of verdicts.enter."""

    subject: Annotated[str, Takes("sample", "responses")] = param(
        ..., "Sample or responses that were reviewed", "已复核的样本或回答"
    )
    file: Annotated[str, Local()] = param(
        ..., "JSONL or CSV with id, verdict and reason", "含 id、verdict、reason 的 JSONL 或 CSV 文件"
    )
    reviewer: str = param(
        ...,
        "Code of the reviewer or team (not a name)",
        "复核人或小组的代号（不用真名）",
        pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$",
    )


@verb(
    "verdicts.enter",
    permission="review",
    cache=True,
    makes=("verdicts/v1",),
    help=("Enter the verdicts of people", "录入人工复核结论"),
)
def verdicts_enter(ctx: JobContext, inp: VerdictsEnter) -> Draft:
    """Leave people's verdicts on a sample or on answers; every id must belong to the subject, none twice."""
    from quanheng.kinds.oversight import Judge

    subject = ctx.one("subject")
    groups = {item.id: item.group for item in _items(subject)}
    rows = read_verdicts(local_path(inp.file), groups)
    judge = Judge(type="human", method="manual", name=inp.reviewer, version="1")
    with ctx.objects.writer() as out:
        model = seal(rows, out, purpose=_purpose(subject), subject=subject.digest, judge=judge)
    return Draft(
        model, (Layer(out.result.digest, out.result.size, JSONL, VERDICTS_LAYER),), subject.manifest.descriptor
    )


class AssessmentRun(Input):
    """Input of assessment.run."""

    rulepack: Annotated[str, Takes("rulepack")] = param(..., "Rule pack", "规则包")
    corpus: Annotated[str | None, Takes("corpus")] = param(None, "Corpus", "训练数据（语料）")
    lexicon: Annotated[str | None, Takes("lexicon")] = param(None, "Keyword library", "关键词库")
    banks: Annotated[list[str], Takes("benchmark")] = param([], "Question banks", "测试题库")
    responses: Annotated[list[str], Takes("responses")] = param([], "Answers", "模型回答")
    verdicts: Annotated[list[str], Takes("verdicts")] = param([], "Verdicts", "判定结论")
    sources: Annotated[list[str], Takes("source"), Filled()] = param([], "Sources of the corpus", "训练数据的来源")
    samples: Annotated[list[str], Takes("sample"), Filled()] = param([], "Every sample drawn", "抽取过的全部样本")
    withdrawn_draws: Annotated[int, Filled()] = param(0, "Samples drawn and withdrawn", "抽取后又撤回的样本数")


def complete_assessment(session: Session, inp: AssessmentRun) -> AssessmentRun:
    """Fill in what an assessor may not choose: the corpus' sources, every sample drawn from it in this project, and
    every verdict on those samples and on the answers.
    """
    from quanheng.core.lineage import ancestors, descendants
    from quanheng.core.models import Artifact
    from quanheng.core.resolve import find_artifact

    update: dict[str, Any] = {}
    judged = [find_artifact(session, name, Takes("responses")) for name in inp.responses]
    if inp.corpus is not None:
        corpus = find_artifact(session, inp.corpus, Takes("corpus"))
        drawn = {step.digest for step in descendants(corpus) if step.kind.startswith("sample/")}
        here = Artifact.objects.filter(digest__in=drawn, placement__project_id=session.project_id)
        samples = sorted(here.filter(withdrawn_at=None).values_list("digest", flat=True))
        update = {
            "corpus": corpus,
            "sources": [step.digest for step in ancestors(corpus, 1) if step.kind.startswith("source/")],
            "samples": samples,
            "withdrawn_draws": here.exclude(withdrawn_at=None).count(),
        }
        judged += samples
    given = [find_artifact(session, name, Takes("verdicts")) for name in inp.verdicts]
    found = {step.digest for digest in judged for step in descendants(digest, 1) if step.kind.startswith("verdicts/")}
    further = Artifact.objects.filter(
        digest__in=found - set(given), placement__project_id=session.project_id, withdrawn_at=None
    )
    update["verdicts"] = [*dict.fromkeys(given), *sorted(further.values_list("digest", flat=True))]
    return inp.model_copy(update=update)


@verb(
    "assessment.run",
    permission="build",
    cache=True,
    makes=("assessment/v1",),
    prepare=complete_assessment,
    help=("Assess against a rule pack; every number can be recomputed", "按规则包评估；每个数字都可复算"),
)
def assessment_run(ctx: JobContext, inp: AssessmentRun) -> Draft:
    """Evaluate every rule of the pack on the evidence given. Leave the assessment."""
    from quanheng.kinds.oversight import RulePack

    pack = ctx.one("rulepack")
    if not isinstance(pack.model, RulePack):
        raise Invalid(
            "that is no rule pack",
            "这不是规则包",
            hint=(
                "List them: quanheng artifact list --kind rulepack",
                "查看规则包：quanheng artifact list --kind rulepack",
            ),
        )
    found = assess(pack.model, evidence_of(ctx), rulepack_digest=pack.digest, withdrawn_draws=inp.withdrawn_draws)
    return Draft(found)


def evidence_of(ctx: JobContext) -> Evidence:
    """Return the artifacts given to an assessment as the rule engine takes them."""
    return Evidence(
        sources=_held(ctx.many("sources")),
        corpus=_first(ctx.many("corpus")),
        samples=_held(ctx.many("samples")),
        verdicts=_held(ctx.many("verdicts")),
        lexicon=_first(ctx.many("lexicon")),
        banks=_held(ctx.many("banks")),
        responses=_held(ctx.many("responses")),
    )


def _held(items: list[Loaded]) -> tuple[Any, ...]:
    return tuple(Held(item.digest, item.model, item.open_layer) for item in items)


def _first(items: list[Loaded]) -> Any:
    return _held(items)[0] if items else None
