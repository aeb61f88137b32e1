"""N-gram models of one's own: how much like a corpus a text is, for the step `perplexity` of a recipe."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from quanheng.core.context import Draft, JobContext
from quanheng.core.inputs import param
from quanheng.core.verb import verb
from quanheng.data.corpus_verbs import WithSources, fill_sources
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.exports import Estimate, NgramModel
from quanheng.kinds.sources import Source
from quanheng.store import Layer, canonical_json

if TYPE_CHECKING:
    from quanheng.data.corpus.export_rows import CorpusFiles

MODEL_LAYER, CARD_LAYER = "model.bin", "card.json"
UNCLEAR = "NOASSERTION"


class NgramTrain(WithSources):
    """Input of ngram.train."""

    title: str = param("", "Title; left empty: such as 4-gram", "标题；不填则为“4-gram”之类", max_length=500)
    order: int = param(
        4, "Characters of the longest n-gram (2 to 6); 4 suits most", "最长 n 元的字数（2 至 6），一般用 4", ge=2, le=6
    )
    characters: int = param(
        10_000_000,
        "Characters to draw, about; training takes some 100 bytes of memory each",
        "抽取的字数（约数）；训练时每个字约占 100 字节内存",
        ge=100,
        le=10**9,
    )
    seed: str = param(
        "1", "Another seed draws and holds out other documents", "换一个种子抽取并留出另一些文档", max_length=100
    )


@verb(
    "ngram.train",
    permission="build",
    cache=True,
    makes=("ngram_model/v1",),
    prepare=fill_sources,
    help=(
        "Train an n-gram model on a corpus; its perplexity tells how much a text resembles the corpus",
        "用语料训练 n 元模型；困惑度表示文本与语料的相近程度",
    ),
)
def ngram_train(ctx: JobContext, inp: NgramTrain) -> Draft:
    """Leave the model with what it costs to code a fifth of the texts drawn, held out by their contents."""
    from quanheng.data.corpus.export_rows import CorpusFiles
    from quanheng.data.corpus.train import train_perplexity

    loaded = ctx.one("corpus")
    assert isinstance(loaded.model, Corpus)  # noqa: S101 - Takes has checked the kind
    corpus = loaded.model
    sources = {found.digest: found.model for found in ctx.many("sources") if isinstance(found.model, Source)}
    titles = [shard.title for shard in corpus.shards]
    files = CorpusFiles(loaded.digest, titles, loaded.open_layer, sources, corpus.totals.documents)
    texts, licences = _drawn(files, inp.seed, inp.characters, corpus.totals.characters)
    made = train_perplexity(texts, seed=inp.seed, order=inp.order)
    said = {**made.card, "corpus": {"digest": loaded.digest, "rows_digest": corpus.rows_digest}, "licences": licences}
    card = json.loads(canonical_json(said))
    model, described = ctx.objects.put_bytes(made.data), ctx.objects.put_bytes(canonical_json(said))
    return Draft(
        NgramModel(
            title=inp.title or f"{inp.order}-gram",
            rows_digest=corpus.rows_digest,
            order=inp.order,
            ngrams=card["entries"],
            learned_from=card["trained_on"],
            learned_characters=card["trained_on_characters"],
            held_out=card["held_out"],
            held_out_characters=card["held_out_characters"],
            bits_per_character=Estimate(**card["bits_per_character"]),
            perplexity=Estimate(**card["perplexity"]),
            licences=licences,
        ),
        (
            Layer(model.digest, model.size, "application/octet-stream", MODEL_LAYER),
            Layer(described.digest, described.size, "application/json", CARD_LAYER),
        ),
    )


def _drawn(corpus: CorpusFiles, seed: str, most: int, characters: int) -> tuple[list[str], dict[str, int]]:
    """Return texts drawn by a seeded hash of them, of about `most` characters, and documents by licence of the source.

    characters: of the whole corpus.
    """
    from quanheng.data.corpus.export_rows import HASH_SPACE, draw, read_batches

    limit = min(most * HASH_SPACE // max(characters, 1), HASH_SPACE)
    texts: list[str] = []
    licences = Counter[str]()
    for batch in read_batches(corpus, ("id", "source", "text", "text_digest")):
        keys, sources = batch.column("text_digest").to_pylist(), batch.column("source").to_pylist()
        for key, source, text in zip(keys, sources, batch.column("text"), strict=True):
            if draw(seed, "ngram", key) < limit:
                licence = corpus.sources[source].licence
                licences[licence.spdx if licence.clear else UNCLEAR] += 1
                texts.append(text.as_py())
    return texts, dict(sorted(licences.items()))
