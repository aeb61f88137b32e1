"""Where a text has no cue there is nothing: `find_all` gives what all recognisers on the whole of each text do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.text import _cues, _names, compiled
from quanheng.text import personal_data as module
from quanheng.text import personal_data_kernels as kernels
from quanheng.text.normalise import shadow
from quanheng.text.personal_data import LABELS, Span, find, find_all, label, may_hold
from quanheng.text.utf8 import utf8

from .numbers import MAKERS

_WORDS = [word for words in _cues._WORDS.values() for word in words]
_PIECES = st.lists(
    st.sampled_from(
        [
            *"0123456789１３８ -.()@:：=＝/?&_|,，\t\n\u200b\ufe0f\u0941\ud800〔〕xXab号室路转京\"'（）",
            *_WORDS,
            *_names.CUES,
            *_names.SURNAMES[:30],
            *(label(kind) for kind in LABELS),
            *"姓名：王伟 联系人 先生 女士 身份证号 电话 微信号 港澳通行证 地址 银行".split(),
            *"卡号 北京市 海淀区 名称 (甲方) 什 批准".split(),
            *"花园路3号 501室 京A12345 京A·12345 13812345678 110101199003074514 a@b.cn 1.2.3.4 192.168.1.23".split(),
            *"://u:p1@h token=a1b2c3d4 key:a1b2c3d4 fe80::1:2:3 2400:3200::1 abc_123 E12345678 转12 12 34".split(),
            *"\t姓名\t 姓名,电话\n王伟,1\n 李四| name,age\n王伟,3\n contact username 𝟏𝟑𝟖 ①② 二〇".split(" "),
            "4111 1111 1111 1111",
            "0755-2345 6789",
        ]
    ),
    max_size=30,
).map("".join)
_ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)


def _plainly(text: str) -> list[Span]:
    """Return what all recognisers find when all of them run on the whole of the text."""
    view = shadow(text)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_NUMBERS", [(kind, recognise, 0) for kind, recognise, _ in module._NUMBERS])
        return module._find(view.text, module._ANY, text, view) if may_hold(text) else []


@given(st.lists(_PIECES | _ANY, max_size=6))
@settings(max_examples=300)
def test_many_texts_at_once_hold_what_each_alone_does(texts: list[str]) -> None:
    wanted = [_plainly(text) for text in texts]
    assert find_all(texts, utf8(texts)) == wanted
    assert [find(text) for text in texts] == wanted


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_every_type_is_found_among_texts_without_any(kind: str) -> None:
    random = Random(kind)
    texts = []
    for _ in range(100):
        texts += [f"请记：{MAKERS[kind](random)}，谢谢", "今天天气很好，我们去公园。" * random.randrange(4)]
    found = find_all(texts, utf8(texts))
    assert found == [_plainly(text) for text in texts]
    assert all(len(spans) == 1 and spans[0].type == kind for spans in found[::2])


# Each stands at the limit of what a cue asks for; by hand, since chance does not go there.
_EDGES = [
    "持卡人 卡号 ： 6222    -   0200 1234 5678 95",
    "姓名,卡号\n王伟,4111  (  1111  )  1111-1111\n",
    "QQ：12 34，电话13812345678",
    "1   \u09412   \u09413   \u09414   \u09415 QQ 12 34",
    "access_token \"： 'a1b2c3d4e5",
    'refresh_token" : "a1b2c3d4e5',
    "secret : a1b2c3d4",
    "://" + "用" * 64 + ":" + "p1" * 60 + "@h.cn",
    '联系人" 　　　　： \t|   “李四',
    "姓    名：欧阳 修",
    "负责人信息(甲方)：王伟",
    "我叫时大明，联系人：贺址北京市海淀区花园路3号。",
    "孙文，联系人：贺址北京市海淀区花园路83号18号楼3单元1202",
    '姓名|年龄\n"王 伟" |3',
    "name,age\n王伟,3\n姓名李四|",
    "name\tage\t联系人\n王伟\t3\t李 四",
    "微信号\t年龄\nabc_def1\t3",
    "花园路一二三四五-1234-1234-1234号，地址北京市海淀区花园路一二三四五-1234-1234-1234号",
    "地址：北京市海淀区花园路 3号",
    "京 a · 1234学, 京a12 345",
    "12345678901x2345",
    "::ffff 2400:3200:: 2001:da8::1",
    "255.255.1.1 和 ip1.2.3.4 和 9.9.9.9.9",
    "a @ b.cn a@b.cn ＠b.cn x﹫y.com 13812345678",
    "1234x" * 3,
    "(010)  6275   1234 , 1 3 8 1 2 3 4 5 6 7 8",
    "致电(0755)  23456789，谢谢",
    "证件：810000199408230021，谢谢",
    "致电(0755)  23456789，或(010)  62751234，或 023 - 6275 1234",
    "联系人　　　　： \t| “李四，",
    '联系人"　　　　： \t|\t|\t|\t“李四，\n姓名：王伟',
    "负责人 (  甲方   ) 是 ： 王伟",
    "travel permit: C12345678, travel_permit no C12345679, passport E12345678",
    "卡,travel_permit\n王,C12345678",
    "card_no,age\n4111111111111111,3",
    "bank_card\tage\n4111111111111111\t3",
    "cardno|age\n4111111111111111|3",
    "回乡卡 H1234567890，台胞证12345678，往来港澳 C12345678，往来台湾T12345678，回乡证H1234567890",
    "加q 1234567 q:12345678 企鹅号1234567 扣扣 12 345 qq邮箱：1234567",
    "vx：abc1234 weixin: abcd1234 薇信abcd1234 威信号 abcdef wechat_id = abcd_12",
    "wechat_id\tage\nabcd_12\t3",
    "证件：910101199001011234 810000199408230021 83000019810715006X，谢谢",
    "",
    "\n",
    "@",
    "号",
    "姓名",
    "\ud800@\ud800",
]


def test_at_the_limits_of_the_cues_nothing_is_lost() -> None:
    texts = [piece for edge in _EDGES for piece in (edge, f"{edge}\n", f"13812345678 {edge}", f"{edge}13812345678")]
    assert find_all(texts, utf8(texts)) == [_plainly(text) for text in texts]


def test_texts_are_wanted_exactly_where_a_recogniser_runs() -> None:
    others = [*module._BEFORE, *module._AFTER]
    bits = [1 << place for place in range(18)]
    for few in range(4):
        for chosen in combinations(bits, few):
            flags = sum(chosen)
            runs = (
                flags & module._LONG == module._LONG
                or flags & module._NAMES != 0
                or any(flags & all_of == all_of and flags & one_of for *_, all_of, one_of in others)
            )
            assert kernels.is_wanted(flags) == runs, flags


def test_five_digits_of_the_view_are_five_in_the_text() -> None:
    # `find_all` relies on it: the text itself is then not searched for cues.
    odd, gap = re.compile(f"[{module._ODD}]"), re.compile(r"[^\w\n]")
    for code in (*range(0x20000), *range(0xE0000, 0xE1000)):
        character = chr(code)
        folded = shadow(character).text
        if folded and folded in "0123456789":
            assert unicodedata.decimal(character, -1) >= 0 or odd.match(character), hex(code)
        if folded and folded in " .()-":
            assert gap.match(character) or odd.match(character), hex(code)
        assert not character.isdecimal() or folded in "0123456789"


def test_without_compiled_code_the_same_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["电话13812345678", "好", "联系人：王伟，"]
    wanted = find_all(texts, utf8(texts))
    monkeypatch.setattr(_cues, "load", lambda name: None)
    assert find_all(texts, utf8(texts)) == wanted
    assert [len(spans) for spans in wanted] == [1, 0, 1]


def test_the_kernel_gives_what_its_plain_code_does() -> None:
    load: Callable[[str], object] = compiled.load
    if load("personal_data_kernels") is None:
        pytest.skip("numba is not installed")
    import numpy as np

    texts = [edge for edge in _EDGES if edge]
    data, offsets = utf8(texts)
    told = list(_cues.cues(data, offsets) or ())
    size = int(offsets[-1]) + kernels.MARGIN * (len(texts) + 2)
    kinds, room, flags = np.zeros(size, np.uint8), np.zeros(size, np.uint32), np.zeros(5 * len(texts), np.int64)
    made = kinds, room, flags, np.zeros(size, np.int64), np.zeros(size, np.int64)
    assert kernels.cues(data, offsets, len(texts), _cues.fold_table(), *_cues._tables(), *made) == 0
    assert [(row, cues.flags) for row, cues in told] == [
        (row, found) for row, found in enumerate(flags[::5].tolist()) if found
    ]
    assert len(told) > 20
