from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from quanheng.errors import Corrupt, Invalid, NotFound, Unavailable
from quanheng.store import _disk
from quanheng.store.digest import CHUNK_BYTES, sha256_digest
from quanheng.store.objects import LocalObjects, Stored


@pytest.fixture
def objects(tmp_path):
    return LocalObjects(tmp_path / "objects")


def leftovers(objects):
    return list((objects.root / "tmp").glob("*"))


def test_four_ways_to_put_give_the_same_object(objects, tmp_path):
    data = os.urandom(3 * CHUNK_BYTES + 17)
    (tmp_path / "f").write_bytes(data)
    with objects.writer() as target:
        for start in range(0, len(data), 70_001):
            target.write(data[start : start + 70_001])
    expected = Stored(sha256_digest(data), len(data))
    assert target.result == expected
    assert objects.put_bytes(data) == objects.put_file(tmp_path / "f") == expected
    assert objects.put_stream(io.BytesIO(data)) == expected
    with objects.open(expected.digest) as stream:
        assert stream.read() == data
    assert objects.size(expected.digest) == len(data)
    assert list(objects.iterate()) == [expected.digest]
    assert leftovers(objects) == []


def test_opening_a_store_writes_nothing(objects):
    assert list(objects.iterate()) == []
    assert not objects.exists(sha256_digest(b""))
    assert objects.sweep_temporary(0, 1e12) == 0
    assert not objects.root.exists()


def test_objects_cannot_be_written(objects):
    path = objects.path(objects.put_bytes(b"x").digest)
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert path.relative_to(objects.root).parts == ("sha256", path.parent.name, path.name)


def test_the_empty_object(objects):
    assert objects.put_bytes(b"").size == 0
    with objects.open(sha256_digest(b"")) as stream:
        assert stream.read() == b""


def test_missing_objects_are_named(objects):
    digest = sha256_digest(b"missing")
    for ask in (objects.open, objects.size, objects.modified_at, objects.verify):
        with pytest.raises(NotFound, match=digest) as caught:
            ask(digest)
        assert caught.value.hint and caught.value.code == "no_such_object"
    assert not objects.touch(digest)
    assert not objects.delete(digest)
    with pytest.raises(Invalid):
        objects.open("../../etc/passwd")


def test_a_put_that_finds_the_object_makes_it_young(objects):
    digest = objects.put_bytes(b"x").digest
    os.utime(objects.path(digest), (0, 0))
    assert objects.modified_at(digest) == 0
    inode = objects.path(digest).stat().st_ino
    objects.put_bytes(b"x")
    with objects.writer() as target:
        target.write(b"x")
    assert objects.modified_at(digest) > 1e9
    assert objects.path(digest).stat().st_ino == inode
    os.utime(objects.path(digest), (0, 0))
    assert objects.touch(digest)
    assert objects.modified_at(digest) > 1e9


def test_damage_is_found_and_a_put_of_the_right_bytes_heals_a_cut_object(objects):
    digest = objects.put_bytes(b"the right bytes").digest
    path = objects.path(digest)
    path.chmod(0o644)
    path.write_bytes(b"the wrong bytes")
    with pytest.raises(Corrupt, match=digest) as caught:
        objects.verify(digest)
    assert caught.value.code == "object_damaged"
    path.write_bytes(b"the right")
    objects.put_bytes(b"the right bytes")
    objects.verify(digest)


def test_nothing_is_stored_when_the_block_fails(objects):
    with pytest.raises(RuntimeError), objects.writer() as target:
        target.write(b"half")
        raise RuntimeError
    assert list(objects.iterate()) == [] and leftovers(objects) == []
    with pytest.raises(Invalid, match="not stored yet"):
        target.result
    with pytest.raises(ValueError, match="has ended"):
        target.write(b"more")


def test_an_abandoned_writer_leaves_no_file(objects):
    target = objects.writer()
    target.write(b"x")
    assert len(leftovers(objects)) == 1
    del target
    assert leftovers(objects) == []


def test_wrappers_may_close_the_writer(objects):
    with objects.writer() as target:
        text = io.TextIOWrapper(target, encoding="utf-8", write_through=True)
        text.write("权衡\n")
        text.close()
        assert target.tell() == 7
        target.write(memoryview(b"tail"))
    assert target.result == Stored(sha256_digest("权衡\ntail".encode()), 11)


def test_parquet_can_be_written_into_an_object(objects):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    with objects.writer() as target:
        parquet.write_table(pa.table({"n": [1, 2, 3]}), target)
    assert parquet.read_table(objects.path(target.result.digest)).num_rows == 3


class Recorder:
    """Writes down the calls at the disk border, and can make one of them fail."""

    def __init__(self, monkeypatch):
        self.calls: list[tuple[str, str]] = []
        self.fail: tuple[str, int, OSError] | None = None
        for name in ("write", "fsync", "replace", "utime"):
            monkeypatch.setattr(_disk, name, self.wrap(name, getattr(_disk, name)))

    def wrap(self, name, real):
        def call(target, *rest):
            path = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else str(target)
            self.calls.append((name, path))
            if self.fail and self.fail[0] == name:
                if self.fail[1] == 0:
                    raise self.fail[2]
                self.fail = (name, self.fail[1] - 1, self.fail[2])
            return real(target, *rest)

        return call


def kind_of(objects, call):
    name, path = call
    if path.startswith(str(objects.root / "tmp") + "/"):
        return f"{name} temporary"
    depth = len(Path(path).relative_to(objects.root.parent).parts)
    return f"{name} {['above', 'root', 'sha256', 'shard', 'object'][depth]}"


def test_the_order_of_a_durable_write(objects, monkeypatch):
    recorder = Recorder(monkeypatch)
    objects.put_bytes(b"x")
    order = [kind_of(objects, call) for call in recorder.calls]
    assert order == [
        "fsync above",  # the name of the store
        "fsync root",  # the name of tmp
        "write temporary",
        "fsync temporary",
        "fsync root",  # the name of sha256
        "fsync sha256",  # the name of the shard
        "replace temporary",
        "fsync shard",  # the name of the object
        "fsync sha256",
    ]
    recorder.calls.clear()
    objects.put_bytes(b"x")
    assert [kind_of(objects, call) for call in recorder.calls] == ["utime object", "fsync shard"]
    # Another process may not have come to its fsync yet: the first time, this one makes the folder durable itself.
    recorder.calls.clear()
    LocalObjects(objects.root).put_bytes(b"x")
    assert [kind_of(objects, call) for call in recorder.calls] == ["utime object", "fsync shard", "fsync sha256"]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EROFS, "read_only"),
        (errno.EACCES, "not_permitted"),
        (errno.EPERM, "not_permitted"),
        (errno.EIO, "io_error"),
    ],
)
@pytest.mark.parametrize(("call", "nth"), [("write", 0), ("write", 1), ("fsync", 0), ("fsync", 1), ("replace", 0)])
def test_a_failing_disk_loses_nothing(objects, monkeypatch, number, code, call, nth):
    before = objects.put_bytes(b"was here before").digest
    recorder = Recorder(monkeypatch)
    recorder.fail = (call, nth, OSError(number, os.strerror(number)))
    with pytest.raises(Unavailable) as caught, objects.writer() as target:
        for _ in range(3):
            target.write(os.urandom(CHUNK_BYTES))
    assert caught.value.code == code
    assert caught.value.text.zh and caught.value.hint
    assert leftovers(objects) == []
    objects.verify(before)
    monkeypatch.undo()
    for digest in objects.iterate():
        objects.verify(digest)
    objects.put_bytes(b"afterwards it works again")


def test_short_writes_are_continued(objects, monkeypatch):
    monkeypatch.setattr(_disk, "write", lambda handle, data: os.write(handle, data[:1000]))
    objects.verify(objects.put_bytes(os.urandom(5500)).digest)


def test_sweeping_takes_old_temporaries_only(objects):
    target = objects.writer()
    target.write(b"x")
    (path,) = leftovers(objects)
    made = path.stat().st_mtime
    assert objects.sweep_temporary(3600, made + 3599) == 0
    assert objects.sweep_temporary(3600, made + 3601) == 1
    assert leftovers(objects) == []


def test_other_files_are_not_objects(objects):
    digest = objects.put_bytes(b"x").digest
    (objects.root / "sha256" / "README").write_text("hello")
    (objects.path(digest).parent / "x.part").write_text("hello")
    (objects.root / "sha256" / "zz").mkdir()
    assert list(objects.iterate()) == [digest]


class Machine(RuleBasedStateMachine):
    """The store against a dict."""

    def __init__(self):
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.objects = LocalObjects(self.folder.name)
        self.model: dict[str, bytes] = {}

    @rule(data=st.binary(max_size=3), how=st.sampled_from(["bytes", "stream", "writer"]))
    def put(self, data, how):
        if how == "bytes":
            stored = self.objects.put_bytes(data)
        elif how == "stream":
            stored = self.objects.put_stream(io.BytesIO(data))
        else:
            with self.objects.writer() as target:
                target.write(data)
            stored = target.result
        assert stored == Stored(sha256_digest(data), len(data))
        self.model[stored.digest] = data

    @rule(data=st.binary(max_size=3))
    def delete(self, data):
        digest = sha256_digest(data)
        assert self.objects.delete(digest) == (self.model.pop(digest, None) is not None)

    @rule(data=st.binary(max_size=3))
    def read(self, data):
        digest = sha256_digest(data)
        assert self.objects.exists(digest) == (digest in self.model) == self.objects.touch(digest)
        if digest in self.model:
            with self.objects.open(digest) as stream:
                assert stream.read() == data

    @invariant()
    def same(self):
        assert list(self.objects.iterate()) == sorted(self.model)
        assert leftovers(self.objects) == []

    def teardown(self):
        self.folder.cleanup()


Machine.TestCase.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
TestStateMachine = Machine.TestCase
