"""Which term of the keyword library each hit in a document is of, told to whoever may read the library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quanheng.core import permission
from quanheng.core.artifacts import load
from quanheng.core.session import Session
from quanheng.data.lexicon_verbs import TERMS
from quanheng.data.page_lexicon_queries import OpenLayer, columns_of
from quanheng.errors import Conflict, NotFound
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.lexicons import LexiconTerm

#: Terms by their places in a library.
Terms = Mapping[int, LexiconTerm]


def terms_of(session: Session, model: Corpus, hits: Iterable[Sequence[Any]]) -> Terms | None:
    """Return the terms that these hits [start, end, place, …] are of, by place.

    None where nothing may be told of them: the corpus was searched with no library, the library is not in this project,
    was withdrawn, or may not be read by whoever asks.
    """
    lexicon = model.filtered.lexicon
    places = sorted({hit[2] for hit in hits})
    if lexicon is None or not permission.decide(session, "read", "lexicon.terms").allowed:
        return None
    try:
        loaded = load(session, lexicon, "lexicon")
    except (NotFound, Conflict):  # another project's, or withdrawn: the hits are shown, the terms are not
        return None
    if not places:
        return {}
    from quanheng.data.corpus.lexicon_rows import rows_at

    offsets = columns_of(OpenLayer.of(loaded, TERMS)).offsets
    with loaded.open_layer(TERMS) as stream:
        lines = rows_at(stream, offsets, places)
        return dict(zip(places, map(LexiconTerm.model_validate_json, lines), strict=True))


def named(text: str, hits: Iterable[Sequence[Any]], terms: Terms | None) -> list[dict[str, Any]]:
    """Return each term found in a text once for each way in which it is written there, in order; [] without terms.

    hits: [start, end, place of the term, how it hid]; the last may be missing.
    """
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for start, end, place, *hidden in hits:
        if terms is not None:
            written = text[start:end]
            found.setdefault(
                (place, written),
                {
                    "place": place,
                    "term": terms[place].term,
                    "risk": terms[place].risk,
                    "written": written,
                    "hidden": hidden[0] if hidden else "",
                },
            )
    return list(found.values())
