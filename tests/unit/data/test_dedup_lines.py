"""Boilerplate lines at head and tail go, of one source; statutes keep their headings and formulas."""

from __future__ import annotations

import hashlib
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.data.dedup_units import Corpus, han, step

from quanheng.data.corpus.dedup.lines import filled_lines, is_legal, sketch_lines
from quanheng.data.corpus.operator import Verdict
from quanheng.text.line_kernels import is_blank
from quanheng.text.shingles import encode, fold

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


def edge_lines(text: str, most: int) -> tuple[list[tuple[int, int, int, int]], int]:
    """Return the place of each edge line and the span to take out with it, and how many lines there are; plainly."""
    found = [match.span() for match in re.finditer(r"\S[^\n]*", text)]
    lines = []
    for i, (start, end) in enumerate(found):
        if i < most:
            lines.append((start, end, start, found[i + 1][0] if i + 1 < len(found) else len(text)))
        elif i >= len(found) - most:
            lines.append((start, end, found[i - 1][1], len(text) if i + 1 == len(found) else end))
    return lines, len(found)


def hash_of(line: str, least: int) -> int:
    points = fold(encode([line])).part(0)
    digest = hashlib.blake2b(points.tobytes(), digest_size=8).digest()
    return (int.from_bytes(digest, "little") or 1) if len(points) >= least else 0


LINES = st.text(st.sampled_from("一二第条施行。）# 　\x1c\u2028\n\ta𠀀"), max_size=40)


@given(LINES, st.integers(1, 4))
def test_edge_lines_are_the_first_and_last_that_are_not_blank(text: str, most: int) -> None:
    lines, count = edge_lines(text, most)
    plain = [line.lstrip() for line in text.split("\n") if line.strip()]
    expected = plain if len(plain) <= 2 * most else plain[:most] + plain[-most:]
    assert count == len(plain)
    assert [text[start:end] for start, end, _, _ in lines] == expected
    for start, end, cut_start, cut_end in lines:
        assert cut_start <= start < end <= cut_end
        assert not (text[cut_start:start] + text[end:cut_end]).strip()


@given(st.lists(LINES, max_size=6), st.integers(1, 4), st.integers(1, 6))
def test_sketches_are_those_of_one_text_after_the_other_line_by_line(texts: list[str], most: int, least: int) -> None:
    made = sketch_lines(encode(texts), most, least)
    assert all(len(column) == len(texts) for column in made.values())
    for row, text in enumerate(texts):
        lines, count = edge_lines(text, most)
        told = [(0, 0, 0)] * (2 * most)
        for at, (start, end, cut_start, cut_end) in enumerate(lines):
            if not is_legal(text[start:end]):
                told[at] = hash_of(text[start:end], least), cut_start, cut_end
        columns = (made[name][row].tolist() for name in ("hashes", "starts", "ends"))
        assert list(zip(*columns, strict=True)) == told
        assert made["lines"][row] == count


@given(st.lists(LINES, max_size=6))
def test_lines_are_the_same_without_a_compiler(texts: list[str]) -> None:
    packed = encode(texts)
    for one, other in zip(filled_lines(packed), filled_lines(packed, plain=True), strict=True):
        assert one.dtype == other.dtype and one.tolist() == other.tolist()


def test_blanks_are_what_python_calls_so() -> None:
    assert [code for code in range(0x110000) if is_blank(code)] == [c for c in range(0x110000) if chr(c).isspace()]


@pytest.mark.parametrize(
    "line",
    ["第一条", "# 第三章 总则", "自公布之日起施行。", "2009年修正）", "同时废止 ", "通过。\u3000", "发布\x85", "施行"],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_line_of_a_statute_is_known_wherever_it_stands(line: str, is_first: bool) -> None:
    text = f"{line}\n普通的一行文字" if is_first else f"普通的一行文字\n{line}"
    hashes = sketch_lines(encode([text]), 2, 1)["hashes"][0].tolist()
    assert [bool(one) for one in hashes[:2]] == [not is_legal(line.lstrip()), True][:: 1 if is_first else -1]
