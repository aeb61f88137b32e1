"""The terms that text is reviewed by."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from quanheng.kinds.base import Count, Day, Digest, Kind, Model, Rate, Title, register_kind
from quanheng.kinds.risks import KnownRisk

Evasion = Literal["traditional", "inserted", "pinyin", "homophone", "split", "lookalike", "reversed"]


class LexiconTerm(Model):
    """One line of a lexicon's terms.jsonl. No mode drops a document: a hit is counted, or counted and listed.

    `combine` (组合词): counts only with one of `with_terms` within `within` characters. `unless`: a hit that one of
    these contains or touches is none. `evasion`: by which evasions the term is also found. `expires`: its last day.
    `added` and `owner` ("" for the owner of the lexicon) since lexicon/v3; rows of earlier versions have neither.
    """

    term: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    risk: KnownRisk
    mode: Literal["review", "count", "combine"] = "review"
    expires: Day | None = None
    note: str = ""
    category: str = ""
    weight: Annotated[int, Field(ge=1, le=100)] = 10
    with_terms: tuple[str, ...] = ()
    within: Annotated[int, Field(ge=1, le=1000)] = 30
    unless: tuple[str, ...] = ()
    evasion: tuple[Evasion, ...] = ("traditional", "inserted", "lookalike")
    added: Day | None = None
    owner: str = ""

    def is_in_force(self, as_of: str) -> bool:
        """Return whether the term counts on the day `as_of` ("YYYY-MM-DD"): it does up to and on its last day."""
        return self.expires is None or as_of <= self.expires

    @model_validator(mode="after")
    def _combined_with_something(self) -> LexiconTerm:
        if self.mode == "combine" and not self.with_terms:
            raise ValueError("a term of mode combine has with_terms")
        return self


@register_kind
class Lexicon(Kind):
    """Terms with the risk each stands for, owned by somebody; layer terms.jsonl holds `LexiconTerm`s."""

    kind: ClassVar[str] = "lexicon/v1"
    title: Title
    version: str
    terms: Count
    per_risk: dict[KnownRisk, Count]
    owner: str
    note: str = ""

    @model_validator(mode="after")
    def _terms_are_counted(self) -> Lexicon:
        if self.terms != sum(self.per_risk.values()):
            raise ValueError("terms differs from the sum over risks")
        return self


class Admission(Model):
    """How terms did on a benign corpus of so many documents: `demoted` of them hit too often and lost their mode.

    Layer admission.jsonl holds the evidence: term, k of n documents, excerpts.
    """

    corpus: Digest
    documents: Count
    #: The largest share of documents that a term of mode "review" may hit.
    limit: Rate
    demoted: Count


@register_kind
class LexiconV2(Lexicon):
    """A lexicon whose terms may combine, except and evade, with its admission test where it had one."""

    kind: ClassVar[str] = "lexicon/v2"
    admission: Admission | None = None


@register_kind
class LexiconV3(LexiconV2):
    """A lexicon whose terms may tell when they were added and who answers for each.

    `bad_rows`: rows of the file that were no terms and were left out; layer bad_rows.jsonl holds them with reasons.
    """

    kind: ClassVar[str] = "lexicon/v3"
    bad_rows: Count = 0
