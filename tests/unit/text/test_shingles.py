"""Shingles and MinHash: the folded view, no sentinel, both paths equal, estimates as good as theory says."""

from __future__ import annotations

import random
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.text import shingles
from quanheng.text.normalise import UNFOLDED, USUAL, shadow, to_simplified
from quanheng.text.shingles import Packed, band_keys, encode, fold, hash_shingles, signatures

MASK = 2**64 - 1
PINNED_SIGNATURE = [820913915, 1103674780, 49946574]
PINNED_KEYS = [8925086827156007157, 7057522908573481918]
#: Han, wide and narrow Latin, punctuation, blanks, invisible and combining characters, an emoji, a lone surrogate.
TEXT = st.text(st.sampled_from("好评差不错ＡａAé！!。，  \t\n\u200b\u0301①㈱１1+＋★😀\ud800\u3000—-"), max_size=12)


def folded_texts(texts: list[str]) -> list[list[int]]:
    packed = fold(encode(texts))
    return [packed.part(i).tolist() for i in range(len(texts))]


def reference_mix(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def reference_hash(codes: list[int]) -> int:
    value = 1
    for code in codes:
        value = (value * 0x9E3779B97F4A7C15 + code) & MASK
    return reference_mix(value)


@given(st.lists(TEXT, max_size=8))
def test_the_folded_view_is_the_shadow_without_punctuation_and_blanks(texts: list[str]) -> None:
    import unicodedata

    for text, codes in zip(texts, folded_texts(texts), strict=True):
        plain = [c for c in shadow(text).text if unicodedata.category(c)[0] not in "PZ" and c not in "\t\n"]
        assert codes == ([ord(c) for c in plain] if plain else [ord(c) | 1 << 31 for c in text])


def test_width_case_and_punctuation_do_not_matter_but_symbols_do() -> None:
    a, b, c, d = folded_texts(["ＱＱ：１２３，好！", "qq 123 好", "C++", "C"])
    assert a == b
    assert c != d


def test_traditional_and_simplified_meet_only_when_asked() -> None:
    pair = ["臺灣的資訊", "台湾的资讯"]
    assert len({tuple(codes) for codes in folded_texts(pair)}) == 2
    assert len({tuple(codes) for codes in folded_texts([to_simplified(text) for text in pair])}) == 1


@given(st.lists(TEXT, max_size=8), st.integers(1, 6))
def test_hashes_are_those_of_the_definition_on_both_paths(texts: list[str], size: int) -> None:
    packed = fold(encode(texts))
    expected = []
    for i in range(len(texts)):
        codes = packed.part(i).tolist()
        whole = len(codes) < size or codes[0] >= 1 << 31
        windows = [codes] if whole else [codes[at : at + size] for at in range(len(codes) - size + 1)]
        expected.append([reference_hash(window) for window in windows])
    for plain in (False, True):
        hashes = hash_shingles(packed, size, plain=plain)
        assert [hashes.part(i).tolist() for i in range(len(texts))] == expected


@pytest.mark.parametrize("length", [511, 512, 513, 515, 516, 517, 1023, 1029, 2600])
def test_hashes_of_long_texts_are_equal_on_both_paths(length: int) -> None:
    text = "".join(random.Random(length).choices("甲乙丙丁戊己庚辛壬癸", k=length))
    for size in (5, 13):
        packed = fold(encode(["短", text, "", text[::-1]]))
        assert hash_shingles(packed, size).values.tolist() == hash_shingles(packed, size, plain=True).values.tolist()


def test_what_is_entered_beforehand_is_folded_as_every_other_character() -> None:
    edges = [code for first, last in UNFOLDED for code in (first - 1, first, last, last + 1, (first + last) // 2)]
    for code in (*USUAL[::5], *edges, *range(0x1F300, 0x1FB00, 3), 0x10FFFF):
        folded = shadow(chr(code)).text
        category = unicodedata.category(folded) if folded else "Cc"
        kept = [] if category[0] in "PZ" or category == "Cc" else [ord(folded)]
        assert folded_texts([chr(code)]) == [kept or [code | 1 << 31]], hex(code)


@settings(max_examples=30)
@given(st.lists(TEXT, max_size=6), st.integers(1, 9), st.integers(1, 4), st.integers(0, 2**53))
def test_signatures_and_bands_are_equal_on_both_paths(texts: list[str], bands: int, rows: int, seed: int) -> None:
    hashes = hash_shingles(fold(encode(texts)))
    ours = signatures(hashes, bands * rows, seed)
    plain = signatures(hashes, bands * rows, seed, plain=True)
    assert ours.dtype == np.uint32
    assert ours.tolist() == plain.tolist()
    assert band_keys(ours, bands, rows, seed).tolist() == band_keys(ours, bands, rows, seed, plain=True).tolist()


def test_a_long_text_has_one_signature_on_both_paths() -> None:
    rng = random.Random(5)
    hashes = hash_shingles(fold(encode(["".join(rng.choices("甲乙丙丁戊己庚辛", k=10_000)), "短"])))
    assert signatures(hashes).tolist() == signatures(hashes, plain=True).tolist()


def test_the_signature_of_a_fixed_text_never_changes() -> None:
    """A change of these numbers is a new VERSION: sketches that are kept would no longer compare."""
    made = signatures(hash_shingles(fold(encode(["中华人民共和国数据安全法"]))), 128, 1)
    assert shingles.VERSION == 1
    assert made[0, :3].tolist() == PINNED_SIGNATURE
    assert band_keys(made, 16, 8, 1)[0, :2].tolist() == PINNED_KEYS


def test_short_and_empty_texts_have_their_own_identity() -> None:
    texts = ["好评", "差评", "不错哦", "北京市", "上海市", "", "！", "？", "！！", "。。。。。。。", "。。。。。。。。"]
    made = signatures(hash_shingles(fold(encode(texts))))
    assert len({row.tobytes() for row in made}) == len(texts)


def test_punctuation_alone_never_equals_a_text_of_words() -> None:
    codes = folded_texts(["！", "!", "a"])
    assert codes[0] != codes[1]
    assert all(code >= 1 << 31 for row in codes[:2] for code in row)


@pytest.mark.parametrize(("edits", "least", "most"), [(3, 0.9, 1.0), (20, 0.7, 0.9), (100, 0.2, 0.5)])
def test_estimates_err_no_more_than_theory_says(edits: int, least: float, most: float) -> None:
    rng = random.Random(edits)
    errors, exact = [], []
    for _ in range(150):
        text = "".join(chr(rng.randrange(0x4E00, 0x9000)) for _ in range(600))
        other = list(text)
        for at in rng.sample(range(600), edits):
            other[at] = chr(rng.randrange(0x9000, 0x9F00))
        hashes = hash_shingles(fold(encode([text, "".join(other)])))
        one, two = shingles.distinct(hashes)
        shared = shingles.common(one, two)
        exact.append(shared / (len(one) + len(two) - shared))
        made = signatures(hashes, 128, 1)
        errors.append(float((made[0] == made[1]).mean()) - exact[-1])
    mean = sum(exact) / len(exact)
    assert least < mean < most
    expected = (mean * (1 - mean) / 128) ** 0.5
    rmse = (sum(error**2 for error in errors) / len(errors)) ** 0.5
    # χ² with 150 degrees of freedom: 1.25 times the deviation is beyond the 99.99th percentile.
    assert rmse < 1.25 * expected
    assert abs(sum(errors) / len(errors)) < 4 * expected / len(errors) ** 0.5


def test_common_counts_like_sets() -> None:
    rng = random.Random(1)
    for _ in range(50):
        one, other = ({rng.randrange(40) for _ in range(rng.randrange(30))} for _ in range(2))
        arrays = (np.array(sorted(values), np.uint64) for values in (one, other))
        assert shingles.common(*arrays) == len(one & other)


def test_the_chance_of_a_candidate_is_that_of_the_operators_table() -> None:
    table = {(16, 8): (0.061, 0.237, 0.613, 0.947, 0.994), (18, 7): (0.132, 0.400, 0.787, 0.985, 0.999)}
    table[14, 9] = (0.027, 0.132, 0.438, 0.867, 0.975)
    for (bands, rows), expected in table.items():
        for jaccard, chance in zip((0.5, 0.6, 0.7, 0.8, 0.85), expected, strict=True):
            assert shingles.chance_of_candidate(jaccard, bands, rows) == pytest.approx(chance, abs=0.0006)
            direct = 1 - (1 - jaccard**rows) ** bands
            assert shingles.chance_of_candidate(jaccard, bands, rows) == pytest.approx(direct)


def test_without_numba_everything_is_the_same() -> None:
    program = (
        "import sys; sys.modules['numba'] = None\n"
        "from quanheng.text.shingles import *\n"
        "h = hash_shingles(fold(encode(['中华人民共和国数据安全法'])))\n"
        "s = signatures(h); print(s[0, :3].tolist(), band_keys(s, 16, 8)[0, :2].tolist(), common(*distinct(h) * 2))\n"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == f"{PINNED_SIGNATURE} {PINNED_KEYS} 8"


def test_no_texts_give_no_rows() -> None:
    empty = fold(encode([]))
    assert empty.n == 0
    assert signatures(hash_shingles(empty)).shape == (0, 128)
    assert isinstance(empty, Packed)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 8))
def test_winnowing_picks_from_every_window_on_both_paths(values: list[int], window: int) -> None:
    hashes = np.array(values, np.uint64)
    picked = shingles.winnow(hashes, window).tolist()
    assert picked == shingles.winnow(hashes, window, plain=True).tolist()
    assert picked == sorted(set(picked))
    for start in range(len(values) - window + 1):
        least = min(values[start : start + window])
        assert any(start <= at < start + window and values[at] == least for at in picked)
    if len(values) < window:
        assert picked == []
