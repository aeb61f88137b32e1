"""What a caller is told about input that cannot be used, and what paths and their content mean."""

from __future__ import annotations

import hashlib
import json
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from quanheng.core.inputs import Input, Local, Takes, Url, as_list, help_of, marked, marker, param
from quanheng.core.resolve import check_address, content_digest, local_path, resolve, validate
from quanheng.core.verb import QUERIES, VERBS, load
from quanheng.errors import Forbidden, Invalid, NotFound


class Colour(Enum):
    RED = "red"


class Everything(Input):
    """One field for each rule that inputs use."""

    text: str = param(..., "a text", "文本", min_length=2, max_length=3, pattern="^[a-z]*$")
    number: int = param(1, "a number", "数", ge=1, le=9)
    between: int = param(2, "a number", "数", gt=1, lt=9)
    flag: bool = param(False, "a flag", "是否")
    names: list[str] = param(["a"], "names", "名称", min_length=1, max_length=2)
    pairs: dict[str, int] = param({}, "pairs", "键值")
    pair: tuple[str, ...] = param((), "pair", "一对")
    choice: Literal["x", "y"] = param("x", "a choice", "选项")
    colour: Colour = param(Colour.RED, "a colour", "颜色")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "text：缺少这一项"),
    ({"text": "ab", "size": 1}, "size：没有这一项"),
    ({"text": 5}, "text：应为文本"),
    ({"text": "a"}, "text：不得少于 2 个字符"),
    ({"text": "abcd"}, "text：不得超过 3 个字符"),
    ({"text": "AB"}, "text：格式不对，应符合 ^[a-z]*$"),
    ({"text": "ab", "number": 0}, "number：不得小于 1"),
    ({"text": "ab", "number": 10}, "number：不得大于 9"),
    ({"text": "ab", "number": "many"}, "number：应为整数"),
    ({"text": "ab", "number": 1.5}, "number：应为整数"),
    ({"text": "ab", "number": []}, "number：应为整数"),
    ({"text": "ab", "between": 1}, "between：应大于 1"),
    ({"text": "ab", "between": 9}, "between：应小于 9"),
    ({"text": "ab", "flag": "perhaps"}, "flag：应为 true 或 false"),
    ({"text": "ab", "flag": []}, "flag：应为 true 或 false"),
    ({"text": "ab", "names": "a"}, "names：应为列表"),
    ({"text": "ab", "names": []}, "names：不得少于 1 项"),
    ({"text": "ab", "names": ["a", "b", "c"]}, "names：不得超过 2 项"),
    ({"text": "ab", "names": [1]}, "names.0：应为文本"),
    ({"text": "ab", "pairs": 1}, "pairs：应为键值对"),
    ({"text": "ab", "pair": 1}, "pair：应为列表"),
    ({"text": "ab", "choice": "z"}, "choice：不是允许的取值，可用：'x'、'y'"),
    ({"text": "ab", "colour": "z"}, "colour：不是允许的取值，可用：'red'"),
]


@pytest.mark.parametrize(("data", "zh"), WRONG)
def test_every_kind_of_wrong_input_is_said_in_chinese(data: dict[str, Any], zh: str) -> None:
    with pytest.raises(Invalid) as caught:
        validate("noun.verb", Everything, data)
    error = caught.value
    assert zh in error.text.zh and error.text.zh.startswith("noun.verb 的输入有误——")
    assert zh.split("：", maxsplit=1)[0] in error.text.en and error.code == "bad_input"
    assert error.hint and "quanheng noun verb --help" in error.hint.zh


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        validate("noun.verb", Everything, {"number": 0, "flag": "perhaps"})
    assert caught.value.text.zh.count("；") == 2 and caught.value.text.en.count(";") == 2


def test_no_field_of_any_verb_answers_in_english_only() -> None:
    """A wrong value of another type in each field of every verb and query gets a Chinese sentence."""
    load()
    for one in (*VERBS.values(), *QUERIES.values()):
        for field in one.input.model_fields:
            with pytest.raises(Invalid) as caught:
                validate(one.name, one.input, {field: object()})
            assert "取值有误" not in caught.value.text.zh, caught.value.text.zh
            assert f"{field}：" in caught.value.text.zh or f"{field}." in caught.value.text.zh


def test_every_field_has_help_in_both_languages() -> None:
    load()
    for one in (*VERBS.values(), *QUERIES.values()):
        assert one.help.en and one.help.zh
        for name, field in one.input.model_fields.items():
            en, zh = help_of(field)
            assert en and zh, f"{one.name}: {name}"


class Marked(Input):
    """Fields with marks."""

    one: Annotated[str, Takes("corpus", "source")] = param(..., "x", "某")
    path: Annotated[str | None, Local()] = param(None, "x", "某")
    url: Annotated[str, Url()] = param("", "x", "某")
    plain: int = param(0, "x", "某")


def test_marks() -> None:
    fields = Marked.model_fields
    assert isinstance(marker(fields["one"]), Takes) and marker(fields["plain"]) is None
    assert list(marked(Marked, Local)) == ["path"] and list(marked(Marked, Url)) == ["url"]
    takes = Takes("corpus", "source")
    assert takes.allows("corpus/v1") and takes.allows("source/v7") and not takes.allows("model/v1")
    assert Takes("*").allows("anything/v1")
    assert as_list(None) == [] and as_list("a") == ["a"] and as_list(["a", 1]) == ["a", "1"]


def test_content_is_told_by_names_and_bytes_wherever_it_lies(tmp_path: Path) -> None:
    for place in ("one", "two"):
        (tmp_path / place / "sub").mkdir(parents=True)
        (tmp_path / place / "b.txt").write_bytes(b"b")
        (tmp_path / place / "sub" / "a.txt").write_bytes(b"a")
    hexes = {name: "sha256:" + hashlib.sha256(name.encode()).hexdigest() for name in "ab"}
    listing = json.dumps([["b.txt", hexes["b"]], ["sub/a.txt", hexes["a"]]], separators=(",", ":"))
    expected = "sha256:" + hashlib.sha256(listing.encode()).hexdigest()
    assert content_digest(tmp_path / "one") == content_digest(tmp_path / "two") == expected
    (tmp_path / "two" / "b.txt").rename(tmp_path / "two" / "c.txt")
    assert content_digest(tmp_path / "two") != expected
    one_file = json.dumps([["b.txt", hexes["b"]]], separators=(",", ":"))
    assert content_digest(tmp_path / "one" / "b.txt") == "sha256:" + hashlib.sha256(one_file.encode()).hexdigest()


def test_paths_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        content_digest(tmp_path / "none")
    with pytest.raises(NotFound, match="the package no-such-package-here is not installed") as caught:
        local_path("package:no-such-package-here/file.txt")
    assert caught.value.code == "missing_extra"


class Paths(Input):
    """A file to read, something that may be a folder, and a file to write."""

    file: Annotated[str | None, Local()] = param(None, "a file", "文件")
    place: Annotated[str | None, Local(folders=True)] = param(None, "a place", "位置")
    to: Annotated[str | None, Local(reads=False)] = param(None, "a file to write", "要写入的文件")


def test_a_folder_is_no_file_and_an_empty_path_is_no_path(tmp_path: Path) -> None:
    """An empty path would mean the folder that one stands in."""
    session: Any = None  # asked for artifacts and hosts only
    with pytest.raises(Invalid) as caught:
        resolve(session, Paths(file=str(tmp_path)))
    assert caught.value.code == "a_folder" and f"{tmp_path} 是文件夹" in caught.value.text.zh
    assert resolve(session, Paths(place=str(tmp_path), to=str(tmp_path))).params["place"]
    for field in ("file", "place", "to"):
        with pytest.raises(Invalid, match=f"{field}: it should not be blank"):
            validate("a.b", Paths, {field: ""})
    assert validate("a.b", Paths, {}) == Paths()


def test_what_a_path_may_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local_path("~/x") == tmp_path / "x"
    assert local_path("package:pydantic/pydantic/__init__.py").is_file()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://u:hidden@h.test/v1",
        "u:hidden@h.test/v1",
        "https:/u:hidden@h.test/v1",
        "https://u:hidden@h.test:port/v1",
        "https://u:hidden@h.test:8443:1/v1",
        "https://u:hidden@h\u2100.test/v1",
        "https://[u:hidden@h.test/v1",
        "ftp://h.test/v1?X-Amz-Signature=hidden",
        "https://u:hidden@h.test/v1",
        "https://h.test/v1?key=hidden",
    ],
)
def test_an_address_that_is_refused_is_quoted_without_its_secrets(url: str) -> None:
    from quanheng.endpoints.asset import read_endpoint

    with pytest.raises(Invalid) as caught:
        check_address(frozenset(), url)
    assert caught.value.code in ("bad_url", "url_with_secret")
    with pytest.raises(Invalid) as read:
        read_endpoint(json.dumps({"url": url, "model": "m"}).encode())
    for error in (caught.value, read.value):
        assert error.hint and "hidden" not in error.text.en + error.text.zh + error.hint.en + error.hint.zh


@pytest.mark.parametrize(
    ("allowed", "url", "may"),
    [
        ("h.test", "https://h.test:8443/v1", True),
        ("h.test:8443", "https://h.test:8443/v1", True),
        ("h.test:443", "https://h.test/v1", True),
        ("h.test:443", "http://h.test/v1", False),
        ("h.test:8443", "https://h.test/v1", False),
        ("*.h.test", "https://a.b.h.test/v1", True),
        ("*.h.test", "https://h.test/v1", False),
        ("*.h.test", "https://evilh.test/v1", False),
        ("h.test", "https://a.h.test/v1", False),
        ("[fd00::1]:8000", "http://[fd00::1]:8000/v1", True),
        ("[fd00::1]", "http://[fd00::1]/v1", True),
        ("fd00::1", "http://[fd00::1]:8000/v1", True),
        ("fd00::1", "http://[fd00::2]/v1", False),
        ("[fd00:0:0::1]:08000", "http://[FD00::0:1]:8000/v1", True),
        ("[fd00::1]", "http://[fd00:0::1]/v1", True),
        ("h.test:0443", "https://h.test/v1", True),
        ("h.test:443", "https://h.test:0443/v1", True),
        ("bücher.test", "https://xn--bcher-kva.test/v1", True),
        ("XN--bcher-kva.test", "https://Bücher.test/v1", True),
        ("*.bücher.test", "https://a.xn--bcher-kva.test/v1", True),
        ("strasse.test", "https://straße.test/v1", False),
        ("İ.test", "https://İ.test/v1", True),
        ("*.0.0.5", "http://10.0.0.5/v1", False),
        ("*.h.test", "https://evil.test%2f.h.test/v1", False),
        ("*.h.test", "https://evil.test\\.h.test/v1", False),
    ],
)
def test_which_hosts_may_be_called(allowed: str, url: str, may: bool) -> None:
    from quanheng.store.external import is_allowed

    assert is_allowed(url, [allowed]) is may
    if may:
        check_address(frozenset([allowed]), url)
    else:
        with pytest.raises(Forbidden):
            check_address(frozenset([allowed]), url)
