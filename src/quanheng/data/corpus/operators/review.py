"""Content review: what a lexicon and a classifier say of a text. Both only mark; a recipe's judge decides."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from quanheng.data.corpus.operator import Batch, Column, Gives, Params, Tagger, operator
from quanheng.kinds.base import Day, DecimalText, Say
from quanheng.kinds.lexicons import LexiconTerm
from quanheng.text import lexicon_review
from quanheng.text.lexicon_review import Review, Reviewer
from quanheng.text.linear import LinearClassifier


class LexiconParams(Params):
    """`as_of`: the day on which terms count; those that had expired by then are not looked for. None: all are."""

    as_of: Day | None = None


@operator
class LexiconTagger(Tagger):
    """Marks texts with the terms of a lexicon that they hold."""

    name = "lexicon"
    version = lexicon_review.VERSION
    help = Say(
        en="Terms of a lexicon, with the disguise each was found under; hits are for review, none drops a document",
        zh="按词表查找，并记下每处命中所用的变体；命中供复核，不因此删除文档",
    )
    assets = ("lexicon",)
    reviews = True
    gives: ClassVar[Gives] = (
        ("hits", "string"),
        ("hit_terms", "int64"),
        ("risk_density", "float64"),
        ("for_review", "bool"),
    )

    Params = LexiconParams

    @cached_property
    def _reviewer(self) -> tuple[Reviewer, list[int]]:
        """Return what finds the terms in force, and the place of each in the lexicon."""
        with self.given["lexicon"].open() as stream:
            terms = [LexiconTerm.model_validate_json(line) for line in stream]
        day = self.params.as_of
        places = [place for place, term in enumerate(terms) if day is None or term.is_in_force(day)]
        return Reviewer([terms[place] for place in places]), places

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return hits as JSON [[start, end, term, disguise], …] ("" for none), and what is counted of them.

        hit_terms: distinct terms. risk_density: weighted hits per 1,000 characters, suspicions not counted.
        """
        reviewer, places = self._reviewer
        reviews = [reviewer.review(text, view) for text, view in zip(batch.texts, batch.shadows, strict=True)]
        return {
            "hits": [hits_text(review, places) for review in reviews],
            "hit_terms": [review.hit_terms for review in reviews],
            "risk_density": [review.density for review in reviews],
            "for_review": [review.decision == "review" for review in reviews],
        }


class RiskParams(Params):
    """`min_score`: 0 to 1."""

    min_score: DecimalText = "0.5"


@operator
class RiskClassifier(Tagger):
    """Marks texts with the risks that a trained classifier sees in them."""

    name = "risk_classifier"
    help = Say(
        en="Risks by a trained classifier, and the highest score; min_score: from which score on a risk is named",
        zh="由训练好的分类器给出风险类别与最高得分；min_score：得分达到多少才列出该风险",
    )
    assets = ("classifier",)
    reviews = True
    gives: ClassVar[Gives] = (("risk_labels", "strings"), ("risk_score", "float64"))

    Params = RiskParams

    @cached_property
    def _classifier(self) -> LinearClassifier:
        with self.given["classifier"].open() as stream:
            return LinearClassifier.read(stream.read())

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return the labels of each text that reach `min_score`, highest first, and its highest score."""
        scores, labels = self._classifier.scores_of(*batch.codes), self._classifier.labels
        least = float(self.params.min_score)
        order = np.argsort(-scores, axis=1, kind="stable")
        named = [
            [labels[place] for place in places if row[place] >= least]
            for places, row in zip(order, scores, strict=True)
        ]
        return {"risk_labels": named, "risk_score": scores.max(axis=1) if len(scores) else np.zeros(0)}


def hits_text(review: Review, places: Sequence[int]) -> str:
    """Return the hits as JSON text, "" when there are none. places: of the terms in the whole lexicon."""
    hits = [hit._replace(term=places[hit.term]) for hit in review.hits]
    return json.dumps(hits, separators=(",", ":")) if hits else ""
