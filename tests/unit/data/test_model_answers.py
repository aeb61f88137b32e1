"""What models answer, read strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus.answers import Guarded, read_guard, read_score, spoken


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("得分：4", 4),
        ("得分:0", 0),
        ("教育价值得分： 5 分。", 5),
        ("评分：2", 2),
        ("**得分：3**", 3),
        ("3", 3),
        (" 1分\n", 1),
        ("<think>\n先看内容，得分：1 不合适。\n</think>\n\n得分：3", 3),
        ("讲解系统，有例子。\n得分：5", 5),
        ("", None),
        ("得分：", None),
        ("得分：6", None),
        ("得分：-1", None),
        ("得分：10", None),
        ("得分：3.5", None),
        ("得分：3到4", None),
        ("得分：3/5", None),
        ("我给 3 分，因为内容系统", None),
        ("得分：3\n得分：4", None),
        ("得分：3\n因为内容完整", None),
        ("一共 3 段\n2", None),
        ("<think>得分：3", None),
        ("抱歉，我无法评价该文本。", None),
        ("得分：三", None),
    ],
)
def test_scores(answer: str, score: int | None) -> None:
    assert read_score(answer) == score


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("Safety: Safe\nCategories: None", Guarded("safe")),
        ("Safety: Safe\nCategories: None\nRefusal: Yes", Guarded("safe")),
        ("Safety: Safe", Guarded("safe")),
        ("Safety: Unsafe\nCategories: Violent", Guarded("unsafe", ("Violent",))),
        ("safety: unsafe\n\ncategories: Suicide & Self-Harm, PII\n", Guarded("unsafe", ("Suicide & Self-Harm", "PII"))),
        ("Safety: Controversial\nCategories: Unethical Acts", Guarded("controversial", ("Unethical Acts",))),
        ("Safety: Unsafe\nRefusal: No", Guarded("unsafe")),
        ("Safety: Safe\nCategories: Violent", None),
        ("Safety: Unsafe\nCategories: None, Violent", None),
        ("Safety: Maybe\nCategories: Violent", None),
        ("Safety: Unsafe. This text\nCategories: Violent", None),
        ("Safety: Unsafe\nCategories: Violent\nRefusal: No\nSafety: Safe", None),
        ("Categories: Violent\nSafety: Unsafe", None),
        ("The text is safe.", None),
        ("safe", None),
        ("", None),
        ("Safety: Unsafe\nCategories: " + ", ".join(f"C{n}" for n in range(21)), None),
    ],
)
def test_qwen3guard(answer: str, found: Guarded | None) -> None:
    assert read_guard(answer, "qwen3guard") == found


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("safe", Guarded("safe")),
        ("\n\nSafe ", Guarded("safe")),
        ("\n\nunsafe\nS1,S10", Guarded("unsafe", ("S1", "S10"))),
        ("unsafe\nS2, S2", Guarded("unsafe", ("S2",))),
        ("unsafe", Guarded("unsafe")),
        ("safe\nS1", None),
        ("unsafe\nS1\nS2", None),
        ("unsafe\nviolence", None),
        ("unsafe S1", None),
        ("This is unsafe", None),
        ("", None),
    ],
)
def test_llama_guard(answer: str, found: Guarded | None) -> None:
    assert read_guard(answer, "llama-guard") == found


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("安全", Guarded("safe")),
        ("安全。", Guarded("safe")),
        ("诈骗", Guarded("unsafe", ("诈骗",))),
        ("诈骗、暴力，诈骗", Guarded("unsafe", ("诈骗", "暴力"))),
        ("FRAUD", Guarded("unsafe", ("fraud",))),
        ("安全、诈骗", None),
        ("不安全", None),
        ("诈骗、其他", None),
        ("我认为是诈骗", None),
        ("", None),
        ("、", None),
    ],
)
def test_labels(answer: str, found: Guarded | None) -> None:
    assert read_guard(answer, "labels", ["安全"], ["诈骗", "暴力", "fraud"]) == found


@given(st.text(max_size=200))
def test_any_text_gives_a_reading_or_none(answer: str) -> None:
    score = read_score(answer)
    assert score is None or 0 <= score <= 5
    for form in ("qwen3guard", "llama-guard"):
        found = read_guard(answer, form)  # type: ignore[arg-type]
        assert found is None or (found.level != "safe" or not found.categories)
    assert read_guard(answer, "labels", ["安全"], ["诈骗"]) in (None, Guarded("safe"), Guarded("unsafe", ("诈骗",)))


@given(st.integers(0, 5), st.sampled_from(["得分：{}", "得分: {}分", "{}", "<think>x</think>{} 分"]))
def test_what_is_asked_for_is_read(score: int, form: str) -> None:
    assert read_score(form.format(score)) == score


def test_a_thought_is_no_answer() -> None:
    assert spoken("<think>a</think>b<think>c</think>") == "b<think>c</think>"
    assert read_guard("<think>Safety: Safe</think>\nSafety: Unsafe", "qwen3guard") == Guarded("unsafe")
