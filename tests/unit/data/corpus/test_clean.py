"""What is dropped and why; what must stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus.clean import clean, drop_reason, is_repetitive
from quanheng.kinds.base import Rate
from quanheng.kinds.data import Recipe
from quanheng.text.lexicon import Matcher
from quanheng.text.normalise import normalise

STATUTE = (
    "第一条　为了规范市场秩序，保护消费者的合法权益，根据有关法律，制定本办法。\n"
    "第二条　本办法适用于本市行政区域内的经营活动。"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # The corpus study, 0.1e and 0.1d: short comments and statutes are kept.
        ("一分钱一分货，质量太差！", None),
        ("不错哦！", None),
        (STATUTE, None),
        ("苹果iPhone 15手机，价格6999元，2023年买的。", None),
        ("好评", "too_short"),
        ("", "too_short"),
        ("waste of my money", "not_chinese"),
        ("にほんごのレビューです、本当に", "not_chinese"),
        ("★☆★☆◆◇好◆◇★☆", "mostly_symbols"),
        ("1234567890", "mostly_symbols"),
        ("————！！！", "mostly_symbols"),
        ("一般！！" * 20, "repetitive"),
        ("哈" * 64, "repetitive"),
        ("哈" * 63, None),
    ],
)
def test_reasons(text: str, reason: str | None) -> None:
    assert drop_reason(text, Recipe())[0] == reason


def test_the_recipe_decides() -> None:
    assert drop_reason("好评", Recipe(min_characters=2))[0] is None
    assert drop_reason("好评如潮", Recipe(max_characters=3))[0] == "too_long"
    assert drop_reason("abc 好", Recipe(min_han=Rate(k=1, n=5)))[0] is None
    assert drop_reason("哈" * 99, Recipe(max_repetition=Rate(k=1, n=1)))[0] is None


@given(st.text(st.sampled_from("甲乙丙"), min_size=64, max_size=200))
def test_repetition_is_the_share_of_pieces_seen_before(text: str) -> None:
    pieces = [text[at : at + 8] for at in range(len(text) - 7)]
    repeated = sum(piece in pieces[:place] for place, piece in enumerate(pieces))
    assert is_repetitive(text, Recipe()) == (repeated * 100 > 60 * len(pieces))


def test_a_long_document_is_judged_by_its_beginning() -> None:
    assert not is_repetitive("".join(chr(0x4E00 + i) for i in range(20_000)) + "哈" * 100_000, Recipe())


def test_masking_follows_the_recipe_and_terms_are_sought_in_what_is_kept() -> None:
    text = "电话13812345678，邮箱a@example.com，谨防诈骗。"
    found = clean(text, Recipe(), Matcher(["诈骗", "138"]))
    assert found.text == "电话〔手机号〕，邮箱〔电子邮箱〕，谨防诈骗。"
    assert found.masked == (("email", 1), ("mobile", 1))
    assert [hit.term for hit in found.hits] == [0]
    assert found.text[found.hits[0].start : found.hits[0].end] == "诈骗"
    assert found.characters_read == len(text)
    assert clean(text, Recipe(mask=("email",)), None).text == "电话13812345678，邮箱〔电子邮箱〕，谨防诈骗。"


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=120))
def test_any_text_is_cleaned_or_dropped(text: str) -> None:
    found = clean(text, Recipe(min_characters=1), None)
    found.text.encode("utf-8")
    assert found.characters_read == len(normalise(text))
    assert (found.reason is None) == (found.script != "other")
