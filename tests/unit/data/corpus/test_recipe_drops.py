"""What the shipped recipes must not drop, as a reading of their drops found it, and the rubbish that must still go.

Each pair differs in what its rule is about: formulas and decoration, a statute's cases and filling, choices and menus.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from quanheng.data.corpus import SourceInput, build, parquet_rows, run_here, shipped_recipe
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


@pytest.fixture
def dropped(objects: LocalObjects, make_source: Callable[..., SourceInput]) -> Callable[[str, str], str]:
    """Return a function that says why a recipe drops a text, "" when it keeps it."""

    def why(recipe: str, text: str) -> str:
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
        )
        found = []
        for layer in made.layers:
            if layer.title.startswith("decisions/"):
                with objects.open(layer.digest) as stream:
                    found += [row[3] for row in parquet_rows(stream) if row[2] == "drop"]
        assert len(found) <= 1
        return found[0] if found else ""

    return why


@pytest.mark.parametrize(
    ("recipe", "good", "bad", "reason"),
    [
        ("web-zh", QUESTION, DECORATED, "many_symbols"),
        ("web-zh", STATUTE, FILLED, "repetitive"),
        ("web-zh", CHOICES, MENU, "no_sentences"),
        ("law-zh", ARTICLE, "第十条 略。", "too_short"),
    ],
    ids=["formulas", "cases", "choices", "a short article"],
)
def test_a_rule_tells_text_from_what_looks_like_it(
    dropped: Callable[[str, str], str], recipe: str, good: str, bad: str, reason: str
) -> None:
    assert dropped(recipe, good) == ""
    assert dropped(recipe, bad) == reason
