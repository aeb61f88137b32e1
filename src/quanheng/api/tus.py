"""Uploads by the tus protocol 1.0.0 (tus.io): creation, creation-with-upload, checksum, termination, expiration.

Metadata: `filename`; `path` for a file inside a folder (plain parts joined by /); `digest` as sha256:<hex>, promised
and compared at the end; `purpose` input (default) or layer. A finished layer is answered with its Quanheng-Digest.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils.http import http_date

from quanheng.api import problems, reading
from quanheng.api.endpoints import PREFIX
from quanheng.core import staging
from quanheng.core.session import FIRST_PROJECT, Session
from quanheng.core.workspace import opened
from quanheng.errors import Invalid
from quanheng.store import CHUNK_BYTES

if TYPE_CHECKING:
    from quanheng.core.models import StagedFile

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,termination,expiration"
ALGORITHMS = "sha256,sha1"
OFFSET_TYPE = "application/offset+octet-stream"
DIGEST_HEADER = "Quanheng-Digest"


def versioned(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Return the view with its errors as problems that carry the protocol's headers."""

    @functools.wraps(view)
    def answered(request: HttpRequest, **named: str) -> HttpResponse:
        response = problems.guard(view)(request, **named)
        response.headers["Tus-Resumable"] = VERSION
        if response.status_code == 412:
            response.headers["Tus-Version"] = VERSION
        return response  # type: ignore[return-value]

    return answered


@versioned
def options_view(request: HttpRequest) -> HttpResponse:
    """Return what this server can do; the protocol asks for it without a version."""
    reading.options_of(request, "uploads")
    response = _answer(204)
    response.headers["Tus-Version"] = VERSION
    response.headers["Tus-Extension"] = EXTENSIONS
    response.headers["Tus-Checksum-Algorithm"] = ALGORITHMS
    response.headers["Tus-Max-Size"] = str(opened().settings.number("upload_limit_mb") << 20)
    return response


@versioned
def create_view(request: HttpRequest) -> HttpResponse:
    """Return 201 and the address of a new upload, with the first of its bytes where the body holds them."""
    session, project = _begin(request)
    size = _number(request, "Upload-Length")
    meta = metadata(request.headers.get("Upload-Metadata", ""))
    row = staging.begin(session, _name(meta), size, digest=meta.get("digest", ""))
    if reading.media_type(request) == OFFSET_TYPE:
        reading.require_length(request)
        row = staging.append(session, row.id, 0, _pieces(request), checksum=_checksum(request))
    response = _of(row, 201)
    where = "" if project == FIRST_PROJECT else "?" + urlencode({"project": project})
    response.headers["Location"] = f"{PREFIX}/uploads/{row.id}{where}"
    return response


@versioned
def offset_view(request: HttpRequest, upload_id: str) -> HttpResponse:
    """Return how many bytes are here."""
    session, _ = _begin(request)
    row = staging.find(session, upload_id)
    response = _of(row, 200)
    response.headers["Upload-Length"] = str(row.size)
    if row.name:
        response.headers["Upload-Metadata"] = "path " + base64.b64encode(row.name.encode()).decode()
    return response


@versioned
def append_view(request: HttpRequest, upload_id: str) -> HttpResponse:
    """Return 204 and how many bytes are here after those of the body."""
    session, _ = _begin(request)
    reading.require_length(request)
    if reading.media_type(request) != OFFSET_TYPE:
        raise reading.wrong_media_type(OFFSET_TYPE)
    offset = _number(request, "Upload-Offset")
    checksum = _checksum(request)
    row = staging.find(session, upload_id)
    if offset + int(request.META.get("CONTENT_LENGTH") or 0) > row.size:
        raise staging.too_much(row)  # before any of it is read
    return _of(staging.append(session, upload_id, offset, _pieces(request), checksum=checksum), 204)


@versioned
def remove_view(request: HttpRequest, upload_id: str) -> HttpResponse:
    """Return 204; the upload is gone."""
    session, _ = _begin(request)
    staging.remove(session, upload_id)
    return _answer(204)


def _begin(request: HttpRequest) -> tuple[Session, str]:
    """Return the session and the project's slug, once the version of the protocol is agreed on."""
    if request.headers.get("Tus-Resumable") != VERSION:
        raise Invalid(
            f"uploads speak the tus protocol {VERSION}",
            f"上传使用 tus 协议 {VERSION}",
            hint=(f"Send: Tus-Resumable: {VERSION}", f"请发送：Tus-Resumable: {VERSION}"),
            code="tus_version",
        )
    options = reading.options_of(request, "uploads")
    session = reading.session_of(request, options.project)
    if not session.actor_id:
        raise reading.not_signed_in()
    return session, options.project


def _answer(status: int) -> HttpResponse:
    response = HttpResponse(status=status)
    response.headers["Tus-Resumable"] = VERSION
    if status == 204:
        del response.headers["Content-Type"]
    return response


def _of(row: StagedFile, status: int) -> HttpResponse:
    response = _answer(status)
    response.headers["Upload-Offset"] = str(row.received)
    response.headers["Upload-Expires"] = http_date(staging.expires(row).timestamp())
    if row.is_done and not row.name:
        response.headers[DIGEST_HEADER] = row.digest
    return response


def _number(request: HttpRequest, header: str) -> int:
    text = request.headers.get(header, "")
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise _bad_header(header, "a number of bytes", "字节数")
    return int(text)


def metadata(header: str) -> dict[str, str]:
    """Return what Upload-Metadata says; Invalid unless each part is a key and base64 of UTF-8, separated by commas.

    >>> metadata("filename YS50eHQ=,purpose aW5wdXQ=")
    {'filename': 'a.txt', 'purpose': 'input'}
    """
    found = {}
    for part in filter(None, (piece.strip() for piece in header.split(","))):
        key, _, value = part.partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise _bad_header(
                "Upload-Metadata", "`key base64` of UTF-8, separated by commas", "“键 base64”并以逗号分隔"
            ) from error
    return found


def _name(meta: Mapping[str, str]) -> str:
    """Return the name under which the bytes are kept; "" for a layer."""
    purpose = meta.get("purpose", "input")
    if purpose == "layer":
        return ""
    if purpose != "input":
        raise _bad_header("Upload-Metadata", "a purpose of input or layer", "purpose 取 input 或 layer")
    return staging.check_path(meta["path"]) if "path" in meta else staging.clean_name(meta.get("filename", ""))


def _checksum(request: HttpRequest) -> str:
    """Return the digest of the body that the header promises, "" for none."""
    header = request.headers.get("Upload-Checksum", "")
    if not header:
        return ""
    algorithm, _, value = header.partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        digest = b""
    if algorithm not in ALGORITHMS.split(",") or len(digest) not in (20, 32):
        raise _bad_header("Upload-Checksum", f"one of {ALGORITHMS} and base64", f"{ALGORITHMS} 之一与 base64")
    return f"{algorithm}:{digest.hex()}"


def _bad_header(header: str, en: str, zh: str) -> Invalid:
    return Invalid(
        f"the header {header} does not hold {en}",
        f"请求头 {header} 应为{zh}",
        hint=("See: https://tus.io/protocols/resumable-upload", "见：https://tus.io/protocols/resumable-upload"),
        code="bad_upload_header",
    )


def _pieces(request: HttpRequest) -> Iterator[bytes]:
    while piece := request.read(CHUNK_BYTES):
        yield piece
