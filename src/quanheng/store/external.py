"""External layers: files that stay at their URL and are read in place, never trusted without their digest.

A connection that drops is taken up again where it was, by a range; a server that is busy is asked again after a pause.
What lies in object storage is asked for with a signature, where the environment holds keys for it: `sigv4`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse, InvalidURL
from typing import IO, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from quanheng.errors import Corrupt, Forbidden, Invalid, QuanhengError, Unavailable
from quanheng.store import sigv4
from quanheng.store.digest import CHUNK_BYTES, PREFIX
from quanheng.store.hosts import is_among
from quanheng.store.manifest import Layer

#: How long a connection may take, and how long a server may stay silent, in seconds.
TIMEOUT_S = 30.0
#: Seconds before each further try, while not a byte comes; a byte that came makes them all available again.
PAUSES_S: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0)
#: A server may ask for a longer pause, up to this.
MOST_PAUSE_S = 30.0
#: Too many requests, or a fault that passes: S3 answers 503 SlowDown, OSS and OBS 503 too.
BUSY = frozenset((429, 500, 502, 503, 504))

_ERROR_BYTES = 8192
_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-[0-9]+/([0-9]+)")
_S3_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,60})</Code>")


@dataclass(frozen=True)
class Known:
    """What is known of a file elsewhere: its name for messages, size, ETag, and digest; None is not checked."""

    title: str
    size: int | None
    etag: str | None = None
    digest: str | None = None


def open_external(layer: Layer, allowed_hosts: Collection[str], offset: int = 0, end: int | None = None) -> BinaryIO:
    """Open an external layer for reading from byte `offset` on, up to `end`, at the first of its URLs that answers.

    allowed_hosts: see `hosts.is_host`. While reading, the size is checked, and over the whole file also the digest;
    the last read raises Corrupt when they differ. A recorded ETag must be the server's present one, also when a
    connection that dropped is taken up again.
    Raises Invalid for a layer without URLs or an offset outside it, Forbidden when no host is allowed, Unavailable
    when no server answers, Corrupt when the file there is another one by now.
    """
    last = layer.size if end is None else end
    if not layer.urls or not 0 <= offset <= last <= layer.size:
        raise Invalid(
            f"layer {layer.title!r} ({layer.size} bytes) has no external byte {offset}",
            f"数据层 {layer.title!r}（{layer.size} 字节）没有外部字节 {offset}",
            hint=("Read it from the object store instead.", "请改从对象仓库读取。"),
            code="not_external",
        )
    allowed = [url for url in layer.urls if is_allowed(url, allowed_hosts)]
    if not allowed:
        raise forbidden(layer.urls[0])
    known = Known(layer.title, layer.size, layer.etag, layer.digest)
    failed: QuanhengError | None = None
    for url in allowed:
        try:
            return io.BufferedReader(_ExternalReader(known, url, offset, last), CHUNK_BYTES)
        except Unavailable as error:
            failed = error
    raise failed or forbidden(layer.urls[0])


def digest_external(
    url: str, size: int, etag: str | None, hosts: Collection[str], *, title: str, seen: Callable[[int], None]
) -> str:
    """Return the digest of the file at `url`, read once; `seen` hears of each piece. Errors as for `open_external`."""
    require_allowed(url, hosts)
    found = hashlib.sha256()
    with _ExternalReader(Known(title, size, etag), url, 0, size) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            found.update(chunk)
            seen(len(chunk))
        return PREFIX + found.hexdigest()


def head_external(url: str, allowed_hosts: Collection[str]) -> tuple[int | None, str | None]:
    """Return size in bytes and ETag of the file at `url`, None for what the server does not say."""
    require_allowed(url, allowed_hosts)
    with request(url) as response:
        _require_stored(url, response, is_stored=sigv4.is_storage(url))
        length = response.headers.get("Content-Length")
        size = int(length) if length is not None and length.isdecimal() else None
        return size, response.headers.get("ETag")


class _ExternalReader(io.RawIOBase):
    """The answer of a server, with its bytes counted and hashed as they pass; taken up again when it drops."""

    def __init__(self, known: Known, url: str, offset: int, end: int) -> None:
        self._known, self._url = known, url
        self._at, self._end = offset, end
        whole = offset == 0 and end == known.size and known.digest is not None
        self._hash = hashlib.sha256() if whole else None
        self._response: HTTPResponse | None = None
        self._failures = 0
        self._ended = offset == end != 0
        if not self._ended:
            self._response = self._answer(request)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self._data(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._drop()
        super().close()

    def _data(self, size: int) -> bytes:
        while not self._ended:
            try:
                if self._response is None:
                    self._response = self._answer(_request_once)
                # One more than is left tells a file that is longer than recorded; of a part the rest is not wanted.
                left = self._end - self._at
                data = self._response.read(min(size, left + (self._end == self._known.size)))
            except _Passes as error:
                self._failed(error.told, error.wait_s)
                continue
            except (OSError, HTTPException) as error:
                self._failed(unreachable(self._url, str(error) or type(error).__name__))
                continue
            if self._at + len(data) > self._end:
                raise changed(self._known, self._url, "it is longer than recorded", "比记录的更长")
            if self._hash:
                self._hash.update(data)
            self._at += len(data)
            if data:
                self._failures = 0
                return data
            if self._at < self._end:
                left = self._end - self._at
                en, zh = f"the connection ended {left} bytes early", f"连接提前中断，还差 {left} 字节"
                self._failed(unreachable(self._url, en, zh))
                continue
            self._ended = True
            if self._hash and PREFIX + self._hash.hexdigest() != self._known.digest:
                raise changed(self._known, self._url, "its bytes have another digest", "内容的摘要值不同")
        return b""

    def _failed(self, told: Unavailable, wait_s: float = 0.0) -> None:
        """Wait for the next try; raise what happened when there were enough."""
        self._drop()
        if self._failures >= len(PAUSES_S):
            raise told
        time.sleep(max(PAUSES_S[self._failures], wait_s))
        self._failures += 1

    def _answer(self, ask: Callable[[str, int, int | None], HTTPResponse]) -> HTTPResponse:
        """Return the answer, positioned where reading goes on, once its size and ETag were found right."""
        response = ask(self._url, self._at, None if self._end == self._known.size else self._end)
        try:
            _check_answer(self._known, self._url, self._at, response)
        except BaseException:
            response.close()
            raise
        return response

    def _drop(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None


class _SameHostRedirect(HTTPRedirectHandler):
    """Follows a redirect only to the same scheme, host and port: another host was never allowed."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            raise forbidden(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Passes(Exception):
    """A failure that may pass: what it means, how long the server asks to be left alone, and whether it answered."""

    def __init__(self, told: Unavailable, wait_s: float = 0.0, *, is_busy: bool = False) -> None:
        super().__init__(told.text.en)
        self.told, self.wait_s, self.is_busy = told, wait_s, is_busy


def request(url: str, offset: int = 0, end: int | None = None) -> HTTPResponse:
    """Return the answer to a GET of `url`, of a range where one is given; a server that is busy is asked again.

    The host must have been found allowed. Raises Unavailable, Forbidden for a redirect elsewhere, and Corrupt
    "external_changed" when there is nothing at the offset.
    """
    for pause in PAUSES_S:
        try:
            return _request_once(url, offset, end)
        except _Passes as error:
            if not error.is_busy:
                raise error.told from error
            time.sleep(max(pause, error.wait_s))
    try:
        return _request_once(url, offset, end)
    except _Passes as error:
        raise error.told from error


def _request_once(url: str, offset: int, end: int | None) -> HTTPResponse:
    asked = Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "quanheng"})  # noqa: S310 - http(s) only
    if offset or end is not None:
        asked.add_header("Range", f"bytes={offset}-{'' if end is None else end - 1}")
    for name, value in sigv4.signed_headers(url).items():
        asked.add_unredirected_header(name, value)  # a signature holds for one address
    try:
        response: HTTPResponse = build_opener(_SameHostRedirect).open(asked, timeout=TIMEOUT_S)
        return response
    except HTTPError as error:
        raise _refused(error, url) from error
    except InvalidURL as error:  # which quotes all of it
        raise unreachable(url, "the address holds characters that none may have", "地址中含有不允许的字符") from error
    except (URLError, OSError, HTTPException) as error:
        raise _Passes(unreachable(url, str(getattr(error, "reason", "") or error))) from error


def _refused(error: HTTPError, url: str) -> QuanhengError | _Passes:
    """Return what an answer without the file means."""
    body = b""
    with error, contextlib.suppress(OSError, HTTPException):  # what broke off is told by its status all the same
        body = error.read(_ERROR_BYTES) if error.fp else b""
    code = _S3_CODE.search(body)
    said = f"HTTP {error.code}" + (f" {code[1].decode('ascii')}" if code else "")
    if 300 <= error.code < 400 and (place := error.headers.get("Location")):
        return forbidden(place)  # urllib refused to follow: a redirect to another scheme, such as file:
    if error.code == 416:
        return changed(Known(sigv4.shown(url), None), url, "it is shorter than recorded", "比记录的更短")
    if error.code in BUSY:
        asked = error.headers.get("Retry-After", "")
        wait_s = min(float(asked), MOST_PAUSE_S) if asked.isdecimal() else 0.0
        return _Passes(unreachable(url, said), wait_s, is_busy=True)
    if error.code in (401, 403):
        return _denied(url, said)
    return _gone(url, said) if error.code == 404 else unreachable(url, said)


def _check_answer(known: Known, url: str, offset: int, response: HTTPResponse) -> None:
    etag = response.headers.get("ETag")
    if known.etag is not None and etag != known.etag:
        raise changed(
            known, url, f"its ETag is {etag}, recorded was {known.etag}", f"ETag 为 {etag}，记录为 {known.etag}"
        )
    length = response.headers.get("Content-Length")
    total = int(length) if length is not None and length.isdecimal() else None
    if response.status == 206:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != offset:
            raise unreachable(url, "the server answered with another range than asked", "服务器返回的范围与请求不符")
        total = int(found[2])
    _require_stored(url, response, is_stored=total is not None and total == known.size)
    if total is not None and known.size is not None and total != known.size:
        raise changed(
            known, url, f"it has {total} bytes, recorded were {known.size}", f"现有 {total} 字节，记录为 {known.size}"
        )
    if offset and response.status != 206:
        _skip(response, url, offset)


def _require_stored(url: str, response: HTTPResponse, *, is_stored: bool) -> None:
    """Raise Unavailable for bytes compressed on their way; object storage repeats what is only noted of an object."""
    if not is_stored and response.headers.get("Content-Encoding", "identity") != "identity":
        raise unreachable(url, "the server sends it compressed, though asked not to", "服务器不顾要求，返回了压缩内容")


def _skip(response: HTTPResponse, url: str, count: int) -> None:
    """Read past the beginning, for a server that does not know ranges."""
    try:
        while count and (chunk := response.read(min(count, CHUNK_BYTES))):
            count -= len(chunk)
    except (OSError, HTTPException) as error:
        raise unreachable(url, str(error)) from error
    if count:
        raise unreachable(url, "the connection ended early", "连接提前中断")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        # `port` raises ValueError when it is no number.
        _ = parts.port
    except ValueError as error:
        raise forbidden(url) from error
    return parts


def is_allowed(url: str, allowed_hosts: Collection[str]) -> bool:
    """Return whether `url` is an http(s) address without a user, at one of these hosts (see `hosts.is_host`)."""
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return False
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return is_among(parts.hostname, port, {host.lower() for host in allowed_hosts})


def require_allowed(url: str, allowed_hosts: Collection[str]) -> None:
    """Raise Forbidden unless `is_allowed`."""
    if not is_allowed(url, allowed_hosts):
        raise forbidden(url)


def forbidden(url: str) -> Forbidden:
    """Return the error for an address whose host the settings do not name."""
    url = sigv4.shown(url)
    try:
        host = urlsplit(url).hostname or url
    except ValueError:
        host = url
    return Forbidden(
        f"{url} may not be read: its host is not among the allowed ones",
        f"不得读取 {url}：其主机不在允许之列",
        hint=(
            f"Add {host} to the setting allowed_hosts, if you trust it.",
            f"如信任该主机，请将 {host} 加入设置 allowed_hosts。",
        ),
        code="host_not_allowed",
    )


def unreachable(url: str, why: str, why_zh: str = "") -> Unavailable:
    """Return the error for a server that does not answer as it should; why_zh: left out where others said why."""
    url = sigv4.shown(url)
    return Unavailable(
        f"{url} cannot be read now: {why}",
        f"目前无法读取 {url}：{why_zh or why}",
        hint=("Try again later; what is recorded about it stays valid.", "请稍后重试；已有记录仍然有效。"),
        code="external_unreachable",
    )


def _gone(url: str, said: str) -> Unavailable:
    """Return the error for an address at which there is nothing."""
    url = sigv4.shown(url)
    return Unavailable(
        f"there is nothing at {url}: {said}",
        f"{url} 处没有内容：{said}",
        hint=(
            "Check bucket, name and endpoint; the file may have been moved or removed.",
            "请检查存储桶、名称和服务地址；该文件也可能已被移动或删除。",
        ),
        code="external_unreachable",
    )


def _denied(url: str, said: str) -> Unavailable:
    """Return the error for a server that wants keys, or others."""
    place = sigv4.shown(url)
    if sigv4.credentials() is None:
        en = (
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment; on a cluster also on the nodes (Slurm:"
            " TaskProlog; Ray: before `ray start`), for no key is sent along with a task."
        )
        zh = (
            "请在环境变量中设置 AWS_ACCESS_KEY_ID 和 AWS_SECRET_ACCESS_KEY；在集群上还须在各节点设置"
            "（Slurm 用 TaskProlog，Ray 在 ray start 之前），密钥不会随任务下发。"
        )
    elif not sigv4.is_storage(url):
        en = "Keys are sent only to the endpoint in AWS_ENDPOINT_URL (without it: AWS), and this is another host."
        zh = "密钥只发送给 AWS_ENDPOINT_URL 所指的服务（未设置时为 AWS），而该地址属于其他主机。"
    else:
        en = "Check the access key in the environment, what it may read, AWS_REGION, and the clock of this machine."
        zh = "请检查环境变量中的访问密钥及其读取权限、AWS_REGION 和本机时钟。"
    return Unavailable(
        f"the server does not let {place} be read: {said}",
        f"服务器拒绝读取 {place}：{said}",
        hint=(en, zh),
        code="external_denied",
    )


def changed(known: Known, url: str, en: str, zh: str) -> Corrupt:
    """Return the error for a file that is not the one that was recorded."""
    url = sigv4.shown(url)
    return Corrupt(
        f"layer {known.title!r} at {url} is not the file that was recorded: {en}",
        f"{url} 处的数据层 {known.title!r} 已不是当时记录的文件：{zh}",
        hint=("Register the file again as a new source.", "请将该文件重新登记为新的来源。"),
        code="external_changed",
    )
