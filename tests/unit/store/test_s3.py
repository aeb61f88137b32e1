"""Addresses become URLs, and listings become files, whoever answers."""

from __future__ import annotations

import io
from http.client import IncompleteRead
from typing import Any

import pytest

from quanheng.errors import Forbidden, Invalid, NotFound, QuanhengError, Unavailable
from quanheng.store import external, s3
from quanheng.store.s3 import Listing, Remote, find_remote, is_address

HOSTS = (
    "127.0.0.1",
    "s3.test",
    "texts.oss-cn-beijing.aliyuncs.com",
    "texts.s3.us-east-1.amazonaws.com",
    "s3.us-east-1.amazonaws.com",
)
SPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Answer(io.BytesIO):
    """An answer of a server; `length` is what has not come of it."""

    length = 0


class Broken(Answer):
    """One whose connection breaks while it is read."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise ConnectionResetError("reset")


class Chunked(Answer):
    """One that ends within a chunk."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise IncompleteRead(b"<List")


class Cut(Answer):
    """One that ends before all of it came, which reading a number of bytes does not tell."""

    length = 7


def page(*items: tuple[str, int, str | None], following: str = "", space: str = SPACE, quoted: bool = True) -> bytes:
    rows = "".join(
        f"<Contents><Key>{key}</Key><Size>{size}</Size>{f'<ETag>{tag}</ETag>' if tag else ''}</Contents>"
        for key, size, tag in items
    )
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{following}</NextContinuationToken>"
    kind = "<EncodingType>url</EncodingType>" if quoted else ""
    inner = kind + rows + (more if following else "")
    return f"<?xml version='1.0'?><ListBucketResult {space}>{inner}</ListBucketResult>".encode()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> tuple[list[bytes | Answer], list[str]]:
    """Return what the server will answer, to be filled, and the URLs it is asked for."""
    given: list[bytes | Answer] = []
    asked: list[str] = []

    def request(url: str) -> Answer:
        asked.append(url)
        answer = given.pop(0)
        return answer if isinstance(answer, Answer) else Answer(answer)

    monkeypatch.setattr(s3, "request", request)
    monkeypatch.setattr(external, "PAUSES_S", (0.0, 0.0))
    return given, asked


ENDPOINT = {"AWS_ENDPOINT_URL": "http://s3.test:9000/"}


@pytest.mark.parametrize(
    ("address", "environment", "base"),
    [
        ("s3://texts/a/", {}, "https://texts.s3.us-east-1.amazonaws.com/"),
        ("s3://te.xts/a/", {}, "https://s3.us-east-1.amazonaws.com/te.xts/"),
        ("s3://texts/a/", ENDPOINT, "http://s3.test:9000/texts/"),
        ("s3://texts/a/", {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000"}, "http://127.0.0.1:9000/texts/"),
        (
            "oss://texts/a/",
            {"AWS_ENDPOINT_URL": "https://oss-cn-beijing.aliyuncs.com"},
            "https://texts.oss-cn-beijing.aliyuncs.com/",
        ),
        (
            "s3://texts/a/",
            {"AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false"},
            "https://s3.us-east-1.amazonaws.com/texts/",
        ),
    ],
)
def test_where_a_bucket_is_asked_for(answers: Any, address: str, environment: dict[str, str], base: str) -> None:
    given, asked = answers
    given.append(page(("a/%E6%96%B0+b%2Bc.txt", 5, "&quot;1&quot;")))
    [file] = find_remote(address, HOSTS, environment).files
    assert asked == [base + "?encoding-type=url&list-type=2&max-keys=1000&prefix=a%2F"]
    assert (file.title, file.size, file.etag) == ("新 b+c.txt", 5, '"1"')
    assert file.url == base + "a/%E6%96%B0%20b%2Bc.txt"


def test_all_pages_are_read(answers: Any) -> None:
    given, asked = answers
    given += [page(("a/1.txt", 1, None), following="x=y&amp;z"), page(("a/2.txt", 2, None), space="")]
    found = find_remote("s3://texts/a/", HOSTS, ENDPOINT)
    assert [file.title for file in found.files] == ["1.txt", "2.txt"]
    assert "continuation-token=x%3Dy%26z" in asked[1]


def test_names_that_are_no_titles_are_passed_over_and_folders_forgotten(answers: Any) -> None:
    given, _ = answers
    given.append(page(("a/", 0, None), ("a/b//c.txt", 1, None), ("a/../d.txt", 1, None), ("a/e.txt", 1, None)))
    found = find_remote("s3://texts/a/", HOSTS, ENDPOINT)
    assert [file.title for file in found.files] == ["e.txt"] and found.passed_over == ("b//c.txt", "../d.txt")


def test_keys_are_as_they_are_where_the_server_does_not_quote(answers: Any) -> None:
    given, _ = answers
    given.append(page(("a/1+1%20.txt", 1, None), quoted=False))
    assert find_remote("s3://texts/a/", HOSTS, ENDPOINT).files[0].title == "1+1%20.txt"


def test_one_object_is_itself_and_not_what_begins_so(answers: Any) -> None:
    given, asked = answers
    given.append(page(("a/b.txt", 1, None), following="t"))
    assert [file.title for file in find_remote("s3://texts/a/b.txt", HOSTS, ENDPOINT).files] == ["b.txt"]
    given += [page(("news.txt", 1, None)), page(("news/1.txt", 1, None))]
    assert [file.title for file in find_remote("s3://texts/news", HOSTS, ENDPOINT).files] == ["1.txt"]
    assert len(asked) == 3 and asked[2].endswith("prefix=news%2F")


def test_the_digest_follows_names_addresses_sizes_and_etags() -> None:
    rows = [
        ("1.txt", "http://s3.test/a/1.txt", 1, "x"),
        ("1.txt", "http://s3.test/a/1.txt", 1, "y"),
        ("1.txt", "http://s3.test/a/1.txt", 2, "x"),
        ("2.txt", "http://s3.test/a/1.txt", 1, "x"),
        ("1.txt", "http://s3.test/b/1.txt", 1, "x"),
        ("1.txt", "http://other.test/a/1.txt", 1, "x"),
    ]
    digests = [Listing((Remote(*row),), ()).digest(HOSTS) for row in (*rows, rows[0])]
    assert len(set(digests)) == len(rows) and digests[0] == digests[-1]


def test_the_digest_follows_what_is_read_where_there_is_no_etag(monkeypatch: pytest.MonkeyPatch) -> None:
    held, read = {"1.txt": "sha256:1", "2.txt": "sha256:2"}, []

    def digest(url: str, size: int, etag: str | None, hosts: Any, *, title: str, seen: Any) -> str:
        read.append((url, hosts))
        return held[title]

    monkeypatch.setattr(s3, "digest_external", digest)
    url = "http://s3.test/a/"
    listing = Listing((Remote("1.txt", url + "1", 1, None), Remote("2.txt", url + "2", 1, "tag")), ())
    first = listing.digest(HOSTS)
    held["2.txt"] = "sha256:3"
    assert listing.digest(HOSTS) == first and read == [(url + "1", HOSTS)] * 2
    held["1.txt"] = "sha256:3"
    assert listing.digest(HOSTS) != first


@pytest.mark.parametrize("broken", [Broken, Chunked, Cut])
def test_a_page_that_breaks_off_is_asked_for_again(answers: Any, broken: type[Answer]) -> None:
    given, asked = answers
    given += [broken(b"<List"), page(("a/1.txt", 1, None), following="t"), broken(page()), page(("a/2.txt", 2, None))]
    found = find_remote("s3://texts/a/", HOSTS, ENDPOINT)
    assert [file.title for file in found.files] == ["1.txt", "2.txt"]
    assert asked[0] == asked[1] != asked[2] == asked[3]
    given += [broken(b"<List") for _ in range(3)]
    with pytest.raises(Unavailable) as refused:
        find_remote("s3://texts/a/", HOSTS, ENDPOINT)
    assert refused.value.code == "external_unreachable" and len(asked) == 7


@pytest.mark.parametrize(
    "data",
    [
        b"<html>hello</html>",
        b"no xml",
        b'<!DOCTYPE x [<!ENTITY a "b">]><ListBucketResult/>',
        '<?xml version="1.0" encoding="utf-16"?><ListBucketResult/>'.encode("utf-16"),
        page(("", 1, None)),
        page(("a", -1, None)),
        page(("a/1", 1, None), following=" ").replace(b"> <", b"><"),
    ],
)
def test_an_answer_of_another_kind_is_told(answers: Any, data: bytes) -> None:
    answers[0].append(data)
    with pytest.raises(Unavailable) as refused:
        find_remote("s3://texts/a/", HOSTS, ENDPOINT)
    assert refused.value.code == "not_object_storage"


def test_a_server_that_repeats_itself_is_left(answers: Any) -> None:
    answers[0].extend([page(("a/1", 1, None), following="t")] * 5)
    with pytest.raises(Unavailable):
        find_remote("s3://texts/a/", HOSTS, ENDPOINT)
    assert len(answers[1]) == 2


def test_nothing_and_too_much(answers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answers[0].append(page())
    with pytest.raises(NotFound):
        find_remote("s3://texts/a/", HOSTS, ENDPOINT)
    monkeypatch.setattr(s3, "MOST_LISTED", 1)
    answers[0].append(page(("a/1", 1, None), ("a/2", 1, None)))
    with pytest.raises(Invalid) as refused:
        find_remote("s3://texts/a/", HOSTS, ENDPOINT)
    assert refused.value.code == "too_many_objects"


@pytest.mark.parametrize(
    ("address", "environment", "kind"),
    [
        ("s3://", ENDPOINT, Invalid),
        ("s3://id:hidden@texts/a", ENDPOINT, Invalid),
        ("oss://texts/a", {}, Invalid),
        ("s3://texts/a", {"AWS_ENDPOINT_URL": "s3.test"}, Invalid),
        ("s3://texts/a", {"AWS_ENDPOINT_URL": "http://s3.test:x"}, Invalid),
        ("s3://texts/a", {"AWS_ENDPOINT_URL": "http://other.test"}, Forbidden),
        ("s3://texts/a", {"AWS_ENDPOINT_URL": "http://u:hidden@s3.test"}, Invalid),
        ("s3://texts/a", {"AWS_ENDPOINT_URL": "http://u:hidden@s3.test:x"}, Invalid),
        ("s3://texts/a", {"AWS_ENDPOINT_URL": "http://u:hid/hidden@s3.test"}, Invalid),
        ("s3://texts/a", {"AWS_ENDPOINT_URL_S3": "u:hidden@s3.test"}, Invalid),
        ("http://127.0.0.1/", {}, Invalid),
        ("http://127.0.0.1/a.txt?hidden=1", {}, Invalid),
        ("http://u:hidden@127.0.0.1/a.txt", {}, Invalid),
        ("http://u:hidden@127.0.0.1:x/a.txt", {}, Invalid),
        ("http://u:hidden@/a.txt", {}, Invalid),
        ("http://[x/a.txt", {}, Invalid),
    ],
)
def test_wrong_addresses(answers: Any, address: str, environment: dict[str, str], kind: type[QuanhengError]) -> None:
    with pytest.raises(kind) as refused:
        find_remote(address, HOSTS, environment)
    assert answers[1] == [] and refused.value.hint and "hidden" not in str(refused.value)


def test_addresses_and_paths() -> None:
    assert all(map(is_address, ("s3://b", "oss://b/c", "obs://b", "https://h/a.txt", "http://h/a.txt")))
    assert not any(map(is_address, ("s3:/b", "a/b", "C://x", "file:///etc/passwd", "upload:1")))


def test_without_an_endpoint_the_likelier_cause_is_told() -> None:
    with pytest.raises(Forbidden) as caught:
        find_remote("s3://bucket/prefix", (), {})
    assert (
        "AWS_ENDPOINT_URL" in caught.value.text.zh and caught.value.hint and "AWS_ENDPOINT_URL" in caught.value.hint.en
    )
    with pytest.raises(Forbidden) as caught:
        find_remote("s3://bucket/prefix", (), {"AWS_ENDPOINT_URL": "http://storage.example"})
    assert "AWS_ENDPOINT_URL" not in caught.value.text.en and "storage.example" in caught.value.text.en
