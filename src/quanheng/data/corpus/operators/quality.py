"""Operators that score the text: repetition, lines, common characters, language, perplexity, classifiers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from quanheng.data.corpus.operator import Asset, Batch, Column, Gives, Params, Tagger, operator, unknown
from quanheng.data.corpus.operators.basic import counts_of
from quanheng.errors import Invalid
from quanheng.kinds.base import DecimalText, Say
from quanheng.store import sha256_digest
from quanheng.text import language_id, quality
from quanheng.text.linear import LinearClassifier
from quanheng.text.ngram_model import NgramModel
from quanheng.text.quality import share
from quanheng.text.script import Letters


@operator
class Repetition(Tagger):
    """Says how much of a text stood in it before: 8-character pieces of its beginning, lines, paragraphs."""

    name = "repetition"
    help = Say(
        en="The share of 8-character pieces (of the first 20,000 characters), of lines and of paragraphs seen before",
        zh="重复比例：8 字片段（前 2 万字）、行、段落中此前已出现过的比例",
    )
    gives: ClassVar[Gives] = (
        ("repetition", "float64"),
        ("line_repetition", "float64"),
        ("paragraph_repetition", "float64"),
    )

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return the shares; those of lines and paragraphs are by characters."""
        lines = batch.view("lines", lambda: quality.count_lines(*batch.codes))
        return {
            "repetition": share(*quality.count_repeated_pieces(*batch.codes)),
            "line_repetition": share(lines.repeated_line_characters, lines.line_characters),
            "paragraph_repetition": share(lines.repeated_paragraph_characters, lines.paragraph_characters),
        }


@operator
class CommonCharacters(Tagger):
    """Says how many of the Han are those of everyday text; text decoded wrongly has few."""

    name = "common_characters"
    help = Say(
        en="The share of everyday characters (GB 2312 level 1, and traditional forms of Big5 level 1) among the Han",
        zh="汉字中常用字的比例（GB 2312 一级汉字，以及 Big5 常用字中的繁体字）",
    )
    gives: ClassVar[Gives] = (("common_share", "float64"),)

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return the share, 0 for a text without Han."""
        counts = counts_of(batch)
        return {"common_share": share(counts.common, counts.han)}


@operator
class LineShapes(Tagger):
    """Says what the lines look like: their mean length, how many belong to lists, how many end like a sentence."""

    name = "lines"
    help = Say(
        en="Lines, their mean length, the share that begin with a bullet, and that end with a sentence's punctuation",
        zh="行数，平均行长，以项目符号开头的行的比例，以句末标点结尾的行的比例",
    )
    gives: ClassVar[Gives] = (
        ("lines", "int64"),
        ("mean_line_length", "float64"),
        ("bullet_share", "float64"),
        ("punctuation_end_share", "float64"),
    )

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return the number of lines that are not blank, and three measures over them, 0 when there are none."""
        lines = batch.view("lines", lambda: quality.count_lines(*batch.codes))
        return {
            "lines": lines.lines,
            "mean_line_length": share(lines.line_characters, lines.lines),
            "bullet_share": share(lines.bullets, lines.lines),
            "punctuation_end_share": share(lines.ended, lines.lines),
        }


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


@operator
class Language(Tagger):
    """Says which language a text is in: the script rule first, a model only where the rule cannot tell."""

    name = "language"
    help = Say(
        en="The language by the script rule; where it cannot tell, by fastText's model when there is one",
        zh="按文字规则判定语种；规则无法判定且有 fastText 模型时由模型判定",
    )
    gives: ClassVar[Gives] = (("language", "string"), ("language_score", "float64"))
    assets = ("language_model",)

    def __init__(self, params: Any, assets: Mapping[str, Asset]) -> None:
        installed = None if "language_model" in assets else language_id.installed_model()
        if installed:
            # Named like an asset that was given, so that it is part of the operator's identity.
            asset = Asset(sha256_digest(installed.read_bytes()), partial(_open, installed))
            assets = {**assets, "language_model": asset}
        super().__init__(params, assets)

    @property
    def needs(self) -> tuple[str, ...]:
        """Return nothing: without a model the rule alone decides."""
        return ()

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return languages and scores."""
        asset = self.given.get("language_model")
        model = language_id.load_model(asset.digest, asset.open) if asset else None
        counts = counts_of(batch)
        letters = map(Letters, counts.letter.tolist(), counts.han.tolist(), counts.foreign.tolist())
        found = [language_id.language_of(text, each, model) for text, each in zip(batch.texts, letters, strict=True)]
        return {"language": [one.language for one in found], "language_score": [one.score for one in found]}


def _model_bytes(operator_: Tagger, role: str, en: str, zh: str) -> bytes:
    """Return the bytes of the asset that an operator cannot work without."""
    asset = operator_.given.get(role)
    if asset is None:
        raise Invalid(
            f"the operator {operator_.name} needs {en}, and none was given",
            f"算子 {operator_.name} 需要{zh}，但未提供",
            hint=(f"Name it in the recipe as {role}.", f"请在配方中以 {role} 指明。"),
            code="asset_missing",
        )
    with asset.open() as file:
        return file.read()


@operator
class Perplexity(Tagger):
    """Says how surprising the beginning of a text is to an n-gram model: low for text like the model's own."""

    name = "perplexity"
    help = Say(
        en="Perplexity per character under a character n-gram model, over the first 20,000 characters; 0 for no text",
        zh="字符 n 元模型下的每字困惑度，按前 2 万字计算；空文本为 0",
    )
    gives: ClassVar[Gives] = (("perplexity", "float64"),)
    assets = ("ngram_model",)

    @cached_property
    def _model(self) -> NgramModel:
        return NgramModel.read(_model_bytes(self, "ngram_model", "an n-gram model", " n 元模型"))

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return the perplexities."""
        return {"perplexity": self._model.perplexity(*batch.codes)}


class QualityClassifierParams(Params):
    """`label`: the label of the classifier that means good."""

    label: str = "good"


@operator
class QualityClassifier(Tagger):
    """Says how likely a text is good, by a classifier that was trained on labelled texts."""

    name = "quality_classifier"
    help = Say(
        en="The score in 0..1 of the label that means good, by a linear classifier; label: which one it is",
        zh="线性分类器给出的优质得分（0 到 1）；label：表示优质的标签",
    )
    gives: ClassVar[Gives] = (("quality", "float64"),)
    assets = ("classifier",)
    Params = QualityClassifierParams

    @cached_property
    def _model(self) -> LinearClassifier:
        return LinearClassifier.read(_model_bytes(self, "classifier", "a classifier", "分类器"))

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return the scores of the one label."""
        if self.params.label not in self._model.labels:
            raise unknown(
                "the classifier has no label", "分类模型没有标签", self.params.label, dict.fromkeys(self._model.labels)
            )
        return {"quality": self._model.scores_of(*batch.codes)[:, self._model.labels.index(self.params.label)]}


class DomainParams(Params):
    """`threshold`: labels whose score reaches it are given."""

    threshold: DecimalText = "0.5"


@operator
class Domain(Tagger):
    """Says which domains a text belongs to; none, one or several."""

    name = "domain"
    help = Say(
        en="The labels of a linear classifier whose score reaches the threshold, best first",
        zh="线性分类器中得分达到阈值的标签，得分高者在前",
    )
    gives: ClassVar[Gives] = (("domains", "strings"),)
    assets = ("domain_classifier",)
    Params = DomainParams

    @cached_property
    def _model(self) -> LinearClassifier:
        return LinearClassifier.read(_model_bytes(self, "domain_classifier", "a domain classifier", "领域分类器"))

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return the labels over the threshold."""
        threshold, labels = float(self.params.threshold), self._model.labels
        return {
            "domains": [
                [labels[place] for place in np.argsort(-row, kind="stable") if row[place] >= threshold]
                for row in self._model.scores_of(*batch.codes)
            ]
        }
