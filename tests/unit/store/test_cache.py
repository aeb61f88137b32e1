from __future__ import annotations

import os

import pytest

from quanheng.errors import Invalid
from quanheng.store import _disk
from quanheng.store.cache import Cache, CacheLike, MemoryCache, cache_key
from quanheng.store.digest import sha256_digest
from quanheng.store.objects import LocalObjects


@pytest.fixture
def objects(tmp_path):
    return LocalObjects(tmp_path / "objects")


@pytest.fixture
def cache(tmp_path, objects):
    return Cache(tmp_path / "cache", objects)


def test_keys_are_digests_of_canonical_json():
    assert cache_key({"b": 1, "a": [True]}) == cache_key({"a": [True], "b": 1}) == sha256_digest(b'{"a":[true],"b":1}')
    with pytest.raises(Invalid):
        cache_key(0.5)


def test_get_what_was_set(cache, objects):
    one, two = objects.put_bytes(b"1").digest, objects.put_bytes(b"2").digest
    assert cache.get("k") is None
    cache.set("k", one)
    cache.set("另一个键/../x", two)
    assert (cache.get("k"), cache.get("另一个键/../x")) == (one, two)
    cache.set("k", two)
    assert Cache(cache.root, objects).get("k") == two
    with pytest.raises(Invalid):
        cache.set("k", "not a digest")


def test_an_entry_without_its_object_is_none(cache, objects):
    digest = objects.put_bytes(b"1").digest
    cache.set("k", digest)
    objects.delete(digest)
    assert cache.get("k") is None
    objects.put_bytes(b"1")
    assert cache.get("k") == digest


def test_a_hit_keeps_entry_and_object_young(cache, objects):
    digest = objects.put_bytes(b"1").digest
    cache.set("k", digest)
    (entry,) = cache.root.glob("*/*")
    os.utime(entry, (0, 0))
    os.utime(objects.path(digest), (0, 0))
    cache.get("k")
    assert entry.stat().st_mtime > 1e9
    assert objects.modified_at(digest) > 1e9


def test_evict_by_age(cache, objects):
    digest = objects.put_bytes(b"1").digest
    cache.set("old", digest)
    (entry,) = cache.root.glob("*/*")
    os.utime(entry, (1000, 1000))
    cache.set("new", digest)
    assert cache.evict(3600, 1000 + 3600) == 0
    assert cache.evict(3600, 1000 + 3601) == 1
    assert cache.get("old") is None
    assert cache.get("new") == digest
    assert Cache(cache.root / "none", objects).evict(0, 0) == 0


@pytest.mark.parametrize("torn", [b"", b"sha256:12", b"\xff\xfe", b"sha256:" + b"0" * 64 + b"0"])
def test_a_torn_entry_is_none(cache, objects, torn):
    cache.set("k", objects.put_bytes(b"1").digest)
    (entry,) = cache.root.glob("*/*")
    entry.write_bytes(torn)
    assert cache.get("k") is None


def test_a_failing_disk_keeps_the_old_entry(cache, objects, monkeypatch):
    from quanheng.errors import Unavailable

    one, two = objects.put_bytes(b"1").digest, objects.put_bytes(b"2").digest
    cache.set("k", one)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_disk, "write", full)
    with pytest.raises(Unavailable) as caught:
        cache.set("k", two)
    assert caught.value.code == "disk_full"
    assert cache.get("k") == one
    assert not list(cache.root.rglob("*.part"))


def test_a_dict_is_a_cache():
    cache: CacheLike = MemoryCache()
    cache.set("k", sha256_digest(b""))
    assert cache.get("k") == sha256_digest(b"")
    assert cache.get("other") is None
