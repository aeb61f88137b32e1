"""A client of OpenAI-compatible services that tries again where that helps and says clearly where not.

Clock, sleep and random source are arguments. A key is read from the environment by name, sent, and never kept in an
artifact or an error. Redirects are not followed, because they could carry the key to another host.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import urlsplit

from quanheng.endpoints import faults
from quanheng.errors import Invalid, QuanhengError
from quanheng.kinds.models import Endpoint

if TYPE_CHECKING:
    import httpx

LOOPBACK = ("127.0.0.1", "::1", "localhost")
#: The environment variable with the key of an endpoint, where its user names no other.
KEY_VARIABLE = "QUANHENG_ENDPOINT_KEY"
#: Statuses that may be about what was asked: bad request, too large, unprocessable, unavailable for legal reasons.
ABOUT_THE_REQUEST = (400, 413, 422, 451)


@dataclass(frozen=True)
class Patience:
    """How long to wait and how often to try. Waits double from `first_wait_s` up to `longest_wait_s`.

    longest_asked_s: a service that asks for a longer wait than this is not waited for; limits are mostly per minute.
    """

    connect_s: float = 10.0
    answer_s: float = 120.0
    attempts: int = 5
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    longest_asked_s: float = 120.0

    def wait_s(self, failures: int, chance: float) -> float:
        """Return the wait after `failures` failures (from 1): half of it fixed, half by `chance` in [0, 1)."""
        whole: float = min(self.longest_wait_s, self.first_wait_s * 2 ** (failures - 1))
        return whole / 2 + chance * whole / 2


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


class Client:
    """Posts to one endpoint; may be used by several threads at once. A context manager: it closes its connections.

    `url`: base address, taken from the endpoint unless it is a local model's. `concurrency`: how many requests may be
    under way; a local model has one slot.
    """

    #: A reply longer than this is no answer.
    most_bytes: ClassVar[int] = 4 * 1024 * 1024
    #: What a reply should be, in English and Chinese, for the message when it is not.
    expected: ClassVar[tuple[str, str]] = faults.CHAT

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def post(self, path: str, body: Mapping[str, object]) -> bytes:
        """Return the body of the reply to `body` at `path` below the endpoint's address; its status was 200.

        Connection failures, 5xx, 408 and 429 are tried again with growing waits, a late answer and rubbish are not.
        Errors, by code: endpoint_down, endpoint_slow, endpoint_rubbish, endpoint_throttled, endpoint_refused_auth,
        endpoint_refused, and endpoint_rejected, the only one that may be about this body alone.
        """
        failures = 0
        while True:
            try:
                return self._once(path, body)
            except _TryAgain as failure:
                failures += 1
                asked_s = failure.wait_s or 0.0
                if failures >= self.patience.attempts or asked_s > self.patience.longest_asked_s:
                    raise failure.error from failure
                self._sleep(max(self.patience.wait_s(failures, self._chance()), asked_s))

    def rubbish(self, what: str) -> QuanhengError:
        """Return the error for a reply that is not what was asked for."""
        return faults.rubbish(self.url, what, self.expected)

    def _once(self, path: str, body: Mapping[str, object]) -> bytes:
        import httpx

        try:
            with self._http.stream("POST", f"{self.url}{path}", json=body) as response:
                data = self._read(response)
        except (httpx.ConnectTimeout, httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError) as error:
            raise _TryAgain(faults.down(self.url, faults.quote(str(error)) or type(error).__name__)) from error
        except httpx.TimeoutException as error:
            raise faults.slow(self.url, self.patience.answer_s) from error
        except httpx.HTTPError as error:
            raise _TryAgain(faults.down(self.url, faults.quote(str(error)) or type(error).__name__)) from error
        self._check_status(response, data)
        return data

    def _read(self, response: httpx.Response) -> bytes:
        """Return the body; the whole of it has to come in time and within self.most_bytes."""
        if response.headers.get("content-encoding", "identity") != "identity":
            raise self.rubbish("compressed, though it was asked for plain text")
        deadline = self._clock() + self.patience.answer_s
        data = bytearray()
        for chunk in response.iter_raw():
            data += chunk
            if len(data) > self.most_bytes:
                raise self.rubbish(f"more than {self.most_bytes:,} bytes")
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
        if status >= 500 or status == 408:
            wait_s = retry_after_s(response.headers.get("retry-after"), self._now())
            raise _TryAgain(faults.down(self.url, f"{status} {faults.quote(said)}".rstrip()), wait_s)
        if status in ABOUT_THE_REQUEST:
            raise faults.rejected(self.url, status, said)
        if status >= 400:
            raise faults.refused(self.url, status, said)
        if status != 200:
            raise self.rubbish(f"status {status} {said}")


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
