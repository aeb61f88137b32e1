"""Versions of a keyword library, what two of them differ in, and what a library was used for: queries of its pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from quanheng.core import clock
from quanheng.core.artifacts import load_digest, withdrawn_among
from quanheng.core.inputs import Input, Takes, param
from quanheng.core.lineage import Step, ancestors, descendants
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.data.lexicon_verbs import TERMS
from quanheng.data.page_lexicon_queries import OneLexicon, OpenLayer, columns_of, lexicon_of
from quanheng.data.page_reading import MOST
from quanheng.data.takedowns import session_names
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.lexicons import Lexicon, LexiconTerm
from quanheng.kinds.recipes import Recipe

if TYPE_CHECKING:
    from quanheng.data.corpus.lexicon_rows import Columns

#: Roles by which one version of a keyword library was made of another.
VERSION_ROLES = ("replaces", "lexicon")


@query(
    "lexicon.versions",
    help=("List the versions of a keyword library", "列出关键词库的各个版本"),
)
def lexicon_versions(session: Session, inp: OneLexicon) -> Any:
    """Return the library, those it was made from and those made from it, the oldest first, as far as they are here."""
    loaded, _ = lexicon_of(session, inp.lexicon)
    before = _versions(ancestors(loaded.digest, project=session.project_id))
    after = _versions(descendants(loaded.digest, project=session.project_id))
    gone = set(withdrawn_among([*before, *after]))
    chain = [*reversed(before), loaded.digest, *after]
    return {"digest": loaded.digest, "rows": [_version(session, digest, digest in gone) for digest in chain]}


def _versions(steps: Sequence[Step]) -> list[str]:
    wanted = (step for step in steps if step.kind.startswith("lexicon/") and step.role in VERSION_ROLES)
    return list(dict.fromkeys(step.digest for step in wanted))


def _version(session: Session, digest: str, withdrawn: bool) -> dict[str, Any]:
    from quanheng.core.models import Artifact, Name

    loaded = load_digest(session, digest)
    model = loaded.model
    assert isinstance(model, Lexicon)  # noqa: S101 - _versions took only these
    names = Name.objects.filter(artifact__digest=digest, project_id=session.project_id)
    return {
        "digest": digest,
        "version": model.version,
        "terms": model.terms,
        "verb": str(loaded.made_by["verb"]),
        "created": clock.text_of(Artifact.objects.get(digest=digest).created_at),
        "names": list(names.order_by("slug").values_list("slug", flat=True)),
        "withdrawn": withdrawn,
    }


class LexiconDiff(Input):
    """Input of lexicon.diff."""

    first: Annotated[str, Takes("lexicon")] = param(..., "The earlier version", "较早的版本")
    second: Annotated[str, Takes("lexicon")] = param(..., "The later version", "较新的版本")
    change: Literal["added", "removed", "changed"] = param(
        "added", "Which terms are listed: added, removed, changed", "列出哪些词：added 新增、removed 删去、changed 改动"
    )
    after: int = param(0, "Pass over so many rows", "跳过前多少行", ge=0)
    limit: int = param(50, "At most so many (1 to 200)", "最多多少行（1 至 200）", ge=1, le=MOST)


@query(
    "lexicon.diff",
    help=(
        "Compare two versions of a keyword library: terms added, removed, changed",
        "比较关键词库的两个版本：新增、删去和改动的词",
    ),
)
def lexicon_diff(session: Session, inp: LexiconDiff) -> Any:
    """Return how many terms were added, removed and changed, and the rows of one of these.

    `place`: of the term in the version that has it, of a changed one in the later. `fields`: of a changed one, by
    name, as it was and as it is.
    """
    from quanheng.data.corpus.lexicon_rows import compare

    loaded = [lexicon_of(session, name)[0] for name in (inp.first, inp.second)]
    layers = [OpenLayer.of(one, TERMS) for one in loaded]
    columns = [columns_of(layer) for layer in layers]
    found = compare(columns[0], columns[1], layers[0].open, layers[1].open)
    kept = {"added": [(-1, place) for place in found.added], "removed": [(place, -1) for place in found.removed]}
    places = (kept | {"changed": found.changed})[inp.change]
    page = places[inp.after : inp.after + inp.limit]
    terms = [
        _terms_at(layer, column, [pair[at] for pair in page])
        for at, (layer, column) in enumerate(zip(layers, columns, strict=True))
    ]
    rows = [_differing(pair, before, after) for pair, before, after in zip(page, *terms, strict=True)]
    return {
        "first": loaded[0].digest,
        "second": loaded[1].digest,
        "added": len(found.added),
        "removed": len(found.removed),
        "changed": len(found.changed),
        "rows": rows,
        "next": inp.after + inp.limit if inp.after + inp.limit < len(places) else None,
    }


def _terms_at(layer: OpenLayer, columns: Columns, places: Sequence[int]) -> list[LexiconTerm | None]:
    """Return the terms at these places, None where a place is below 0."""
    from quanheng.data.corpus.lexicon_rows import rows_at

    there = [place for place in places if place >= 0]
    with layer.open() as stream:
        found = dict(zip(there, rows_at(stream, columns.offsets, there), strict=True))
    return [LexiconTerm.model_validate_json(found[place]) if place >= 0 else None for place in places]


def _differing(pair: tuple[int, int], before: LexiconTerm | None, after: LexiconTerm | None) -> dict[str, Any]:
    from quanheng.data.corpus.lexicon_rows import fields_changed

    term = after or before
    assert term is not None  # noqa: S101 - a pair names at least one place
    changed = fields_changed(before, after) if before and after else {}
    return {
        "place": pair[1] if after else pair[0],
        "term": term.term,
        "risk": term.risk,
        "mode": term.mode,
        "fields": {name: list(values) for name, values in changed.items()},
    }


@query(
    "lexicon.uses",
    help=("List where a keyword library was used", "列出关键词库用在了哪里"),
)
def lexicon_uses(session: Session, inp: OneLexicon) -> Any:
    """Return the artifacts of the project that were made with the library, nearest first; of corpora what it found.

    `as_of`: the day by which its terms counted, "" where expiry was not asked.
    """
    loaded, _ = lexicon_of(session, inp.lexicon)
    steps = descendants(loaded.digest, 1, project=session.project_id)
    used = [step for step in steps if not step.kind.startswith("lexicon/")]
    gone = set(withdrawn_among(step.digest for step in used))
    names = session_names(session, [step.digest for step in used])
    rows = []
    for step in {step.digest: step for step in used}.values():
        model = load_digest(session, step.digest).model
        row: dict[str, Any] = {"digest": step.digest, "kind": step.kind, "names": names[step.digest]}
        row["withdrawn"] = step.digest in gone
        if isinstance(model, Corpus):
            row |= {
                "documents": model.totals.documents,
                "terms": model.filtered.lexicon_terms,
                "lexicon_hits": model.filtered.lexicon_hits,
                "documents_hit": model.filtered.documents_hit,
                "documents_for_review": model.filtered.documents_for_review,
                "as_of": _as_of(model),
            }
        rows.append(row)
    return {"digest": loaded.digest, "rows": rows}


def _as_of(model: Corpus) -> str:
    steps = model.recipe.steps if isinstance(model.recipe, Recipe) else ()
    return next((str(step.params.get("as_of") or "") for step in steps if step.use == "lexicon"), "")
