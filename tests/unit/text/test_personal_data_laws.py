"""Laws of the recognisers on any text: spans in order, offsets right, masking once is enough."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.text.normalise import shadow
from quanheng.text.personal_data import LABELS, Span, find, label, mask, may_hold

from .numbers import MAKERS

_ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)
_PIECES = st.lists(
    st.sampled_from(
        [
            *"0123456789１３８ -.()@:：=/?&_|,，\t\n\u200b\ufe0f〔〕xX",
            *(label(kind) for kind in LABELS),
            *"姓名：王伟 联系人 先生 身份证号 电话 QQ 微信号 护照 通行证 IP 地址 银行 卡号 北京市 海淀区".split(),
            *"花园路3号 501室 京A12345 13812345678 110101199003074514 a@b.cn 1.2.3.4 192.168.1.23".split(),
            *"://u:p1@h token=a1b2c3d4 fe80::1:2:3 abc_123 E12345678 转12".split(),
            "4111 1111 1111 1111",
            "0755-2345 6789",
        ]
    ),
    max_size=24,
).map("".join)


@given(_ANY | _PIECES)
@settings(max_examples=400)
def test_spans_are_in_order_apart_and_inside(text: str) -> None:
    spans = find(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(left.end <= right.start for left, right in pairwise(spans))
    assert not spans or may_hold(text)


@given(_ANY | _PIECES)
@settings(max_examples=400)
def test_masking_a_masked_text_changes_nothing(text: str) -> None:
    once = mask(text, find(text))
    assert mask(once, find(once)) == once


@given(_ANY | _PIECES)
def test_a_view_at_hand_makes_no_difference(text: str) -> None:
    assert find(text, shadow(text)) == find(text)


@pytest.mark.parametrize("kind", sorted(MAKERS))
@given(seed=st.integers(0, 2**32), signs=st.lists(st.sampled_from("\u200b\ufeff\u00ad\u200e\ufe0f\u0301"), max_size=4))
@settings(max_examples=40)
def test_offsets_are_right_where_the_folded_view_is_shorter(kind: str, seed: int, signs: list[str]) -> None:
    random = Random(seed)
    number = MAKERS[kind](random)
    before = "".join(signs) + "请记" + "".join(signs) + "："
    places = sorted(random.randrange(1, len(number)) for _ in signs)
    shown = number
    for place, sign in zip(reversed(places), signs, strict=True):
        shown = shown[:place] + sign + shown[place:]
    wanted = Span(len(before), len(before) + len(shown), kind)  # type: ignore[arg-type]
    assert find(f"{before}{shown}，谢谢") == [wanted]


def test_labels_do_not_speak_for_what_stands_beside_them() -> None:
    for text in (
        "〔银行卡号〕4111111111111111",
        "〔IP地址〕1.2.3.4",
        "〔护照号〕E12345678",
        "〔QQ号〕12345678",
        "〔姓名〕王伟",
        "〔微信号〕abc12345",
    ):
        assert find(text) == []
    assert find("〔姓名〕13812345678") == [Span(4, 15, "mobile")]
    assert find("〔其他〕QQ12345678") == [Span(6, 14, "qq")]


def test_data_that_hid_each_other_are_found_in_one_call() -> None:
    # A card and a mobile number, parted like one longer card: masking the one must not uncover the other later.
    text = "4111 1111 1111 1111 138 1234 5678"
    assert [span.type for span in find(text)] == ["bank_card", "mobile"]


def test_hostile_texts_take_no_time() -> None:
    for text in (
        "姓名：" * 20_000,
        "姓名,\n" * 20_000,
        "姓名\t姓名\n" * 10_000,
        "北京市海淀区" * 8_000 + "1号",
        "花园路3号" * 8_000,
        "://" * 20_000 + "@",
        "://a:" + "b" * 50_000 + "@c",
        "token=" + "a1" * 50_000,
        "fe80:" * 10_000,
        "1381234567" * 5_000,
        "13812345678 " * 5_000,
        "1-1.1 (1)" * 8_000,
        "qq12345" * 5_000,
        "护照" * 20_000,
        "a@" * 20_000,
        "@" * 40_000,
        "〔手机号〕" * 8_000,
        "91" * 20_000,
        "微信号" * 10_000 + "a",
    ):
        find(text)


def test_a_number_near_the_end_of_another_is_found_whole() -> None:
    # The margin behind 26229380 ends inside the number of the next row.
    text = "港澳通行证L26229380\n2,021-37034594\n"
    assert find(text)[-1] == Span(17, 29, "landline")
