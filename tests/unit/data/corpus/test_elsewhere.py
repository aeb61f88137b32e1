"""Files elsewhere are read in place as if they lay here: the same corpus, byte for byte, or a clear refusal."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.data.corpus import SourceInput, build, elsewhere, parse_recipe, parts, register_elsewhere, run_here, units
from quanheng.data.corpus.elsewhere import Elsewhere, Streamed, fetch, fetch_part
from quanheng.errors import Conflict, Corrupt, Invalid, QuanhengError, Unavailable
from quanheng.kinds.sources import Reading
from quanheng.store import Layer, LocalObjects, MemoryCache, external, sha256_digest
from quanheng.store.manifest import ETAG
from quanheng.store.s3 import Listing, Remote

from .conftest import MakeSource

HOSTS = ("127.0.0.1",)
RECIPE = parse_recipe('name = "plain"\ntitle = { en = "Plain", zh = "最简" }\n[[steps]]\nuse = "length"\n')


class Shelf(ThreadingHTTPServer):
    """Serves files from memory, with ranges; `seen` keeps (name, range). `tags` may be taken off."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Serve)
        self.files: dict[str, bytes] = {}
        self.seen: list[tuple[str, str]] = []
        self.tags = True

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{quote(name)}"

    def layer(self, name: str, data: bytes | None = None) -> Layer:
        """Return the layer of a file, which is then served."""
        self.files[name] = data if data is not None else self.files[name]
        held = self.files[name]
        notes = ((ETAG, tag(held)),) if self.tags else ()
        return Layer(sha256_digest(held), len(held), "text/plain", name, (self.url(name),), notes)

    def source(self, near: SourceInput, objects: LocalObjects) -> SourceInput:
        """Return a source whose layers lie here in place of the store."""
        layers = {}
        for title, layer in near.layers.items():
            with objects.open(layer.digest) as stream:
                layers[title] = self.layer(title, stream.read())
        return dataclasses.replace(near, layers=layers, hosts=HOSTS)


def tag(data: bytes) -> str:
    return f'"{sha256_digest(data)[7:39]}"'


class _Serve(BaseHTTPRequestHandler):
    server: Shelf

    def do_GET(self) -> None:
        name, asked = unquote(self.path[1:]), self.headers.get("Range", "")
        self.server.seen.append((name, asked))
        data = self.server.files[name]
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first or 0), int(last) + 1 if last else len(data)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        if self.server.tags:
            self.send_header("ETag", tag(data))
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data[start:end])

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with serving() as made:
        yield made


@contextlib.contextmanager
def serving() -> Iterator[Shelf]:
    with Shelf() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external, "PAUSES_S", (0.0, 0.0))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SPLIT_FROM_BYTES", 4000)
    monkeypatch.setattr(parts, "PART_BYTES", 2000)
    monkeypatch.setattr(parts, "_CHUNK", 500)


def line(number: int) -> str:
    return f"第{number}篇日记：清晨下了小雨，院子里的花开了{number * 31 % 97}朵。"


def rows(first: int, last: int) -> bytes:
    return "".join(json.dumps({"text": line(k)}, ensure_ascii=False) + "\n" for k in range(first, last)).encode()


def some_files() -> dict[str, bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = io.BytesIO()
    pq.write_table(pa.table({"text": [line(k) for k in range(300, 320)], "other": ["x"] * 20}), table)
    return {
        "甲/a b+c.txt": line(1).encode(),
        "big.jsonl": rows(2, 200),
        "big.jsonl.gz": gzip.compress(rows(200, 300), mtime=0),
        "empty.txt": b"",
        "gb.txt": "\n".join(map(line, range(320, 330))).encode("gb18030"),
        "table.parquet": table.getvalue(),
    }


def made(source: SourceInput, objects: LocalObjects) -> Any:
    return build([source], RECIPE, objects, MemoryCache(), lambda done, of: None, run_here)


@pytest.mark.parametrize("tags", [True, False])
@pytest.mark.parametrize("in_memory", [1 << 20, 0])
def test_the_same_corpus_byte_for_byte(
    tmp_path: Path,
    objects: LocalObjects,
    make_source: MakeSource,
    shelf: Shelf,
    small_parts: None,
    monkeypatch: pytest.MonkeyPatch,
    tags: bool,
    in_memory: int,
) -> None:
    shelf.tags = tags
    monkeypatch.setattr(elsewhere, "IN_MEMORY_BYTES", in_memory)
    near = make_source(some_files())
    far_objects = LocalObjects(tmp_path / "far")
    far = shelf.source(near, objects)
    found = made(far, far_objects)
    assert found == made(near, objects)
    assert found.model.totals.documents > 300
    assert not any(far_objects.exists(layer.digest) for layer in far.layers.values() if layer.size)
    assert len({asked for name, asked in shelf.seen if name == "big.jsonl"}) > 3


def test_a_part_that_changed_is_found_without_an_etag(
    tmp_path: Path, objects: LocalObjects, make_source: MakeSource, shelf: Shelf, small_parts: None
) -> None:
    shelf.tags = False
    far = shelf.source(make_source({"big.jsonl": rows(0, 200)}), objects)
    cut: list[Any] = []

    def change_then_run(function: str, items: Any) -> Any:
        cut.extend(items)
        shelf.files["big.jsonl"] = shelf.files["big.jsonl"].replace("第150篇".encode(), "第151篇".encode())
        return run_here(function, cut)

    with pytest.raises(Corrupt) as refused:
        build([far], RECIPE, LocalObjects(tmp_path / "far"), MemoryCache(), lambda done, of: None, change_then_run)
    assert refused.value.code == "external_changed" and "big.jsonl" in refused.value.text.zh
    assert cut and all("secret" not in json.dumps(item) for item in cut)


@pytest.mark.parametrize("tags", [True, False])
def test_one_that_changed_before_it_is_cut_is_found(
    tmp_path: Path, objects: LocalObjects, make_source: MakeSource, shelf: Shelf, small_parts: None, tags: bool
) -> None:
    shelf.tags = tags
    far = shelf.source(make_source({"big.jsonl": rows(0, 200)}), objects)
    shelf.files["big.jsonl"] = shelf.files["big.jsonl"].replace("第150篇".encode(), "第151篇".encode())
    with pytest.raises(Corrupt):
        made(far, LocalObjects(tmp_path / "far"))


def test_no_document_of_a_changed_file_is_seen(shelf: Shelf) -> None:
    shelf.tags = False
    layer = shelf.layer("a.txt", b"one")
    shelf.files["a.txt"] = b"two"
    with pytest.raises(Corrupt):
        fetch(layer, HOSTS)
    with pytest.raises(Corrupt) as refused:
        fetch_part(layer, HOSTS, 0, 2, sha256_digest(b"on"))
    assert refused.value.hint
    assert fetch_part(layer, HOSTS, 1, 2, sha256_digest(b"w")).read() == b"w"


def test_no_room_says_where_room_is_wanted(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(elsewhere, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(elsewhere.tempfile, "TemporaryFile", Full)
    with pytest.raises(Unavailable) as refused:
        fetch(shelf.layer("a.txt", b"one"), HOSTS)
    assert refused.value.code == "no_room" and "TMPDIR" in str(refused.value)


DATA = bytes(range(251)) * 8


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 2), st.integers(-50, 2100), st.integers(0, 700)), max_size=6))
def test_a_streamed_file_is_a_file(steps: list[tuple[int, int, int]]) -> None:
    with serving() as shelf, Streamed(shelf.layer("x", DATA), HOSTS) as far:
        near = io.BytesIO(DATA)
        with io.BufferedReader(far, 64) as buffered:
            for whence, offset, size in steps:
                to = max(0, {0: 0, 1: near.tell(), 2: len(DATA)}[whence] + offset)
                assert buffered.seek(to) == near.seek(to)
                assert buffered.read(size) == near.read(size)


def test_sample_parts_lie_at_line_ends_all_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_SAMPLE_BYTES", 500)
    data = rows(0, 400)
    found = parts.sample_parts(io.BytesIO(data), len(data))
    assert len(found) == 8 and found[0].start == 0 and found[-1].start > len(data) * 3 // 4
    for part in found:
        for row in data[part.start : part.end].decode().splitlines():
            assert json.loads(row)["text"]
    assert parts.sample_parts(io.BytesIO(gzip.compress(data)), 10) == []


def test_only_some_of_a_large_file_is_asked_for_to_look_at_it(
    objects: LocalObjects, shelf: Shelf, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_SAMPLE_BYTES", 400)
    monkeypatch.setattr(units, "_STREAM_BYTES", 100)
    monkeypatch.setattr(external, "CHUNK_BYTES", 100)
    layer = shelf.layer("big.jsonl", rows(0, 2000))
    file = units.UnitFile(
        digest=layer.digest, title="big.jsonl", format="jsonl", size=layer.size, elsewhere=Elsewhere.of(layer, HOSTS)
    )
    assert len(units.sample_file(objects, file)) == 8
    assert 8 <= len(shelf.seen) <= 17 and parts.can_split("jsonl", Reading(), layer.size)


# ------------------------------------------------------------ registration


def listing(shelf: Shelf, files: dict[str, bytes]) -> Listing:
    shelf.files.update(files)
    found = (Remote(name, shelf.url(name), len(data), tag(data)) for name, data in sorted(files.items()))
    return Listing(tuple(found), ())


def registered(listed: Listing, objects: LocalObjects, cache: Any, seen: list[tuple[int, int | None]]) -> Any:
    return register_elsewhere.register_elsewhere(
        "s3://b/x", listed, HOSTS, objects, cache, lambda done, total: seen.append((done, total))
    )


def test_files_become_external_layers(shelf: Shelf, objects: LocalObjects) -> None:
    listed = listing(shelf, {"a.txt": b"abc", "b/c.jsonl": b"{}", "d.bin": b"", ".e/f.txt": b"", "empty.txt": b""})
    seen: list[tuple[int, int | None]] = []
    stored, passed_over = registered(listed, objects, MemoryCache(), seen)
    assert passed_over == (".e/f.txt", "d.bin")
    assert [file.title for file in stored.files] == ["a.txt", "b/c.jsonl", "empty.txt"]
    assert (stored.counts.files, stored.counts.bytes) == (3, 5) and seen[-1] == (5, 5)
    assert stored.blank == ("empty.txt",)
    for layer in stored.layers:
        assert layer.is_external and layer.digest == sha256_digest(shelf.files[layer.title])
        assert fetch(layer, HOSTS).read() == shelf.files[layer.title]


def test_digests_that_are_known_are_not_computed_again(shelf: Shelf, objects: LocalObjects) -> None:
    cache = MemoryCache()
    first, _ = registered(listing(shelf, {"a.txt": b"abc", "b.txt": b"x"}), objects, cache, [])
    shelf.seen.clear()
    again, _ = registered(listing(shelf, {"a.txt": b"abc", "b.txt": b"y"}), objects, cache, [])
    assert [name for name, _ in shelf.seen] == ["b.txt"]
    assert again.layers[0] == first.layers[0] and again.layers[1].digest == sha256_digest(b"y")


def test_one_failure_ends_all_and_is_told(shelf: Shelf, objects: LocalObjects) -> None:
    listed = listing(shelf, {f"{number}.txt": b"x" * 100 for number in range(50)})
    shelf.files["0.txt"] = b"y" * 100
    with pytest.raises(Conflict) as refused:
        registered(listed, objects, MemoryCache(), [])
    assert refused.value.code == "changed_while_read" and "0.txt" in refused.value.text.zh
    assert len(shelf.seen) < 50


def test_a_file_that_is_being_read_ends_with_the_others(
    shelf: Shelf, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, finished = threading.Event(), []

    def digest(url: str, size: int, etag: str, hosts: Any, *, title: str, seen: Any) -> str:
        if title == "bad.txt":
            begun.wait(10)
            raise Corrupt("bad", "坏")
        begun.set()
        for _ in range(1000):
            threading.Event().wait(0.01)
            seen(0)
        finished.append(title)
        return sha256_digest(b"")

    monkeypatch.setattr(register_elsewhere, "digest_external", digest)
    with pytest.raises(Conflict):
        registered(listing(shelf, {"bad.txt": b"x", "large.txt": b"y"}), objects, MemoryCache(), [])
    assert begun.is_set() and finished == []


@pytest.mark.parametrize(
    ("files", "code"),
    [({"a.bin": b""}, "nothing_readable"), ({"x" * 501 + ".txt": b""}, "bad_name"), ({}, "too_many_objects")],
)
def test_what_cannot_be_a_source(
    shelf: Shelf, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes], code: str
) -> None:
    monkeypatch.setattr(register_elsewhere, "MOST_FILES", 3)
    listed = listing(shelf, files or {f"{number}.txt": b"" for number in range(4)})
    with pytest.raises(QuanhengError) as refused:
        registered(listed, objects, MemoryCache(), [])
    assert isinstance(refused.value, Invalid) and refused.value.code == code
    assert refused.value.hint and refused.value.text.zh != refused.value.text.en
