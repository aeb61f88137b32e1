"""Chat completions: one question, one answer."""

from __future__ import annotations

import json
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from quanheng.endpoints import faults
from quanheng.endpoints.client import Client
from quanheng.kinds.models import Decoding, Endpoint

MAX_FINISH_REASON = 50


class Reply(NamedTuple):
    """One answer. Token counts are None when the service does not say."""

    answer: str
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None


class _Message(BaseModel):
    content: str | None = None
    #: OpenAI: the model's refusal stands here and `content` is null
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(BaseModel):
    choices: list[_Choice]
    usage: _Usage | None = None


class ChatClient(Client):
    """Asks one endpoint questions; see `Client`."""

    def ask(self, question: str, *, max_tokens: int | None = None) -> Reply:
        """Return the answer to one question, asked on its own with the endpoint's system prompt.

        `max_tokens` replaces the endpoint's. What is tried again and what is raised: `Client.post`.
        """
        return _parse(self.url, self.post("/chat/completions", request_body(self.endpoint, question, max_tokens)))


def request_body(endpoint: Endpoint, question: str, max_tokens: int | None = None) -> dict[str, object]:
    """Return the JSON body of the request: standard fields only, so that every compatible service takes it."""
    decoding: Decoding = endpoint.decoding
    messages = [{"role": "user", "content": question}]
    if endpoint.system_prompt is not None:
        messages.insert(0, {"role": "system", "content": endpoint.system_prompt})
    body: dict[str, object] = {
        "model": endpoint.model,
        "messages": messages,
        "temperature": _number(decoding.temperature),
        "top_p": _number(decoding.top_p),
        "seed": decoding.seed,
        "max_tokens": max_tokens or decoding.max_tokens,
        "stream": False,
    }
    # services differ in whether they accept these when they say nothing
    if _number(decoding.frequency_penalty):
        body["frequency_penalty"] = _number(decoding.frequency_penalty)
    if decoding.stop:
        body["stop"] = list(decoding.stop)
    return body


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def _parse(url: str, data: bytes) -> Reply:
    try:
        # json, not pydantic: an answer cut inside an emoji holds half a character, which is no reason to lose it
        found = _Completion.model_validate(json.loads(data))
    except (ValidationError, ValueError, RecursionError) as error:
        raise faults.rubbish(url, data.decode("utf-8", "replace") or "nothing at all") from error
    if not found.choices:
        raise faults.rubbish(url, "no choice in the reply")
    choice, usage = found.choices[0], found.usage or _Usage()
    text = choice.message.content if choice.message.content is not None else choice.message.refusal
    return Reply(
        answer=_whole(text or ""),
        finish_reason=_whole(choice.finish_reason)[:MAX_FINISH_REASON] if choice.finish_reason else None,
        prompt_tokens=_count(usage.prompt_tokens),
        completion_tokens=_count(usage.completion_tokens),
    )


def _whole(text: str) -> str:
    """Return `text` with half characters (lone surrogates) as U+FFFD, so that it can be written as UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _count(tokens: int | None) -> int | None:
    return tokens if tokens is not None and 0 <= tokens < 2**53 else None
