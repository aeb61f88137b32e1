"""A training mix: how many tokens of each group of sources, how often, and which documents; all of it seeded.

**Plan.** A group asks for a share (its weight) of the mix, and may be repeated up to its `max_epochs`. Where a cap
binds, the group gets all it can give and what is missing is poured over the others in proportion to their weights,
until the mix is full or every group is at its cap (water-filling: token budgets min(weight × level, cap), one level).

**Selection.** A group whose budget is q whole epochs and a rest repeats every document q times; the rest goes to
documents in the order of a seeded hash of their text, as long as they fit; the first that does not ends it. So a
budget is never exceeded and is missed by less than one document. The choice depends on the texts, not on their order.

**Order.** Copies are written in the order of another seeded hash, through buckets on disk (`export.shuffle`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from quanheng.data.corpus.export_rows import CorpusFiles, Progress, draw, read_batches
from quanheng.data.corpus.tokens import TokenTotals, check_read_up, read_counts
from quanheng.errors import Invalid
from quanheng.kinds.base import Rate, Say
from quanheng.store import JSON

#: The choice inside a group looks at its hash in two passes: 2**12 bins first, then the documents of one bin.
_BINS = 4096
_BIN_SHIFT = 64 - 12


#: Up to about four epochs repeated text is nearly worth new text: Muennighoff et al. 2023, arXiv 2305.16264.
MOST_EPOCHS = Rate(k=4, n=1)


@dataclass(frozen=True)
class MixGroup:
    """What is asked of a group of sources (by digest), under a name of the caller's.

    weight: share of the mix relative to the other groups; a number of tokens where the mix has no total.
    max_epochs: how often its documents may be repeated, on average.
    """

    name: str
    sources: tuple[str, ...]
    weight: int
    max_epochs: Rate = MOST_EPOCHS


@dataclass(frozen=True)
class GroupPlan:
    """What a group gets. Tokens without end-of-document tokens.

    available: one epoch. wanted: its share before any cap. cap: available × max_epochs. planned: the budget.
    """

    name: str
    sources: tuple[str, ...]
    documents: int
    available: int
    weight: int
    max_epochs: Rate
    wanted: int
    cap: int
    planned: int
    reason: Say | None

    @property
    def epochs(self) -> Rate:
        """Return planned / available; 0/1 for an empty group."""
        return Rate(k=self.planned, n=self.available) if self.available else Rate(k=0, n=1)


@dataclass(frozen=True)
class MixPlan:
    """A plan: the same corpus, tokenizer, groups, total and seed always give the same one.

    shortfall: tokens of the total that no group could give. left_out: sources of the corpus in no group.
    """

    corpus: str
    tokenizer: str
    seed: str
    total: int
    groups: tuple[GroupPlan, ...]
    left_out: tuple[str, ...]

    @property
    def planned(self) -> int:
        """Return the tokens of the whole mix."""
        return sum(group.planned for group in self.groups)

    @property
    def shortfall(self) -> int:
        """Return the tokens that are missing to the total."""
        return self.total - self.planned

    def groups_of_sources(self) -> Mapping[str, int]:
        """Return the number of its group for each source in one."""
        return {source: at for at, group in enumerate(self.groups) for source in group.sources}

    def to_json(self) -> dict[str, JSON]:
        """Return the plan as plain data that canonical JSON takes."""
        return {
            "corpus": self.corpus,
            "tokenizer": self.tokenizer,
            "seed": self.seed,
            "total": self.total,
            "planned": self.planned,
            "shortfall": self.shortfall,
            "left_out": list(self.left_out),
            "groups": [_group_json(group) for group in self.groups],
        }


def _group_json(group: GroupPlan) -> dict[str, JSON]:
    return {
        "name": group.name,
        "sources": list(group.sources),
        "documents": group.documents,
        "available": group.available,
        "weight": group.weight,
        "max_epochs": {"k": group.max_epochs.k, "n": group.max_epochs.n},
        "wanted": group.wanted,
        "cap": group.cap,
        "planned": group.planned,
        "epochs": {"k": group.epochs.k, "n": group.epochs.n},
        "reason": None if group.reason is None else {"en": group.reason.en, "zh": group.reason.zh},
    }


def plan_mix(groups: Sequence[MixGroup], totals: TokenTotals, *, total: int | None, seed: str) -> MixPlan:
    """Return who gives how many tokens. total: tokens of the mix; None takes the weights as tokens and adds them up.

    Raises Invalid "no_groups", "group_twice", "source_twice", "source_missing" for a source that the counts do not
    know, "bad_weight" for a negative or all-zero weight, "bad_epochs" for a cap with denominator 0.
    """
    _check_groups(groups, totals)
    weights = [group.weight for group in groups]
    total = sum(weights) if total is None else total
    available = [sum(totals.per_source[source].tokens for source in group.sources) for group in groups]
    caps = [n * group.max_epochs.k // group.max_epochs.n for n, group in zip(available, groups, strict=True)]
    wanted = divide(total, weights)
    planned = fill(total, weights, caps)
    plans = tuple(
        GroupPlan(
            name=group.name,
            sources=group.sources,
            documents=sum(totals.per_source[source].documents for source in group.sources),
            available=available[at],
            weight=group.weight,
            max_epochs=group.max_epochs,
            wanted=wanted[at],
            cap=caps[at],
            planned=planned[at],
            reason=_reason(group, available[at], wanted[at], caps[at], planned[at]),
        )
        for at, group in enumerate(groups)
    )
    named = {source for group in groups for source in group.sources}
    left_out = tuple(source for source in totals.per_source if source not in named)
    return MixPlan(totals.corpus, totals.tokenizer, seed, total, plans, left_out)


def divide(total: int, weights: Sequence[int]) -> list[int]:
    """Return `total` split in proportion to weights, in whole numbers: largest remainder, the first of equal ones.

    >>> divide(10, [1, 1, 1])
    [4, 3, 3]
    """
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    shares = [total * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda at: (-(total * weights[at] % whole), at))
    for at in order[: total - sum(shares)]:
        shares[at] += 1
    return shares


def fill(total: int, weights: Sequence[int], caps: Sequence[int]) -> list[int]:
    """Return the water-filling of `total`: min(weight × level, cap) for one level, in whole numbers.

    The sum is `total`, or that of the caps of groups with a weight where that is less; no cap is exceeded.

    >>> fill(100, [1, 1, 2], [10, 100, 100])
    [10, 30, 60]
    """
    given = [0] * len(weights)
    open_groups = [at for at, weight in enumerate(weights) if weight > 0]
    left = total
    while open_groups:
        whole = sum(weights[at] for at in open_groups)
        full = [at for at in open_groups if left * weights[at] >= caps[at] * whole]
        if not full:
            shares = divide(left, [weights[at] for at in open_groups])
            for at, share in zip(open_groups, shares, strict=True):
                given[at] = share
            break
        for at in full:
            given[at] = caps[at]
            left -= caps[at]
        open_groups = [at for at in open_groups if at not in full]
    return given


def _reason(group: MixGroup, available: int, wanted: int, cap: int, planned: int) -> Say | None:
    epochs = f"{group.max_epochs.k}/{group.max_epochs.n}" if group.max_epochs.n != 1 else str(group.max_epochs.k)
    if planned < wanted:
        return Say(
            en=f"{wanted - planned:,} tokens short: at most {epochs} epochs of {available:,} tokens give {cap:,}",
            zh=f"缺少 {wanted - planned:,} 个词元：共有 {available:,} 个，至多重复 {epochs} 遍，上限为 {cap:,}",
        )
    if planned > wanted:
        return Say(
            en=f"{planned - wanted:,} tokens more than its share, in place of groups at their cap",
            zh=f"比应占份额多 {planned - wanted:,} 个词元，用于补足已达上限的分组",
        )
    return None


_HINT = ("Give each group a name, its sources, a weight and a cap.", "请为每个分组给出名称、来源、权重和遍数上限。")


def _check_groups(groups: Sequence[MixGroup], totals: TokenTotals) -> None:
    if not groups:
        raise Invalid("a mix needs at least one group", "配比至少需要一个分组", hint=_HINT, code="no_groups")
    if name := _twice([group.name for group in groups]):
        raise Invalid(f"the group {name} is named twice", f"分组 {name} 出现了两次", hint=_HINT, code="group_twice")
    if source := _twice([source for group in groups for source in group.sources]):
        raise Invalid(
            f"the source {source} is named twice", f"来源 {source} 出现了两次", hint=_HINT, code="source_twice"
        )
    for group in groups:
        _check_group(group, totals)
    if not any(group.weight for group in groups):
        raise Invalid("every weight is 0", "所有权重都为 0", hint=_HINT, code="bad_weight")


def _twice(values: Sequence[str]) -> str:
    return next((value for value in values if values.count(value) > 1), "")


def _check_group(group: MixGroup, totals: TokenTotals) -> None:
    for source in group.sources:
        if source not in totals.per_source:
            raise Invalid(
                f"group {group.name}: the corpus has no document of source {source}",
                f"分组 {group.name}：语料中没有来源 {source} 的文档",
                hint=_HINT,
                code="source_missing",
            )
    if group.weight < 0:
        raise Invalid(
            f"group {group.name} has a negative weight", f"分组 {group.name} 的权重为负", hint=_HINT, code="bad_weight"
        )
    if group.max_epochs.n == 0:
        raise Invalid(
            f"group {group.name}: epochs over 0", f"分组 {group.name}：遍数的分母为 0", hint=_HINT, code="bad_epochs"
        )


#: A document's place in the choice of its group: (hash, id); ids differ where texts are equal.
Place = tuple[int, str]


@dataclass(frozen=True)
class GroupChoice:
    """Every document `times` times, and those up to `last` once more (None: none)."""

    times: int
    last: Place | None
    documents: int
    tokens: int


@dataclass(frozen=True)
class MixChoice:
    """Which documents a plan takes and how often; `groups` in the order of the plan."""

    plan: MixPlan
    groups: tuple[GroupChoice, ...]

    @property
    def documents(self) -> int:
        """Return the copies in the mix."""
        return sum(group.documents for group in self.groups)

    def copies(self, group: int, text_digest: str, id: str) -> int:
        """Return how often a document of the group is in the mix."""
        choice = self.groups[group]
        chosen = choice.last is not None and (_choice(self.plan.seed, text_digest), id) <= choice.last
        return choice.times + chosen


def _choice(seed: str, text_digest: str) -> int:
    return draw(seed, "mix choice", text_digest)


@dataclass
class _GroupCount:
    """The tokens of one group by bin of the hash, then the documents of the bin where its budget ends."""

    bins: list[int] = field(default_factory=lambda: [0] * _BINS)
    in_bins: list[int] = field(default_factory=lambda: [0] * _BINS)
    edge: list[tuple[int, str, int]] = field(default_factory=list)


def check_same_corpus(plan: MixPlan, corpus: CorpusFiles) -> None:
    """Raise Invalid "other_corpus" when the plan is of another corpus."""
    if plan.corpus != corpus.digest:
        raise Invalid(
            f"the plan is of corpus {plan.corpus}, not {corpus.digest}",
            f"配比方案属于语料 {plan.corpus}，而不是 {corpus.digest}",
            hint=("Plan the mix of this corpus.", "请为该语料重新制定配比。"),
            code="other_corpus",
        )


def choose(plan: MixPlan, corpus: CorpusFiles, open_counts: Callable[[], BinaryIO], progress: Progress) -> MixChoice:
    """Return the documents of the plan; reads the corpus twice, never its text.

    open_counts: opens what `count_corpus` wrote for this corpus. Memory: 2 × 4,096 numbers and the documents of one
    bin, for each group. Raises Invalid "other_corpus" when the plan is of another corpus.
    """
    check_same_corpus(plan, corpus)
    counted = [_GroupCount() for _ in plan.groups]
    rows = corpus.documents
    for group, place, _, tokens in _documents(plan, corpus, open_counts, lambda done: progress(done, 2 * rows)):
        counted[group].bins[place >> _BIN_SHIFT] += tokens
        counted[group].in_bins[place >> _BIN_SHIFT] += 1
    budgets = [_rest(group) for group in plan.groups]
    edges = [_edge(count.bins, rest) for count, (_, rest) in zip(counted, budgets, strict=True)]
    for group, place, id, tokens in _documents(plan, corpus, open_counts, lambda done: progress(rows + done, 2 * rows)):
        if place >> _BIN_SHIFT == edges[group]:
            counted[group].edge.append((place, id, tokens))
    return MixChoice(
        plan,
        tuple(
            _close(count, times, rest, edge) for count, (times, rest), edge in zip(counted, budgets, edges, strict=True)
        ),
    )


def _documents(
    plan: MixPlan, corpus: CorpusFiles, open_counts: Callable[[], BinaryIO], report: Callable[[int], None]
) -> Iterator[tuple[int, int, str, int]]:
    """Yield (group, hash, id, tokens) of every document in a group, and report rows read after each row group."""
    groups = plan.groups_of_sources()
    done = 0
    report(done)
    with open_counts() as counts:
        for batch in read_batches(corpus, ("id", "source", "text_digest")):
            tokens = read_counts(counts, batch.num_rows)
            columns = (batch.column(name).to_pylist() for name in ("source", "text_digest", "id"))
            for source, text_digest, id, count in zip(*columns, tokens, strict=True):
                if source in groups:
                    yield groups[source], _choice(plan.seed, text_digest), id, count
            done += batch.num_rows
            report(done)
        check_read_up(counts)


def _rest(group: GroupPlan) -> tuple[int, int]:
    """Return the whole epochs of a budget and the tokens left over."""
    return divmod(group.planned, group.available) if group.available else (0, 0)


def _edge(bins: Sequence[int], rest: int) -> int:
    """Return the bin in which the rest runs out."""
    before = 0
    for at, tokens in enumerate(bins):
        if before + tokens > rest:
            return at
        before += tokens
    return len(bins)


def _close(count: _GroupCount, times: int, rest: int, edge: int) -> GroupChoice:
    tokens = sum(count.bins[:edge])
    documents = sum(count.in_bins[:edge])
    # Everything in the bins before the edge: no document of the edge bin has a hash below its start.
    last: Place | None = ((edge << _BIN_SHIFT) - 1, "\U0010ffff") if documents else None
    for place, id, size in sorted(count.edge):
        if tokens + size > rest:
            break
        tokens, documents, last = tokens + size, documents + 1, (place, id)
    return GroupChoice(
        times=times,
        last=last,
        documents=documents + times * sum(count.in_bins),
        tokens=tokens + times * sum(count.bins),
    )
