"""Layers of an earlier corpus that went or were damaged: nothing of it is taken up, and what is written is sound."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from tests.unit.data.corpus.continued_corpora import made, old, shaped, states

from quanheng.data.corpus import AssetInput, SourceInput, build
from quanheng.data.corpus import continued as continued_module
from quanheng.errors import Corrupt, Unavailable
from quanheng.store import LocalObjects, MemoryCache


def test_a_layer_that_went_makes_the_merge_begin_anew(
    sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput], merged: list[str]
) -> None:
    recipe = shaped(9_000, 7)
    afresh = made(sources[:2], objects, MemoryCache(), recipe, lexicon)
    first = made(sources[:1], objects, MemoryCache(), recipe, lexicon)
    assert len({layer.title.split("/")[0] for layer in first.layers}) >= 5
    for layer in first.layers:
        if layer.title.startswith(("card", "croissant")):
            continue
        cache = MemoryCache()
        made(sources[:1], objects, cache, recipe, lexicon)
        merged.clear()
        assert objects.delete(layer.digest)
        assert made(sources[:2], objects, cache, recipe, lexicon) == afresh
        assert merged == [*old(0), *old(1)], layer.title
        assert all(objects.exists(found.digest) for found in afresh.layers)


@pytest.mark.parametrize("title", ["data/part-00000.parquet", "decisions/part-00000.parquet", "samples.jsonl"])
def test_a_layer_that_goes_in_this_moment_makes_the_merge_begin_anew(
    title: str,
    sources: list[SourceInput],
    objects: LocalObjects,
    lexicon: dict[str, AssetInput],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    afresh = made(sources[:2], objects, MemoryCache(), assets=lexicon)
    cache = MemoryCache()
    first = made(sources[:1], objects, cache, assets=lexicon)
    gone = next(layer.digest for layer in first.layers if layer.title == title)
    take_up = continued_module.take_up

    def late(*args: Any) -> None:
        objects.delete(gone)
        take_up(*args)

    # The package gives the function the name of its module.
    monkeypatch.setattr(sys.modules[build.__module__], "take_up", late)
    result = made(sources[:2], objects, cache, assets=lexicon)
    assert result == afresh and result.left_bytes["final"] > sum(layer.size for layer in result.layers)


def damage(objects: LocalObjects, digest: str, at: int, bits: int = 1) -> None:
    """Flip bits of one byte of an object, as a disk does."""
    path = objects.path(digest)
    data = bytearray(path.read_bytes())
    data[at] ^= bits
    path.chmod(0o644)
    path.write_bytes(data)


def is_sound(objects: LocalObjects, digest: str) -> bool:
    try:
        objects.verify(digest)
    except Corrupt:
        return False
    return True


def test_a_layer_that_was_damaged_is_not_taken_up(
    sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput], merged: list[str]
) -> None:
    """Whether the damage makes it unreadable or is in a text: the new corpus is that of a merge from the beginning."""
    recipe = shaped(9_000, 7)
    afresh = made(sources[:2], objects, MemoryCache(), recipe, lexicon)
    of_new = {layer.digest for layer in afresh.layers}
    cache = MemoryCache()
    first = made(sources[:1], objects, cache, recipe, lexicon)
    found = {False: 0, True: 0}
    for layer in first.layers:
        if layer.title.startswith(("card", "croissant")):
            continue
        sound = objects.path(layer.digest).read_bytes()
        # At the end of a shard stands what its columns are, and in a list something of a text.
        for at in (0, layer.size // 3, layer.size // 2, layer.size - 7):
            damage(objects, layer.digest, at)
            merged.clear()
            assert made(sources[:2], objects, MemoryCache(cache), recipe, lexicon) == afresh
            assert merged == [*old(0), *old(1)], (layer.title, at)
            assert all(is_sound(objects, new.digest) for new in afresh.layers), (layer.title, at)
            # What the merge did not write again is left as it is, for whoever mends it.
            written_again = layer.digest in of_new
            assert is_sound(objects, layer.digest) == written_again
            found[written_again] += 1
            objects.path(layer.digest).chmod(0o644)
            objects.path(layer.digest).write_bytes(sound)
    assert found[True] >= 4 and found[False] >= 12


def test_the_same_corpus_made_again_mends_all_of_its_layers(
    sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput], merged: list[str]
) -> None:
    cache = MemoryCache()
    first = made(sources[:2], objects, cache, assets=lexicon)
    layers = [layer for layer in first.layers if not layer.title.startswith(("card", "croissant"))]
    for layer in layers:
        damage(objects, layer.digest, layer.size // 2)
    assert made(sources[:2], objects, cache, assets=lexicon) == first
    assert all(is_sound(objects, layer.digest) for layer in layers)
    merged.clear()
    assert made(sources[:2], objects, cache, assets=lexicon) == first
    assert merged == []


def test_where_the_longest_merge_was_damaged_a_shorter_one_is_taken_up(
    sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput], merged: list[str]
) -> None:
    afresh, cache = made(sources, objects, MemoryCache(), assets=lexicon), MemoryCache()
    made(sources[:1], objects, cache, assets=lexicon)
    second = made(sources[:2], objects, cache, assets=lexicon)
    damage(objects, next(layer.digest for layer in second.layers if layer.title == "samples.jsonl"), 20)
    merged.clear()
    assert made(sources, objects, cache, assets=lexicon) == afresh
    assert merged == [*old(1), "2/empty.jsonl", *old(3)]


def test_counts_that_were_damaged_are_not_taken_up(
    sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput], merged: list[str]
) -> None:
    afresh = made(sources[:2], objects, MemoryCache(), assets=lexicon)
    cache = MemoryCache()
    made(sources[:1], objects, cache, assets=lexicon)
    [state] = states(objects, cache).values()
    data = objects.path(state).read_bytes()
    # Another number, and JSON as good as before.
    damage(objects, state, data.index(b'"masked_documents":') + len(b'"masked_documents":'))
    merged.clear()
    assert made(sources[:2], objects, MemoryCache(cache), assets=lexicon) == afresh
    assert merged == [*old(0), *old(1)]
    made(sources[:1], objects, cache, assets=lexicon)
    assert is_sound(objects, state)


@pytest.mark.parametrize(
    ("title", "at", "bits"),
    [
        ("data/part-00000.parquet", -7, 255),
        ("data/part-00000.parquet", 60, 255),
        ("decisions/", -1, 1),
        ("samples.jsonl", 0, 1),
        ("samples.jsonl", 30, 128),
    ],
)
def test_a_layer_that_is_damaged_in_this_moment_makes_the_merge_begin_anew(
    title: str,
    at: int,
    bits: int,
    sources: list[SourceInput],
    objects: LocalObjects,
    lexicon: dict[str, AssetInput],
    merged: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Full shards of decisions are not read: of those the last one has room for more.
    recipe, cache = shaped(2**20 if title == "decisions/" else 9_000, 7), MemoryCache()
    afresh = made(sources[:2], objects, MemoryCache(), recipe, lexicon)
    first = made(sources[:1], objects, cache, recipe, lexicon)
    bad = [layer.digest for layer in first.layers if layer.title.startswith(title)][-1]
    take_up = continued_module.take_up

    def late(*args: Any) -> None:
        damage(objects, bad, at, bits)
        take_up(*args)

    monkeypatch.setattr(sys.modules[build.__module__], "take_up", late)
    merged.clear()
    assert made(sources[:2], objects, cache, recipe, lexicon) == afresh
    assert merged == [*old(0), *old(1)]
    assert all(is_sound(objects, layer.digest) for layer in afresh.layers)


def test_a_layer_that_the_disk_cannot_read_is_not_taken_up(
    sources: list[SourceInput],
    objects: LocalObjects,
    lexicon: dict[str, AssetInput],
    merged: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    afresh, cache = made(sources[:2], objects, MemoryCache(), assets=lexicon), MemoryCache()
    made(sources[:1], objects, cache, assets=lexicon)

    def refused(self: LocalObjects, digest: str) -> None:
        raise Unavailable("the disk did not answer", "磁盘出错", code="io_error")

    monkeypatch.setattr(LocalObjects, "verify", refused)
    merged.clear()
    assert made(sources[:2], objects, cache, assets=lexicon) == afresh
    assert merged == [*old(0), *old(1)]
