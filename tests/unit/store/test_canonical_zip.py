from __future__ import annotations

import io
import os
import shutil
import stat
import struct
import subprocess
import tracemalloc
import warnings
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.errors import Conflict, Corrupt, Invalid, NotFound, Unavailable
from quanheng.store import _disk, canonical_zip
from quanheng.store.canonical_zip import read_zip, write_zip

SEGMENT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=5)
NAMES = st.lists(SEGMENT.filter(lambda s: s not in (".", "..")), min_size=1, max_size=3).map("/".join)


def clash(names):
    return any(a != b and b.startswith(a + "/") for a in names for b in names)


ENTRIES = st.dictionaries(NAMES, st.binary(max_size=60), max_size=6).filter(lambda e: not clash(e))


def to_bytes(entries):
    stream = io.BytesIO()
    write_zip(stream, entries)
    return stream.getvalue()


@settings(max_examples=60, deadline=None)
@given(ENTRIES, st.randoms())
def test_round_trip_whatever_the_order(tmp_path_factory, entries, random):
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    shuffled = list(entries.items())
    random.shuffle(shuffled)
    write_zip(path, dict(shuffled))
    assert path.read_bytes() == to_bytes(entries)
    with read_zip(path) as found:
        assert found.names == sorted(entries)
        assert {name: found.read(name) for name in found.names} == entries
    with zipfile.ZipFile(path) as other:
        assert other.testzip() is None
        assert {name: other.read(name) for name in other.namelist()} == entries


def test_byte_for_byte():
    name = "权.txt".encode()
    local = (
        struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0x0800, 0, 0, 0x21, zlib.crc32(b"hi"), 2, 2, len(name), 0)
        + name
        + b"hi"
    )
    central = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 0x0314, 20, 0x0800, 0, 0, 0x21, zlib.crc32(b"hi"), 2, 2, len(name), 0, 0, 0, 0,
        0o100644 << 16, 0,
    ) + name  # fmt: skip
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local), 0)
    assert to_bytes({"权.txt": b"hi"}) == local + central + end


def test_members_as_other_tools_see_them(tmp_path):
    path = tmp_path / "a.zip"
    (tmp_path / "big").write_bytes(os.urandom(3_000_000))
    write_zip(path, {"b/权.txt": b"hello\n", "a": tmp_path / "big", "empty": b""})
    with zipfile.ZipFile(path) as found:
        for info in found.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.compress_type == zipfile.ZIP_STORED
            assert info.external_attr >> 16 == 0o100644
            assert (info.extra, info.comment) == (b"", b"")
    if shutil.which("unzip"):
        subprocess.run(["unzip", "-q", str(path), "-d", str(tmp_path / "out")], check=True)
        assert (tmp_path / "out" / "a").read_bytes() == (tmp_path / "big").read_bytes()
        assert stat.S_IMODE((tmp_path / "out" / "a").stat().st_mode) & 0o644 == 0o644


@pytest.mark.parametrize("limit", [1, 5, 40, 100, 200])
def test_zip64_with_a_lowered_limit(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(canonical_zip, "ZIP64_SIZE", limit)
    monkeypatch.setattr(canonical_zip, "ZIP64_COUNT", 4)
    for count in (0, 3, 4, 5):
        entries = {f"f{i}": bytes([i]) * (i * 30) for i in range(count)}
        path = tmp_path / f"{count}.zip"
        write_zip(path, entries)
        with read_zip(path) as found:
            assert {name: found.read(name) for name in found.names} == entries
        with zipfile.ZipFile(path) as other:
            assert other.testzip() is None
            assert {name: other.read(name) for name in other.namelist()} == entries


def test_a_plain_zip_is_not_the_zip64_one(tmp_path, monkeypatch):
    monkeypatch.setattr(canonical_zip, "ZIP64_SIZE", 10)
    write_zip(tmp_path / "a.zip", {"a": bytes(20)})
    monkeypatch.undo()
    with pytest.raises(Corrupt):
        read_zip(tmp_path / "a.zip")


SMALL = {"a/b": b"first", "c": b"", "权": b"third member"}


def test_every_flipped_bit_and_every_cut_is_found(tmp_path):
    original = to_bytes(SMALL)
    path = tmp_path / "a.zip"
    for position in range(len(original)):
        for bit in range(8):
            flipped = bytearray(original)
            flipped[position] ^= 1 << bit
            path.write_bytes(flipped)
            with pytest.raises(Corrupt, match="at byte"):
                read_zip(path)
    for length in range(1, len(original)):
        path.write_bytes(original[:length])
        with pytest.raises((Corrupt, Invalid)):
            read_zip(path)
    for extra in (b"\0", b"PK\5\6", original):
        path.write_bytes(original + extra)
        with pytest.raises(Corrupt):
            read_zip(path)
        path.write_bytes(extra + original)
        with pytest.raises((Corrupt, Invalid)):
            read_zip(path)


def test_the_damaged_member_is_named(tmp_path):
    data = bytearray(to_bytes(SMALL))
    place = data.index(b"third member")
    data[place + 2] ^= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(Corrupt, match=f"at byte {place}, member 权") as caught:
        read_zip(tmp_path / "a.zip")
    assert caught.value.code == "zip_damaged"
    assert "权" in caught.value.text.zh


def foreign(change=lambda info: None, names=("a", "b"), comment=b"", **options):
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", **options) as out:
        warnings.simplefilter("ignore")  # a name twice is what one case is about
        for name in names:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o100644 << 16
            info.create_system = 3
            change(info)
            out.writestr(info, b"content of " + name.encode())
        out.comment = comment
    return stream.getvalue()


def change(**fields):
    def apply(info):
        for name, value in fields.items():
            setattr(info, name, value)

    return apply


@pytest.mark.parametrize(
    "data",
    [
        foreign(),  # the UTF-8 flag is not set for ASCII names
        foreign(names=("权", "衡"), comment=b"hello"),
        foreign(names=("衡", "权")),  # not sorted: U+8861 comes after U+6743
        foreign(names=("权", "权")),
        foreign(change(compress_type=zipfile.ZIP_DEFLATED), names=("权",)),
        foreign(change(date_time=(2026, 1, 1, 0, 0, 0)), names=("权",)),
        foreign(change(external_attr=0o100755 << 16), names=("权",)),
        foreign(change(create_system=0), names=("权",)),
        foreign(change(extra=b"\xfe\xca\0\0"), names=("权",)),
        foreign(change(comment=b"c"), names=("权",)),
        foreign(names=("权/../../x",)),
        foreign(names=("/权",)),
        foreign(names=("权/",)),
        foreign(names=("权", "权/x")),
    ],
)
def test_zips_of_other_writers_are_refused(tmp_path, data):
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(Corrupt):
        read_zip(tmp_path / "a.zip")


def test_the_foreign_writer_is_refused_only_for_what_was_changed(tmp_path):
    # The same writer with nothing changed gives our bytes: the cases above test what they say.
    assert foreign(names=("权",)) == to_bytes({"权": b"content of " + "权".encode()})


@pytest.mark.parametrize("data", [b"", b"x", b"not a zip at all, but long enough to hold an end record"])
def test_no_zip_at_all(tmp_path, data):
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(Invalid) as caught:
        read_zip(tmp_path / "a.zip")
    assert caught.value.code == "not_a_zip"
    with pytest.raises(NotFound):
        read_zip(tmp_path / "missing.zip")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100), st.sampled_from([b"", b"PK\3\4", b"PK\1\2", b"PK\5\6"]))
def test_rubbish_never_crashes_the_reader(tmp_path_factory, data, start):
    path = tmp_path_factory.getbasetemp() / "rubbish.zip"
    path.write_bytes(start + data)
    try:
        read_zip(path).close()
    except (Corrupt, Invalid):
        return
    assert to_bytes({}) == start + data


@pytest.mark.parametrize("name", ["", "/a", "../a", "a/../b", "a\\b", "a\0", "a//b", ".", "\ud800"])
def test_bad_names_are_refused(tmp_path, name):
    with pytest.raises(Invalid):
        write_zip(tmp_path / "a.zip", {name: b""})
    with pytest.raises(Invalid, match="file and a folder"):
        write_zip(tmp_path / "a.zip", {"a": b"", "a/b/c": b""})
    assert list(tmp_path.iterdir()) == []


def test_a_failing_disk_leaves_the_old_file(tmp_path, monkeypatch):
    write_zip(tmp_path / "a.zip", {"a": b"old"})
    before = (tmp_path / "a.zip").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(_disk, name, full)
            with pytest.raises(Unavailable) as caught:
                write_zip(tmp_path / "a.zip", {"a": b"new"})
        assert caught.value.code == "disk_full"
        assert (tmp_path / "a.zip").read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]
    with pytest.raises(NotFound):
        write_zip(tmp_path / "no" / "folder.zip", {})
    with pytest.raises(NotFound, match="gone"):
        write_zip(tmp_path / "a.zip", {"a": tmp_path / "gone"})
    assert (tmp_path / "a.zip").read_bytes() == before


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path, monkeypatch):
    (tmp_path / "f").write_bytes(b"before")
    measure = canonical_zip._measure

    def measure_then_change(content):
        found = measure(content)
        (tmp_path / "f").write_bytes(b"after!")
        return found

    monkeypatch.setattr(canonical_zip, "_measure", measure_then_change)
    with pytest.raises(Conflict):
        write_zip(tmp_path / "a.zip", {"f": tmp_path / "f"})
    assert not (tmp_path / "a.zip").exists()


def test_big_members_are_streamed(tmp_path):
    size = 64 << 20
    with open(tmp_path / "big", "wb") as stream:
        stream.truncate(size)
    tracemalloc.start()
    write_zip(tmp_path / "a.zip", {"big": tmp_path / "big"})
    with read_zip(tmp_path / "a.zip") as found, found.open("big") as stream:
        assert found.size("big") == size
        assert sum(len(chunk) for chunk in iter(lambda: stream.read(1 << 20), b"")) == size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_members_are_read_independently(tmp_path):
    write_zip(tmp_path / "a.zip", {"a": b"0123456789", "b": b"abcdefghij"})
    with read_zip(tmp_path / "a.zip") as found, found.open("a") as a, found.open("b") as b:
        assert [a.read(3), b.read(2), a.read(), b.read(), a.read()] == [b"012", b"ab", b"3456789", b"cdefghij", b""]
        with pytest.raises(NotFound, match="'c'"):
            found.open("c")
