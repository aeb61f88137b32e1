"""What the pages of keyword libraries show, as queries: their terms, what runs out, admission, a text tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal, cast

from quanheng.core import bounded, clock
from quanheng.core.artifacts import load
from quanheng.core.context import Loaded
from quanheng.core.inputs import Input, Takes, param
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.data.lexicon_days import AS_OF, day_of
from quanheng.data.lexicon_verbs import EVIDENCE, TERMS
from quanheng.data.page_reading import MOST
from quanheng.kinds.lexicons import Lexicon, LexiconTerm, LexiconV2
from quanheng.store import JSON, Layer

if TYPE_CHECKING:
    from quanheng.data.corpus.admission import TermEvidence
    from quanheng.data.corpus.lexicon_rows import Columns, Days

#: Texts that can be tried are no longer.
TRIED = 20_000
_RISK = r"^([A-E]\.[0-9]+(\.[a-z])?)?$"
_DAY = r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$"


class OneLexicon(Input):
    """Names a keyword library."""

    lexicon: Annotated[str, Takes("lexicon")] = param(..., "Keyword library", "关键词库")


class OnDay(OneLexicon):
    """Names a keyword library, the day on which it is looked at, and which rows are wanted."""

    on: str = param("", "Day to look at it, YYYY-MM-DD; today when left out", "按哪一天查看，默认今天", pattern=_DAY)
    within: int = param(30, "Days ahead that count as running out", "多少天内到期算即将到期", ge=0, le=3650)
    after: int = param(0, "Pass over so many rows", "跳过前多少行", ge=0)
    limit: int = param(50, "At most so many (1 to 200)", "最多多少行（1 至 200）", ge=1, le=MOST)

    def days(self) -> Days:
        """Return the day and the last of the days that are near."""
        from quanheng.data.corpus.lexicon_rows import Days

        return Days.of(day_of(self.on, self.lexicon) or clock.now().date().isoformat(), self.within)


class LexiconTerms(OnDay):
    """Input of lexicon.terms."""

    text: str = param("", "Only terms in which this text stands", "只看含该文字的词", max_length=100)
    risk: str = param("", "Only terms of this risk", "只看此类风险的词", pattern=_RISK)
    mode: Literal["", "review", "count", "combine"] = param(
        "", "Only terms of this mode: review, count, combine", "只看此方式的词：review 复核、count 仅计数、combine 组合"
    )
    owner: str = param("", "Only terms of this owner", "只看该责任人的词", max_length=500)
    state: Literal["", "in_force", "expiring", "expired"] = param(
        "",
        "Only terms that are in force, expiring or expired",
        "只看此状态的词：in_force 有效、expiring 即将到期、expired 已过期",
    )


@dataclass(frozen=True)
class OpenLayer:
    """A layer that can be opened; two with the same digest are the same."""

    digest: str
    open: Callable[[], BinaryIO] = field(compare=False, hash=False)

    @classmethod
    def of(cls, loaded: Loaded, title: str) -> OpenLayer:
        """Return the layer of an artifact with this title."""
        layer: Layer = loaded.layer(title)
        return cls(layer.digest, lambda: loaded.open_bytes(layer))


@lru_cache(maxsize=4)
def columns_of(layer: OpenLayer) -> Columns:
    """Return the columns of a layer of terms; a page after page of one library reads them once."""
    from quanheng.data.corpus.lexicon_rows import read_columns

    with layer.open() as stream:
        return read_columns(stream)


@lru_cache(maxsize=4)
def _evidence_offsets(layer: OpenLayer) -> Sequence[int]:
    """Return where each line of a layer begins, and the end of the last."""
    offsets = [0]
    with layer.open() as stream:
        for line in stream:
            offsets.append(offsets[-1] + len(line))
    return offsets


def lexicon_of(session: Session, name: str) -> tuple[Loaded, Lexicon]:
    """Return the keyword library that `name` names, with its model."""
    loaded = load(session, name, "lexicon")
    assert isinstance(loaded.model, Lexicon)  # noqa: S101 - load has checked the kind
    return loaded, loaded.model


@query("lexicon.terms", help=("Show the terms of a keyword library", "查看关键词库的词条"))
def lexicon_terms(session: Session, inp: LexiconTerms) -> Any:
    """Return terms that fit, in order, each with its place, its state on the day and its admission evidence.

    `n`: how many fit. `states`, `owners`: how many terms of the whole library are in each state, and of each owner
    ("" is the library's own).
    """
    from quanheng.data.corpus.lexicon_rows import Filter, select

    loaded, model = lexicon_of(session, inp.lexicon)
    columns, days = columns_of(OpenLayer.of(loaded, TERMS)), inp.days()
    owner = "" if inp.owner == model.owner else inp.owner
    places = select(columns, Filter(inp.text, inp.risk, inp.mode, owner, inp.state), days)
    if inp.owner == model.owner:
        places = [place for place in places if columns.owners[place] in ("", model.owner)]
    page = places[inp.after : inp.after + inp.limit]
    evidence = _evidence_at(loaded, page)
    states = Counter(map(days.state, columns.expires))
    return {
        "digest": loaded.digest,
        "on": days.today,
        "until": days.near,
        "n": len(places),
        "states": {name: states[name] for name in ("in_force", "expiring", "expired")},
        "owners": _owners(columns, model),
        "rows": [{**row, "admission": evidence.get(row["place"])} for row in _rows(loaded, model, columns, page, days)],
        "next": inp.after + inp.limit if inp.after + inp.limit < len(places) else None,
    }


def _owners(columns: Columns, model: Lexicon) -> dict[str, int]:
    """Return terms by who answers for them, the most first; at most 100 owners."""
    return dict(Counter(owner or model.owner for owner in columns.owners).most_common(100))


def _rows(
    loaded: Loaded, model: Lexicon, columns: Columns, places: Sequence[int], days: Days
) -> Iterator[dict[str, Any]]:
    """Yield the terms at these places, with their state on the day."""
    from quanheng.data.corpus.lexicon_rows import rows_at

    with loaded.open_layer(TERMS) as stream:
        for place, line in zip(places, rows_at(stream, columns.offsets, places), strict=True):
            term = LexiconTerm.model_validate_json(line)
            yield {
                "place": place,
                **term.model_dump(mode="json"),
                "owner": term.owner or model.owner,
                "state": days.state(term.expires or ""),
                "days_left": days.left(term.expires) if term.expires else None,
            }


def _evidence_at(loaded: Loaded, places: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the admission evidence of the terms at these places; none where the library was not tested."""
    from quanheng.data.corpus.admission import TermEvidence
    from quanheng.data.corpus.lexicon_rows import rows_at

    if not (isinstance(loaded.model, LexiconV2) and loaded.model.admission):
        return {}
    offsets = _evidence_offsets(OpenLayer.of(loaded, EVIDENCE))
    with loaded.open_layer(EVIDENCE) as stream:
        lines = list(rows_at(stream, offsets, places))
    return {place: _told(TermEvidence.model_validate_json(line)) for place, line in zip(places, lines, strict=True)}


def _told(row: TermEvidence) -> dict[str, Any]:
    return row.model_dump(mode="json")


class LexiconExpiring(OnDay):
    """Input of lexicon.expiring."""


@query(
    "lexicon.expiring",
    help=("List the terms that have expired or soon will", "列出已过期和即将到期的词条"),
)
def lexicon_expiring(session: Session, inp: LexiconExpiring) -> Any:
    """Return terms with a last day before or within so many days, the earliest first; `days_left` < 0: expired."""
    from quanheng.data.corpus.lexicon_rows import running_out

    loaded, model = lexicon_of(session, inp.lexicon)
    columns, days = columns_of(OpenLayer.of(loaded, TERMS)), inp.days()
    places = running_out(columns, days)
    page = places[inp.after : inp.after + inp.limit]
    states = Counter(days.state(columns.expires[place]) for place in places)
    fields = ("term", "risk", "owner", "added", "expires", "days_left", "state")
    return {
        "on": days.today,
        "expired": states["expired"],
        "expiring": states["expiring"],
        "rows": [{name: row[name] for name in fields} for row in _rows(loaded, model, columns, page, days)],
        "next": inp.after + inp.limit if inp.after + inp.limit < len(places) else None,
    }


class LexiconEvidence(OneLexicon):
    """Input of lexicon.evidence."""

    which: Literal["", "demoted", "narrowed", "unproven"] = param(
        "",
        "Only terms that lost their mode (demoted), a disguise (narrowed), or of which little is proven (unproven)",
        "只看这些词：demoted 方式被降级、narrowed 不再查找某些变体、unproven 语料太小不足以证明",
    )
    after: int = param(0, "Pass over so many rows", "跳过前多少行", ge=0)
    limit: int = param(50, "At most so many (1 to 200)", "最多多少行（1 至 200）", ge=1, le=MOST)


@query(
    "lexicon.evidence",
    help=("Show the result of the admission test for each term", "查看每个词的入库检验结果"),
)
def lexicon_evidence(session: Session, inp: LexiconEvidence) -> Any:
    """Return the evidence of terms that fit, in order, each with its place; `tested`: whether there is any."""
    from quanheng.data.corpus.lexicon_rows import rows_at

    loaded, model = lexicon_of(session, inp.lexicon)
    if not (isinstance(model, LexiconV2) and model.admission):
        return {"digest": loaded.digest, "tested": False, "n": 0, "rows": [], "next": None}
    layer = OpenLayer.of(loaded, EVIDENCE)
    places = _which(layer)[inp.which]
    page = places[inp.after : inp.after + inp.limit]
    evidence = _evidence_at(loaded, page)
    with loaded.open_layer(TERMS) as stream:
        lines = rows_at(stream, columns_of(OpenLayer.of(loaded, TERMS)).offsets, page)
        terms = dict(zip(page, map(LexiconTerm.model_validate_json, lines), strict=True))
    return {
        "digest": loaded.digest,
        "tested": True,
        "n": len(places),
        "rows": [{"place": place, **evidence[place], "with_terms": list(terms[place].with_terms)} for place in page],
        "next": inp.after + inp.limit if inp.after + inp.limit < len(places) else None,
    }


@lru_cache(maxsize=4)
def _which(layer: OpenLayer) -> dict[str, Sequence[int]]:
    """Return the places of the lines of evidence, all of them and by what became of the term."""
    import orjson

    found: dict[str, list[int]] = {"": [], "demoted": [], "narrowed": [], "unproven": []}
    with layer.open() as stream:
        for place, line in enumerate(stream):
            row = orjson.loads(line)
            found[""].append(place)
            if row["mode"] != row["mode_before"]:
                found["demoted"].append(place)
            if row["evasion"] != row["evasion_before"]:
                found["narrowed"].append(place)
            if not row["proven"] and row["mode"] != "count":  # counting has no limit that could be proven
                found["unproven"].append(place)
    return cast(dict[str, Sequence[int]], found)


class LexiconMatch(OneLexicon):
    """Input of lexicon.match."""

    text: str = param(
        ..., "Text to look in (at most 20,000 characters)", "要查找的文本（不超过 20000 字）", max_length=TRIED
    )
    as_of: str = AS_OF


@query(
    "lexicon.match",
    help=(
        "Try a keyword library on a text: which terms are found, in what disguise, and whether they count",
        "用关键词库试查一段文本：命中哪些词、用了哪种变体、是否计入",
    ),
)
def lexicon_match(session: Session, inp: LexiconMatch) -> Any:
    """Return occurrences, whether each counts and why not, and what a build would do: keep, or list for review."""
    loaded, _ = lexicon_of(session, inp.lexicon)
    objects = session.workspace.objects
    layer = loaded.layer(TERMS)
    objects.size(layer.digest)  # NotFound, by its digest, when it is gone
    day = day_of(inp.as_of, inp.lexicon)
    task = {"terms": str(objects.path(layer.digest)), "text": inp.text, "as_of": day}
    found = bounded.run("quanheng.data.corpus.lexicon_rows:matched", cast(JSON, task))
    return {"digest": loaded.digest, "as_of": day, **found}
