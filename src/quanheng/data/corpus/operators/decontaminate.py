"""Documents that hold the items of a benchmark: trained on them, a model's score on it means nothing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from quanheng.data.corpus.operator import Batch, Column, Gives, Params, Tagger, operator
from quanheng.errors import Invalid
from quanheng.kinds.base import Say

if TYPE_CHECKING:
    from quanheng.data.corpus.dedup.overlap import Index, Item


class DecontaminateParams(Params):
    """`n`: code points of the folded view that must agree in a row.

    Measured on 12,104 documents (statutes, help pages, manual pages, medical dialogues) against 17,300 items of CMMLU,
    AGIEval, SafetyBench and GSM8K, documents that hold a share of an item of at least 0.1 / 0.2 / 0.5:

        n     statutes (1,772)    others (10,332)    items shorter than n
        8     616 / 170 / 20      129 / 37 / 0       0
        10    357 / 108 / 13      66 / 4 / 0         1
        13    153 / 61 / 8        21 / 0 / 0         6
        16    97 / 45 / 7         2 / 0 / 0          26
        20    57 / 31 / 7         0 / 0 / 0          224

    With 13 nothing but statutes reaches 0.2, and the 8 statutes at 0.5 are those whose article an item quotes.
    """

    n: Annotated[int, Field(ge=5, le=100)] = 13


@operator
class Decontaminate(Tagger):
    """Tags each document with the largest share of one benchmark item's n-grams that it holds, and that item.

    `benchmark_share`: how much of the document is items. A page of questions has nearly 1; a code of laws of which an
    item quotes one article has little (the 8 statutes measured: 0.006 to 0.047), and is good text all the same.

    Asset "benchmarks": JSON lines {"id", "text"}, the text with its options. Width, case, punctuation and blanks do
    not matter. 0.5 and more: the item, or most of it, stands in the document; 0.2 to 0.5: worth a look, often both
    quote the same law; below: the same phrases. An item of fewer than `n` characters is not looked for.
    """

    name = "decontaminate"
    version = 2
    help = Say(
        en="Tag documents that hold benchmark items: contaminated, the largest share of an item's n-grams in the "
        "document, 0 to 1; contaminated_by, the item's id; benchmark_share, the share of the document that is items.",
        zh="标记含有评测题的文档：contaminated 为文档所含同一题 n 元字串的最大比例（0 至 1），"
        "contaminated_by 为该题编号，benchmark_share 为评测题内容占文档的比例。",
    )
    assets = ("benchmarks",)
    gives: ClassVar[Gives] = (
        ("contaminated", "float64"),
        ("contaminated_by", "string"),
        ("benchmark_share", "float64"),
    )

    Params = DecontaminateParams

    @cached_property
    def _items(self) -> list[Item]:
        from quanheng.data.corpus.dedup.overlap import read_items

        if "benchmarks" not in self.given:
            raise Invalid(
                "decontaminate needs the items of the benchmarks, and none are given",
                "算子 decontaminate 需要评测题，但未提供",
                hint=('Name an asset "benchmarks" in the recipe.', "请在配方中指定资源 benchmarks。"),
                code="benchmarks_missing",
            )
        with self.given["benchmarks"].open() as stream:
            return read_items(stream)

    @cached_property
    def _index(self) -> Index:
        from quanheng.data.corpus.dedup.overlap import Index

        return Index(self._items, self.params.n)

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return for each document both shares in [0, 1] and the item's id, 0 and "" when it holds nothing of any."""
        from quanheng.text.shingles import Packed, fold

        found = self._index.find(fold(Packed(*batch.codes)))
        ids = [self._items[item].id if item >= 0 else "" for item in found.item.tolist()]
        return {"contaminated": found.share, "contaminated_by": ids, "benchmark_share": found.of_document}
