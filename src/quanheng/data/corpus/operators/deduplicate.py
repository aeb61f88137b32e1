"""Duplicates over the whole corpus: exact copies, near-duplicates, boilerplate lines, repeated passages.

Of the same text the earliest licensed source stays: the document of the lowest rank, then unit, then row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from quanheng.data.corpus.operator import Batch, CorpusStep, Gives, Known, Params, Sketch, Texts, Verdict, operator
from quanheng.kinds.base import DecimalText, Say

if TYPE_CHECKING:
    import numpy as np

    from quanheng.text.shingles import Packed

Progress = Callable[[int, int | None], None]


class ExactParams(Params):
    """`view`: what must be equal."""

    view: Literal["text", "folded"] = "text"


class NearParams(Params):
    """`threshold`: Jaccard above 0, at most 1. `seed` chooses the permutations."""

    threshold: DecimalText = "0.8"
    bands: Annotated[int, Field(ge=1, le=128)] = 16
    rows: Annotated[int, Field(ge=1, le=32)] = 8
    seed: Annotated[int, Field(ge=0, lt=2**53)] = 1
    simplify: bool = False
    representatives: Annotated[int, Field(ge=1, le=1000)] = 32

    @model_validator(mode="after")
    def _in_range(self) -> NearParams:
        if not 0 < Decimal(self.threshold) <= 1:
            raise ValueError("threshold must be above 0 and at most 1")
        return self


class SubstringParams(Params):
    """`min_characters`: how long a passage must be."""

    min_characters: Annotated[int, Field(ge=20, le=100_000)] = 100


class LinesParams(Params):
    """`edge_lines`: how many lines of head and of tail. `min_characters` counts the folded view of a line."""

    edge_lines: Annotated[int, Field(ge=1, le=50)] = 5
    # 15 leaves section headings such as "DESCRIPTION 描述" of manual pages; 10 takes them out of 176 of 1,406.
    min_characters: Annotated[int, Field(ge=5, le=1000)] = 15
    min_documents: Annotated[int, Field(ge=2, le=1_000_000)] = 20


def _simplified(texts: Sequence[str]) -> list[str]:
    from quanheng.text.normalise import to_simplified

    return [to_simplified(text) for text in texts]


def _parts(folded: Packed) -> Iterator[memoryview]:
    """Yield the bytes of each text's folded view, without copying them."""
    values = memoryview(folded.values)
    return (values[start:end] for start, end in pairwise(folded.offsets.tolist()))


@operator
class DeduplicateExact(CorpusStep):
    """Drops documents whose text occurred before. Equality is of 128-bit digests (BLAKE2b)."""

    name = "deduplicate_exact"
    help = Say(
        en="Drop exact copies. view: text = as it is; folded = width, case, punctuation and blanks do not matter.",
        zh="去除完全重复的文档。view：text 为原文逐字比较，folded 为忽略全半角、大小写、标点和空白后比较。",
    )
    sketch_columns: Gives = (("digest", "uint64[2]"),)
    reads_texts = False

    Params = ExactParams

    def sketch(self, batch: Batch) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the digest of each text's view."""
        from quanheng.data.corpus.dedup.exact import digests
        from quanheng.text.shingles import Packed, fold

        if self.params.view == "text":
            return {"digest": digests(text.encode("utf-8", "surrogatepass") for text in batch.texts)}
        folded = fold(Packed(*batch.codes))
        return {"digest": digests(_parts(folded))}

    def resolve(
        self, sketches: Sequence[Sketch], texts: Texts, scratch: Path, progress: Progress
    ) -> Iterator[list[Verdict]]:
        """Yield the copies of each unit. No text is read. Disk: 20 bytes a document, and 12 for the answer."""
        from quanheng.data.corpus.dedup.exact import find_copies
        from quanheng.data.corpus.dedup.order import Kept, Order

        kept = Kept(Order.of(sketches), scratch)
        find_copies(sketches, "digest", kept, scratch, progress)
        yield from kept.verdicts(self.reason)


@operator
class DeduplicateNear(CorpusStep):
    """Drops documents whose set of 5-character strings is `threshold` alike (Jaccard) to one that stays.

    Candidates come from MinHash-LSH, then the sets themselves are compared, so nothing is dropped by an estimate.
    With b bands of r rows two texts of Jaccard J become candidates with probability 1 - (1 - Jʳ)ᵇ:

        J          0.5    0.6    0.7    0.8    0.85   0.9    0.95
        16 × 8     0.061  0.237  0.613  0.947  0.994  0.9999 1      128 permutations, the default
        18 × 7     0.132  0.400  0.787  0.985  0.999  1      1      126: recall 0.98 at 0.8 already
        14 × 9     0.027  0.132  0.438  0.867  0.975  0.999  1      126: misses recall 0.98 at 0.85

    Texts of fewer than 5 characters are compared whole, and those of punctuation only character by character.
    In a bucket of more than `representatives` documents each is compared with that many of the lowest numbers.
    """

    name = "deduplicate_near"
    reason = "near_duplicate"
    help = Say(
        en="Drop near-duplicates: 5-character strings, MinHash-LSH, exact Jaccard of every candidate pair. "
        "simplify: compare in simplified characters.",
        zh="去除近似重复的文档：以连续五字为单位，MinHash-LSH 找候选，逐对精确计算 Jaccard。simplify：转为简体后比较。",
    )
    sketch_columns: Gives = (("bands", "uint64[16]"), ("identity", "uint64[2]"))
    continues = True
    whole = True

    Params = NearParams

    def __init__(self, params: Any, assets: Mapping[str, Any]) -> None:
        super().__init__(params, assets)
        columns = (("bands", f"uint64[{params.bands}]"), ("identity", "uint64[2]"))
        self.sketch_columns = columns

    def sketch(self, batch: Batch) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the band keys of each text, and the digest of its folded view."""
        from quanheng.data.corpus.dedup.exact import digests
        from quanheng.text.shingles import Packed, band_keys, encode, fold, hash_shingles, signatures

        given = self.params
        folded = fold(encode(_simplified(batch.texts)) if given.simplify else Packed(*batch.codes))
        made = signatures(hash_shingles(folded), given.bands * given.rows, given.seed)
        return {
            "bands": band_keys(made, given.bands, given.rows, given.seed),
            "identity": digests(_parts(folded)),
        }

    def resolve(
        self, sketches: Sequence[Sketch], texts: Texts, scratch: Path, progress: Progress
    ) -> Iterator[list[Verdict]]:
        """Yield the near-duplicates of each unit. Texts of candidates are read once.

        Disk: 12 bytes × bands × documents while pairs are found, 8 bytes × characters of the candidates after.
        """
        yield from self._resolve(None, sketches, texts, scratch, progress)

    def resume(
        self, known: Known, sketches: Sequence[Sketch], texts: Texts, scratch: Path, progress: Progress
    ) -> Iterator[list[Verdict]]:
        """Yield what `resolve` would. Of texts those of new candidates are read, and of what they may repeat."""
        yield from self._resolve(known, sketches, texts, scratch, progress)

    def _resolve(
        self, known: Known | None, sketches: Sequence[Sketch], texts: Texts, scratch: Path, progress: Progress
    ) -> Iterator[list[Verdict]]:
        from quanheng.data.corpus.dedup.bands import find_pairs, sharing
        from quanheng.data.corpus.dedup.exact import find_copies
        from quanheng.data.corpus.dedup.order import Kept, Order, phase
        from quanheng.data.corpus.dedup.verify import keep_roots

        given = self.params
        kept = Kept(order := Order.of(sketches), scratch)
        first = order.after(known)
        # Copies have all bands in common, so that what copies a document stands among the same.
        among = sharing(sketches, "bands", given.bands, order, first) if first else None
        # Equal folded views have Jaccard 1: neither bands nor texts are needed for them.
        find_copies(sketches, "identity", kept, scratch, phase(progress, 0, 4), among)
        told = phase(progress, 1, 4)
        pairs, total = find_pairs(
            sketches, "bands", given.bands, kept, scratch, told, representatives=given.representatives, among=among
        )
        # Only now: near-duplicates that went stand in the buckets as they did.
        if known:
            kept.take(known)
        told = phase(progress, 1, 2)
        keep_roots(pairs, total, kept, texts, self._sets, Fraction(given.threshold), scratch, told, first=first)
        kept.follow()
        for unit in kept.verdicts(self.reason):
            # All strings in common: a copy, but for width, case, punctuation and blanks.
            yield [verdict._replace(reason="duplicate") if verdict.measure == 1 else verdict for verdict in unit]

    def _sets(self, texts: Sequence[str]) -> list[Any]:
        from quanheng.text.shingles import distinct, encode, fold, hash_shingles

        packed: Packed = encode(_simplified(texts) if self.params.simplify else texts)
        return distinct(hash_shingles(fold(packed)))


@operator
class DeduplicateLines(CorpusStep):
    """Takes out boilerplate lines: equal lines at the head or tail of many documents of one source."""

    name = "deduplicate_lines"
    reason = "repeated_line"
    help = Say(
        en="Take out lines that many documents of a source share at their head or tail; never headings of statutes.",
        zh="去除同一来源中许多文档开头或结尾处相同的套话行；法条标题与施行日期等不动。",
    )
    sketch_columns: Gives = (
        ("hashes", "uint64[10]"),
        ("starts", "uint32[10]"),
        ("ends", "uint32[10]"),
        ("lines", "uint32"),
    )
    reads_texts = False
    by_source = True

    Params = LinesParams

    def __init__(self, params: Any, assets: Mapping[str, Any]) -> None:
        super().__init__(params, assets)
        wide = [
            (name, f"{kind}[{2 * params.edge_lines}]") for name, kind in (("hashes", "uint64"), ("starts", "uint32"))
        ]
        columns = (*wide, ("ends", wide[1][1]), ("lines", "uint32"))
        self.sketch_columns = columns

    def sketch(self, batch: Batch) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return hashes and spans of the first and last lines of each text."""
        from quanheng.data.corpus.dedup.lines import sketch_lines
        from quanheng.text.shingles import Packed

        return sketch_lines(Packed(*batch.codes), self.params.edge_lines, self.params.min_characters)

    def resolve(
        self, sketches: Sequence[Sketch], texts: Texts, scratch: Path, progress: Progress
    ) -> Iterator[list[Verdict]]:
        """Yield the spans of each unit to take out. No text is read."""
        from quanheng.data.corpus.dedup.lines import find_lines

        yield from find_lines(sketches, scratch, progress, min_documents=self.params.min_documents)


@operator
class DeduplicateSubstring(CorpusStep):
    """Takes out passages of `min_characters` or more that an earlier document holds, character for character.

    Winnowing finds it, then the characters are compared. Documents that are revisions of each other lose most of their
    text here: drop near-duplicates first.
    """

    name = "deduplicate_substring"
    reason = "repeated_passage"
    help = Say(
        en="Take out long passages that stand in an earlier document too; of each the first copy stays.",
        zh="去除在靠前的文档中已逐字出现过的长段落，保留首次出现的一份。",
    )
    sketch_columns: Gives = (("picked", "uint32"), ("keys", "uint64[*]"), ("places", "uint32[*]"))
    continues = True

    Params = SubstringParams

    def sketch(self, batch: Batch) -> Mapping[str, Any]:
        """Return the n-grams picked from each text, and how many they are."""
        import numpy as np

        from quanheng.data.corpus.dedup.substring import pick
        from quanheng.text.shingles import Packed

        keys, places = pick(Packed(*batch.codes), self.params.min_characters)
        return {"picked": np.diff(keys.offsets), "keys": keys, "places": places}

    def resolve(
        self, sketches: Sequence[Sketch], texts: Texts, scratch: Path, progress: Progress
    ) -> Iterator[list[Verdict]]:
        """Yield the spans of each unit to take out. Only texts with repetitions are read.

        Disk: 16 bytes for each picked string, then 4 for each character of documents with repetitions.
        """
        from quanheng.data.corpus.dedup.substring import find_passages

        yield from find_passages(sketches, texts, scratch, progress, least=self.params.min_characters)

    def resume(
        self, known: Known, sketches: Sequence[Sketch], texts: Texts, scratch: Path, progress: Progress
    ) -> Iterator[list[Verdict]]:
        """Yield what `resolve` would. Texts are read of new documents with repetitions, and of what they repeat."""
        from quanheng.data.corpus.dedup.substring import find_passages

        yield from find_passages(sketches, texts, scratch, progress, least=self.params.min_characters, known=known)
