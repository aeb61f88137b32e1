"""What people found in samples of a corpus, source by source, against the share that a source may have of bad items."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from quanheng.core.artifacts import load, load_digest
from quanheng.core.context import Loaded
from quanheng.core.inputs import Input, Takes, param
from quanheng.core.lineage import descendants
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.oversight import Rule, Verdicts
from quanheng.kinds.samples import Sample, SampleItem
from quanheng.oversight.rules import Loaded as Held
from quanheng.oversight.rules.evidence import Evidence, tabulate
from quanheng.oversight.rules.finding import Finding
from quanheng.oversight.rules.packs import load as shipped_pack
from quanheng.oversight.rules.proportions import by_source, threshold_of, unjudged_items
from quanheng.stats.binomial import allowed_k, float_text

#: 5.1 a) 2: of no source may more than this share be illegal or harmful, as sampled after collection.
RULE = "COR-SRC-02"
#: No more items than this are ever asked for to settle one source.
MOST_ITEMS = 1_000_000

#: use: share and its upper bound are within; read_more: the bound is not; not_use: the share is over.
Follows = Literal["use", "read_more", "not_use", "unread"]


class VerdictsSources(Input):
    """Input of verdicts.sources."""

    corpus: Annotated[str, Takes("corpus")] = param(..., "Corpus", "语料")


@query(
    "verdicts.sources",
    help=(
        "Tell for each source of a corpus what people found in its sample: bad items, exact upper bound, what follows",
        "按来源给出人工抽检结果：不合格条数、精确置信上限，以及能否使用",
    ),
)
def verdicts_sources(session: Session, inp: VerdictsSources) -> Any:
    """Return k of n, the exact one-sided 95 % upper bound and what follows of it for each source of a corpus.

    The verdicts are those that an assessment would take: of people, on the latest draw. `more`: items that would have
    to be read beside, with nothing bad in them, until the bound is within the limit too. `gaps`: items drawn from the
    source that nobody judged; where the share would be over the limit with them counted as bad, they are to be judged
    first.
    """
    corpus = load(session, inp.corpus, "corpus")
    model = corpus.model
    assert isinstance(model, Corpus)  # noqa: S101 - load has checked the kind
    rule = source_rule()
    limit = threshold_of(rule)
    evidence = _evidence(session, corpus, model)
    verdicts = evidence.judged("corpus", "manual")
    table = tabulate(verdicts) if verdicts else None
    found = by_source(rule, table) if table else {}
    sample = evidence.sample(verdicts.kind.subject) if verdicts else None
    drawn = _drawn(sample) if sample else Counter[str]()
    return {
        "digest": corpus.digest,
        "rule": rule.id,
        "limit": {"num": limit.num, "den": limit.den},
        "verdicts": verdicts.digest if verdicts else None,
        "sample": sample.digest if sample else None,
        "self_drawn": sample.kind.self_drawn if sample else None,
        "unjudged": unjudged_items(rule, table, evidence) if table else 0,
        "rows": [
            {
                "source": share.source,
                "title": share.title,
                **_row(rule, found.get(share.source), drawn[share.source]),
            }
            for share in model.per_source
        ],
    }


def source_rule() -> Rule:
    """Return the rule on the share of bad items in each source, of the pack that ships."""
    return next(rule for rule in shipped_pack().rules if rule.id == RULE)


def _evidence(session: Session, corpus: Loaded, model: Corpus) -> Evidence:
    """Return the samples of a corpus and the verdicts on them, as an assessment would have them."""
    samples: list[Held[Sample]] = []
    verdicts: list[Held[Verdicts]] = []
    steps = {step.digest: step.kind for step in descendants(corpus.digest, project=session.project_id)}
    for digest in (digest for digest, kind in steps.items() if kind.startswith(("sample/", "verdicts/"))):
        loaded = load_digest(session, digest)
        if isinstance(loaded.model, Sample) and corpus.digest in loaded.made_from("corpus"):
            samples.append(Held(digest, loaded.model, loaded.open_layer))
        elif isinstance(loaded.model, Verdicts):
            verdicts.append(Held(digest, loaded.model, loaded.open_layer))
    # What was judged of another corpus that was made of this one says nothing of this one.
    mine = {sample.digest for sample in samples}
    held = Held(corpus.digest, model, corpus.open_layer)
    return Evidence(corpus=held, samples=tuple(samples), verdicts=tuple(v for v in verdicts if v.kind.subject in mine))


def _drawn(sample: Held[Sample]) -> Counter[str]:
    """Return how many items of each source were drawn."""
    with sample.open_layer("items.jsonl") as lines:
        return Counter(SampleItem.model_validate_json(line).source for line in lines)


def _row(rule: Rule, finding: Finding | None, drawn: int) -> dict[str, Any]:
    """Return what is known of one source, of which so many items were drawn."""
    if finding is None or finding.k is None or finding.n is None or finding.bound is None:
        return {"k": 0, "n": 0, "upper": None, "follows": "unread", "more": needed(rule, 0, 0), "gaps": drawn}
    k, n, limit = finding.k.value, finding.n.value, threshold_of(rule)
    gaps = max(0, drawn - n)
    most = allowed_k(n, limit.num, limit.den)
    follows: Follows = "use" if most is not None and k <= most else "read_more"
    if finding.verdict == "fails":
        follows = "not_use"
    elif (k + gaps) * limit.den > limit.num * (n + gaps):
        follows = "read_more"  # whoever leaves out what is bad must not pass
    more = max(needed(rule, k, n), gaps) if follows == "read_more" else 0
    upper = float_text(float(finding.bound.value))
    return {"k": k, "n": n, "upper": upper, "follows": follows, "more": more, "gaps": gaps}


def needed(rule: Rule, k: int, n: int) -> int:
    """Return how many more items without anything bad would bring the bound of k of n within the rule's limit.

    >>> needed(source_rule(), 0, 0), needed(source_rule(), 1, 40)
    (59, 53)
    """
    limit = threshold_of(rule)

    def holds(size: int) -> bool:
        most = allowed_k(size, limit.num, limit.den)
        return most is not None and k <= most

    low, high = n, max(n, 1)
    while not holds(high) and high < MOST_ITEMS:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high - n
