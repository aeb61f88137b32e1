"""Samples drawn from a corpus: the promise to draw one, and what was drawn."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import StringConstraints, model_validator

from quanheng.kinds.base import Count, Digest, Kind, Model, Positive, register_kind

HexNonce = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32,128}$")]
RootHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
#: What a sample is for: 训练数据人工抽检 / 关键词抽检 / 分类模型抽检, or one source after collection.
SamplePurpose = Literal["manual", "keyword", "classifier", "source"]


@register_kind
class SampleCommitment(Kind):
    """The promise to draw a sample, logged before anyone can know which items it will hold.

    `frame_digest`: the corpus' rows_digest. The corpus itself is an input of the artifact.
    """

    kind: ClassVar[str] = "sample_commitment/v1"
    purpose: SamplePurpose
    method: Literal["simple random sample without replacement"] = "simple random sample without replacement"
    n: Positive
    population: Positive
    frame_digest: Digest

    @model_validator(mode="after")
    def _not_more_than_all(self) -> SampleCommitment:
        if self.n > self.population:
            raise ValueError("a sample cannot be larger than its population")
        return self


class CheckpointRef(Model):
    """The signed checkpoint that the seed was taken from: log size and root hash in hex."""

    size: Count
    root: RootHash


@register_kind
class Sample(Kind):
    """Items drawn from a corpus; layer items.jsonl holds one `SampleItem` per line, in index order.

    `self_drawn`: the nonce came from the one who committed, or there was no checkpoint with the corpus in it.
    `draw_no` counts the draws of this purpose from this corpus, from 1; a redraw stays visible.
    """

    kind: ClassVar[str] = "sample/v1"
    purpose: SamplePurpose
    n: Positive
    population: Positive
    self_drawn: bool
    nonce: HexNonce | None = None
    checkpoint: CheckpointRef | None = None
    seed: Digest
    draw_no: Positive

    @model_validator(mode="after")
    def _drawn_by_others_needs_both(self) -> Sample:
        if self.n > self.population:
            raise ValueError("a sample cannot be larger than its population")
        if not self.self_drawn and (self.nonce is None or self.checkpoint is None):
            raise ValueError("a sample that is not self-drawn has a nonce and a checkpoint")
        return self


class SampleItem(Model):
    """One line of a sample's items.jsonl; `index` is the row number in the corpus, from 0."""

    index: Count
    id: str
    source: Digest
    text_digest: Digest
    text: str
