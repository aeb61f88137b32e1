"""Near-duplicates against brute force, on Chinese text; one test for each trap of MinHash on Chinese."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.unit.data.dedup_units import Corpus, batch, han, jaccard, one_unit, quiet, replaced, shingle_set, step

from quanheng.data.corpus.dedup import bands, spill, verify
from quanheng.errors import Invalid

Located = list[tuple[tuple[int, int], tuple[int, int], float]]


def family_corpus(seed: int, families: int = 60) -> list[str]:
    """Return texts in families: copies of one text with few to many characters replaced, in a mixed order."""
    rng = random.Random(seed)
    texts = []
    for _ in range(families):
        text = han(rng, rng.choice([3, 8, 40, 200, 400]))
        texts.append(text)
        for _ in range(rng.randrange(5)):
            base = rng.choice([text, texts[-1]])  # of the first, or of the one before: chains
            texts.append(replaced(base, rng.randrange(1 + len(base) // 40), rng))
    rng.shuffle(texts)
    return texts


def brute_force(texts: list[str], params: dict[str, Any], threshold: Fraction) -> dict[int, tuple[int, float]]:
    """Return what each text repeats: greedy over all pairs that share a band, with plain sets of strings."""
    keys = step("deduplicate_near", **params).sketch(batch(texts))["bands"]
    buckets = [set(row) for row in keys.tolist()]
    gone: dict[int, tuple[int, float]] = {}
    for later in range(len(texts)):
        for earlier in range(later):
            if earlier in gone or not buckets[earlier] & buckets[later]:
                continue
            a, b = shingle_set(texts[earlier]), shingle_set(texts[later])
            if Fraction(len(a & b), len(a | b)) >= threshold:
                gone[later] = earlier, len(a & b) / len(a | b)
                break
    return gone


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("threshold", ["0.8", "0.6", "1"])
def test_the_verdicts_are_those_of_brute_force(seed: int, threshold: str, tmp_path: Path) -> None:
    texts = family_corpus(seed)
    params = {"threshold": threshold, "representatives": 1000}
    found = one_unit(*texts).resolve(step("deduplicate_near", **params), tmp_path)[0]
    assert {v.row: (v.of[1], v.measure) for v in found} == brute_force(texts, params, Fraction(threshold))
    if threshold != "1":
        assert len(found) > 20


def test_the_result_does_not_depend_on_the_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = family_corpus(11, 120)
    near = step("deduplicate_near")
    whole = one_unit(*texts)
    expected, verdicts = whole.kept(near, tmp_path / "one"), whole.resolve(near, tmp_path / "verdicts")[0]
    assert len(expected) < len(texts)
    # Small buffers, partitions and reads: many files instead of one must not matter either.
    monkeypatch.setattr(spill, "PARTITION", 256)
    monkeypatch.setattr(spill, "BUFFER", 100)
    monkeypatch.setattr(verify, "_ROWS", 7)
    monkeypatch.setattr(bands, "_ROWS", 5)
    for seed in range(4):
        rng = random.Random(seed)
        cuts = sorted(rng.choices(range(len(texts) + 1), k=rng.randrange(1, 12)))
        parts = [texts[start:end] for start, end in pairwise([0, *cuts, len(texts)])]
        corpus = Corpus([(0, part) for part in parts])
        assert corpus.kept(near, tmp_path / f"cut{seed}") == expected
        firsts = [0, *accumulate(map(len, parts))]
        found = [
            (firsts[unit] + v.row, firsts[v.of[0]] + v.of[1], v.measure)
            for unit, some in enumerate(corpus.resolve(near, tmp_path / f"verdicts{seed}"))
            for v in some
        ]
        assert found == [(v.row, v.of[1], v.measure) for v in verdicts]


def test_every_candidates_text_is_read_once_in_ascending_rows(tmp_path: Path) -> None:
    texts = family_corpus(4, 100)
    corpus = Corpus([(0, texts[:90]), (1, texts[90:])])
    corpus.resolve(step("deduplicate_near"), tmp_path)
    read = [(unit, row) for unit, rows in corpus.asked for row in rows]
    assert read == sorted(set(read))
    assert len(read) < len(texts)
    assert {path.name for path in tmp_path.iterdir()} == {"kept_of", "kept_measure"}


def test_short_texts_and_texts_without_words_stay(tmp_path: Path) -> None:
    """Trap b and 1: no sentinel signature makes them equal to each other."""
    texts = ["好评", "差评", "不错哦", "北京市", "上海市", "！！", "？？", "", "。", "好", "评"]
    corpus = one_unit(*texts)
    assert corpus.kept(step("deduplicate_near"), tmp_path / "a") == texts
    again = one_unit(*texts, *texts)
    assert again.kept(step("deduplicate_near"), tmp_path / "b") == texts


def test_unrelated_chinese_sentences_without_blanks_stay(tmp_path: Path) -> None:
    """Trap c: cut at blanks, each of these is one token, and all of them too few for a window."""
    texts = ["今天天气晴朗适合出门散步。", "这部手机的电池不耐用。", "合同自双方签字盖章之日起成立。"]
    assert one_unit(*texts).kept(step("deduplicate_near"), tmp_path) == texts


def test_five_characters_and_the_check_keep_texts_that_share_phrases(tmp_path: Path) -> None:
    """Trap 5: common formulas make candidates at most; no pair below the threshold goes."""
    rng = random.Random(2)
    formula = "为了规范管理活动，保障公民、法人和其他组织的合法权益，根据有关法律，结合本市实际情况，制定本办法。"
    texts = [formula + han(rng, 30) for _ in range(200)]
    loose = step("deduplicate_near", bands=64, rows=1)  # nearly every pair is a candidate
    assert one_unit(*texts).kept(loose, tmp_path) == texts


def test_chains_do_not_pull_unlike_texts_together(tmp_path: Path) -> None:
    """Trap 6: A ~ B ~ C and A !~ C: B goes, C stays; another like C goes because of C."""
    rng = random.Random(8)
    a = han(rng, 300)
    b = a[:-8] + han(rng, 8) + han(rng, 8)
    c = b[16:] + han(rng, 16)
    d = c[:-4] + han(rng, 4)
    assert jaccard(a, b) >= 0.85
    assert jaccard(b, c) >= 0.85
    assert jaccard(a, c) < 0.85
    found = one_unit(a, b, c, d).resolve(step("deduplicate_near", threshold="0.85"), tmp_path)[0]
    assert [(v.row, v.of[1]) for v in found] == [(1, 0), (3, 2)]
    assert [v.measure for v in found] == [jaccard(a, b), jaccard(c, d)]


def test_width_punctuation_and_on_demand_script_do_not_matter(tmp_path: Path) -> None:
    """Trap 7: compared on the folded view; what stays is the original."""
    text = "臺灣地區的軟體開發者，請於2024年提交資訊安全報告ABC。"
    wide = "臺灣地區的軟體開發者 請於２０２４年提交資訊安全報告ａｂｃ！"
    simple = "台湾地区的软体开发者，请于2024年提交资讯安全报告ABC。"
    corpus = one_unit(text, wide, simple)
    assert corpus.kept(step("deduplicate_near"), tmp_path / "a") == [text, simple]
    assert corpus.kept(step("deduplicate_near", simplify=True), tmp_path / "b") == [text]


def test_the_earliest_licensed_source_stays_not_the_first_file(tmp_path: Path) -> None:
    """Trap 9."""
    rng = random.Random(4)
    unclear = han(rng, 300)
    clear = replaced(unclear, 2, rng)
    later = replaced(unclear, 1, rng)
    corpus = Corpus([(1, [unclear, unclear]), (0, [clear]), (0, [later])])
    found = corpus.resolve(step("deduplicate_near"), tmp_path)
    assert [[v.of for v in some] for some in found] == [[(1, 0), (1, 0)], [], [(1, 0)]]
    # The copy of a text that itself went names the one that stayed, with the same likeness.
    assert found[0][0].measure == found[0][1].measure == jaccard(clear, unclear)


def test_a_bucket_of_boilerplate_costs_members_times_representatives(tmp_path: Path) -> None:
    rng = random.Random(6)
    body = han(rng, 400)
    texts = [body[:380] + han(rng, 20 + n % 3) for n in range(300)]
    corpus = one_unit(*texts)
    near = step("deduplicate_near", representatives=2)
    scratch = tmp_path / "count"
    scratch.mkdir()
    from quanheng.data.corpus.dedup.order import Kept, Order

    sketches = corpus.sketches(near)
    kept = Kept(Order.of(sketches), scratch)
    pairs, _ = bands.find_pairs(sketches, "bands", 16, kept, scratch, quiet, representatives=2)
    assert pairs.records <= 300 * 2 * 16
    assert corpus.kept(near, tmp_path / "kept") == texts[:1]


@pytest.mark.parametrize("other_end", ["〇", "〇一二三四五六七"])
def test_the_threshold_is_compared_as_a_fraction(other_end: str, tmp_path: Path) -> None:
    text = "".join(map(chr, range(0x4F00, 0x4F00 + 13)))  # 9 strings; 8 of 10 in common, or of differing lengths
    other = text[:-1] + other_end
    exact = jaccard(text, other)
    assert exact in (0.8, 8 / 17)
    at, above = ("0.8", "0.8000000000000000001") if exact == 0.8 else ("0.4705882352941176", "0.4705882352941177")
    loose = {"bands": 128, "rows": 1}
    assert one_unit(text, other).kept(step("deduplicate_near", threshold=at, **loose), tmp_path / "a") == [text]
    assert one_unit(text, other).kept(step("deduplicate_near", threshold=above, **loose), tmp_path / "b") == [
        text,
        other,
    ]


def test_recall_on_random_texts_is_what_theory_says(tmp_path: Path) -> None:
    """At J ≥ 0.85 the default finds 0.994 of the pairs at least; of 400, 0.98 is 2.4 deviations below."""
    rng = random.Random(21)
    texts, planted = [], 0
    while planted < 400:
        text = han(rng, 300)
        other = replaced(text, rng.randrange(1, 5), rng)
        if jaccard(text, other) >= 0.85:
            texts += [text, other]
            planted += 1
    found = one_unit(*texts).resolve(step("deduplicate_near"), tmp_path)[0]
    assert len(found) >= 0.98 * planted
    assert all(v.of == (0, v.row - 1) and v.measure >= 0.85 for v in found)


def test_one_band_and_no_documents_are_no_special_case(tmp_path: Path) -> None:
    text = han(random.Random(3), 60)
    one_band = step("deduplicate_near", bands=1, rows=1)
    assert one_unit(text, "别的", text[:-1]).kept(one_band, tmp_path / "a") == [text, "别的"]
    assert Corpus([(0, []), (0, [text]), (1, [])]).resolve(one_band, tmp_path / "b") == [[], [], []]
    assert Corpus([]).resolve(one_band, tmp_path / "c") == []


def test_the_id_tells_the_signature() -> None:
    ids = {step("deduplicate_near", **params).id for params in ({}, {"seed": 2}, {"bands": 18}, {"simplify": True})}
    assert len(ids) == 4
    near = step("deduplicate_near", bands=18, rows=7)
    columns = near.sketch(batch(["好评", "一段正常的文字"]))
    assert near.sketch_columns == (("bands", "uint64[18]"), ("identity", "uint64[2]"))
    assert {name: values.shape for name, values in columns.items()} == {"bands": (2, 18), "identity": (2, 2)}


@pytest.mark.parametrize("threshold", ["0", "1.01", "-0.5", "high"])
def test_a_threshold_out_of_range_is_refused(threshold: str) -> None:
    with pytest.raises(Invalid) as caught:
        step("deduplicate_near", threshold=threshold)
    assert caught.value.code == "bad_parameter"
