"""Previews of layers: what is shown of each form, and that no bytes hurt the one who looks at them."""

from __future__ import annotations

import io
import json
import os
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evidence import item, register
from quanheng.core import bounded, preview
from quanheng.errors import Conflict, Invalid, NotFound, Unavailable

JSONL, PARQUET = "application/jsonl", "application/vnd.apache.parquet"


def put(workspace: Any, title: str, data: bytes, media_type: str) -> str:
    """Return the digest of an artifact with one layer."""
    stored = workspace.put(data)
    layer = {"digest": stored.digest, "size": stored.size, "media_type": media_type, "title": title}
    return str(workspace.artifact.register_many(items=[item(title, [layer])]).digest)


def show(workspace: Any, title: str, data: bytes, media_type: str, **asked: Any) -> dict[str, Any]:
    return workspace.artifact.preview(artifact=put(workspace, title, data, media_type), **asked)  # type: ignore[no-any-return]


def rows(count: int) -> bytes:
    return b"".join(json.dumps({"n": n, "词": f"第{n}行"}, ensure_ascii=False).encode() + b"\n" for n in range(count))


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


# ---- rows


def test_jsonl_is_shown_in_pages(workspace: Any) -> None:
    digest = put(workspace, "a.jsonl", rows(120), JSONL)
    first = workspace.artifact.preview(artifact=digest)
    assert first["form"] == "rows" and first["columns"] == ["n", "词"] and len(first["rows"]) == 50
    assert first["rows"][0] == {"row": 0, "cells": ["0", "第0行"], "broken": False}
    assert first["next"] == 50 and first["total"] is None
    last = workspace.artifact.preview(artifact=digest, after=100, limit=200)
    assert [row["row"] for row in last["rows"]] == list(range(100, 120))
    assert last["next"] is None and last["total"] == 120
    assert workspace.artifact.preview(artifact=digest, after=119)["rows"][0]["cells"] == ["119", "第119行"]
    assert workspace.artifact.preview(artifact=digest, after=500)["rows"] == []


def test_rows_that_are_no_objects_and_lines_that_are_no_json_are_shown_as_they_stand(workspace: Any) -> None:
    data = b'{"a": null, "b": {"c": [1, true]}}\n[1, 2]\nnot json \xff\n{"b": "\\ud800\\u202e"}\n12'
    found = show(workspace, "a.jsonl", data, JSONL)
    assert found["columns"] == ["a", "b", ""] and found["total"] == 5
    cells = [row["cells"] for row in found["rows"]]
    assert cells[0] == ["null", '{"c": [1, true]}', None] and cells[1] == [None, None, "[1, 2]"]
    assert found["rows"][2]["broken"] and cells[2][2].startswith("not json")
    assert cells[3] == [None, "⟨U+D800⟩⟨U+202E⟩", None] and cells[4] == [None, None, "12"]


def test_cells_are_cut_and_the_whole_row_is_one_step_deeper(workspace: Any) -> None:
    digest = put(workspace, "a.jsonl", json.dumps({"text": "长" * 5000}).encode() + b"\n", JSONL)
    assert workspace.artifact.preview(artifact=digest)["rows"][0]["cells"] == ["长" * preview.CELL + "…"]
    whole = workspace.artifact.preview(artifact=digest, row=0)
    assert whole["form"] == "row" and whole["row"]["fields"] == [{"name": "text", "text": "长" * 5000}]
    with pytest.raises(NotFound, match="no row 1"):
        workspace.artifact.preview(artifact=digest, row=1)


def test_many_columns_are_cut_and_told(workspace: Any) -> None:
    found = show(workspace, "a.jsonl", json.dumps({f"c{n}": n for n in range(500)}).encode(), JSONL)
    assert len(found["columns"]) == preview.MOST_COLUMNS and "500" in found["notes"][0]["zh"]


def test_parquet_is_shown_from_any_row_on(workspace: Any) -> None:
    data = parquet({"n": list(range(1000)), "t": [f"第{n}行" for n in range(1000)]}, row_group_size=64)
    digest = put(workspace, "data/part.parquet", data, PARQUET)
    for after in (0, 60, 64, 640, 990):
        found = workspace.artifact.preview(artifact=digest, after=after, limit=20)
        wanted = list(range(after, min(after + 20, 1000)))
        assert [row["row"] for row in found["rows"]] == wanted
        assert [row["cells"] for row in found["rows"]] == [[str(n), f"第{n}行"] for n in wanted]
        assert found["total"] == 1000 and found["next"] == (after + 20 if after + 20 < 1000 else None)
    assert workspace.artifact.preview(artifact=digest, row=777)["row"]["fields"][1] == {"name": "t", "text": "第777行"}
    with pytest.raises(NotFound):
        workspace.artifact.preview(artifact=digest, row=1000)


def test_parquet_of_every_type_is_written_as_text(workspace: Any) -> None:
    import datetime as dt
    import decimal

    found = show(
        workspace,
        "a.parquet",
        parquet({
            "bytes": [b"\x00\xff"],
            "time": [dt.datetime(2026, 1, 2, 3, 4, 5)],
            "money": [decimal.Decimal("1.50")],
            "list": [["甲", None]],
            "map": [{"a": 1}],
            "none": [None],
        }),
        PARQUET,
    )  # fmt: skip
    assert found["rows"][0]["cells"] == [
        "0x00ff", '"2026-01-02 03:04:05"', '"1.50"', '["甲", null]', '{"a": 1}', "null",
    ]  # fmt: skip


# ---- text


def test_text_is_shown_as_text_in_any_encoding(workspace: Any) -> None:
    html = "<script>alert(1)</script>"
    assert show(workspace, "a.html", html.encode(), "text/html")["text"] == html
    chinese = "这是中文的文本，用来看编码。" * 20
    for encoding, name in (("gb18030", "gb18030"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16-le")):
        found = show(workspace, f"{encoding}.txt", chinese.encode(encoding), "text/plain")
        assert (found["text"], found["encoding"], found["cut"]) == (chinese, name, False)


def test_broken_text_is_shown_with_a_note(workspace: Any) -> None:
    found = show(workspace, "a.txt", b"\x00\x01ab\xff\xfe\x9d\x81" * 50, "text/plain")
    assert found["form"] == "text" and "␀␁ab" in found["text"] and "无法按 UTF-8 解码" in found["notes"][0]["zh"]


def test_only_the_beginning_of_a_long_text_is_shown(workspace: Any) -> None:
    found = show(workspace, "a.txt", "字".encode() * 300_000, "text/plain")
    assert found["text"] == "字" * preview.TEXT and found["cut"]


def test_json_is_indented_unless_it_is_none(workspace: Any) -> None:
    assert show(workspace, "a.json", b'{"a":[1,{"b":"\xe7\x94\xb2"}]}', "application/ld+json")["text"] == (
        '{\n  "a": [\n    1,\n    {\n      "b": "甲"\n    }\n  ]\n}'
    )
    for data in (b"{", b"[" * 100_000, b'{"a":' * 50_000):
        found = show(workspace, "a.json", data, "application/json")
        assert found["form"] == "text" and "原样" in found["notes"][0]["zh"]
    deep = show(workspace, "a.json", b"[" * 900 + b"1," * 400_000 + b"1" + b"]" * 900, "application/json")
    assert deep["cut"] and len(deep["text"]) <= preview.TEXT


def test_what_cannot_be_shown_is_told(workspace: Any) -> None:
    found = show(workspace, "a.zip", b"PK\x03\x04", "application/zip")
    assert (found["form"], found["layer"]["size"], found["layer"]["media_type"]) == ("none", 4, "application/zip")
    assert "下载" in found["notes"][0]["zh"] and "download" in found["notes"][0]["en"]
    assert workspace.artifact.preview(artifact=register(workspace, "nothing"))["layer"] is None
    assert show(workspace, "empty.txt", b"", "text/plain")["form"] == "text"


# ---- which layer, and who may not


def test_a_layer_is_named_by_title_or_digest(workspace: Any) -> None:
    digest = register(workspace, "two", [("a.bin", b"1"), ("b.txt", "乙".encode())])
    layers = workspace.artifact.show(artifact=digest)["layers"]
    assert workspace.artifact.preview(artifact=digest, layer="b.txt")["text"] == "乙"
    assert workspace.artifact.preview(artifact=digest, layer=layers[1]["digest"])["text"] == "乙"
    with pytest.raises(NotFound, match="no layer"):
        workspace.artifact.preview(artifact=digest, layer="c.txt")
    with pytest.raises(Invalid):
        workspace.artifact.preview(artifact=digest, limit=201)
    with pytest.raises(Invalid):
        workspace.artifact.preview(artifact=digest, after=-1)


def test_a_withdrawn_artifact_has_no_preview(workspace: Any) -> None:
    digest = register(workspace, "secret", [("a.txt", b"secret")])
    workspace.artifact.withdraw(artifact=digest, reason="误传")
    with pytest.raises(Conflict):
        workspace.artifact.preview(artifact=digest)


def test_an_external_layer_is_not_fetched(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANHENG_ALLOWED_HOSTS", "example.invalid")
    workspace = place.open()
    layer = {"digest": "sha256:" + "1" * 64, "size": 5, "media_type": "text/plain", "title": "far.txt"}
    made = item("far", [{**layer, "urls": ["https://example.invalid/far.txt"]}])
    digest = workspace.artifact.register_many(items=[made]).digest
    found = workspace.artifact.preview(artifact=digest)
    assert found["form"] == "none" and "不会去取" in found["notes"][0]["zh"]
    stored = workspace.put(b"local")
    near = {**layer, "digest": stored.digest, "title": "near.txt", "urls": ["https://example.invalid/near.txt"]}
    digest = workspace.artifact.register_many(items=[item("near", [near])]).digest
    assert workspace.artifact.preview(artifact=digest)["text"] == "local"


# ---- bytes that would hurt


class Endless(io.RawIOBase):
    """A gigabyte of one letter, made as it is read."""

    def __init__(self, size: int, letter: bytes = b"a") -> None:
        self.left, self.letter, self.taken = size, letter, 0

    def read(self, size: int = -1) -> bytes:
        size = min(size, self.left)
        self.left -= size
        self.taken += size
        return self.letter * size


@pytest.fixture
def peak() -> Iterator[list[int]]:
    """Return a list that holds the peak of memory in bytes after the test's work."""
    found: list[int] = []
    tracemalloc.start()
    yield found
    tracemalloc.stop()


def test_a_line_without_end_takes_little_memory_and_reading(peak: list[int]) -> None:
    stream = Endless(1 << 30)
    page = preview.jsonl_page(stream, 0, 50)  # type: ignore[arg-type]
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    assert page["rows"][0]["broken"] and page["rows"][0]["cells"] == ["a" * preview.CELL + "…"]
    assert len(page["rows"]) == 1 and page["total"] is None and "256 MiB" in page["notes"][0].zh
    assert stream.taken <= preview.SKIP_BYTES + preview.CHUNK


def test_a_row_far_behind_is_not_looked_for_without_end(peak: list[int]) -> None:
    stream = Endless(1 << 30)
    page = preview.jsonl_page(stream, 10**12, 50)  # type: ignore[arg-type]
    assert (
        page["rows"] == [] and "256 MiB" in page["notes"][0].zh and stream.taken <= preview.SKIP_BYTES + preview.CHUNK
    )
    many = preview.jsonl_page(Endless(64 << 20, b"\n"), 1_000_000, 50)  # type: ignore[arg-type]
    assert [row["row"] for row in many["rows"]] == list(range(1_000_000, 1_000_050))
    assert tracemalloc.get_traced_memory()[1] < 16 << 20


def test_a_page_of_long_lines_ends_early() -> None:
    line = json.dumps({"a": "x" * 900_000}).encode() + b"\n"
    page = preview.jsonl_page(io.BytesIO(line * 20), 0, 200)
    assert 1 < len(page["rows"]) < 6 and page["next"] == len(page["rows"])


def test_a_parquet_bomb_ends_in_a_note(workspace: Any) -> None:
    import pyarrow as pa

    text = pa.array(["x" * (48 << 20)]).dictionary_encode()
    bomb = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), text.dictionary)
    data = parquet({"bomb": bomb}, compression="zstd", store_schema=False)
    assert len(data) < 1 << 20  # a thousand rows of 48 MiB each
    found = show(workspace, "bomb.parquet", data, PARQUET, limit=200)
    assert found["form"] == "none" and "内存或时间" in found["notes"][0]["zh"]


def test_damaged_parquet_ends_in_a_note_or_in_rows(workspace: Any) -> None:
    whole = parquet({"n": list(range(500)), "t": ["文本"] * 500})
    random.seed(11)
    for number in range(10):
        data = bytearray(whole)
        place = random.randrange(len(data) - 200, len(data)) if number % 2 else random.randrange(len(data))
        data[place] ^= 1 << random.randrange(8)
        found = show(workspace, "a.parquet", bytes(data), PARQUET)
        assert found["form"] in ("rows", "none") and (found["form"] == "rows" or found["notes"])
    assert "Parquet" in show(workspace, "b.parquet", b"PAR1 no PAR1", PARQUET)["notes"][0]["zh"]


# ---- the child process


def crash(task: Any) -> Any:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGSEGV)


def eat(task: Any) -> Any:
    return len([b"x" * (1 << 20) for _ in range(600)])


def spin(task: Any) -> Any:
    while True:
        pass


def fault(task: Any) -> Any:
    raise KeyError(task)


def refuse(task: Any) -> Any:
    raise Invalid("no", "不行", code="some_code")


def chatter(task: Any) -> Any:
    print("not an answer")
    return {"task": task}


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name under which a child finds the functions of this file."""
    place = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(place), str(place.parent))))
    return "test_preview"


@pytest.mark.parametrize(("name", "time_s"), [("crash", 20), ("eat", 20), ("spin", 1)])
def test_a_child_that_dies_or_takes_too_much_is_one_clear_error(functions: str, name: str, time_s: int) -> None:
    with pytest.raises(Unavailable) as told:
        bounded.run(f"{functions}:{name}", None, memory_mb=400, time_s=time_s)
    assert told.value.code == "too_much"


def test_errors_and_answers_of_a_child_come_through(functions: str) -> None:
    assert bounded.run(f"{functions}:chatter", {"词": [1, None]}) == {"task": {"词": [1, None]}}
    with pytest.raises(Invalid) as told:
        bounded.run(f"{functions}:refuse", None)
    assert told.value.code == "some_code" and told.value.text.zh == "不行"
    with pytest.raises(RuntimeError, match="KeyError: 'x'"):
        bounded.run(f"{functions}:fault", "x")
