"""Chinese texts with made-up personal data, and texts that look like it, with the truth beside: a seeded generator.

    python -m bench.seeded --n 3 --seed 1

Nothing is shared with the recognisers: data, forms and sentences are made here and in `seeded_makers`. The same seed
gives the same texts. A name is its family and given name without a title; of a URL, user and password or the value of
the token; of an address, everything from the region to the last number.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from bench.seeded_makers import MAKERS, digits


@dataclass(frozen=True)
class Seeded:
    """A text and what stands in it: (start, end, type) by place. `form`: how it is written; of a trap, what it is."""

    text: str
    truth: tuple[tuple[int, int, str], ...]
    form: str


_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
_INVISIBLE = ("\u200b", "\ufeff", "\u2060", "\u00ad", "\u200e")

#: Sentences around a datum {}. What cannot be told by its form alone has its word in every one of them.
_SENTENCES: dict[str, tuple[str, ...]] = {
    "resident_id": ("身份证号{}，请核对。", "我的身份证是{}", "（{}）已登记", "公民身份号码：{}", "办理人证件{}有效"),
    "permit": ("居住证号码{}，", "证件号：{}。", "持{}的港澳居民", "永久居留身份证{}已核验", "证件号码为{}的申请"),
    "mobile": ("联系电话{}。", "请拨打{}找我", "手机：{}，", "打{}就行", "（{}）", "电话是{}，晚上打"),
    "landline": ("办公室电话{}。", "座机：{}", "请致电{}咨询", "（{}）", "传真{}，"),
    "bank_card": ("卡号{}，", "请汇到银行卡{}上", "收款账号：{}。", "信用卡{}已挂失", "工资卡{}到账"),
    "credit_code": ("统一社会信用代码{}，", "信用代码：{}", "纳税人识别号{}。", "（{}）", "代码为{}的企业"),
    "email": ("邮箱{}收", "请发到{}，", "电子邮件：{}。", "写信给{}即可", "（{}）"),
    "ipv4": ("登录IP：{}，", "来自IP地址{}的请求", "服务器{}宕机", "主机{}不通。", "IP为{}。"),
    "ipv6": ("登录地址{}，", "来自{}的请求", "主机{}不通。", "IPv6：{}", "（{}）"),
    "passport": ("护照号码：{}。", "护照{}，", "护照号为{}的旅客", "持中国护照，号码{}", "护照（{}）"),
    "travel_permit": (
        "往来港澳通行证号码{}，",
        "通行证：{}",
        "回乡证号{}。",
        "往来台湾通行证（{}）",
        "持港澳通行证，证号{}",
    ),
    "plate": ("车牌{}违停", "请{}的车主挪车", "车牌号：{}。", "（{}）", "一辆{}的轿车"),
    "qq": ("我的QQ：{}，", "加QQ{}聊", "QQ号是{}。", "qq:{}", "扣扣{}", "QQ号码 {}"),
    "wechat": ("微信号：{}，", "加微信{}吧", "微信：{}", "wechat: {}", "我的微信号是{}。", "VX：{}"),
    "url_credentials": (
        "访问https://admin:{}@db.example.com/即可",
        "链接https://api.example.com/v1?access_token={}，",
        "http://h.example.cn/get?id=3&token={}&page=2",
        "配置api_key={}。",
        '{{"access_token": "{}"}}',
        "mysql://root:{}@10.0.0.8:3306/shop",
    ),
    "address": ("家住{}，", "地址：{}。", "请寄到{}，谢谢", "住址是{}", "我住在{}。", "收货地址 {}", "位于{}的房屋"),
    "name": (
        "姓名：{}，",
        "联系人：{}先生，",
        "联系人{}，电话请查名片",
        "法定代表人：{}。",
        "收件人：{} ",
        "负责人：{}（签字）",
        "被告{}，男，",
        "患者姓名：{} 性别：女",
        "我叫{}，今年三十",
        "申请人：{}女士",
    ),
}
_KEYS: dict[str, tuple[str, ...]] = {
    "resident_id": ("身份证号", "id_card"),
    "permit": ("居住证号", "permit"),
    "mobile": ("手机", "mobile", "联系电话"),
    "landline": ("座机", "phone"),
    "bank_card": ("银行卡号", "bank_card"),
    "credit_code": ("统一社会信用代码", "uscc"),
    "email": ("邮箱", "email"),
    "ipv4": ("IP", "ip", "登录IP"),
    "ipv6": ("IP", "ip"),
    "passport": ("护照号", "passport"),
    "travel_permit": ("港澳通行证号", "travel_permit"),
    "plate": ("车牌", "plate"),
    "qq": ("QQ", "qq"),
    "wechat": ("微信号", "wechat"),
    "url_credentials": ("access_token", "api_key"),
    "address": ("地址", "address", "家庭住址"),
    "name": ("姓名", "联系人", "real_name"),
}
#: In a table without a word beside it a secret cannot be told from any other word.
_COLUMNS = tuple(kind for kind in _KEYS if kind != "url_credentials")


def _grouped(value: str, sign: str, *sizes: int) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(value[at : at + size])
        at += size
    if at < len(value):
        parts.append(value[at:])
    return sign.join(parts)


def _groupings(kind: str, value: str) -> tuple[tuple[int, ...], ...]:
    match kind:
        case "resident_id" | "permit" if len(value) == 18:
            return ((6, 8, 4), (3, 3, 4, 4, 4), (4, 4, 4, 4, 2), (6, 4, 4, 4))
        case "mobile":
            return ((3, 4, 4),)
        case "bank_card":
            return ((4, 4, 4, 4, 3), (4, 4, 4, 4, 3), (6, 13)) if len(value) == 19 else ((4, 4, 4, 4),)
        case "credit_code":
            return ((2, 6, 9, 1), (8, 9, 1), (8, 10), (2, 4, 4, 4, 4))
        case _:
            return ()


def written(kind: str, value: str, rng: Random) -> tuple[str, str]:
    """Return the value in one of the forms that people write it in, and the name of the form."""
    form = rng.choice(("plain", "plain", "wide", "invisible", "spaced", "dashed", "dotted", "prefixed"))
    signs = {"spaced": " ", "dashed": "-", "dotted": "."}
    if form in signs:
        return _separated(kind, value, form, signs[form], rng)
    if form == "prefixed" and kind == "mobile":
        return rng.choice(("+86 ", "+86-", "0086", "86-", "+86", "(+86)")) + value, form
    if form == "prefixed" and kind == "landline":
        area, _, number = value.partition("-")
        return rng.choice((f"+86-{area[1:]}-{number}", f"{value}转{digits(rng, 3)}", f"({area}){number}")), form
    if form == "wide" and kind not in ("name", "address"):
        return value.translate(_WIDE), form
    if form == "wide" and kind == "address":
        return value.translate({code: code + 0xFEE0 for code in range(0x30, 0x3A)}), form
    if form == "invisible" and kind != "name":
        place = rng.randint(1, len(value) - 1)
        return value[:place] + rng.choice(_INVISIBLE) + value[place:], form
    return value, "plain"


def _separated(kind: str, value: str, form: str, sign: str, rng: Random) -> tuple[str, str]:
    if kind == "landline":
        area, _, number = value.partition("-")
        number = _grouped(number, sign, len(number) - 4) if rng.random() < 0.5 else number
        return area + sign + number, form
    if kind == "plate" and form != "dashed":
        return value[:2] + rng.choice(("·", " ", "•")) + value[2:], form
    if kind == "mobile" and form == "spaced" and rng.random() < 0.2:
        return " ".join(value), form
    if kind == "name" and form == "spaced" and len(value) == 2:
        return value[0] + "　" + value[1], form
    groupings = _groupings(kind, value)
    if not groupings or (form == "dotted" and kind in ("bank_card", "credit_code")):
        return value, "plain"
    return _grouped(value, sign, *rng.choice(groupings)), form


def _of(pieces: list[tuple[str, str]], form: str) -> Seeded:
    """Return the text of pieces (text, type or ""), with their places."""
    text, truth = "", []
    for piece, kind in pieces:
        if kind:
            truth.append((len(text), len(text) + len(piece), kind))
        text += piece
    return Seeded(text, tuple(truth), form)


def in_sentence(kind: str, rng: Random) -> Seeded:
    """Return a datum in a sentence, mostly with Han right beside it."""
    value = MAKERS[kind](rng)
    sentence = rng.choice(_SENTENCES[kind])
    loose = kind not in ("name", "url_credentials", "wechat") or "：" in sentence
    shown, form = written(kind, value, rng) if loose else (value, "plain")
    if form == "spaced" and kind == "name" and "：" not in sentence:
        shown, form = value, "plain"
    if kind == "url_credentials" and "{{" in sentence:
        sentence = sentence.replace("{{", "{").replace("}}", "}")
    before, _, after = sentence.partition("{}") if not sentence.startswith('{"') else ('{"access_token": "', "", '"}')
    user = before.rpartition("//")[2] if before.endswith(":") and "//" in before else ""
    if user:  # user and password together are one datum
        before, shown = before[: -len(user)], user + shown
    return _of([(before, ""), (shown, kind), (after, "")], f"sentence, {form}")


def in_json(kind: str, rng: Random) -> Seeded:
    """Return a datum as a value of a line of JSON."""
    pieces = [
        ('{"id": ' + str(rng.randint(1, 99999)) + f', "{rng.choice(_KEYS[kind])}": "', ""),
        (MAKERS[kind](rng), kind),
    ]
    return _of([*pieces, ('", "备注": "无"}', "")], "JSON")


def in_table(kind: str, rng: Random) -> Seeded:
    """Return a table of a few rows: a column of this type beside others; parted by tab, comma or bar."""
    kinds = [kind, *rng.sample([other for other in _COLUMNS if other != kind], 2)]
    rng.shuffle(kinds)
    left, sign, right = rng.choice((("", "\t", ""), ("", ",", ""), ("| ", " | ", " |")))
    titles = ["序号", *(_KEYS[each][0] for each in kinds)]
    pieces = [(left + sign.join(titles) + right, "")]
    if left:
        pieces.append(("\n|" + "---|" * len(titles), ""))
    for row in range(rng.randint(1, 4)):
        pieces.append((f"\n{left}{row + 1}", ""))
        for each in kinds:
            pieces += [(sign, ""), (MAKERS[each](rng), each)]
        pieces.append((right, ""))
    return _of(pieces, "table")


def in_form(kind: str, rng: Random) -> Seeded:
    """Return two lines of a form, "title: value"."""
    other = rng.choice([each for each in _COLUMNS if each != kind])
    sign = rng.choice(("：", ": ", "： "))
    pieces = [("登记表\n" + _KEYS[kind][0] + sign, ""), (MAKERS[kind](rng), kind)]
    return _of([*pieces, ("\n" + _KEYS[other][0] + sign, ""), (MAKERS[other](rng), other), ("\n备注：无", "")], "form")


def in_waybill(kind: str, rng: Random) -> Seeded:
    """Return a line in which a name, a telephone and others follow each other with little or nothing between."""
    gap = rng.choice(("", "", " ", "，", "/"))
    others = [each for each in ("mobile", "address", "email", "resident_id") if each != kind]
    kinds = [kind, *rng.sample(others, 2)]
    # Of two that begin and end with letters or digits nobody can tell where the first one ends.
    glued = gap == "" and "address" not in kinds
    titles = {"mobile": "电话", "address": "地址", "email": "邮箱", "resident_id": "身份证", "name": "联系人"}
    pieces: list[tuple[str, str]] = [("收件人：", ""), (MAKERS["name"](rng), "name"), (gap or "先生", "")]
    for place, each in enumerate(kinds):
        sign = rng.choice(("", "：", " ")) if each != "name" else "："
        title = titles.get(each, _KEYS[each][0])
        bare = each in ("mobile", "email", "resident_id") and not glued and gap and rng.random() < 0.5
        pieces += [("" if bare else title + sign, ""), (MAKERS[each](rng), each), (gap if place < 2 else "。", "")]
    return _of(pieces, "waybill")


def positives(kind: str, n: int, seed: int) -> Iterator[Seeded]:
    """Yield texts until they hold at least n data of the type."""
    rng = Random(f"{seed} {kind}")
    made = 0
    while made < n:
        draw = rng.random()
        places: tuple[Callable[[str, Random], Seeded], ...] = (in_json, in_form)
        if kind in _COLUMNS:
            places += (in_table, in_waybill)
        seeded = in_sentence(kind, rng) if draw < 0.6 else rng.choice(places)(kind, rng)
        made += sum(each == kind for _, _, each in seeded.truth)
        yield seeded


def main() -> None:
    """Print texts of every type, and traps, as lines of JSON."""
    from bench.seeded_traps import traps

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for kind in MAKERS:
        for seeded in positives(kind, given.n, given.seed):
            sys.stdout.write(
                json.dumps({"text": seeded.text, "truth": seeded.truth, "form": seeded.form}, ensure_ascii=False) + "\n"
            )
    for seeded in traps(given.n, given.seed):
        sys.stdout.write(json.dumps({"text": seeded.text, "truth": [], "form": seeded.form}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
