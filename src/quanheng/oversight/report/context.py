"""What a report shows beside the assessment itself: the artifacts it was computed from, and how to verify them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from quanheng.kinds.base import Kind, Say
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.lexicons import Lexicon
from quanheng.kinds.models import Benchmark, Endpoint, LanguageModel, Responses
from quanheng.kinds.oversight import RulePack
from quanheng.kinds.samples import Sample
from quanheng.kinds.sources import Source

K = TypeVar("K", bound=Kind)
#: The date of a document without a signed time; the members of our zip files have it too.
NO_TIME = datetime(1980, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Held(Generic[K]):
    """One artifact as a report names it: its digest and its config."""

    digest: str
    kind: K


@dataclass(frozen=True)
class Proof:
    """The signed checkpoint that holds the assessment's entries. `witness`: who else holds the root, None if nobody."""

    entries: int
    root: str
    time: str
    fingerprint: str
    witness: Say | None = None

    @property
    def at(self) -> datetime | None:
        """Return `time` to the second, None when it is not written as "YYYY-MM-DD hh:mm:ss" in UTC."""
        try:
            return datetime.strptime(self.time[:19].replace("T", " "), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            return None


@dataclass(frozen=True)
class ReportContext:
    """Everything `render` needs besides the assessment. `made_on` is a date or time as it is to be printed."""

    project: str
    report_id: str
    made_on: str
    version: str
    rulepack: RulePack
    assessment_digest: str | None = None
    proof: Proof | None = None
    bundle_name: str = "bundle.zip"
    corpus: Held[Corpus] | None = None
    sources: tuple[Held[Source], ...] = ()
    samples: tuple[Held[Sample], ...] = ()
    lexicon: Held[Lexicon] | None = None
    banks: tuple[Held[Benchmark], ...] = ()
    responses: tuple[Held[Responses], ...] = ()
    model: Held[LanguageModel] | None = None
    endpoint: Held[Endpoint] | None = None

    @property
    def model_name(self) -> str:
        """Return the name of the model that was asked, "" when none is known."""
        if self.endpoint:
            return self.endpoint.kind.model
        return self.model.kind.name if self.model else ""

    @property
    def made_at(self) -> datetime:
        """Return the date a document carries: the time of the checkpoint, a fixed one without. Never the clock's."""
        return (self.proof.at if self.proof else None) or NO_TIME
