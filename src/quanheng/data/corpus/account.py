"""The account of a corpus: what came of each source by reason, by region of origin, by licence; and what is bad in it.

Everything here is a sum over the sources of a corpus: nothing is counted a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from quanheng.kinds.corpora import Amount, Corpus, CorpusV3, FunnelStep, FunnelStepV3, SourceShare, SourceShareV3
from quanheng.kinds.sources import Source

Unit = Literal["documents", "characters", "bytes", "tokens"]
UNITS: tuple[Unit, ...] = ("documents", "characters", "bytes", "tokens")
#: A licence that a corpus of an earlier kind does not name.
UNKNOWN_LICENCE = "NOASSERTION"


@dataclass(frozen=True)
class Part:
    """Some sources of a corpus together: what they share, their places in `per_source`, and what they gave.

    clear: whether the licence of all of them is clear.
    """

    name: str
    places: tuple[int, ...]
    kept: Amount
    clear: bool


def units(model: Corpus) -> tuple[Unit, ...]:
    """Return the units that a corpus is counted in throughout."""
    if not isinstance(model, CorpusV3):
        return ("documents", "characters")
    return UNITS if model.tokenizer else UNITS[:3]


def kept(share: SourceShare) -> Amount:
    """Return what a source gave to the corpus."""
    return Amount(
        documents=share.documents_kept,
        characters=share.characters_kept,
        bytes=share.bytes_kept,
        tokens=share.tokens_kept if isinstance(share, SourceShareV3) else None,
    )


def added(amounts: Iterable[Amount]) -> Amount:
    """Return the sum of amounts; its tokens are None unless all have some counted."""
    all_ = list(amounts)
    tokens = [amount.tokens for amount in all_ if amount.tokens is not None]
    return Amount(
        documents=sum(amount.documents for amount in all_),
        characters=sum(amount.characters for amount in all_),
        bytes=sum(amount.bytes for amount in all_),
        tokens=sum(tokens) if all_ and len(tokens) == len(all_) else None,
    )


def by_region(model: Corpus) -> list[Part]:
    """Return what came from at home, from overseas, and from where nobody said; a part for each that is there."""
    names = ("domestic", "overseas", "unknown")
    return sorted(_parts(model, lambda place, share: share.region), key=lambda part: names.index(part.name))


def by_language(model: Corpus) -> list[Part]:
    """Return what came in each language, as the sources say, by region: "zh overseas"; none of earlier kinds."""
    if not isinstance(model, CorpusV3):
        return []
    return _parts(model, lambda place, share: f"{getattr(share, 'language', '')} {share.region}")


def by_licence(model: Corpus, sources: Sequence[Source] = ()) -> list[Part]:
    """Return what came under each licence, clear ones first; `sources`: of a corpus whose kind does not name them."""

    def name(place: int, share: SourceShare) -> str:
        if isinstance(share, SourceShareV3):
            return share.licence
        return sources[place].licence.spdx if place < len(sources) else UNKNOWN_LICENCE

    return _parts(model, lambda place, share: (not share.licence_clear, name(place, share)))


def _parts(model: Corpus, name: Callable[[int, SourceShare], Any]) -> list[Part]:
    groups: dict[Any, list[int]] = {}
    for place, share in enumerate(model.per_source):
        groups.setdefault(name(place, share), []).append(place)
    return [
        Part(
            name=said[1] if isinstance(said, tuple) else said,
            places=tuple(places),
            kept=added(kept(model.per_source[place]) for place in places),
            clear=all(model.per_source[place].licence_clear for place in places),
        )
        for said, places in sorted(groups.items())
    ]


def steps(model: Corpus) -> list[dict[str, Any]]:
    """Return the funnel: for each step its name, its reason, and (before, after) in every unit that was counted."""
    return [
        {
            "step": step.step,
            "reason": step.reason,
            **{unit: [_step(step, unit, "before"), _step(step, unit, "after")] for unit in units(model)},
        }
        for step in model.funnel
    ]


def _step(step: FunnelStep | FunnelStepV3, unit: Unit, side: str) -> int:
    return int(getattr(step, f"{unit}_{side}"))


def account(model: Corpus, sources: Sequence[Source] = ()) -> dict[str, Any]:
    """Return the whole account as plain data: units, funnel, totals, sources, regions, licences.

    Of a corpus before corpus/v3 only what it counted: no bytes or tokens by step, no edits or lists by source.
    `risky` of `screened` is what the machine found, counted over all documents that it looked at, those included that
    later steps dropped: no estimate.
    """
    told = isinstance(model, CorpusV3)
    return {
        "units": list(units(model)),
        "tokenizer": model.tokenizer if isinstance(model, CorpusV3) else None,
        "totals": model.totals.model_dump(exclude_none=True),
        "funnel": steps(model),
        "sources": [_source(share) for share in model.per_source],
        "regions": [_told(part) for part in by_region(model)],
        "languages": [_told(part) for part in by_language(model)],
        "licences": [{**_told(part), "clear": part.clear} for part in by_licence(model, sources)],
        "risk_reasons": list(model.risk_reasons) if isinstance(model, CorpusV3) else [],
        "complete": told,
    }


def _told(part: Part) -> dict[str, Any]:
    return {"name": part.name, "sources": len(part.places), **part.kept.model_dump(exclude_none=True)}


def _source(share: SourceShare) -> dict[str, Any]:
    base: dict[str, Any] = {
        "source": share.source,
        "title": share.title,
        "region": share.region,
        "licence_clear": share.licence_clear,
        "documents_read": share.documents_read,
        "kept": kept(share).model_dump(exclude_none=True),
        "broken_rows": share.broken_rows,
    }
    if not isinstance(share, SourceShareV3):
        return {**base, "dropped": {reason: {"documents": n} for reason, n in share.dropped.items()}}
    read = Amount(
        documents=share.documents_read,
        characters=share.characters_read,
        bytes=share.bytes_read,
        tokens=share.tokens_read,
    )
    return {
        **base,
        "licence": share.licence,
        "language": share.language,
        "read": read.model_dump(exclude_none=True),
        "dropped": _plain(share.dropped_amounts),
        "edited": _plain(share.edited),
        "changed": dict(share.changed),
        "reviewed": _plain(share.reviewed),
        "screened": share.screened,
        "risky": share.risky.model_dump(exclude_none=True),
    }


def _plain(amounts: Mapping[str, Amount]) -> dict[str, Any]:
    return {name: amount.model_dump(exclude_none=True) for name, amount in amounts.items()}
