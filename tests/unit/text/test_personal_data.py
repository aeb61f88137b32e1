"""Personal data beside Han characters, in every width and spacing, measured on a generator; and what it is not."""

from __future__ import annotations

import doctest
import re
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.text import personal_data as module
from quanheng.text._context import is_called_serial
from quanheng.text.personal_data import LABELS, Span, find, mask, may_hold

from .numbers import MAKERS, mobile, resident_id

WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)} | {" ": "\u3000"})
ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
DIGITS = st.text(st.sampled_from("0123456789１２３ -（）()@.:：xX京A粤qQ微信vV号转\u200b"), max_size=60)


def masked(text: str) -> str:
    return mask(text, find(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The corpus study, 0.1a: with \b these stay unredacted in Data-Juicer and datatrove.
        ("联系电话13812345678。", "联系电话〔手机号〕。"),
        ("身份证号110101199003074514，", "身份证号〔身份证号〕，"),
        ("邮箱zhang@qq.com收", "邮箱〔电子邮箱〕收"),
        ("１３８１２３４５６７８", "〔手机号〕"),
        ("138-1234-5678或138 1234 5678", "〔手机号〕或〔手机号〕"),
        ("139\u200b1234\u200b5678", "〔手机号〕"),
        ("1 3 8 1 2 3 4 5 6 7 8", "〔手机号〕"),
        ("+86 13812345678，008613812345678", "〔手机号〕，〔手机号〕"),
        ("(010)62345678转12", "〔固定电话〕"),
        ("（０７１７）５４０１２２０", "〔固定电话〕"),
        ("电话0755-2345 6789，", "电话〔固定电话〕，"),
        ("身份证130503670401001已登记", "身份证〔身份证号〕已登记"),
        ("居住证810000199408230021", "居住证〔居住证号〕"),
        ("卡号6222 0212 3456 7890 128", "卡号〔银行卡号〕"),
        ("卡号4111111111111111", "卡号〔银行卡号〕"),
        ("统一社会信用代码91350100M000100Y43", "统一社会信用代码〔统一社会信用代码〕"),
        ("服务器192.168.1.23。", "服务器〔IP地址〕。"),
        ("IP：1.2.3.4", "IP：〔IP地址〕"),
        ("护照号码：E12345678。", "护照号码：〔护照号〕。"),
        ("港澳通行证C12345678", "港澳通行证〔通行证号〕"),
        ("车牌京A·12345和粤BD12345", "车牌〔车牌号〕和〔车牌号〕"),
        ("我的QQ：12345678", "我的QQ：〔QQ号〕"),
        ("qq12345678@qq.com", "〔电子邮箱〕"),
        ("微信号：zhang_san", "微信号：〔微信号〕"),
        ("加微信abc_123吧", "加微信〔微信号〕吧"),
        ("ＶＸ：ａｂｃ１２３", "ＶＸ：〔微信号〕"),
        # Dotted forms, and numbers that follow each other without a gap.
        ("138.1234.5678", "〔手机号〕"),
        ("身份证110101.19900307.4514", "身份证〔身份证号〕"),
        ("卡号6222-0212-3456-7890-128", "卡号〔银行卡号〕"),
        ("张三13812345678北京", "张三〔手机号〕北京"),
        ("电话：62345678", "电话：〔固定电话〕"),
        ("+86-10-62345678", "〔固定电话〕"),
        ("代码91 350100 M000100Y4 3", "代码〔统一社会信用代码〕"),
        ("往来台湾通行证L12345678", "往来台湾通行证〔通行证号〕"),
        ("护照、通行证号码C12345678", "护照、通行证号码〔通行证号〕"),
    ],
)
def test_it_is_found(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "订单号20240315123456789012345",
        "工单编号：13812345678",
        "SN：13812345678",
        "共13812345678元",
        "客服400-810-1234，800-820-5678",  # lines of companies
        "Hence, 037777777777",  # octal
        "护照有效期至20301231",
        "版本10.2.199.1",
        "路由10.20.0.0/16",
        "第1.2.3.4条，版本3.10.2.1",
        "共138123456789件",
        "价格1.38123456780元",
        "a13812345678b",
        "身份证号110101199003074515",  # wrong check digit
        "身份证号110101199013074514",  # month 13
        "卡号6222021234567890127",  # wrong Luhn digit
        "单号4111111111111111",  # Luhn holds by chance once in ten: no word says card
        "127.0.0.1与255.255.255.0",
        "QQ空间2009年",
        "微信支付很方便",
        "微信 android版",
        "用户@某人 你好",
        "护照办理需要7个工作日",
        "新款，1998年，2000元，100分",
        "3 1 4 1 5 9 2 6 5 3 5 8 9 7 9",
        "",
    ],
)
def test_it_is_left_alone(text: str) -> None:
    assert find(text) == []


@pytest.mark.parametrize("type", sorted(MAKERS))
def test_recall_on_generated_numbers_beside_han_in_every_form(type: str) -> None:
    random = Random(f"recall {type}")
    missed = []
    for _ in range(300):
        number = MAKERS[type](random)
        form = random.choice(["plain", "wide", "zero width"])
        shown = number.translate(WIDE) if form == "wide" else number
        if form == "zero width":
            place = random.randint(1, len(number) - 1)
            shown = number[:place] + "\u200b" + number[place:]
        before, after = random.choice([("请记录", "，谢谢"), ("（", "）"), ("", ""), ("\n", "转告"), ("：", "。")])
        text = before + shown + after
        spans = [(span.start, span.end) for span in find(text) if span.type == type]
        if spans != [(len(before), len(before) + len(shown))]:
            missed.append(text)
    assert len(missed) <= 3, missed[:5]


def test_precision_on_random_digits() -> None:
    random = Random("precision")
    orders = [f"订单{2010 + i % 15}{random.randrange(10**14):014}。" for i in range(4000)]
    hits = sum(bool(find(text)) for text in orders)
    assert hits / len(orders) < 0.005
    sixteen = [f"编号{random.randrange(10**15, 10**16)}。" for _ in range(4000)]
    assert sum(bool(find(text)) for text in sixteen) / len(sixteen) < 0.005


def test_statutes_hold_hardly_any(shared_data: Path) -> None:
    import pyarrow as pa

    packed = shared_data / "corpus" / "laws_beijing_local.jsonl.zst"
    with pa.input_stream(str(packed), compression="zstd") as stream:
        text = stream.read().decode("utf-8")
    assert len(find(text)) <= 5  # statutes hold numbers of many kinds, and hardly any personal ones


@given(ANY | DIGITS)
def test_spans_are_ordered_and_masking_keeps_the_rest(text: str) -> None:
    spans = find(text)
    assert all(span.start < span.end for span in spans)
    assert all(left.end <= right.start for left, right in pairwise(spans))
    pieces = re.split("|".join(map(re.escape, (f"〔{label}〕" for label in LABELS.values()))), mask(text, spans))
    for piece in pieces:
        assert piece in text
    if spans:
        assert may_hold(text)


@given(
    st.randoms(use_true_random=False),
    # A word that says what the number is would speak against a telephone: those have a test of their own.
    st.text(st.characters(min_codepoint=0x3041, max_codepoint=0x9FFF), max_size=10).filter(
        lambda han: not is_called_serial(f"{han}{han}", len(han), len(han))
    ),
)
def test_a_number_between_han_or_kana_is_found(random: Random, han: str) -> None:
    number = resident_id(random)
    text = f"{han}{number}{han}"
    assert Span(len(han), len(han) + 18, "resident_id") in find(text)
    assert any(span.type == "mobile" for span in find(f"{han}{mobile(random)}{han}"))


def test_hostile_texts_take_no_time() -> None:
    for text in (
        "1-" * 20_000,
        "a." * 20_000 + "@",
        "0" * 40_000,
        "1 " * 20_000,
        "qq" * 20_000,
        "微信号" * 13_000 + "1",
    ):
        find(text)


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(module).failed == 0
