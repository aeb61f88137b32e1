"""Boilerplate lines at head and tail go, of one source; statutes keep their headings and formulas."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.data.dedup_units import Corpus, han, step

from quanheng.data.corpus.dedup.lines import edge_lines
from quanheng.data.corpus.operator import Verdict

HEAD = "首页 新闻 产品 服务 关于我们 联系我们 下载"
TAIL = "版权所有 某某科技有限公司 未经许可不得转载"


def cut(text: str, verdicts: list[Verdict]) -> str:
    for verdict in reversed(verdicts):
        text = text[: verdict.start] + text[verdict.end :]
    return text


def cleaned(corpus: Corpus, scratch: Path, **params: int) -> list[list[str]]:
    found = corpus.resolve(step("deduplicate_lines", **params), scratch)
    return [
        [cut(text, [v for v in verdicts if v.row == row]) for row, text in enumerate(texts)]
        for (_, texts), verdicts in zip(corpus.units, found, strict=True)
    ]


def page(rng: random.Random) -> str:
    return "\n\n".join(han(rng, 40) + "。" for _ in range(12))


def test_menu_and_notice_go_and_the_rest_stays(tmp_path: Path) -> None:
    rng = random.Random(1)
    bodies = [page(rng) for _ in range(25)]
    texts = [f"{HEAD}\n\n{body}\n{TAIL}" for body in bodies]
    assert cleaned(Corpus([(0, texts[:10]), (0, texts[10:])]), tmp_path / "a") == [bodies[:10], bodies[10:]]
    assert cleaned(Corpus([(0, texts)]), tmp_path / "b", min_documents=26) == [texts]


def test_verdicts_name_the_first_document_and_the_share_of_the_source(tmp_path: Path) -> None:
    rng = random.Random(2)
    texts = [page(rng) + "\n" + TAIL for _ in range(3)] + [page(rng)]
    found = Corpus([(0, texts[:1]), (0, texts[1:])]).resolve(step("deduplicate_lines", min_documents=3), tmp_path)
    assert [[(v.row, v.reason, v.of, v.measure) for v in some] for some in found] == [
        [(0, "repeated_line", (-1, -1), 0.75)],
        [(0, "repeated_line", (0, 0), 0.75), (1, "repeated_line", (0, 0), 0.75)],
    ]
    assert texts[0][found[0][0].start :] == "\n" + TAIL


def test_a_line_counts_within_its_source_only(tmp_path: Path) -> None:
    rng = random.Random(3)
    texts = [page(rng) + "\n" + TAIL for _ in range(6)]
    halves = Corpus([(0, texts[:3]), (1, texts[3:])])
    assert cleaned(halves, tmp_path / "apart", min_documents=4) == [texts[:3], texts[3:]]
    together = Corpus([(0, texts[:3]), (0, texts[3:])])
    assert all(TAIL not in text for part in cleaned(together, tmp_path / "one", min_documents=4) for text in part)


def test_headings_and_formulas_of_statutes_survive(tmp_path: Path) -> None:
    """Trap 8: they are the most frequent lines there are."""
    rng = random.Random(4)
    formulas = [
        "第一条 为了规范管理活动，保障公民、法人和其他组织的合法权益，制定本办法。",
        "第二条 在中华人民共和国境内从事相关活动，适用本办法。",
    ]
    ends = [
        "第二十条 违反本办法规定，构成犯罪的，依法追究刑事责任。",
        "本办法自公布之日起三十日后施行，原有规定同时废止。",
        "2009年8月27日第十一届全国人民代表大会常务委员会第十次会议《关于修改部分法律的决定》第一次修正",
    ]
    statutes = ["\n\n".join([f"# {han(rng, 20)}", *formulas, page(rng), *ends]) for _ in range(40)]
    assert cleaned(Corpus([(0, statutes)]), tmp_path, min_documents=2, edge_lines=5) == [statutes]


def test_the_middle_and_short_lines_are_never_looked_at(tmp_path: Path) -> None:
    rng = random.Random(5)
    texts = [page(rng) + "\n" + TAIL + "\n" + page(rng) + "\n谢谢阅读" for _ in range(30)]
    assert cleaned(Corpus([(0, texts)]), tmp_path) == [texts]


def test_a_document_of_boilerplate_only_is_left_to_another_step(tmp_path: Path) -> None:
    rng = random.Random(6)
    texts = [HEAD + "\n" + TAIL] * 10 + [HEAD + "\n" + han(rng, 30) + "\n" + TAIL for _ in range(10)]
    after = cleaned(Corpus([(0, texts)]), tmp_path)[0]
    assert after[:10] == texts[:10]
    assert all(HEAD not in text and TAIL not in text and len(text) >= 30 for text in after[10:])


def test_a_line_twice_in_a_document_counts_once(tmp_path: Path) -> None:
    rng = random.Random(7)
    texts = [TAIL + "\n" + page(rng) + "\n" + TAIL for _ in range(5)]
    assert cleaned(Corpus([(0, texts)]), tmp_path, min_documents=6) == [texts]


def test_width_and_punctuation_of_a_line_do_not_matter(tmp_path: Path) -> None:
    rng = random.Random(8)
    tails = ["Copyright 2024 某某科技有限公司", "ＣＯＰＹＲＩＧＨＴ ２０２４，某某科技有限公司。"]
    texts = [page(rng) + "\n" + tails[n % 2] for n in range(6)]
    after = cleaned(Corpus([(0, texts)]), tmp_path, min_documents=6)[0]
    assert all("某某" not in text for text in after)


@pytest.mark.parametrize("edge", [1, 3, 5])
def test_the_result_does_not_depend_on_the_units(edge: int, tmp_path: Path) -> None:
    rng = random.Random(9)
    texts = [rng.choice([HEAD, han(rng, 20)]) + "\n" + page(rng) + "\n" + rng.choice([TAIL, "完"]) for _ in range(60)]
    whole = cleaned(Corpus([(0, texts)]), tmp_path / "one", edge_lines=edge)[0]
    assert whole != texts
    parts = cleaned(
        Corpus([(0, texts[:7]), (0, texts[7:8]), (0, []), (0, texts[8:])]), tmp_path / "cut", edge_lines=edge
    )
    assert [text for part in parts for text in part] == whole


@given(st.text(st.sampled_from("一二 　\n\t"), max_size=30), st.integers(1, 4))
def test_edge_lines_are_the_first_and_last_that_are_not_blank(text: str, most: int) -> None:
    lines, count = edge_lines(text, most)
    plain = [line.lstrip() for line in text.split("\n") if line.strip()]
    expected = plain if len(plain) <= 2 * most else plain[:most] + plain[-most:]
    assert count == len(plain)
    assert [text[line.start : line.end] for line in lines] == expected
    for line in lines:
        assert line.cut_start <= line.start < line.end <= line.cut_end
        around = text[line.cut_start : line.start] + text[line.end : line.cut_end]
        assert not around.strip()
