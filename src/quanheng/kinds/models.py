"""Kinds of models: a model's weights, an endpoint that answers, a bank of questions, and the answers given."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from quanheng.kinds.base import Count, DecimalText, Digest, Kind, Model, Slug, register_kind
from quanheng.kinds.risks import Aspect, KnownRisk
from quanheng.kinds.sources import Licence

#: What a bank is for: 应拒答测试题库 / 非拒答测试题库 / 生成内容测试题库.
BankPurpose = Literal["must_refuse", "must_not_refuse", "generation"]
Positive = Annotated[int, Field(ge=1, le=2**53 - 1)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=500)]
#: At most 2,000 characters; a question is never blank.
QuestionText = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"\S")]

ITEMS_LAYER = "items.jsonl"
RESPONSES_LAYER = "responses.jsonl"


def _plain_url(url: str) -> str:
    """Return `url`; ValueError when it could carry a secret, because a config is shown to everyone."""
    try:
        parts = urlsplit(url)
    except ValueError:  # which quotes the address
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an endpoint is an http or https address with a host")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError(
            "an endpoint's address has no user, password, query or fragment; keys come from the environment"
        )
    return url


EndpointUrl = Annotated[str, AfterValidator(_plain_url)]


class Weights(Model):
    """The file of weights by content. It is not copied into the store by default."""

    digest: Digest
    size: Positive


class ModelOrigin(Model):
    """Where the weights come from: a package and its version, and what it was made from."""

    package: str
    version: str
    derived_from: str | None = None


@register_kind
class LanguageModel(Kind):
    """The weights of a language model, by digest; the layer with the file itself is optional.

    `tuned`: whether it was tuned to follow instructions. A base model continues text and does not refuse.
    """

    kind: ClassVar[str] = "model/v1"
    name: Title
    format: Literal["gguf"] = "gguf"
    weights: Weights
    tuned: bool
    licence: Licence
    origin: ModelOrigin


class Decoding(Model):
    """How an answer is chosen. Temperature "0" takes the likeliest token each time."""

    temperature: DecimalText = "0"
    top_p: DecimalText = "1"
    #: what a token loses in score each time it was used; above "0" it keeps small models from looping
    frequency_penalty: DecimalText = "0"
    seed: Count = 0
    max_tokens: Positive = 64
    #: an answer ends before the first of these
    stop: tuple[str, ...] = ()


class Engine(Model):
    """The program that runs the model. `threads` and `context`: None where somebody else runs it."""

    name: Slug
    version: str
    threads: Positive | None = None
    context: Positive | None = None


@register_kind
class Endpoint(Kind):
    """What answers: a model behind an address, with everything that an answer depends on.

    `url` is None for a local model, `weights` for a remote one. `chat_template`: None takes the model's own.
    """

    kind: ClassVar[str] = "endpoint/v1"
    protocol: Literal["openai-chat"] = "openai-chat"
    model: Title
    url: EndpointUrl | None = None
    weights: Weights | None = None
    decoding: Decoding = Decoding()
    system_prompt: str | None = None
    chat_template: str | None = None
    engine: Engine

    @model_validator(mode="after")
    def _local_or_remote(self) -> Endpoint:
        if (self.url is None) == (self.weights is None):
            raise ValueError("an endpoint has either the address of a service or the weights of a local model")
        return self


class _Grouped(Model):
    """One line about one question, which belongs to one risk or to one aspect."""

    id: Slug
    risk: KnownRisk | None = None
    aspect: Aspect | None = None

    @model_validator(mode="after")
    def _one_group(self) -> _Grouped:
        if (self.risk is None) == (self.aspect is None):
            raise ValueError("a question belongs to one risk or to one aspect")
        return self

    @property
    def group(self) -> str:
        """Return the risk or the aspect."""
        return self.risk or str(self.aspect)


class Question(_Grouped):
    """One line of a bank's items.jsonl."""

    question: QuestionText


@register_kind
class Benchmark(Kind):
    """A bank of questions; layer items.jsonl holds one `Question` per line, in bank order."""

    kind: ClassVar[str] = "benchmark/v1"
    purpose: BankPurpose
    title: Title
    version: str
    items: Count
    per_risk: dict[KnownRisk, Count] = Field(default_factory=dict)
    per_aspect: dict[Aspect, Count] = Field(default_factory=dict)
    licence: Licence
    owner: str
    note: str = ""

    @model_validator(mode="after")
    def _items_are_counted(self) -> Benchmark:
        if self.items != sum(self.per_risk.values()) + sum(self.per_aspect.values()):
            raise ValueError("items differs from the sum over risks and aspects")
        return self


class Response(_Grouped):
    """One line of responses.jsonl. `question_digest`: of the question's UTF-8 bytes.

    `error` is the code of what went wrong when there is no answer; then `answer` is empty and the rest None.
    """

    question_digest: Digest
    answer: str
    finish_reason: str | None = None
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    error: Slug | None = None

    @model_validator(mode="after")
    def _failed_is_empty(self) -> Response:
        if self.error is not None and self.answer:
            raise ValueError("a response that failed has no answer")
        return self


@register_kind
class Responses(Kind):
    """Raw answers to a bank or to part of it; layer responses.jsonl holds one `Response` per line, in bank order.

    `asked` counts rows, those that failed too; `cut` counts answers that ended at `max_tokens`.
    `complete`: every question of the bank was asked and answered.
    """

    kind: ClassVar[str] = "responses/v1"
    purpose: BankPurpose
    asked: Count
    bank_size: Count
    complete: bool
    max_tokens: Positive
    failed: Count
    cut: Count = 0

    @model_validator(mode="after")
    def _numbers_agree(self) -> Responses:
        if self.asked > self.bank_size or self.failed + self.cut > self.asked:
            raise ValueError("more answers than questions")
        if self.complete != (self.asked == self.bank_size and self.failed == 0):
            raise ValueError("complete means that every question was asked and answered")
        return self
