"""A client for OpenAI-compatible chat endpoints that tries again where that helps and says clearly where not.

Clock, sleep and random source are arguments. A key is read from the environment by name, sent, and never kept in an
artifact or an error. Redirects are not followed, because they could carry the key to another host.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from quanheng.errors import Invalid, QuanhengError
from quanheng.kinds.models import Decoding, Endpoint
from quanheng.models.endpoints import faults

if TYPE_CHECKING:
    import httpx

#: A reply longer than this is not an answer to one question.
MAX_REPLY_BYTES = 4 * 1024 * 1024
MAX_FINISH_REASON = 50
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Reply(NamedTuple):
    """One answer. Token counts are None when the service does not say."""

    answer: str
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None


@dataclass(frozen=True)
class Patience:
    """How long to wait and how often to try. Waits double from `first_wait_s` up to `longest_wait_s`."""

    connect_s: float = 10.0
    answer_s: float = 120.0
    attempts: int = 5
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0

    def wait_s(self, failures: int, chance: float) -> float:
        """Return the wait after `failures` failures (from 1): half of it fixed, half by `chance` in [0, 1)."""
        whole: float = min(self.longest_wait_s, self.first_wait_s * 2 ** (failures - 1))
        return whole / 2 + chance * whole / 2


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


class _TryAgain(Exception):
    """A failure that may pass; `error` is raised when it does not. `wait_s`: what the service asks to wait."""

    def __init__(self, error: QuanhengError, wait_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_s = wait_s


def key_from(name: str, environment: Mapping[str, str] | None = None) -> str:
    """Return the key in the environment variable `name`; NotFound when it is not set, never showing a value."""
    key = (os.environ if environment is None else environment).get(name, "").strip()
    if not key:
        raise faults.no_key(name)
    if not (key.isascii() and key.isprintable()):
        raise Invalid(
            f"the environment variable {name!r} holds characters that no key has",
            f"环境变量 {name!r} 中含有密钥不会有的字符",
            hint=("Set it again, without line breaks.", "请重新设置，不要带换行。"),
            code="bad_key",
        )
    return key


class ChatClient:
    """Asks one endpoint; may be used by several threads at once. A context manager: it closes its connections.

    `url`: base address, taken from the endpoint unless it is a local model's. `concurrency`: how many questions
    `generate` may have under way; a local model has one slot.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        url: str | None = None,
        key: str | None = None,
        concurrency: int = 1,
        patience: Patience | None = None,
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        import httpx

        base = url or endpoint.url
        if base is None:
            raise ValueError("a local endpoint has no address of its own: give `url`, or use LocalServer.client()")
        if concurrency < 1:
            raise ValueError("concurrency is at least 1")
        self.endpoint, self.url, self.concurrency = endpoint, base.rstrip("/"), concurrency
        self.patience = patience or Patience()
        self._chance, self._sleep, self._clock, self._now = chance, sleep, clock, now
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "quanheng"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._http = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(self.patience.answer_s, connect=self.patience.connect_s),
            follow_redirects=False,
            # a proxy of the environment is for the world outside, and knows nothing of this machine
            trust_env=urlsplit(self.url).hostname not in LOOPBACK,
            limits=httpx.Limits(max_connections=concurrency),
        )

    def __enter__(self) -> ChatClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, question: str, *, max_tokens: int | None = None) -> Reply:
        """Return the answer to one question, asked on its own with the endpoint's system prompt.

        `max_tokens` replaces the endpoint's. Connection failures, 5xx and 429 are tried again with growing waits, a
        late answer and rubbish are not. Errors, by code: endpoint_down, endpoint_slow, endpoint_rubbish,
        endpoint_throttled, endpoint_refused_auth, endpoint_rejected.
        """
        body = request_body(self.endpoint, question, max_tokens)
        failures = 0
        while True:
            try:
                return self._once(body)
            except _TryAgain as failure:
                failures += 1
                wait_s = self.patience.wait_s(failures, self._chance())
                if failure.wait_s is not None:
                    wait_s = max(wait_s, failure.wait_s)
                if failures >= self.patience.attempts or wait_s > self.patience.longest_wait_s:
                    raise failure.error from failure
                self._sleep(wait_s)

    def _once(self, body: Mapping[str, object]) -> Reply:
        import httpx

        try:
            with self._http.stream("POST", f"{self.url}/chat/completions", json=body) as response:
                data = self._read(response)
        except (httpx.ConnectTimeout, httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError) as error:
            raise _TryAgain(faults.down(self.url, faults.quote(str(error)) or type(error).__name__)) from error
        except httpx.TimeoutException as error:
            raise faults.slow(self.url, self.patience.answer_s) from error
        except httpx.HTTPError as error:
            raise _TryAgain(faults.down(self.url, faults.quote(str(error)) or type(error).__name__)) from error
        self._check_status(response, data)
        return _parse(self.url, data)

    def _read(self, response: httpx.Response) -> bytes:
        """Return the body; the whole of it has to come in time and within MAX_REPLY_BYTES."""
        if response.headers.get("content-encoding", "identity") != "identity":
            raise faults.rubbish(self.url, "compressed, though it was asked for plain text")
        deadline = self._clock() + self.patience.answer_s
        data = bytearray()
        for chunk in response.iter_raw():
            data += chunk
            if len(data) > MAX_REPLY_BYTES:
                raise faults.rubbish(self.url, f"more than {MAX_REPLY_BYTES:,} bytes")
            if self._clock() > deadline:
                raise faults.slow(self.url, self.patience.answer_s)
        return bytes(data)

    def _check_status(self, response: httpx.Response, data: bytes) -> None:
        status = response.status_code
        said = data.decode("utf-8", "replace")
        if status == 429:
            wait_s = retry_after_s(response.headers.get("retry-after"), self._now())
            raise _TryAgain(faults.throttled(self.url, wait_s), wait_s)
        if status in (401, 403):
            raise faults.refused_auth(self.url, status)
        if status >= 500:
            wait_s = retry_after_s(response.headers.get("retry-after"), self._now())
            raise _TryAgain(faults.down(self.url, f"{status} {faults.quote(said)}".rstrip()), wait_s)
        if status >= 400:
            raise faults.rejected(self.url, status, said)
        if status != 200:
            raise faults.rubbish(self.url, f"status {status} {said}")


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


def retry_after_s(header: str | None, now: float) -> float | None:
    """Return the wait that a Retry-After header asks for, in seconds (RFC 9110, 10.2.3); None without a valid one.

    >>> retry_after_s("7", 0.0)
    7.0
    >>> retry_after_s("Thu, 01 Jan 1970 00:00:09 GMT", 2.0)
    7.0
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


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
