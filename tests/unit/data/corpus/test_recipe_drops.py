"""What the shipped recipes must not drop, as a reading of their drops found it, and the rubbish that must still go.

Each pair differs in what its rule is about: formulas and decoration, a statute's cases and filling, choices and menus.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from quanheng.data.corpus import AssetInput, SourceInput, build, run_here, shipped_recipe
from quanheng.store import LocalObjects, MemoryCache

QUESTION = (
    "已知集合 $P=\\{x \\mid x^{2}-3x+2=0\\}$ 中的元素都是正整数, 而集合 $Q=\\{x \\mid x>1\\}$ 由大于一的实数组成, "
    "则两个集合的交集为\n"
    "(A)$\\{1\\}$\n(B)$\\{2\\}$\n(C)$\\{1,2\\}$\n(D)空集"
)
DECORATED = "★优惠活动★今日下单☆全场商品包邮☆数量不多★"
STATUTE = "第八条 有下列情形之一的，由县级以上地方人民政府市场监督管理部门责令限期改正：" + "".join(
    f"\n（{n}）{what}的，由县级以上地方人民政府市场监督管理部门责令限期改正；"
    for n, what in zip("一二三", ("未按照规定办理登记", "提供虚假材料骗取许可", "拒绝接受监督检查"), strict=True)
)
FILLED = "这款手机非常好用，大家快来买。" * 12
_WORDS = "山水 花鸟 春风 秋月 图书 音乐 书法 戏曲 茶叶 丝绸 瓷器 园林 桥梁 运河 城墙 钟楼 灯会 龙舟 风筝 剪纸".split()


def _lines(count: int, end: str) -> str:
    """Return lines that hardly repeat each other, none of which ends like a sentence."""
    return "\n".join(
        f"{_WORDS[n % 20]}与{_WORDS[(3 * n + 1) % 20]}、{_WORDS[(7 * n + 4) % 20]}和{_WORDS[(9 * n + 2) % 20]}{end}{n}"
        for n in range(count)
    )


CHOICES = "下列各组词语之中，哪一组都是在春天出现的，请从以下各项里选出最合适的一项\n" + _lines(14, "都是春天才有的")
MENU = _lines(30, "更多内容")
ARTICLE = "第十条 本税由税务机关负责征收。"


FORMULAS = (
    "已知双曲线 $\\frac{x^{2}}{a^{2}}-\\frac{y^{2}}{b^{2}}=1(a>0, b>0)$ 的离心率为 $\\sqrt{3}$, 则其渐近线方程为\n"
    "(A)$y= \\pm \\sqrt{2} x$\n(B)$y= \\pm \\sqrt{3} x$\n"
    "(C)$y= \\pm \\frac{\\sqrt{2}}{2} x$\n(D)$y= \\pm \\frac{\\sqrt{3}}{2} x$"
)
UNTRANSLATED = (
    "NAME\npasswd - 更改用户密码与期限\nThe passwd command changes passwords for accounts; a normal user may only "
    "change their own.\n选项与说明如下\n-d deletes the password, -e expires it, -l locks it\n参见相关手册页"
)
JAPANESE = (
    "集合 $A=\\{x \\mid x^{2}-3x+2=0\\}$ の元素全部を求解、過程も説明 "
    "$\\frac{\\sqrt{3}}{2}=\\sqrt[3]{\\frac{x^{2}}{y^{2}}}$"
)
POEM = "白云\n山中有白云，日暮自归来。\n欲问云何处，松风满石台。"
#: From the songs of Chu: a third of the characters are not among those of everyday.
SONG = (
    "招隐士\n桂树丛生兮山之幽，偃蹇连蜷兮枝相缭。\n山气巄嵷兮石嵯峨，溪谷崭岩兮水曾波。\n"
    "猿狖群啸兮虎豹嗥，攀援桂枝兮聊淹留。\n"
    "状貌崟崟兮峨峨，凄凄兮漇漇。\n猕猴兮熊罴，慕类兮以悲。"
)
#: As a scan that was read badly gives them: characters that nobody writes.
READ_BADLY = "".join(chr(0x8C00 + 13 * n) for n in range(60))
ITEM = (
    "下列哪一组词语都可以用来描写春天的景色，请在四个选项中选出最合适的一项："
    "甲、春风与花鸟；乙、秋月与灯会；丙、龙舟与剪纸；丁、城墙与钟楼"
)


def _prose(characters: int, seed: int) -> str:
    """Return sentences of everyday characters in any order, none like another."""
    rng, common = random.Random(seed), "".join(_WORDS) + "这一篇总会留下来为了有所比较我们在里面写上人们都认得的字"
    return "".join("".join(rng.choices(common, k=19)) + "。" for _ in range(characters // 20))


#: Addresses under example.com belong to nobody.
LIST_OF_PEOPLE = "\n".join(f"成员{n}号，{w}组，联系方式 member{n}@example.com" for n, w in enumerate(_WORDS + _WORDS))
MANUAL = "\n".join(_prose(300, n) + f"例如写信给 member{n}@example.com 这样的地址。" for n in range(40))
Decided = Callable[[str, str], list[tuple[str, str]]]


@pytest.fixture
def decided(objects: LocalObjects, make_source: Callable[..., SourceInput]) -> Decided:
    """Return a function that says what a recipe decides of a text, [] when it keeps it and lists nothing."""
    item = json.dumps({"id": "q1", "text": ITEM}, ensure_ascii=False).encode()
    term = json.dumps({"term": "一个没有文章会用的词", "risk": "A.1.h"}, ensure_ascii=False).encode()
    benchmarks = AssetInput("sha256:" + "1" * 64, objects.put_bytes(item + b"\n").digest)
    lexicon = AssetInput("sha256:" + "2" * 64, objects.put_bytes(term + b"\n").digest)
    assets = {
        "web-zh": {"benchmarks": benchmarks},
        "books-zh": {"benchmarks": benchmarks},
        "strict-compliance": {"benchmarks": benchmarks, "lexicon": lexicon},
    }

    def decisions(recipe: str, text: str) -> list[tuple[str, str]]:
        rows = "\n".join(
            json.dumps({"text": one}, ensure_ascii=False) for one in (text, "这一篇总会留下来，为了有所比较。")
        )
        made: Any = build(
            [make_source({"a.jsonl": rows.encode()})],
            shipped_recipe(recipe),
            objects,
            MemoryCache(),
            lambda done, total: None,
            run_here,
            assets=assets.get(recipe, {}),
        )
        samples = next(layer for layer in made.layers if layer.title == "samples.jsonl")
        with objects.open(samples.digest) as stream:
            found = [json.loads(line) for line in stream]
        return [(row["decision"], row["reason"]) for row in found if row["decision"] in ("drop", "review")]

    return decisions


@pytest.fixture
def dropped(decided: Decided) -> Callable[[str, str], str]:
    """Return a function that says why a recipe drops a text, "" when it keeps it."""

    def why(recipe: str, text: str) -> str:
        reasons = [reason for decision, reason in decided(recipe, text) if decision == "drop"]
        assert len(reasons) <= 1
        return reasons[0] if reasons else ""

    return why


@pytest.mark.parametrize(
    ("recipe", "good", "bad", "reason"),
    [
        ("web-zh", QUESTION, DECORATED, "many_symbols"),
        ("web-zh", STATUTE, FILLED, "repetitive"),
        ("web-zh", CHOICES, MENU, "no_sentences"),
        ("law-zh", ARTICLE, "第十条 略。", "too_short"),
        ("web-zh", FORMULAS, UNTRANSLATED, "not_chinese"),
        ("dialogue-zh", FORMULAS, JAPANESE, "not_chinese"),
        ("strict-compliance", FORMULAS, UNTRANSLATED, "not_chinese"),
        ("books-zh", FORMULAS, JAPANESE, "not_chinese"),
        ("books-zh", POEM, "柳氏\n無傳。", "too_short"),
        ("books-zh", SONG, READ_BADLY, "rare_characters"),
        ("strict-compliance", MANUAL, LIST_OF_PEOPLE, "personal_data"),
    ],
    ids=[
        "formulas",
        "cases",
        "choices",
        "a short article",
        "many formulas",
        "formulas of a dialogue",
        "formulas, strictly",
        "formulas of a book",
        "a poem",
        "a song of Chu",
        "a manual with addresses",
    ],
)
def test_a_rule_tells_text_from_what_looks_like_it(
    dropped: Callable[[str, str], str], recipe: str, good: str, bad: str, reason: str
) -> None:
    assert dropped(recipe, good) == ""
    assert dropped(recipe, bad) == reason


@pytest.mark.parametrize("recipe", ["web-zh", "books-zh", "strict-compliance"])
def test_a_long_text_that_quotes_an_item_is_listed_and_stays(decided: Decided, recipe: str) -> None:
    long = _prose(2400, 1) + ITEM + _prose(2400, 2)
    assert decided(recipe, long) == [("review", "contaminated")]
    short = _prose(900, 1) + ITEM[:48]  # most of the item, and less than 0.05 of the text
    assert decided(recipe, short) == [("drop", "contaminated")]


@pytest.mark.parametrize("recipe", ["web-zh", "books-zh", "strict-compliance"])
def test_a_long_page_of_items_goes(decided: Decided, recipe: str) -> None:
    page = "\n".join(_prose(300, n) + ITEM for n in range(4))
    assert len(page) > 1_000
    assert decided(recipe, page) == [("drop", "contaminated")]
