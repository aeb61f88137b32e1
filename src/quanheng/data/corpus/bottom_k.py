"""Random documents kept for people: for each reason those whose ids have the smallest digests.

What is kept depends on the ids alone, not on the order in which documents come, on shards or on machines; two samples
merge into the one of both. Source: bottom-k sketches, Cohen and Kaplan 2007.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from quanheng.kinds.corpora import CorpusSample

#: Of every reason, and of every reason in every source, so many are kept unless the build says otherwise.
PER_REASON = 50
PER_SOURCE = 5
SEED = b"quanheng corpus samples v1\n"

Decision = Literal["drop", "edit", "review"]


class _Held(NamedTuple):
    """A document in a heap whose first is the one to give up next: keys are negated."""

    key: int
    id: str
    source: str
    excerpt: str
    of: str
    measure: str
    url: str


class BottomK:
    """The `k` documents of each (decision, reason), and the first few of it in each source, by digest of their ids."""

    def __init__(self, k: int = PER_REASON) -> None:
        self.k = k
        self._each = min(k, PER_SOURCE)
        self._all: dict[tuple[Decision, str], list[_Held]] = {}
        self._by_source: dict[tuple[Decision, str, str], list[_Held]] = {}

    def add(
        self,
        decision: Decision,
        reason: str,
        source: str,
        id: str,
        excerpt: Callable[[], str],
        of: str = "",
        measure: str = "",
        url: str = "",
    ) -> None:
        """Take a document into account; `excerpt` is asked only of one that is kept for now."""
        if not self.k:
            return
        key = _key(id)
        all_ = self._all.setdefault((decision, reason), [])
        here = self._by_source.setdefault((decision, reason, source), [])
        is_wanted = len(all_) < self.k or key > all_[0].key
        is_wanted_here = len(here) < self._each or key > here[0].key
        if not (is_wanted or is_wanted_here):
            return
        held = _Held(key, id, source, excerpt(), of, measure, url)
        if is_wanted:
            _keep(all_, held, self.k)
        if is_wanted_here:
            _keep(here, held, self._each)

    def take_again(self, row: CorpusSample) -> None:
        """Hold a document that `rows` of an earlier sample gave; all of them make up that sample, if `k` is its."""
        held = _Held(_key(row.id), row.id, row.source, row.excerpt, row.of, row.measure, row.url)
        if row.rank is not None:
            _keep(self._all.setdefault((row.decision, row.reason), []), held, self.k)
        if row.rank_in_source is not None:
            _keep(self._by_source.setdefault((row.decision, row.reason, row.source), []), held, self._each)

    def rows(self) -> Iterator[CorpusSample]:
        """Yield what is kept: by decision and reason, those of the whole first, each document once."""
        for decision, reason in sorted(self._all):
            order = _order(self._all[decision, reason])
            ranks = {held.id: rank for rank, held in enumerate(order, 1)}
            here: dict[str, int] = {}
            for (some, why, _), found in sorted(self._by_source.items()):
                if (some, why) == (decision, reason):
                    inside = _order(found)
                    here |= {held.id: rank for rank, held in enumerate(inside, 1)}
                    order += [held for held in inside if held.id not in ranks]
            for held in order:
                yield CorpusSample(
                    decision=decision,
                    reason=reason,
                    source=held.source,
                    id=held.id,
                    excerpt=held.excerpt,
                    of=held.of,
                    measure=held.measure,
                    url=held.url,
                    rank=ranks.get(held.id),
                    rank_in_source=here.get(held.id),
                )


def _key(id: str) -> int:
    """Return what the order goes by, negated: the smallest digest of an id is the greatest key."""
    return -int.from_bytes(hashlib.sha256(SEED + id.encode()).digest()[:16], "big")


def _keep(heap: list[_Held], held: _Held, k: int) -> None:
    if len(heap) < k:
        heapq.heappush(heap, held)
    else:
        heapq.heapreplace(heap, held)


def _order(heap: list[_Held]) -> list[_Held]:
    """Return what a heap holds, smallest digest first."""
    return sorted(heap, reverse=True)
