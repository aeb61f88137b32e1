"""Repeated passages: none of the length asked for is missed, none shorter or unequal is taken, the first copy stays."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.data.dedup_units import Corpus, han, one_unit, step

from quanheng.data.corpus.dedup import spill, substring
from quanheng.data.corpus.operator import Verdict


def test_the_later_occurrence_goes_and_names_the_first(tmp_path: Path) -> None:
    rng = random.Random(1)
    passage = han(rng, 150)
    a, b, c = (han(rng, 80) + passage + han(rng, 90) for _ in range(3))
    found = Corpus([(1, [a]), (0, [b, "短"]), (0, [c])]).resolve(step("deduplicate_substring"), tmp_path)
    assert found == [
        [Verdict(0, 80, 230, "repeated_passage", (1, 0), 150 / 320)],
        [],
        [Verdict(0, 80, 230, "repeated_passage", (1, 0), 150 / 320)],
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [99, 100, 101, 250])
def test_no_passage_of_the_length_is_missed_and_none_shorter_goes(length: int, tmp_path: Path) -> None:
    rng = random.Random(length)
    texts = []
    for n in range(120):
        passage = han(rng, length)
        # A marker on either side, so that no passage is longer by chance.
        texts.append("甲" + chr(0x3400 + n) + han(rng, n) + "〇" + passage + "〇" + han(rng, 50))
        texts.append("乙" + chr(0x3600 + n) + han(rng, 7 * n % 90) + "、" + passage + "、" + han(rng, 30))
    found = one_unit(*texts).resolve(step("deduplicate_substring"), tmp_path)[0]
    spans = {v.row: (v.end - v.start, v.of) for v in found}
    assert spans == ({row: (length, (0, row - 1)) for row in range(1, 240, 2)} if length >= 100 else {})


def remaining(texts: list[str], verdicts: list[Verdict]) -> list[str]:
    after = list(texts)
    for verdict in reversed(verdicts):
        text = after[verdict.row]
        after[verdict.row] = text[: verdict.start] + "\0" + text[verdict.end :]
    return after


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), max_size=7), st.integers(0, 2**32))
def test_taken_passages_stand_in_an_earlier_text_and_none_is_left(plans: list[list[str]], seed: int) -> None:
    """Texts are made of eight blocks of 30 characters; every run of 20 that an earlier text has must go."""
    import tempfile

    rng = random.Random(seed)
    blocks = {name: han(rng, 30) for name in "abcdefgh"}
    texts = ["".join(blocks[name] for name in plan) for plan in plans]
    with tempfile.TemporaryDirectory() as folder:
        found = one_unit(*texts).resolve(step("deduplicate_substring", min_characters=20), Path(folder))[0]
    for verdict in found:
        assert verdict.of[1] < verdict.row
        assert texts[verdict.row][verdict.start : verdict.end] in texts[verdict.of[1]]
    for row, text in enumerate(remaining(texts, found)):
        for at in range(len(text) - 19):
            run = text[at : at + 20]
            assert "\0" in run or not any(run in earlier for earlier in texts[:row])


def test_a_run_of_one_character_is_found(tmp_path: Path) -> None:
    line = "-" * 400
    found = one_unit("标题" + line, "别的标题" + line + "完").resolve(step("deduplicate_substring"), tmp_path)[0]
    assert [(v.row, v.start) for v in found] == [(1, 4)]
    assert 400 <= found[0].end <= 404  # where a run repeats itself, ends may meet a little short


def test_an_earlier_but_shorter_occurrence_does_not_hide_the_passage(tmp_path: Path) -> None:
    for seed in range(40):
        rng = random.Random(seed)
        passage = han(rng, 100)
        texts = [f"甲{passage[15:85]}乙{han(rng, 90)}", f"丙{passage}丁", f"戊{passage}己"]
        found = one_unit(*texts).resolve(step("deduplicate_substring"), tmp_path / str(seed))[0]
        assert [(v.row, v.start, v.end, v.of) for v in found] == [(2, 1, 101, (0, 1))]


def test_repetition_within_one_document_is_not_this_steps(tmp_path: Path) -> None:
    passage = han(random.Random(5), 120)
    assert one_unit(passage + "，" + passage).resolve(step("deduplicate_substring"), tmp_path) == [[]]


def test_equal_hashes_of_unequal_texts_take_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(6)
    real = substring.hash_shingles

    def collide(packed: substring.Any, size: int) -> substring.Any:
        hashes = real(packed, size)
        return hashes._replace(values=hashes.values & 15)

    monkeypatch.setattr(substring, "hash_shingles", collide)
    assert one_unit(*(han(rng, 300) for _ in range(5))).resolve(step("deduplicate_substring"), tmp_path) == [[]]


def test_the_result_does_not_depend_on_the_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(7)
    passages = [han(rng, rng.randrange(90, 300)) for _ in range(10)]
    texts = ["".join(rng.choice([rng.choice(passages), han(rng, 60)]) for _ in range(5)) for _ in range(60)]
    passage_step = step("deduplicate_substring")
    whole = [v[:3] for v in one_unit(*texts).resolve(passage_step, tmp_path / "one")[0]]
    assert len(whole) > 50
    monkeypatch.setattr(spill, "PARTITION", 32)
    monkeypatch.setattr(spill, "BUFFER", 20)
    monkeypatch.setattr(substring, "_PICKED", 3)
    parts = [(0, texts[:11]), (0, []), (0, texts[11:40]), (0, texts[40:])]
    found = Corpus(parts).resolve(passage_step, tmp_path / "cut")
    firsts = [0, 11, 11, 40]
    assert [(firsts[u] + v.row, v.start, v.end) for u, some in enumerate(found) for v in some] == whole


def repeated_runs(texts: list[str], least: int) -> set[tuple[int, int]]:
    """Return (text, place) of every run of `least` characters that an earlier text has, by a suffix array."""
    import numpy as np
    from pydivsufsort import divsufsort, kasai

    letters = {letter: code for code, letter in enumerate(sorted(set("".join(texts))), 1)}
    assert len(letters) < 255
    data = np.array([code for text in texts for code in (*(letters[c] for c in text), 0)], np.uint8)
    owner = np.repeat(np.arange(len(texts)), [len(text) + 1 for text in texts])
    ends = np.cumsum([len(text) + 1 for text in texts]) - 1
    begins = ends - np.array([len(text) for text in texts])
    order = divsufsort(data)
    runs = np.concatenate([[0], np.cumsum(kasai(data, order)[:-1] < least)])
    inside = ends[owner[order]] - order >= least
    order, runs = order[inside], runs[inside]
    first = np.full(runs.max(initial=0) + 1, len(texts))
    np.minimum.at(first, runs, owner[order])
    again = order[first[runs] < owner[order]]
    return {(int(owner[place]), int(place - begins[owner[place]])) for place in again.tolist()}


def test_a_suffix_array_finds_the_same_passages(tmp_path: Path) -> None:
    """No run is left whole, nothing else is taken. Where passages of two texts overlap a few characters may stay."""
    letters, taken_in_all, repeated_in_all = [chr(0x4E00 + n) for n in range(200)], 0, 0
    for seed in range(6):
        rng = random.Random(seed)
        texts = ["".join(rng.choices(letters, k=rng.randrange(20, 400))) for _ in range(120)]
        for _ in range(40):
            source = rng.choice(texts)
            start = rng.randrange(len(source))
            passage = source[start : start + rng.randrange(30, 200)]
            for row in rng.sample(range(120), rng.randrange(1, 3)):
                at = rng.randrange(len(texts[row]) + 1)
                texts[row] = texts[row][:at] + passage + texts[row][at:]
        verdicts = one_unit(*texts).resolve(step("deduplicate_substring", min_characters=40), tmp_path / str(seed))[0]
        taken = {(verdict.row, place) for verdict in verdicts for place in range(verdict.start, verdict.end)}
        runs = repeated_runs(texts, 40)
        repeated = {(row, place + k) for row, place in runs for k in range(40)}
        assert taken <= repeated
        assert all(any((row, place + k) in taken for k in range(40)) for row, place in runs)
        taken_in_all += len(taken)
        repeated_in_all += len(repeated)
    assert taken_in_all > 5000 and taken_in_all > 0.99 * repeated_in_all
    print(f"{taken_in_all} of {repeated_in_all} repeated characters taken")
