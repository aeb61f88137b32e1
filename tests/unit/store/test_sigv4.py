"""Signatures against those that AWS publishes and those of botocore; and to whom keys are given."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.store import sigv4
from quanheng.store.sigv4 import Credentials, credentials, is_storage, region, shown, sign, signed_headers

#: AWS, "Signature Calculations for the Authorization Header": the keys and the day of its examples.
KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
DAY = datetime(2013, 5, 24, tzinfo=UTC)
HOST = "https://examplebucket.s3.amazonaws.com"
FULL = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_SESSION_TOKEN": "token"}


@pytest.mark.parametrize(
    ("url", "headers", "signature"),
    [
        ("/test.txt", {"Range": "bytes=0-9"}, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        ("/?lifecycle", {}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("/?max-keys=2&prefix=J", {}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_the_examples_of_aws(url: str, headers: dict[str, str], signature: str) -> None:
    assert sign(HOST + url, headers, KEYS, "us-east-1", DAY)["authorization"].endswith("Signature=" + signature)


keys_of_objects = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), min_size=1, max_size=30)


@given(key=keys_of_objects, prefix=keys_of_objects, token=st.booleans())
def test_as_botocore_signs(key: str, prefix: str, token: bool) -> None:
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as Theirs

    keys = Credentials("AKID", "hidden", "token" if token else None)
    path = quote(key, safe="-_.~/")
    url = f"http://127.0.0.1:9000/bucket/{path}?list-type=2&prefix={quote(prefix, safe='')}"
    ours = sign(url, {}, keys, "cn-north-4", DAY)
    request = AWSRequest("GET", url, headers={"x-amz-date": ours["x-amz-date"]})
    signer = auth.S3SigV4Auth(Theirs("AKID", "hidden", keys.token), "s3", "cn-north-4")
    request.context["timestamp"] = ours["x-amz-date"]
    request.headers["X-Amz-Content-SHA256"] = ours["x-amz-content-sha256"]
    if token:
        request.headers["X-Amz-Security-Token"] = "token"
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert ours["authorization"].endswith("Signature=" + signature)


@pytest.mark.parametrize(
    ("endpoint", "url", "is_one"),
    [
        (None, "https://b.s3.amazonaws.com/k", True),
        (None, "https://s3.cn-north-1.amazonaws.com.cn/b/k", True),
        (None, "http://b.s3.amazonaws.com/k", False),
        (None, "https://s3.amazonaws.com.example.org/k", False),
        (None, "https://evil-s3.example.org/k", False),
        ("https://oss-cn-beijing.aliyuncs.com", "https://b.oss-cn-beijing.aliyuncs.com/k", True),
        ("https://oss-cn-beijing.aliyuncs.com", "https://oss-cn-beijing.aliyuncs.com/b/k", True),
        ("https://oss-cn-beijing.aliyuncs.com", "https://evil-oss-cn-beijing.aliyuncs.com/k", False),
        ("https://oss-cn-beijing.aliyuncs.com", "http://b.oss-cn-beijing.aliyuncs.com/k", False),
        ("https://oss-cn-beijing.aliyuncs.com", "https://b.s3.amazonaws.com/k", False),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/b/k", True),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9001/b/k", False),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000@example.org/b/k", False),
        ("http://u:no/port@127.0.0.1:9000", "http://127.0.0.1:9000/b/k", False),
    ],
)
def test_keys_go_to_the_endpoint_beside_them_alone(endpoint: str | None, url: str, is_one: bool) -> None:
    environment = FULL | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})
    assert is_storage(url, environment) is is_one
    headers = signed_headers(url, environment, now=DAY)
    assert bool(headers) is is_one
    assert "hidden" not in str(headers)
    if is_one:
        assert headers["x-amz-security-token"] == "token" and "Credential=AKID/20130524/" in headers["authorization"]


def test_without_keys_nothing_is_signed() -> None:
    assert credentials({"AWS_ACCESS_KEY_ID": "a"}) is None and credentials({"AWS_SECRET_ACCESS_KEY": "a"}) is None
    assert signed_headers(HOST + "/k", {}) == {}


def test_keys_are_not_shown() -> None:
    found = credentials(FULL)
    assert found is not None and "hidden" not in repr(found) and "token='" not in repr(found)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://h.test:9/a@b/c.txt", "https://h.test:9/a@b/c.txt"),
        ("https://u:hidden@h.test:9/c.txt", "https://h.test:9/c.txt"),
        ("https://h.test/c.txt?X-Amz-Signature=hidden#hidden", "https://h.test/c.txt"),
        ("https://u:hidden@h.test:x/c.txt?hidden", "h.test:x/c.txt"),
        ("https://u:hid/hidden@h.test/c.txt", "h.test/c.txt"),
        ("https:/u:hidden@h.test/c.txt?hidden", "h.test/c.txt"),
        ("u:hidden@h.test/c.txt", "h.test/c.txt"),
        ("https:\\\\u:hidden@h.test", "h.test"),
    ],
)
def test_secrets_of_an_address_are_not_shown(url: str, text: str) -> None:
    assert shown(url) == text


def test_the_region() -> None:
    assert region("b.s3.eu-west-1.amazonaws.com", {}) == "eu-west-1"
    assert region("b.s3.amazonaws.com", {}) == region("minio.example", {}) == sigv4.DEFAULT_REGION
    assert region("b.s3.eu-west-1.amazonaws.com", {"AWS_DEFAULT_REGION": "cn-north-1"}) == "cn-north-1"
    assert urlsplit(HOST).hostname == "examplebucket.s3.amazonaws.com"
