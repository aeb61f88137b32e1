"""Requests to object storage, signed with keys that stand in the environment: AWS Signature Version 4, in a header.

The secret key signs and is never sent; nothing of it gets into an address, a message or an artifact. Keys are used for
one endpoint only: the one that the environment names beside them. Source: AWS, "Signature Calculations for the
Authorization Header: Transferring Payload in a Single Chunk"; OSS, OBS, COS and MinIO check the same signature.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote, urlsplit

#: The names that the AWS command line and its libraries read.
ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
DEFAULT_REGION = "us-east-1"

_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_UNRESERVED = "-_.~"
_AWS_HOST = re.compile(r"(?:.+\.)?s3(?:[.-]([a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com(?:\.cn)?")


@dataclass(frozen=True)
class Credentials:
    """An access key; `token` comes with a temporary one."""

    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def endpoint(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the address of the storage that the environment names, None for that of AWS itself."""
    return next((environment[name].rstrip("/") for name in ENDPOINT_VARIABLES if environment.get(name)), None)


def region(host: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the region to sign for: from the environment, else from the name of an AWS host, else us-east-1."""
    named = next((environment[name] for name in REGION_VARIABLES if environment.get(name)), None)
    found = _AWS_HOST.fullmatch(host)
    return named or (found[1] if found and found[1] else DEFAULT_REGION)


def credentials(environment: Mapping[str, str] = os.environ) -> Credentials | None:
    """Return the access key in the environment, None where there is none: public buckets are read without."""
    key_id, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    return Credentials(key_id, secret, environment.get("AWS_SESSION_TOKEN") or None) if key_id and secret else None


def is_storage(url: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether `url` lies at the endpoint that the environment names, or in one of its buckets.

    Scheme and port must be the endpoint's; the host is the endpoint's, or has the bucket before it.
    """
    parts = urlsplit(url)
    host, named = (parts.hostname or "").lower(), endpoint(environment)
    if named is None:
        return parts.scheme == "https" and parts.port in (None, 443) and _AWS_HOST.fullmatch(host) is not None
    try:
        known = urlsplit(named)
        if (parts.scheme, parts.port) != (known.scheme, known.port) or not known.hostname:
            return False
    except ValueError:  # no address: it is told where a bucket is asked for
        return False
    return host == known.hostname or host.endswith("." + known.hostname)


def shown(url: str) -> str:
    """Return an address as a message may hold it: without user, password and query, which may be secrets."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # nobody can say where a password ends
        return url.rpartition("@")[2].partition("?")[0]
    if not parts.netloc and "@" in url:  # the slashes are wanting: what stands before the @ may be a password
        return url.rpartition("@")[2].partition("?")[0]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def signed_headers(
    url: str, environment: Mapping[str, str] = os.environ, *, now: datetime | None = None
) -> dict[str, str]:
    """Return the headers with which a GET of `url` is signed; none without keys, or for any other server."""
    keys = credentials(environment)
    if keys is None or not is_storage(url, environment):
        return {}
    at = now or datetime.now(UTC)
    return sign(url, {}, keys, region((urlsplit(url).hostname or "").lower(), environment), at)


def sign(url: str, headers: Mapping[str, str], keys: Credentials, region: str, now: datetime) -> dict[str, str]:
    """Return `headers` with those that sign a GET of `url` at the time `now` (UTC); all of them are signed."""
    parts = urlsplit(url)
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    sent = {
        **{name.lower(): value.strip() for name, value in headers.items()},
        "x-amz-content-sha256": _EMPTY_SHA256,
        "x-amz-date": moment,
    }
    if keys.token:
        sent["x-amz-security-token"] = keys.token
    signed = {"host": parts.netloc, **sent}
    names = ";".join(sorted(signed))
    query = sorted((quote(k, safe=_UNRESERVED), quote(v, safe=_UNRESERVED)) for k, v in _query(parts.query))
    request = "\n".join(
        [
            "GET",
            quote(unquote(parts.path), safe=_UNRESERVED + "/") or "/",
            "&".join(f"{name}={value}" for name, value in query),
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            _EMPTY_SHA256,
        ]
    )
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = ("AWS4" + keys.secret).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    sent["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return sent


def _query(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True)
