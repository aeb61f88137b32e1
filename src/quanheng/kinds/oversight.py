"""Kinds of oversight: who judged what, the rules as data, and the assessment computed from both.

The shape of `Result` is a promise: `quanheng.store.verify` recomputes it with the standard library alone.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from quanheng.kinds.base import Count, DecimalText, Digest, Kind, Model, Rate, Say, Slug, register_kind

#: 符合 / 不符合 / 不适用 / 待补充
Verdict = Literal["conforms", "fails", "not_applicable", "pending"]
#: 应 / 宜 / 提示 (practice of the filing offices, not in the text)
Force = Literal["shall", "should", "warn"]
#: Where a rule's content was seen: S1 official text, S1-draft, S1-old (superseded text),
#: S2-verbatim (quoted word for word), S2 secondary, R recalled.
Basis = Literal["S1", "S1-draft", "S1-old", "S2-verbatim", "S2", "R"]
#: What one item was judged to be. `unjudged`: no one could tell, for example an empty or garbled answer.
ItemVerdict = Literal["pass", "fail", "refused", "answered", "unjudged"]
#: What was judged: a sample of the corpus, or the answers to one of the three banks.
Judged = Literal["corpus", "generation", "must_refuse", "must_not_refuse"]
#: 人工抽检 / 关键词抽检 / 分类模型抽检 / 拒答规则
Method = Literal["manual", "keyword", "classifier", "refusal_rules"]
RuleKind = Literal[
    "prop_lower",
    "prop_upper",
    "prop_lower_judge",
    "prop_upper_judge",
    "prop_lower_fpc",
    "prop_upper_worst",
    "count",
    "count_per",
    "coverage",
    "ratio",
]
RuleId = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)+$")]
Day = Annotated[str, StringConstraints(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]
Positive = Annotated[int, Field(ge=1, le=2**53 - 1)]


class Judge(Model):
    """Who or what judged. A machine judge is validated once its error was measured against people's verdicts."""

    type: Literal["machine", "human"]
    method: Method
    name: Slug
    version: str
    validated: bool = False
    sensitivity: Rate | None = None
    specificity: Rate | None = None

    @model_validator(mode="after")
    def _validated_has_rates(self) -> Judge:
        if self.validated and self.type == "machine" and not (self.sensitivity and self.specificity):
            raise ValueError("a validated machine judge states its sensitivity and specificity")
        return self


class VerdictRow(Model):
    """One line of the layer verdicts.jsonl. `group`: the source, risk or aspect the item belongs to."""

    id: str
    group: str
    verdict: ItemVerdict
    reason: str = ""
    spans: tuple[tuple[int, int], ...] = ()


@register_kind
class Verdicts(Kind):
    """Verdicts on each item of one sample or one set of responses; layer verdicts.jsonl holds `VerdictRow`s."""

    kind: ClassVar[str] = "verdicts/v1"
    purpose: Judged
    subject: Digest
    judge: Judge
    n: Count
    counts: dict[ItemVerdict, Count]

    @model_validator(mode="after")
    def _counts_add_up(self) -> Verdicts:
        if sum(self.counts.values()) != self.n:
            raise ValueError("counts do not add up to n")
        return self


class Threshold(Model):
    """A share at least, or at most, `num`/`den`, on at least `min_n` items or `min_share` of the population."""

    form: Literal["at_least", "at_most"]
    num: Count
    den: Positive
    min_n: Positive | None = None
    min_share: Rate | None = None


class GroupFloor(Model):
    """At least `at_least` items for each group whose id is in `groups`."""

    groups: tuple[str, ...]
    at_least: Positive


class Floor(Model):
    """At least `total` items altogether, and the floors of the groups."""

    total: Positive | None = None
    per_group: tuple[GroupFloor, ...] = ()


class Reads(Model):
    """What a rule looks at: `item` names the evidence; `method` the way its items must have been judged."""

    item: Literal["sources", "corpus", "lexicon", "bank", "verdicts"]
    #: of a bank or of verdicts
    purpose: Judged | None = None
    method: Method | None = None
    #: of sources and corpus: the property that is measured
    field: Literal["per_type", "overseas", "licence", "collection_record", "filtered", "personal_data"] | None = None


class Rule(Model):
    """One clause as something that can be measured. `clause` as read, `clause_final` in the text now in force."""

    id: RuleId
    title: Say
    clause: str
    clause_final: Say
    #: True once a person compared number and wording with the official copy
    clause_checked: bool = False
    measure: Say
    threshold: Say
    kind: RuleKind
    force: Force
    basis: Basis
    basis_note: Say
    #: what to provide when it is missing
    provide: Say
    reads: Reads
    test: Threshold | None = None
    floor: Floor | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Rule:
        wants_floor = self.kind in ("count", "count_per")
        if wants_floor != (self.floor is not None) or wants_floor == (self.test is not None):
            raise ValueError(
                f"{self.id}: kind {self.kind} needs {'a floor' if wants_floor else 'a test'}, and only that"
            )
        return self


@register_kind
class RulePack(Kind):
    """The checkable rules of one instrument. `text_checked_by` is empty until a person compared it with the text."""

    kind: ClassVar[str] = "rulepack/v1"
    id: Slug
    title: Say
    instrument: Say
    read_from: Say
    text_checked_by: str = ""
    text_checked_on: Day = ""
    note: Say
    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> RulePack:
        ids = [rule.id for rule in self.rules]
        if len(set(ids)) != len(ids):
            raise ValueError("two rules have the same id")
        return self


class Counted(Model):
    """One count anybody can repeat.

    Either the number of rows of the JSONL layer `layer` whose fields all equal `where`, or the integer
    (of a list or object: its length) at the JSON `pointer` of the artifact's config.
    """

    artifact: Digest
    layer: str | None = None
    pointer: str | None = None
    where: dict[str, str | int | bool] = Field(default_factory=dict)
    value: Count

    @model_validator(mode="after")
    def _layer_or_pointer(self) -> Counted:
        if (self.layer is None) == (self.pointer is None):
            raise ValueError("a count names a layer or a pointer, and not both")
        if self.pointer is not None and self.where:
            raise ValueError("`where` selects rows of a layer")
        return self


class Total(Model):
    """A number as the sum of counts."""

    value: Count
    counts: tuple[Counted, ...]

    @model_validator(mode="after")
    def _adds_up(self) -> Total:
        if sum(count.value for count in self.counts) != self.value:
            raise ValueError("the counts do not add up to the value")
        return self


class Bound(Model):
    """An exact one-sided Clopper–Pearson bound on k of n, six decimals."""

    side: Literal["lower", "upper"]
    value: DecimalText
    confidence: Literal["0.95"] = "0.95"


class Test(Model):
    """How the verdict follows from k and n. "none": it does not follow from k and n alone; the notes say why."""

    __test__: ClassVar[bool] = False  # pytest: not a test class
    form: Literal["at_least", "at_most", "none"]
    num: Count
    den: Positive
    min_n: Count | None = None


class Note(Model):
    """A stable code for programs, and the sentence."""

    code: Slug
    en: str
    zh: str


class Need(Model):
    """What somebody has to do next: how many of what. `code` lets the report name the effort."""

    code: Literal["review", "ask", "licence", "record", "terms", "questions", "sources", "draw", "model", "provide"]
    amount: Count
    en: str
    zh: str


class Result(Model):
    """One rule measured. `decisive`: a failure of it alone makes the assessment fail."""

    rule: RuleId
    verdict: Verdict
    k: Total | None = None
    n: Total | None = None
    value: DecimalText | None = None
    bound: Bound | None = None
    test: Test
    #: the threshold of a rule whose verdict does not follow from k and n alone (test.form "none")
    recommended: Threshold | Floor | None = None
    force: Force
    decisive: bool
    required_k: Count | None = None
    notes: tuple[Note, ...] = ()
    details: tuple[Say, ...] = ()
    need: Need | None = None
    computed_from: tuple[Digest, ...] = ()

    def has(self, code: str) -> bool:
        """Return whether a note of this code stands on the result."""
        return any(note.code == code for note in self.notes)


class Tally(Model):
    """How many rules have each verdict. `below_recommended` and `thin_margin` are among those that conform."""

    conforms: Count
    fails: Count
    not_applicable: Count
    pending: Count
    below_recommended: Count
    thin_margin: Count


class Draw(Model):
    """One sample that was drawn, also one that was not used. A redraw stays visible."""

    sample: Digest
    purpose: str
    n: Count
    population: Count
    draw_no: Count
    self_drawn: bool


class JudgeUse(Model):
    """A judge and the verdicts it gave."""

    verdicts: Digest
    purpose: Judged
    judge: Judge
    n: Count
    unjudged: Count


class RulePackRef(Model):
    """The rule pack an assessment was computed with."""

    digest: Digest | None
    id: Slug
    title: Say
    instrument: Say
    text_checked_by: str
    text_checked_on: Day


@register_kind
class Assessment(Kind):
    """Every rule of a pack with its verdict, and what the verdicts add up to."""

    kind: ClassVar[str] = "assessment/v1"
    rulepack: RulePackRef
    results: tuple[Result, ...]
    tally: Tally
    overall: Verdict
    self_drawn: bool
    draws: tuple[Draw, ...] = ()
    #: Samples of the corpus that were drawn and then withdrawn; they can no longer be read, but they were drawn.
    withdrawn_draws: Count = 0
    judges: tuple[JudgeUse, ...] = ()
