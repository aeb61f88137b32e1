"""What the pages of the oversight wing show, as queries: the items behind a rule, risks, draws, verdicts with texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from quanheng.core import clock
from quanheng.core.artifacts import load, load_digest
from quanheng.core.context import Loaded
from quanheng.core.inputs import Input, Takes, param
from quanheng.core.layer_rows import layer_rows
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.errors import NotFound
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.lexicons import Lexicon
from quanheng.kinds.models import ITEMS_LAYER, RESPONSES_LAYER, Benchmark, Question, Response, Responses
from quanheng.kinds.oversight import Assessment, Counted, Floor, Result, Rule, RulePack, VerdictRow, Verdicts
from quanheng.kinds.risks import ASPECT_NAMES, RISKS
from quanheng.kinds.samples import Sample, SampleItem
from quanheng.kinds.sources import Source
from quanheng.oversight.rules import VERDICTS_LAYER

MOST = 200
#: Verdicts in the order in which pages list them: what counts against first.
VERDICT_WORDS = ("fail", "answered", "refused", "unjudged", "pass")
ItemVerdict = Literal["", "all", "pass", "fail", "refused", "answered", "unjudged"]


class OneAssessment(Input):
    """Names an assessment."""

    assessment: Annotated[str, Takes("assessment")] = param(..., "Assessment", "评估")


class AssessmentItems(OneAssessment):
    """Input of assessment.items."""

    rule: str = param(..., "Id of the rule", "规则编号", max_length=100)
    verdict: ItemVerdict = param(
        "",
        "Only items judged so; left out: those that count against the rule",
        "只看这种判定；不填则看对该规则不利的条目",
    )
    after: int = param(0, "Pass over so many items", "跳过前多少条", ge=0)
    limit: int = param(20, "At most so many (1 to 200)", "最多多少条（1 至 200）", ge=1, le=MOST)


@dataclass(frozen=True)
class Evidence:
    """What an assessment was computed from, by the role each artifact had, in the order of its inputs."""

    loaded: Loaded
    assessment: Assessment
    by_role: Mapping[str, tuple[Loaded, ...]] = field(default_factory=dict)

    @property
    def rulepack(self) -> RulePack | None:
        """Return the rule pack, None when the assessment does not name one."""
        found = self.first("rulepack")
        return found.model if found and isinstance(found.model, RulePack) else None

    def first(self, role: str) -> Loaded | None:
        """Return the first artifact of a role."""
        return next(iter(self.by_role.get(role, ())), None)

    def all(self, role: str) -> tuple[Loaded, ...]:
        """Return the artifacts of a role."""
        return tuple(self.by_role.get(role, ()))

    def by_digest(self, digest: str) -> Loaded | None:
        """Return an artifact of the evidence by its digest."""
        return next((item for items in self.by_role.values() for item in items if item.digest == digest), None)

    def place(self, rule_id: str) -> int:
        """Return where a rule stands among the results; NotFound names those there are."""
        ids = [result.rule for result in self.assessment.results]
        if rule_id in ids:
            return ids.index(rule_id)
        raise NotFound(
            f"the assessment has no rule {rule_id[:100]!r}",
            f"该评估没有规则 {rule_id[:100]!r}",
            hint=("Its rules: " + ", ".join(ids), "它的规则：" + "、".join(ids)),
            code="no_such_rule",
        )


def evidence_of(session: Session, loaded: Loaded) -> Evidence:
    """Return the artifacts that an assessment names as its inputs; whoever sees it may see them."""
    assert isinstance(loaded.model, Assessment)  # noqa: S101 - the caller has checked the kind
    found: dict[str, list[Loaded]] = {}
    for role, digest in inputs_of(loaded):
        found.setdefault(role, []).append(load_digest(session, digest))
    return Evidence(loaded, loaded.model, {role: tuple(items) for role, items in found.items()})


def inputs_of(loaded: Loaded) -> list[tuple[str, str]]:
    """Return (role, digest) of what an artifact was made from."""
    inputs = loaded.made_by.get("inputs")
    items = [item for item in inputs if isinstance(item, dict)] if isinstance(inputs, list) else []
    return [(str(item["role"]), str(item["digest"])) for item in items]


@query(
    "assessment.items",
    help=("Show the items that a rule's verdict rests on", "查看规则结论所依据的条目"),
)
def assessment_items(session: Session, inp: AssessmentItems) -> Any:
    """Return the items behind one rule; `of` says what they are.

    "verdicts": judged documents or answers, those that count against the rule first asked for; "groups": how many
    terms or questions each group has; "sources": the sources with what the rule asks of them; "": none.
    """
    evidence = evidence_of(session, load(session, inp.assessment, "assessment"))
    result = evidence.assessment.results[evidence.place(inp.rule)]
    rule = rule_of(evidence, inp.rule)
    counted = verdict_counts(result)
    head = {"digest": evidence.loaded.digest, "rule": inp.rule}
    if counted:
        return {**head, **_judged(session, evidence, rule, result, inp)}
    if rule and rule.reads.item in ("lexicon", "bank"):
        return {**head, **_groups(evidence, rule, result)}
    if rule and rule.reads.field in SOURCE_FIELDS:
        return {**head, **_sources(evidence, rule)}
    return {**head, "of": "", "rows": [], "next": None}


def rule_of(evidence: Evidence, rule_id: str) -> Rule | None:
    """Return a rule of the pack the assessment was computed with."""
    pack = evidence.rulepack
    return next((rule for rule in pack.rules if rule.id == rule_id), None) if pack else None


def verdict_counts(result: Result) -> list[Counted]:
    """Return the counts over rows of verdicts that n of a result is the sum of."""
    return [count for count in (result.n.counts if result.n else ()) if count.layer == VERDICTS_LAYER]


def against(rule: Rule | None, result: Result) -> list[str]:
    """Return the item verdicts that count against a rule: in n and not in k, or in k where a share must be low."""
    in_k = [str(count.where["verdict"]) for count in (result.k.counts if result.k else ())]
    in_n = [str(count.where["verdict"]) for count in verdict_counts(result)]
    form = rule.test.form if rule and rule.test else result.test.form
    return in_k if form == "at_most" else [word for word in in_n if word not in in_k]


def _judged(
    session: Session, evidence: Evidence, rule: Rule | None, result: Result, inp: AssessmentItems
) -> dict[str, Any]:
    counted = verdict_counts(result)
    verdicts = evidence.by_digest(counted[0].artifact)
    if verdicts is None or not isinstance(verdicts.model, Verdicts):  # an assessment may have been registered by hand
        raise NotFound(
            f"the assessment counts in {counted[0].artifact}, which is not among its verdicts",
            f"该评估引用的 {counted[0].artifact} 不在其判定结论之中",
            hint=("Run the assessment again.", "请重新评估。"),
            code="not_among_evidence",
        )
    group = str(counted[0].where.get("group", ""))
    unfavourable = against(rule, result)
    wanted = _wanted(inp.verdict) or unfavourable
    found = judged_rows(session, verdicts, wanted, group, inp.after, inp.limit)
    return {"of": "verdicts", "against": unfavourable, "group": group, **found}


def _wanted(verdict: str) -> list[str]:
    """Return the verdicts that a caller asked for; none where nothing was asked."""
    return list(VERDICT_WORDS) if verdict == "all" else [verdict] if verdict else []


def judged_rows(
    session: Session, verdicts: Loaded, wanted: list[str], group: str, after: int, limit: int
) -> dict[str, Any]:
    """Return one page of the rows of verdicts, each with the text that was judged, and the counts of all verdicts.

    wanted: the verdicts asked for; group: only of this source, risk or aspect, "" for all.
    """
    model = verdicts.model
    assert isinstance(model, Verdicts)  # noqa: S101 - the caller has checked the kind
    counts: Counter[str] = Counter()
    page: list[dict[str, Any]] = []
    met = 0
    for row in layer_rows(verdicts, VERDICTS_LAYER, VerdictRow):
        if group not in ("", row.group):
            continue
        counts[row.verdict] += 1
        if row.verdict in wanted:
            met += 1
            if after < met <= after + limit:
                page.append(row.model_dump(mode="json"))
    about = Judged.of(session, verdicts)
    texts = about.texts({str(row["id"]) for row in page})
    return {
        "verdicts": verdicts.digest,
        "subject": model.subject,
        "purpose": model.purpose,
        "bank": about.bank.digest if about.bank else "",
        "counts": {word: counts[word] for word in VERDICT_WORDS if counts[word]},
        "shown": wanted,
        "found": met,
        "rows": [{**row, **texts.get(str(row["id"]), NO_TEXT)} for row in page],
        "next": after + limit if met > after + limit else None,
    }


#: What stands for an item whose text cannot be found.
NO_TEXT: dict[str, Any] = {"text": "", "question": "", "title": "", "error": None}


@dataclass(frozen=True)
class Judged:
    """What verdicts are about: a sample of documents, or answers with the bank that asked."""

    subject: Loaded
    bank: Loaded | None = None
    titles: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(session: Session, verdicts: Loaded) -> Judged:
        """Return the subject of verdicts, as far as it is in the project: a config may name any digest."""
        assert isinstance(verdicts.model, Verdicts)  # noqa: S101 - the caller has checked the kind
        subject = load(session, verdicts.model.subject, "sample", "responses")
        inputs = dict(inputs_of(subject))
        if isinstance(subject.model, Responses):
            return Judged(subject, load_digest(session, inputs["bank"]) if "bank" in inputs else None)
        corpus = load_digest(session, inputs["corpus"]).model if "corpus" in inputs else None
        shares = corpus.per_source if isinstance(corpus, Corpus) else ()
        return Judged(subject, None, {share.source: share.title for share in shares})

    @property
    def layer(self) -> str:
        """Return the layer that holds the texts."""
        return RESPONSES_LAYER if isinstance(self.subject.model, Responses) else ITEMS_LAYER

    def texts(self, ids: set[str]) -> dict[str, dict[str, Any]]:
        """Return the texts of these items by id: a document and its source, or a question with its answer."""
        if not ids:
            return {}
        if isinstance(self.subject.model, Sample):
            return {
                row.id: {**NO_TEXT, "text": row.text, "title": self.titles.get(row.source, "")}
                for row in layer_rows(self.subject, ITEMS_LAYER, SampleItem)
                if row.id in ids
            }
        asked = layer_rows(self.bank, ITEMS_LAYER, Question) if self.bank else ()
        questions = {row.id: row.question for row in asked if row.id in ids}
        return {
            row.id: {**NO_TEXT, "text": row.answer, "error": row.error, "question": questions.get(row.id, "")}
            for row in layer_rows(self.subject, RESPONSES_LAYER, Response)
            if row.id in ids
        }


def _groups(evidence: Evidence, rule: Rule, result: Result) -> dict[str, Any]:
    """Return how many terms or questions each group has against the least that the rule asks for."""
    floor = rule.floor or Floor()
    least = {group: part.at_least for part in floor.per_group for group in part.groups}
    stock = next((item for digest in result.computed_from if (item := evidence.by_digest(digest))), None)
    model = stock.model if stock else None
    if not stock or not isinstance(model, Lexicon | Benchmark):
        return {"of": "", "rows": [], "next": None}
    aspects = {str(aspect): n for aspect, n in model.per_aspect.items()} if isinstance(model, Benchmark) else {}
    have = {**{str(risk): n for risk, n in model.per_risk.items()}, **aspects}
    rows = [
        {
            "group": group,
            "have": have.get(group, 0),
            "at_least": least.get(group, 0),
            "short": max(0, least.get(group, 0) - have.get(group, 0)),
            "field": "per_aspect" if group in ASPECT_NAMES else "per_risk",
        }
        for group in [*least, *sorted(set(have) - set(least))]
    ]
    return {"of": "groups", "artifact": stock.digest, "rows": rows, "next": None}


SOURCE_FIELDS = ("licence", "collection_record", "per_type", "overseas")


def _sources(evidence: Evidence, rule: Rule) -> dict[str, Any]:
    """Return the sources of the corpus with what the rule asks of them; `against`: it counts against the rule."""
    corpus = evidence.first("corpus")
    model = corpus.model if corpus else None
    if not corpus or not isinstance(model, Corpus):
        return {"of": "", "rows": [], "next": None}
    rows = []
    for index, part in enumerate(model.per_source):
        loaded = evidence.by_digest(part.source)
        source = loaded.model if loaded and isinstance(loaded.model, Source) else None
        rows.append(
            {
                "index": index,
                "source": part.source,
                "title": part.title,
                "region": part.region,
                "language": source.language if source else "",
                "origin": source.origin.type if source else "",
                "licence": source.licence.spdx if source else "",
                "licence_found": source.licence.found if source else "",
                "licence_clear": part.licence_clear,
                "has_record": source.collection.has_record if source else False,
                "documents_kept": part.documents_kept,
                "against": _counts_against(rule, source),
            }
        )
    return {"of": "sources", "artifact": corpus.digest, "field": rule.reads.field, "rows": rows, "next": None}


def _counts_against(rule: Rule, source: Source | None) -> bool:
    if source is None:
        return True
    if rule.reads.field == "licence":
        return source.origin.type == "open" and not source.licence.clear
    if rule.reads.field == "collection_record":
        return source.origin.type == "self_collected" and not source.collection.has_record
    return rule.reads.field == "overseas" and source.origin.region != "domestic"


class VerdictsItems(Input):
    """Input of verdicts.items."""

    verdicts: Annotated[str, Takes("verdicts")] = param(..., "Verdicts", "判定结论")
    verdict: ItemVerdict = param("all", "Only items judged so", "只看这种判定")
    group: str = param("", "Only of this source, risk or aspect", "只看该来源、风险或方面", max_length=200)
    after: int = param(0, "Pass over so many items", "跳过前多少条", ge=0)
    limit: int = param(20, "At most so many (1 to 200)", "最多多少条（1 至 200）", ge=1, le=MOST)


@query("verdicts.items", help=("Show verdicts with the texts they are about", "查看判定结论及其所判定的文本"))
def verdicts_items(session: Session, inp: VerdictsItems) -> Any:
    """Return rows of verdicts, each with its document, or its question and answer."""
    loaded = load(session, inp.verdicts, "verdicts")
    return judged_rows(session, loaded, _wanted(inp.verdict) or list(VERDICT_WORDS), inp.group, inp.after, inp.limit)


@query("assessment.risks", help=("Show what was measured for each of the 31 risks", "按 31 类风险查看测得的情况"))
def assessment_risks(session: Session, inp: OneAssessment) -> Any:
    """Return for every risk, and every aspect of must-not-refuse questions, what there is and what was found.

    Each has terms of the lexicon, hits in the corpus, and per bank: questions, asked, and how answers were judged.
    `judges` says which verdicts that was counted in: people's where there are some.
    """
    evidence = evidence_of(session, load(session, inp.assessment, "assessment"))
    banks = {purpose: _bank(evidence, purpose) for purpose in PURPOSES}
    lexicon, corpus = evidence.first("lexicon"), evidence.first("corpus")
    terms = lexicon.model.per_risk if lexicon and isinstance(lexicon.model, Lexicon) else {}
    hits = corpus.model.filtered.per_risk if corpus and isinstance(corpus.model, Corpus) else {}
    rows = [
        {
            "risk": risk.id,
            "class": risk.of.id,
            "terms": terms.get(risk.id, 0),
            "hits": hits.get(risk.id, 0),
            **{purpose: banks[purpose].row(risk.id, "risk") for purpose in PURPOSES},
        }
        for risk in RISKS.values()
    ]
    aspects = [
        {"aspect": aspect, "must_not_refuse": banks["must_not_refuse"].row(aspect, "aspect")} for aspect in ASPECT_NAMES
    ]
    return {
        "digest": evidence.loaded.digest,
        "lexicon": lexicon.digest if lexicon else "",
        "corpus": corpus.digest if corpus else "",
        "banks": {purpose: bank.digests() for purpose, bank in banks.items()},
        "rows": rows,
        "aspects": aspects,
    }


PURPOSES = ("must_refuse", "must_not_refuse", "generation")


@dataclass(frozen=True)
class _Bank:
    """One bank of an assessment: its questions, the answers, and the verdicts on them."""

    bank: Loaded | None
    responses: Loaded | None
    verdicts: Loaded | None
    asked: Counter[tuple[str, str]]
    judged: Counter[tuple[str, str]]

    def row(self, group: str, field: str) -> dict[str, int]:
        """Return the counts of one risk or aspect."""
        model = self.bank.model if self.bank else None
        per = (model.per_risk if field == "risk" else model.per_aspect) if isinstance(model, Benchmark) else {}
        found = {str(key): n for key, n in per.items()}
        words = {word: self.judged[group, word] for word in VERDICT_WORDS}
        return {"items": found.get(group, 0), "asked": self.asked[field, group], **words}

    def digests(self) -> dict[str, str]:
        """Return where the counts were taken from."""
        parts = {"bank": self.bank, "responses": self.responses, "verdicts": self.verdicts}
        return {name: part.digest if part else "" for name, part in parts.items()}


def _bank(evidence: Evidence, purpose: str) -> _Bank:
    """Return the bank for a purpose; of several answers and verdicts those the rules looked at: people's first."""
    banks = [b for b in evidence.all("banks") if isinstance(b.model, Benchmark) and b.model.purpose == purpose]
    responses = [r for r in evidence.all("responses") if isinstance(r.model, Responses) and r.model.purpose == purpose]
    verdicts = [
        (use.judge.type == "human", use.n, use.verdicts) for use in evidence.assessment.judges if use.purpose == purpose
    ]
    judged = evidence.by_digest(max(verdicts)[2]) if verdicts else None
    subject = judged.model.subject if judged and isinstance(judged.model, Verdicts) else ""
    answers = next((r for r in responses if r.digest == subject), next(iter(responses), None))
    asked: Counter[tuple[str, str]] = Counter()
    for answer in layer_rows(answers, RESPONSES_LAYER, Response) if answers else ():
        asked["risk" if answer.risk else "aspect", answer.group] += 1
    found: Counter[tuple[str, str]] = Counter()
    for row in layer_rows(judged, VERDICTS_LAYER, VerdictRow) if judged else ():
        found[row.group, row.verdict] += 1
    largest = max(banks, key=lambda b: b.model.items if isinstance(b.model, Benchmark) else 0, default=None)
    return _Bank(largest, answers, judged, asked, found)


@query("assessment.draws", help=("Show the draws behind an assessment, and who drew", "查看评估涉及的每次抽样及抽取人"))
def assessment_draws(session: Session, inp: OneAssessment) -> Any:
    """Return each sample with its commitment, who committed and who drew, when, and under which log entries."""
    evidence = evidence_of(session, load(session, inp.assessment, "assessment"))
    rows = []
    for place, made in enumerate(evidence.assessment.draws):
        loaded = evidence.by_digest(made.sample)  # None where an assessment registered by hand names another
        sample = loaded.model if loaded else None
        commitment = dict(inputs_of(loaded)).get("commitment", "") if loaded else ""
        checkpoint = sample.checkpoint if isinstance(sample, Sample) else None
        judged = [v.digest for v in evidence.all("verdicts") if _subject(v) == made.sample]
        rows.append(
            {
                "index": place,
                **made.model_dump(mode="json"),
                "commitment": commitment,
                "committed": _origin(commitment) if commitment else None,
                "drawn": _origin(made.sample) if loaded else None,
                "checkpoint": checkpoint.model_dump(mode="json") if checkpoint else None,
                "verdicts": judged,
            }
        )
    return {"digest": evidence.loaded.digest, "withdrawn": evidence.assessment.withdrawn_draws, "rows": rows}


def _subject(loaded: Loaded) -> str:
    return loaded.model.subject if isinstance(loaded.model, Verdicts) else ""


def _origin(digest: str) -> dict[str, Any]:
    """Return who made an artifact, when, and the index of the log entry about it."""
    from quanheng.core import log
    from quanheng.core.models import Artifact

    row = Artifact.objects.select_related("job__actor").get(digest=digest)
    return {
        "actor": row.job.actor.label,
        "created": clock.text_of(row.created_at),
        "entry": log.indexes_of_jobs([row.job_id]).get(row.job_id),
        "withdrawn": row.withdrawn_at is not None,
    }
