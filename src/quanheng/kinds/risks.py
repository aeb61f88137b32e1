"""The 31 risks of annex A and the 13 aspects of must-not-refuse questions, as data.

Source: TC260-003-2024, annex A and 8.1 to 8.3, with the same list in the draft of GB/T 45652 (2024-03).
The minimum counts are recommendations of that text (不宜少于). Nobody has compared them with the official copy of
GB/T 45654-2025 yet. English names are ours.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from quanheng.kinds.base import Say

RiskClassId = Literal["A.1", "A.2", "A.3", "A.4", "A.5"]
#: What a must-not-refuse question is about, 8.3 b). English in `ASPECT_NAMES`.
Aspect = Literal["制度", "信仰", "形象", "文化", "习俗", "民族", "地理", "历史", "英烈", "性别", "年龄", "职业", "健康"]
ASPECTS: tuple[Aspect, ...] = get_args(Aspect)
ASPECT_NAMES: dict[Aspect, str] = {
    "制度": "institutions",
    "信仰": "beliefs",
    "形象": "image of the country",
    "文化": "culture",
    "习俗": "customs",
    "民族": "ethnic groups",
    "地理": "geography",
    "历史": "history",
    "英烈": "heroes and martyrs",
    "性别": "gender",
    "年龄": "age",
    "职业": "occupation",
    "健康": "health",
}
#: 8.3: a must-not-refuse bank has at least this many questions for each aspect.
MIN_PER_ASPECT = 20


class RiskClass(NamedTuple):
    """One class of risks. A minimum of 0: the text asks for none there.

    `data_side`: training data is checked for it (A.1 to A.4). `core17`: among the 17 risks that keyword and
    must-refuse banks have to cover (A.1 and A.2).
    """

    id: RiskClassId
    name: Say
    data_side: bool
    core17: bool
    min_keywords: int
    min_generation: int
    min_must_refuse: int


class Risk(NamedTuple):
    """One risk of the 31: its id, its class, and its name in both languages."""

    id: str
    of: RiskClass
    name: Say

    @property
    def data_side(self) -> bool:
        """Return whether training data is checked for it."""
        return self.of.data_side

    @property
    def core17(self) -> bool:
        """Return whether keyword and must-refuse banks have to cover it."""
        return self.of.core17


def _class(id_: RiskClassId, zh: str, en: str, *minimums: int) -> RiskClass:
    return RiskClass(id_, Say(en=en, zh=zh), id_ != "A.5", id_ in ("A.1", "A.2"), *minimums)


CLASSES: dict[str, RiskClass] = {
    found.id: found
    for found in (
        _class("A.1", "包含违反社会主义核心价值观的内容", "Content against the core socialist values", 200, 50, 20),
        _class("A.2", "包含歧视性内容", "Discriminatory content", 100, 50, 20),
        _class("A.3", "商业违法违规", "Commercial violations", 0, 20, 0),
        _class("A.4", "侵犯他人合法权益", "Infringement of the rights of others", 0, 20, 0),
        _class("A.5", "无法满足特定服务类型的安全需求", "Unfit for services with special safety needs", 0, 20, 0),
    )
}

_NAMES: dict[RiskClassId, tuple[tuple[str, str], ...]] = {
    "A.1": (
        (
            "煽动颠覆国家政权、推翻社会主义制度",
            "Inciting subversion of state power or overthrow of the socialist system",
        ),
        (
            "危害国家安全和利益、损害国家形象",
            "Endangering national security and interests or harming the nation's image",
        ),
        ("煽动分裂国家、破坏国家统一和社会稳定", "Inciting secession, undermining national unity or social stability"),
        ("宣扬恐怖主义、极端主义", "Promoting terrorism or extremism"),
        ("宣扬民族仇恨", "Promoting ethnic hatred"),
        ("宣扬暴力、淫秽色情", "Promoting violence, obscenity or pornography"),
        ("传播虚假有害信息", "Spreading false and harmful information"),
        ("其他法律、行政法规禁止的内容", "Other content that laws or administrative regulations forbid"),
    ),
    "A.2": (
        ("民族歧视内容", "Discrimination by ethnic group"),
        ("信仰歧视内容", "Discrimination by belief"),
        ("国别歧视内容", "Discrimination by country"),
        ("地域歧视内容", "Discrimination by region"),
        ("性别歧视内容", "Discrimination by gender"),
        ("年龄歧视内容", "Discrimination by age"),
        ("职业歧视内容", "Discrimination by occupation"),
        ("健康歧视内容", "Discrimination by health"),
        ("其他方面歧视内容", "Discrimination of other kinds"),
    ),
    "A.3": (
        ("侵犯他人知识产权", "Infringing intellectual property"),
        ("违反商业道德", "Violating business ethics"),
        ("泄露他人商业秘密", "Disclosing trade secrets of others"),
        (
            "利用算法、数据、平台等优势，实施垄断和不正当竞争行为",
            "Monopoly or unfair competition by advantage in algorithms, data or platforms",
        ),
        ("其他商业违法违规行为", "Other commercial violations"),
    ),
    "A.4": (
        ("危害他人身心健康", "Harming the physical or mental health of others"),
        ("侵害他人肖像权", "Infringing the right to one's portrait"),
        ("侵害他人名誉权", "Infringing the right to reputation"),
        ("侵害他人荣誉权", "Infringing the right to honour"),
        ("侵害他人隐私权", "Infringing the right to privacy"),
        ("侵害他人个人信息权益", "Infringing rights in personal information"),
        ("侵犯他人其他合法权益", "Infringing other lawful rights of others"),
    ),
    "A.5": (
        (
            "内容不准确，严重不符合科学常识或主流认知",
            "Inaccurate content, seriously against common science or mainstream understanding",
        ),
        (
            "内容不可靠，虽然不包含严重错误的内容，但无法对使用者形成帮助",
            "Unreliable content, without grave errors but of no help to the user",
        ),
    ),
}

#: The 31 risks by id, in the order of annex A.
RISKS: dict[str, Risk] = {
    f"{class_id}.{letter}": Risk(f"{class_id}.{letter}", CLASSES[class_id], Say(en=en, zh=zh))
    for class_id, names in _NAMES.items()
    for letter, (zh, en) in zip("abcdefghi", names, strict=False)
}
DATA_SIDE: tuple[str, ...] = tuple(risk.id for risk in RISKS.values() if risk.data_side)
CORE17: tuple[str, ...] = tuple(risk.id for risk in RISKS.values() if risk.core17)


#: So many risks are named for one that is none.
_MOST_NEAR = 3


def _known(risk: str) -> str:
    if risk in RISKS:
        return risk
    near = [RISKS[id_] for id_ in _near(risk[:100])]
    en = "; ".join(f"{one.id} {one.name.en}" for one in near)
    zh = "；".join(f"{one.id} {one.name.zh}" for one in near)
    raise PydanticCustomError(
        "unknown_risk",
        "'{shown}' is not one of the 31 risks{en}",
        {
            "shown": risk[:60],
            "en": f"; near it: {en}" if near else "; they are numbered A.1.a, A.1.b, …",
            "zh": f"“{risk[:60]}”不在 31 类风险编号之中" + (f"；相近的有：{zh}" if near else "；编号形如 A.1.a"),
        },
    )


def _near(text: str) -> list[str]:
    """Return the ids of the risks that a text may mean: by name, by the first letters of the id, or spelt alike.

    >>> _near("a.1.F"), _near("淫秽")
    (['A.1.f'], ['A.1.f'])
    """
    said = text.strip().casefold()
    if not said:
        return []
    named = [
        one.id for one in RISKS.values() if said in one.name.zh or (len(said) > 2 and said in one.name.en.casefold())
    ]
    same = [id_ for id_ in RISKS if id_.casefold() == said]
    begun = [id_ for id_ in RISKS if len(said) > 2 and id_.casefold().startswith(said)]
    return (same or named or begun or get_close_matches(text.strip().upper(), RISKS, _MOST_NEAR, 0.6))[:_MOST_NEAR]


#: The id of one of the 31 risks; stricter than the pattern that lexicons use.
KnownRisk = Annotated[str, AfterValidator(_known)]
