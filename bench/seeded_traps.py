"""Texts that look like personal data and hold none: orders, books, statutes, versions, amounts, dates, hashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from bench.seeded import Seeded
from bench.seeded_makers import digits


def _stamp(rng: Random) -> str:
    return (
        f"{rng.randint(2005, 2026)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
        f"{rng.randint(0, 23):02}{rng.randint(0, 59):02}{rng.randint(0, 59):02}"
    )


def _hex(rng: Random, n: int) -> str:
    return "".join(rng.choice("0123456789abcdef") for _ in range(n))


def _order(rng: Random) -> str:
    return rng.choice(("订单号{}。", "交易单号：{}", "流水号{}，", "{}号订单")).format(
        _stamp(rng) + digits(rng, rng.randint(3, 8))
    )


def _serial(rng: Random) -> str:
    number = "1" + rng.choice("356789") + digits(rng, 9)
    return rng.choice(
        ("设备序列号{}，", "批号：{}", "SN{}", "运单号{}已签收", "商品编号 {}", "条码{}。", "共{}元", "工单编号：{}")
    ).format(number)


def _book(rng: Random) -> str:
    whole = "978" + rng.choice("7") + digits(rng, 9)
    parted = f"978-7-{digits(rng, 3)}-{digits(rng, 5)}-{digits(rng, 1)}"
    return rng.choice(
        (f"ISBN {parted}", f"书号：{whole}", f"ISBN：{parted}，定价", f"ISSN {digits(rng, 4)}-{digits(rng, 4)}")
    )


def _statute(rng: Random) -> str:
    a, b = rng.randint(1, 999), rng.randint(1, 30)
    return rng.choice(
        (
            f"根据本法第{a}条第{b}款的规定",
            f"国发〔20{rng.randint(10, 26)}〕{a}号",
            f"中华人民共和国主席令第{a}号",
            f"（20{rng.randint(10, 26)}）京01民终{a}号",
            "当事人应当自行委托代理人，原告、被告均可申请",
            "法定代表人或者负责人应当签名",
            f"第{a}.{b}.1.2条",
            "被告和原告应于开庭前提交",
            f"GB/T {digits(rng, 5)}.{b}-20{digits(rng, 2)}",
        )
    )


def _version(rng: Random) -> str:
    a, b, c, d = (rng.randint(0, n) for n in (20, 60, 99, 250))
    return rng.choice(
        (
            f"版本{a}.{b}.{c}.{d}，",
            f"升级到v{a}.{b}.{c}",
            f"version {a}.{b}.{c}.{d}",
            f"固件版本：{a}.{b}.{c}.{d}",
            f"libfoo-{a}.{b}.{c}",
        )
    )


def _amount(rng: Random) -> str:
    n = rng.randrange(10**6, 10**11)
    return rng.choice(
        (
            f"共计{n:,}元",
            f"￥{n / 100:,.2f}",
            f"金额{n}元整",
            f"占地{n / 7:.6f}平方米",
            f"约1{digits(rng, 10)}次",
            f"{rng.random():.12f}",
        )
    )


def _date(rng: Random) -> str:
    y, m, d = rng.randint(1950, 2030), rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice(
        (
            f"{y}年{m}月{d}日",
            f"{y}-{m:02}-{d:02} {m:02}:{d:02}:00",
            f"{y}.{m:02}.{d:02}-{y + 1}.{m:02}.{d:02}",
            f"护照有效期至{y}{m:02}{d:02}",
            f"{y}{m:02}{d:02}",
            f"时间戳{rng.randrange(1_300_000_000, 1_900_000_000)}",
            f"时间戳：{rng.randrange(1_300_000_000_000, 1_900_000_000_000)}",
            f"{y}-{y + 3}学年",
        )
    )


def _hash(rng: Random) -> str:
    return rng.choice(
        (
            f"sha256:{_hex(rng, 64)}",
            f"MD5为{_hex(rng, 32)}，",
            f"commit {_hex(rng, 40)}",
            f"{_hex(rng, 8)}-{_hex(rng, 4)}-4{_hex(rng, 3)}-a{_hex(rng, 3)}-{_hex(rng, 12)}",
            f"0x{_hex(rng, 16)}",
            ":".join(_hex(rng, 2) for _ in range(6)),
        )
    )


def _company(rng: Random) -> str:
    return rng.choice(
        (
            f"客服热线400-{digits(rng, 3)}-{digits(rng, 4)}",
            f"拨打800{digits(rng, 7)}",
            "请拨打95588",
            "急救120，报警110",
            f"12306或1{rng.choice('02')}086",
            "服务热线12345转2",
        )
    )


def _code(rng: Random) -> str:
    a = rng.randint(2, 9)
    return rng.choice(
        (
            f"图标icon@{a}x.png",
            "服务getty@tty1.service",
            "git clone git@github.com:a/b.git",
            f"std::vector<int> v{a};",
            f"import a; x[{a}:{a + 3}]",
            "监听127.0.0.1和0.0.0.0",
            "掩码255.255.255.0",
            f"路由10.{a}.0.0/16",
            f"http://host:{a}080/index.html",
            "http://user:password@host/",
            "?token=TOKEN&page=2",
            f"package@{a}.1.0",
            "api_key=YOUR_API_KEY",
            f"12:3{a}:56",
            f"2001:db8::{a}",
        )
    )


def _words(rng: Random) -> str:
    return rng.choice(
        (
            "姓名、性别、单位、电话",
            "姓名 单位 职务 时间",
            "联系人：高级工程师",
            "负责人：全面负责本项目",
            "张先生说今天下雨",
            "王伟是我的朋友",
            "李华写了一封信",
            "微信支付很方便",
            "微信公众号android版",
            "QQ空间2009年上线",
            "QQ等级100级",
            "北京市朝阳区人民法院",
            "长江路附近有书店",
            f"第{rng.randint(1, 99)}号楼正在施工",
            f"{rng.randint(2, 20)}号楼见",
            "住在学校，时间很多",
            "护照办理需要7个工作日",
            f"通行证办理费用{digits(rng, 3)}元",
            "联系人：待定",
            "法定代表人：应当到庭",
            "高明的办法",
            f"中国共产党第{rng.randint(10, 20)}次代表大会",
            f"地址总线{rng.randint(8, 64)}位",
            f"鄂尔多斯A股{digits(rng, 4)}点",
            f"苏A级景区{digits(rng, 2)}家",
            f"甘A类{digits(rng, 3)}号",
        )
    )


def _goods(rng: Random) -> str:
    return rng.choice(
        (
            f"快递SF{digits(rng, 13)}",
            f"商品条码69{digits(rng, 11)}",
            f"发票号码{digits(rng, 8)}",
            f"发票代码{digits(rng, 12)}",
            f"批准文号：国药准字H{digits(rng, 8)}",
            f"编号{rng.choice('123456789')}{digits(rng, 15)}。",
            f"合同号{_stamp(rng)[:8]}{digits(rng, 10)}",
            f"坐标{rng.uniform(70, 130):.8f},{rng.uniform(20, 50):.8f}",
            f"彩票{' '.join(f'{rng.randint(1, 33):02}' for _ in range(7))}",
            f"型号RX-{digits(rng, 4)}-{digits(rng, 4)}",
            f"CAS {digits(rng, 5)}-{digits(rng, 2)}-{digits(rng, 1)}",
            f"doi:10.{digits(rng, 4)}/j.cnki.{digits(rng, 8)}",
        )
    )


def _bare(rng: Random) -> str:
    """Return digits with no word for them; of eleven, 7 in 100 look like a mobile number, and nobody can tell."""
    return f"得到{digits(rng, rng.choice((8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20)))}。"


TRAPS: dict[str, Callable[[Random], str]] = {
    "order number": _order,
    "serial like a telephone": _serial,
    "ISBN": _book,
    "statute citation": _statute,
    "version": _version,
    "amount": _amount,
    "date": _date,
    "hash": _hash,
    "service line": _company,
    "code": _code,
    "words": _words,
    "goods": _goods,
    "bare digits": _bare,
}


def traps(n: int, seed: int) -> Iterator[Seeded]:
    """Yield n texts of every kind of trap; none holds personal data."""
    for kind, make in TRAPS.items():
        rng = Random(f"{seed} trap {kind}")
        for _ in range(n):
            yield Seeded(
                rng.choice(("", "请看", "，", "附：")) + make(rng) + rng.choice(("", "。", "，谢谢", "\n")), (), kind
            )
