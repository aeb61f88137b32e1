"""Duplicates in meaning against brute force, with a static model and over HTTP; exact, bounded, the same every time."""

from __future__ import annotations

import io
import json
import random
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.data.dedup_units import UnitSketch, batch, one_unit, quiet
from tests.unit.data.static_vectors import TOPICS, WORDS, model, tensors, vectors
from tests.unit.endpoints.loopback import Told, serve

from quanheng.data.corpus.asking import Answers
from quanheng.data.corpus.dedup import semantic
from quanheng.data.corpus.dedup.order import STAYS, Kept, Order
from quanheng.data.corpus.dedup.semantic_clusters import learn_centres, nearest, normalised, products
from quanheng.data.corpus.dedup.semantic_model import StaticModel, read_tensors
from quanheng.data.corpus.operator import Asset, make
from quanheng.errors import Invalid, QuanhengError
from quanheng.kinds.drop_reasons import REASONS
from quanheng.store import LocalObjects
from quanheng.store.cache import MemoryCache


def asset(data: bytes, answers: Answers | None = None) -> Asset:
    return Asset("sha256:" + "5" * 64, lambda: io.BytesIO(data), answers)


def step(data: bytes | None = None, answers: Answers | None = None, **params: Any) -> Any:
    return make("deduplicate_semantic", params, {"embedder": asset(model() if data is None else data, answers)})


def clouds(seed: int, count: int, width: int = 12, spread: float = 0.15) -> np.ndarray[Any, Any]:
    """Return vectors around some directions, some equal, some zero."""
    made = np.random.default_rng(seed)
    directions = made.normal(size=(max(2, count // 12), width))
    found = directions[made.integers(0, len(directions), count)] + spread * made.normal(size=(count, width))
    found[made.integers(0, count, count // 10)] = found[made.integers(0, count, 1)]
    found[made.integers(0, count, 2)] = 0
    return normalised(found)


def brute_force(found: np.ndarray[Any, Any], threshold: str) -> dict[int, int]:
    """Return what each vector repeats, in integers: float16 numbers are multiples of 2 to the -24."""
    whole = [[int(Fraction(float(value)) * 2**24) for value in row] for row in found]
    squares = [sum(value * value for value in row) for row in whole]
    least = Fraction(threshold) ** 2
    gone: dict[int, int] = {}
    for later, a in enumerate(whole):
        for earlier in range(later):
            b = whole[earlier]
            dot = sum(x * y for x, y in zip(a, b, strict=True))
            if earlier in gone or dot <= 0 or dot * dot < least * squares[later] * squares[earlier]:
                continue
            gone[later] = earlier
            break
    return gone


def settled(units: list[tuple[int, np.ndarray[Any, Any]]], scratch: Path, **params: Any) -> tuple[Kept, int]:
    scratch.mkdir(exist_ok=True)
    sketches = [UnitSketch(rank, len(rows), {"vector": rows.reshape(-1)}) for rank, rows in units]
    kept = Kept(Order.of(sketches), scratch)
    given = {"threshold": Decimal("0.9"), "clusters": 1, "seed": 1, **params}
    return kept, semantic.find_alike(sketches, "vector", kept, scratch, quiet, **given)


def gone(kept: Kept) -> dict[int, int]:
    return {number: int(of) for number, of in enumerate(kept.of) if of != STAYS}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("threshold", ["0.8", "0.95", "1"])
@pytest.mark.parametrize("rows", [512, 7])
def test_the_verdicts_are_those_of_brute_force(
    seed: int, threshold: str, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semantic, "_ROWS", rows)
    monkeypatch.setattr(semantic, "_STAYING", 2 * rows - 1)
    found = clouds(seed, 150)
    kept, clusters = settled([(0, found)], tmp_path, threshold=Decimal(threshold))
    assert clusters == 1
    assert gone(kept) == brute_force(found, threshold)
    if threshold == "0.8":
        assert len(gone(kept)) > 40


def test_what_is_far_apart_is_never_dropped_however_many_clusters(tmp_path: Path) -> None:
    found = clouds(9, 600, spread=0.3)
    alike = products(found, found)
    for count in (1, 5, 40):
        kept, clusters = settled([(0, found)], tmp_path / str(count), clusters=count)
        assert clusters == count
        for later, earlier in gone(kept).items():
            assert alike[later, earlier] > 0.89 and kept.of[earlier] == STAYS and earlier < later
            assert abs(kept.measure[later] - alike[later, earlier]) < 2e-3


def test_clusters_miss_little_of_what_is_alike(tmp_path: Path) -> None:
    found = clouds(3, 3000, width=24, spread=0.05)
    whole, _ = settled([(0, found)], tmp_path / "one", threshold=Decimal("0.95"))
    parts, _ = settled([(0, found)], tmp_path / "many", threshold=Decimal("0.95"), clusters=30)
    assert len(gone(whole)) > 2000
    assert len(gone(parts)) >= 0.95 * len(gone(whole))


def test_the_order_of_preference_decides_and_units_do_not(tmp_path: Path) -> None:
    found = clouds(5, 400)
    first, _ = settled([(0, found)], tmp_path / "a", clusters=8)
    cut, _ = settled([(0, found[:150]), (0, found[150:150]), (0, found[150:])], tmp_path / "b", clusters=8)
    assert gone(cut) == gone(first)
    # The second unit ranks first: its documents have the lower numbers, and stay.
    turned, _ = settled([(1, found[150:]), (0, found[:150])], tmp_path / "c", clusters=8)
    assert gone(turned) == gone(first)


def test_a_corpus_of_one_cluster_is_compared_whole_and_a_large_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semantic, "CLUSTER", 50)
    assert settled([(0, clouds(1, 100))], tmp_path / "a", clusters=0)[1] == 1
    assert settled([(0, clouds(1, 101))], tmp_path / "b", clusters=0)[1] == 3


def test_centres_are_the_same_for_the_same_seed_and_none_is_empty() -> None:
    found = clouds(2, 500)
    centres = learn_centres(found, 20, 4)
    assert np.array_equal(centres, learn_centres(found, 20, 4))
    assert not np.array_equal(centres, learn_centres(found, 20, 5))
    equal = normalised(np.ones((30, 4)))
    assert len(learn_centres(equal, 8, 1)) == 8 and set(nearest(equal, learn_centres(equal, 8, 1))) == {0}


@given(st.lists(st.lists(st.floats(-(2.0**100), 2.0**100), min_size=6, max_size=6), min_size=2, max_size=12))
def test_products_are_exact_in_any_order(rows: list[list[float]]) -> None:
    found = normalised(np.array(rows))
    exact = [
        [sum(Fraction(float(x)) * Fraction(float(y)) for x, y in zip(a, b, strict=True)) for b in found] for a in found
    ]
    assert [[Fraction(value) for value in row] for row in products(found, found).tolist()] == exact
    lengths = np.sqrt((found.astype(float) ** 2).sum(axis=1))
    assert all(length == 0 or abs(length - 1) < 2e-3 for length in lengths)


# The model.


def says(topic: str, count: int, seed: int) -> str:
    return " ".join(random.Random(seed).choices(TOPICS[topic].split(), k=count))


def test_texts_of_one_meaning_go_and_the_first_stays(tmp_path: Path) -> None:
    texts = [says(topic, 40, seed) for seed in range(3) for topic in TOPICS]
    [found] = one_unit(*texts).resolve(step(threshold="0.95"), tmp_path)
    assert [(verdict.row, verdict.of) for verdict in found] == [(row, (0, row % 4)) for row in range(4, 12)]
    assert {verdict.reason for verdict in found} == {"semantic_duplicate"} <= set(REASONS)
    assert all(0.95 <= verdict.measure <= 1 for verdict in found)


def test_sketches_hold_a_vector_of_length_one_for_every_document(tmp_path: Path) -> None:
    long = says("law", 30, 1) + " " + says("food", 30, 2)
    made = step(characters=50, pieces=1).sketch(batch([says("law", 30, 1), long, "无人认识", ""]))["vector"]
    rows = made.values.reshape(4, 16)
    assert rows.dtype == np.float16 and made.offsets.tolist() == [0, 16, 32, 48, 64]
    assert not rows[2:].any()
    assert products(rows[:1], rows[1:2])[0, 0] > 0.99  # what stands after the pieces is not looked at
    whole = step(characters=50, pieces=100).sketch(batch([says("law", 30, 1), long]))["vector"].values.reshape(2, 16)
    assert products(whole[:1], whole[1:])[0, 0] < 0.95
    # Nobody is like a document that says nothing.
    assert one_unit("无人认识", "", "也无人认识").resolve(step(), tmp_path) == [[]]


def test_the_mean_is_that_of_model2vec() -> None:
    rows = vectors()
    weights = np.linspace(0.5, 2, len(rows)).astype(np.float32)
    mapping = np.arange(len(rows), dtype=np.int64)[::-1].copy()
    text = f"{WORDS[3]} {WORDS[5]} 未知 {WORDS[3]}"
    plain = StaticModel(io.BytesIO(model(embeddings=rows))).embed([text])[0]
    assert np.allclose(plain, rows[[4, 6, 4]].mean(axis=0), atol=1e-6)
    weighted = StaticModel(io.BytesIO(model(embeddings=rows, weights=weights, mapping=mapping))).embed([text])[0]
    ids = np.array([4, 6, 4])
    assert np.allclose(weighted, (rows[mapping[ids]] * weights[ids][:, None]).mean(axis=0), atol=1e-6)
    half = StaticModel(io.BytesIO(model(**{"embedding.weight": rows.astype(np.float16)}))).embed([text])[0]
    assert np.allclose(half, plain, atol=1e-2)


@pytest.mark.parametrize(
    "data",
    [
        b"PK no zip",
        model(other=vectors()),
        model(embeddings=vectors()[:5]),
        model(embeddings=np.full((33, 4), np.nan, np.float32)),
        model(embeddings=vectors(), mapping=np.full(33, 99, np.int64)),
        model(embeddings=np.zeros(4, np.float32)),
    ],
)
def test_what_is_no_model_is_told(data: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        step(data).sketch(batch(["法律"]))
    assert caught.value.code == "bad_embedder" and "tokenizer.json" in caught.value.hint.en  # type: ignore[union-attr]


@given(st.binary(max_size=60), st.integers(0, 120))
def test_damaged_tensors_are_told_and_nothing_else(junk: bytes, at: int) -> None:
    whole = tensors(embeddings=np.zeros((2, 2), np.float32))
    for data in (junk, whole[:at] + junk + whole[at + len(junk) :], whole[:at]):
        try:
            read_tensors(data)
        except Invalid as error:
            assert error.code == "bad_embedder"


# Over HTTP.


def endpoint(url: str) -> bytes:
    return json.dumps({"url": url, "model": "embed"}).encode()


def embedding(body: dict[str, Any]) -> Told:
    """Answer as the static model would; nothing for a text with “坏”."""
    if any("坏" in text for text in body["input"]):
        return Told(status=400, body=b'{"error": {"message": "no"}}')
    found = StaticModel(io.BytesIO(model())).embed(body["input"]) + 1e-9
    rows = [{"index": n, "embedding": row.tolist()} for n, row in enumerate(found)]
    return Told(body=json.dumps({"data": rows[::-1]}).encode())


def test_an_endpoint_gives_what_a_local_model_does_and_is_asked_once(tmp_path: Path) -> None:
    texts = [says(topic, 40, seed) for seed in range(3) for topic in TOPICS]
    with serve(answer=embedding) as server:
        answers = Answers(MemoryCache(), LocalObjects(tmp_path / "objects"))
        made = step(endpoint(server.url), answers, texts_at_once=5)
        found = one_unit(*texts).resolve(made, tmp_path / "a")
        assert [path for path, _, _ in server.requests] == ["/v1/embeddings"] * 3
        assert sorted(text for _, _, body in server.requests for text in body["input"]) == sorted(texts)  # type: ignore[attr-defined]
        again = step(endpoint(server.url), answers, texts_at_once=1, concurrency=1)
        assert one_unit(*texts).resolve(again, tmp_path / "b") == found and len(server.requests) == 3
        assert again.id == made.id != step(endpoint(server.url), characters=99).id
    local = one_unit(*texts).resolve(step(), tmp_path / "c")
    assert [[verdict[:5] for verdict in unit] for unit in found] == [[v[:5] for v in unit] for unit in local]


def test_a_text_that_is_turned_down_stays_and_all_turned_down_is_an_error(tmp_path: Path) -> None:
    texts = [says("law", 40, 1), "坏 " + says("law", 40, 1), says("law", 40, 2)]
    with serve(answer=embedding) as server:
        answers = Answers(MemoryCache(), LocalObjects(tmp_path / "objects"))
        for run in ("a", "again"):  # the second time only the one turned down is asked about
            [found] = one_unit(*texts).resolve(step(endpoint(server.url), answers), tmp_path / run)
            assert [verdict.row for verdict in found] == [2]
        made = step(endpoint(server.url))
        assert made.sketch(batch(texts[:1]))["vector"].values.any() and made.unread == 0
        assert not made.sketch(batch(texts[1:2]))["vector"].values.any() and made.unread == 1
        local = step()
        assert not local.sketch(batch([""]))["vector"].values.any() and local.unread == 0  # which asks nobody
        with pytest.raises(QuanhengError) as caught:
            one_unit("坏", "坏 二", "坏 三", "坏 四").resolve(step(endpoint(server.url)), tmp_path / "b")
        assert caught.value.code == "endpoint_rejected"


def test_texts_at_once_changes_no_vector(tmp_path: Path) -> None:
    """Also of a request that begins with texts that are turned down."""
    texts = ["坏 一", "坏 二", "坏 三", "坏 四", *(says(topic, 40, 1) for topic in TOPICS)]
    found = {}
    with serve(answer=embedding) as server:
        for at_once in (1, 3, 8, 256):
            made = step(endpoint(server.url), texts_at_once=at_once, concurrency=1)
            found[at_once] = made.sketch(batch(texts))["vector"].values.reshape(len(texts), -1)
    assert not found[1][:4].any() and found[1][4:].any(axis=1).all()
    assert all(np.array_equal(vectors, found[1]) for vectors in found.values())


def test_an_embedder_that_turns_everything_down_stops_the_build(tmp_path: Path) -> None:
    paid = True

    def answer(body: dict[str, Any]) -> Told:
        return embedding(body) if paid else Told(400, b"Arrearage")

    with serve(answer=answer) as server:
        made = step(endpoint(server.url), texts_at_once=256)
        made.sketch(batch([says("law", 40, 1)]))
        paid, before = False, len(server.requests)
        with pytest.raises(Invalid, match="Arrearage"):
            made.sketch(batch([says("law", 40, seed) for seed in range(2, 99)]))
        assert len(server.requests) - before == 2
        paid = True
        # One text alone that is turned down is no reason to stop.
        assert not step(endpoint(server.url)).sketch(batch(["坏"]))["vector"].values.any()


def test_vectors_of_two_widths_are_told(tmp_path: Path) -> None:
    rows = clouds(1, 10)
    with pytest.raises(Invalid) as caught:
        settled([(0, rows), (0, rows[:, :6].copy())], tmp_path)
    assert caught.value.code == "embedder_changed"
