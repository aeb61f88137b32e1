"""The client's side of a connection: requests with a token, tried again where that can do no harm, errors as raised."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from quanheng.errors import Invalid, QuanhengError, Unavailable

PREFIX = "/api/v1"
#: For how long a request is tried again while nobody answers, in seconds; enough for a server to be started anew.
PATIENCE_S = 30.0
#: The same before the server has ever answered: its address may be wrong.
FIRST_PATIENCE_S = 3.0
#: The first and the longest pause between two tries, in seconds.
PAUSE_S, LONGEST_PAUSE_S = 0.2, 3.0
#: How long the server may take to begin an answer, in seconds: a report takes its time.
TIMEOUT_S = 120.0
#: Errors of the server that pass by themselves.
_PASSING = (
    "database_locked",
    "database_unreachable",
    "idempotency_pending",
    "upload_busy",
    "no_answer",
    "server_unreachable",
)
T = TypeVar("T")


class Wire:
    """Sends requests to one server as one token. Safe to use from several threads."""

    def __init__(self, url: str, token: str, *, insecure: bool = False, transport: httpx.BaseTransport | None = None):
        host = check_url(url, insecure=insecure)
        headers = {"Accept-Language": "en", **({"Authorization": f"Bearer {token}"} if token else {})}
        if not re.fullmatch(r"[!-~]*", token):
            raise Invalid(
                "this is no access token",
                "这不是访问令牌",
                hint=("Give what token.create has shown: qh_…", "请填写 token.create 显示的内容：qh_…"),
                code="bad_token",
            )
        self.url = url.rstrip("/")
        self._was_there = False
        self._client = httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=httpx.Timeout(TIMEOUT_S, connect=10.0),
            transport=transport,
            trust_env=not is_loopback(host),  # a proxy reaches no server of this machine
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(
        self,
        method: str,
        address: str,
        *,
        accept: Callable[[httpx.Response], bool] = lambda answer: False,
        **options: Any,
    ) -> httpx.Response:
        """Return the answer to a request that may be sent twice without harm, body and all.

        accept: says of an answer that is no success that the caller wants it. Other errors are raised as on the
        server: the same class, code and text. Unavailable when nobody answers for PATIENCE_S.
        """
        return self.retried(lambda: self._once(method, address, accept, options))

    def _once(
        self, method: str, address: str, accept: Callable[[httpx.Response], bool], options: Mapping[str, Any]
    ) -> httpx.Response:
        answer = self.request(method, address, **options)
        if not answer.is_success and not accept(answer):
            raise error_of(answer)
        return answer

    def request(self, method: str, address: str, **options: Any) -> httpx.Response:
        """Return the answer to one try of a request, whatever it is."""
        return self._client.request(method, PREFIX + address, **options)

    def stream(self, address: str, params: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        """Return httpx's context manager of a streamed answer to GET; errors are raised when it is entered."""
        return _Streamed(self, self._client.stream("GET", PREFIX + address, params=params, headers=headers))

    def retried(self, work: Callable[[], T]) -> T:
        """Return `work()`, done again while the connection breaks or the server is not there for a moment."""
        began, pause_s = time.monotonic(), PAUSE_S
        while True:
            try:
                done = work()
            except httpx.TransportError as error:
                told: QuanhengError = self.unreachable(error)
            except QuanhengError as error:
                if error.code not in _PASSING:
                    raise
                told = error
            else:
                self._was_there = True
                return done
            patience_s = PATIENCE_S if self._was_there else FIRST_PATIENCE_S
            if time.monotonic() + pause_s > began + patience_s:
                raise told
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def unreachable(self, error: Exception) -> Unavailable:
        """Return the error of a connection that cannot be made or broke."""
        return Unavailable(
            f"the server {self.url} cannot be reached: {error or type(error).__name__}",
            f"无法连接服务器 {self.url}：{error or type(error).__name__}",
            hint=("Check the address and that it runs.", "请检查地址，并确认服务正在运行。"),
            code="server_unreachable",
        )


class _Streamed:
    """A streamed answer; entering it raises what the server says is wrong."""

    def __init__(self, wire: Wire, inner: Any) -> None:
        self._wire = wire
        self._inner = inner

    def __enter__(self) -> httpx.Response:
        try:
            answer: httpx.Response = self._inner.__enter__()
        except httpx.TransportError as error:
            raise self._wire.unreachable(error) from error
        if answer.is_success:
            return answer
        try:
            answer.read()
        finally:
            self._inner.__exit__(None, None, None)
        raise error_of(answer)

    def __exit__(self, *raised: Any) -> None:
        self._inner.__exit__(*raised)


def error_of(answer: httpx.Response) -> QuanhengError:
    """Return the error that an answer tells of."""
    if answer.headers.get("Content-Type", "").startswith("application/problem+json"):
        try:
            return QuanhengError.from_json(answer.json())
        except (ValueError, KeyError, TypeError, IndexError):
            pass  # something between us and the server made it up
    passes = answer.status_code in (502, 503, 504)
    return Unavailable(
        f"the server answered {answer.status_code} without saying why",
        f"服务器返回 {answer.status_code}，没有说明原因",
        hint=("Check the address; a proxy may stand in between.", "请检查地址；中间可能有代理。"),
        code="no_answer" if passes else "unknown_answer",
    )


def check_url(url: str, *, insecure: bool) -> str:
    """Return the host of a server's address; Invalid for no http(s) address, and for one without https elsewhere."""
    try:
        parts = urlsplit(url)
        host, port_ok = parts.hostname or "", parts.port != 0
    except ValueError:  # an unfinished "[", or a port that is no number
        host, port_ok = "", False
    if parts_are_wrong(url) or not host or not port_ok:
        raise Invalid(
            f"{url!r} is not the address of a server",
            f"{url!r} 不是服务器地址",
            hint=("Example: https://qh.example.cn", "例如：https://qh.example.cn"),
            code="bad_url",
        )
    if not url.lower().startswith("https://") and not is_loopback(host) and not insecure:
        raise Invalid(
            f"{url} has no https, and the token would travel in clear",
            f"{url} 没有使用 https，令牌会以明文传输",
            hint=(
                "Use https; insecure=True says that you know what you do.",
                "请使用 https；确知风险时可设 insecure=True。",
            ),
            code="no_https",
        )
    return host


def parts_are_wrong(url: str) -> bool:
    """Return whether the address holds more or less than scheme, host, port and a path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    return parts.scheme not in ("http", "https") or "@" in parts.netloc or bool(parts.query or parts.fragment)


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
