"""Addresses of files that are read where they lie: s3://, oss:// and obs:// (object storage), and plain https://.

Object storage is asked in the dialect that all of them speak: ListObjectsV2, and GET of an object's own http(s) URL.
The endpoint stands in the environment (AWS_ENDPOINT_URL), as for the tools of AWS; without one it is AWS. The bucket
goes before the host ("virtual") or into the path; AWS_VIRTUAL_HOSTED_STYLE_REQUEST=true or false decides where the
guess is wrong.
"""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException, IncompleteRead
from urllib.parse import SplitResult, quote, unquote, unquote_plus, urlencode, urlsplit
from xml.etree import ElementTree

from quanheng.errors import Forbidden, Invalid, NotFound, Unavailable
from quanheng.store import external, sigv4
from quanheng.store._names import name_problem
from quanheng.store.canonical import canonical_json
from quanheng.store.digest import sha256_digest
from quanheng.store.external import digest_external, head_external, request, require_allowed, unreachable

STORAGE = ("s3://", "oss://", "obs://")
SCHEMES = (*STORAGE, "https://", "http://")
#: Beyond this a listing is refused: a manifest holds 4,000 layers, and what is listed lies in memory.
MOST_LISTED = 200_000
ADDRESSING_VARIABLE = "AWS_VIRTUAL_HOSTED_STYLE_REQUEST"
#: Providers that want the bucket before the host (OSS refuses it in the path); a server of one's own often cannot.
VIRTUAL_HOSTS = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".aliyuncs.com",
    ".myhuaweicloud.com",
    ".myqcloud.com",
    ".volces.com",
)

_PAGE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Remote:
    """A file elsewhere: its name below the address, its URL, size in bytes, and ETag where the server gives one."""

    title: str
    url: str
    size: int
    etag: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies at an address: the files in order of their names, and names that cannot be titles of layers."""

    files: tuple[Remote, ...]
    passed_over: tuple[str, ...]

    def digest(self, allowed_hosts: Collection[str]) -> str:
        """Return a digest of names, addresses, sizes and ETags: it changes when a file does.

        A file without an ETag is read for it, for nothing else tells that it changed. Errors as for `open_external`.
        """

        def read(file: Remote) -> str:
            return digest_external(file.url, file.size, None, allowed_hosts, title=file.title, seen=lambda size: None)

        rows: list[list[str | int]] = [
            [file.title, file.url, file.size, file.etag or read(file)] for file in self.files
        ]
        return sha256_digest(canonical_json(rows))


def is_address(text: str) -> bool:
    """Return whether `text` is the address of files elsewhere, and no path.

    >>> is_address("s3://bucket/texts"), is_address("C://texts")
    (True, False)
    """
    return text.startswith(SCHEMES)


def find_remote(address: str, allowed_hosts: Collection[str], environment: Mapping[str, str] = os.environ) -> Listing:
    """Return what lies at `address`: an object, all objects below a prefix, or the one file of an https:// URL.

    Raises Invalid "bad_address" or "too_many_objects", Forbidden for a host that is not allowed, NotFound
    "nothing_there", Unavailable when the server does not answer.
    """
    if address.startswith(STORAGE):
        try:
            return _Bucket.of(address, environment).listing(allowed_hosts)
        except Forbidden as error:
            if sigv4.endpoint(environment) is None and error.code == "host_not_allowed":
                raise _no_endpoint(error) from error
            raise
    return Listing((_plain(address, allowed_hosts),), ())


def _no_endpoint(error: Forbidden) -> Forbidden:
    """Return the error with the likelier cause: that nobody said where the storage is."""
    return Forbidden(
        f"AWS_ENDPOINT_URL is not set, so the address means storage of AWS itself: {error.text.en}",
        f"未设置 AWS_ENDPOINT_URL，因此该地址指向 AWS 自身的存储：{error.text.zh}",
        hint=(
            "Set AWS_ENDPOINT_URL to the address of your storage, and name its host in the setting allowed_hosts.",
            "请将 AWS_ENDPOINT_URL 设为所用存储的服务地址，并将其主机加入设置 allowed_hosts。",
        ),
        code="host_not_allowed",
    )


def _plain(address: str, allowed_hosts: Collection[str]) -> Remote:
    parts = _parts(address)
    if parts.query or parts.fragment or parts.username is not None or parts.password is not None:
        raise _bad(
            "an address that is kept may hold no user, password, query or fragment",
            "要留存的地址不能含有用户名、密码、查询串或片段",
        )
    url = parts._replace(path=quote(unquote(parts.path), safe="-_.~/")).geturl()
    title = unquote(parts.path).rpartition("/")[2]
    if (problem := name_problem(title)) is not None:
        raise _bad(
            f"{address} does not end in the name of a file: {problem.en}", f"{address} 的结尾不是文件名：{problem.zh}"
        )
    size, etag = head_external(url, allowed_hosts)
    if size is None:
        raise Unavailable(
            f"the server does not say how large {url} is",
            f"服务器未给出 {url} 的大小",
            hint=("Download the file and register it from here.", "请先下载该文件，再从本机登记。"),
            code="no_length",
        )
    return Remote(title, url, size, etag)


@dataclass(frozen=True)
class _Bucket:
    """A bucket as it is asked for, and the prefix that is wanted."""

    base: str
    prefix: str
    address: str

    @staticmethod
    def of(address: str, environment: Mapping[str, str]) -> _Bucket:
        """Return the bucket of an address such as s3://bucket/prefix."""
        scheme, _, rest = address.partition("://")
        bucket, _, prefix = rest.partition("/")
        if not bucket or not all(part.isalnum() for part in bucket.replace("-", ".").replace("_", ".").split(".")):
            raise _bad(
                "the address names no bucket, or more than one", "该地址没有写明存储桶，或写法有误"
            )  # maybe keys
        named = sigv4.endpoint(environment)
        if named is None and scheme != "s3":
            raise _bad(
                f"{address} needs the endpoint of the storage in the environment: AWS_ENDPOINT_URL",
                f"读取 {address} 需要在环境变量 AWS_ENDPOINT_URL 中写明对象存储的服务地址",
                (
                    "Example: AWS_ENDPOINT_URL=https://oss-cn-beijing.aliyuncs.com",
                    "例如：AWS_ENDPOINT_URL=https://oss-cn-beijing.aliyuncs.com",
                ),
            )
        if named is not None and "@" in named:  # it would stand in addresses that are kept, and in messages
            raise _bad(
                "AWS_ENDPOINT_URL may hold no user or password",
                "AWS_ENDPOINT_URL 不能含有用户名或密码",
                (
                    "Put keys into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                    "请将密钥写入 AWS_ACCESS_KEY_ID 和 AWS_SECRET_ACCESS_KEY",
                ),
            )
        parts = _parts(named or _aws(environment))
        if _is_virtual(bucket, parts.hostname or "", environment):
            return _Bucket(f"{parts.scheme}://{bucket}.{parts.netloc}", prefix, address)
        return _Bucket(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/{quote(bucket)}", prefix, address)

    def listing(self, allowed_hosts: Collection[str]) -> Listing:
        """Return the object whose key is the prefix, else all whose keys lie below it as below a folder."""
        require_allowed(self.base, allowed_hosts)
        if self.prefix and not self.prefix.endswith("/"):
            first = next(self._objects(self.prefix, most=1), None)
            if first is not None and first[0] == self.prefix:
                return Listing((self._remote(self.prefix.rpartition("/")[2], *first),), ())
        folder = self.prefix.rstrip("/") + "/" if self.prefix.rstrip("/") else ""
        files, passed_over = [], []
        for key, size, etag in self._objects(folder):
            title = key.removeprefix(folder)
            if name_problem(title) is None:
                files.append(self._remote(title, key, size, etag))
            elif not (key.endswith("/") and size == 0):  # what consoles put where a folder is to be seen
                passed_over.append(title.encode("unicode_escape").decode("ascii"))
            if len(files) + len(passed_over) > MOST_LISTED:
                raise _too_many(self.address)
        if not files and not passed_over:
            raise NotFound(
                f"there is no object at {self.address}",
                f"{self.address} 处没有对象",
                hint=("Check bucket, prefix and endpoint.", "请检查存储桶、前缀和服务地址。"),
                code="nothing_there",
            )
        return Listing(tuple(files), tuple(passed_over))

    def _remote(self, title: str, key: str, size: int, etag: str | None) -> Remote:
        return Remote(title, f"{self.base}/{quote(key, safe='-_.~/')}", size, etag)

    def _objects(self, prefix: str, most: int = 1000) -> Iterator[tuple[str, int, str | None]]:
        """Yield key, size and ETag of the objects whose keys begin with `prefix`, in the order of the server."""
        token = ""
        while True:
            asked = {"list-type": "2", "encoding-type": "url", "max-keys": str(most), "prefix": prefix}
            query = urlencode(
                sorted((asked | ({"continuation-token": token} if token else {})).items()), quote_via=quote
            )
            page = _page(_read(f"{self.base}/?{query}", self.base), self.base)
            is_quoted = page.findtext(_tag(page, "EncodingType")) == "url"
            for item in page.iter(_tag(page, "Contents")):
                key, size, etag = _object(item, self.base)
                yield (unquote_plus(key) if is_quoted else key), size, etag
            following = page.findtext(_tag(page, "NextContinuationToken"), "")
            if page.findtext(_tag(page, "IsTruncated")) != "true" or most == 1:
                return
            if not following or following == token:
                raise _strange(self.base)
            token = following


def _aws(environment: Mapping[str, str]) -> str:
    named = sigv4.region("", environment)
    return f"https://s3.{named}.amazonaws.com" + (".cn" if named.startswith("cn-") else "")


def _is_virtual(bucket: str, host: str, environment: Mapping[str, str]) -> bool:
    said = environment.get(ADDRESSING_VARIABLE, "").lower()
    if said in ("true", "1", "false", "0"):
        return said in ("true", "1")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # A certificate for *.host does not hold for a bucket with dots.
        return host.endswith(VIRTUAL_HOSTS) and "." not in bucket
    return False


def _read(url: str, base: str) -> bytes:
    """Return a page, at most one byte more than it may have; asked for again while the connection breaks."""
    pauses = iter(external.PAUSES_S)
    while True:
        try:
            with request(url) as answer:
                data = answer.read(_PAGE_BYTES + 1)
                if answer.length and len(data) <= _PAGE_BYTES:  # a `read` that was told how much ends early in silence
                    raise IncompleteRead(data, answer.length)
                return data
        except (OSError, HTTPException) as error:
            pause = next(pauses, None)
            if pause is None:
                raise unreachable(base, str(error) or type(error).__name__) from error
            time.sleep(pause)


def _page(data: bytes, base: str) -> ElementTree.Element:
    # Entities are how XML bombs are made, and no listing has them; nor is one in UTF-16, where they would not be seen.
    if len(data) > _PAGE_BYTES or b"<!" in data or b"\0" in data:
        raise _strange(base)
    try:
        page = ElementTree.fromstring(data)  # noqa: S314 - no document type gets here
    except ElementTree.ParseError as error:
        raise _strange(base) from error
    if page.tag.rpartition("}")[2] != "ListBucketResult":
        raise _strange(base)
    return page


def _tag(page: ElementTree.Element, name: str) -> str:
    """Return the name of an element in the name space of the page; some servers give none."""
    space, closing, _ = page.tag.rpartition("}")
    return f"{space}{closing}{name}"


def _object(item: ElementTree.Element, base: str) -> tuple[str, int, str | None]:
    key, size = item.findtext(_tag(item, "Key")), item.findtext(_tag(item, "Size"), "")
    if not key or not size.isdecimal():
        raise _strange(base)
    return key, int(size), item.findtext(_tag(item, "ETag")) or None


def _parts(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        raise _bad(f"{sigv4.shown(address)} is no address", f"{sigv4.shown(address)} 不是有效的地址") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _bad(f"{sigv4.shown(address)} is no http(s) address", f"{sigv4.shown(address)} 不是 http(s) 地址")
    return parts


def _bad(en: str, zh: str, hint: tuple[str, str] | None = None) -> Invalid:
    return Invalid(
        en,
        zh,
        hint=hint
        or (
            "Write s3://bucket/prefix, or https://host/file.jsonl",
            "请写 s3://存储桶/前缀，或 https://主机/文件.jsonl",
        ),
        code="bad_address",
    )


def _too_many(address: str) -> Invalid:
    return Invalid(
        f"more than {MOST_LISTED:,} objects lie at {address}",
        f"{address} 处的对象超过 {MOST_LISTED:,} 个",
        hint=(
            "Register its prefixes one by one, or put small texts together into JSONL.",
            "请按前缀分别登记，或将零散文本合并为 JSONL。",
        ),
        code="too_many_objects",
    )


def _strange(base: str) -> Unavailable:
    return Unavailable(
        f"{base} answers, but not as object storage does",
        f"{base} 有应答，但不是对象存储的应答",
        hint=("Check the endpoint: AWS_ENDPOINT_URL", "请检查服务地址：AWS_ENDPOINT_URL"),
        code="not_object_storage",
    )
