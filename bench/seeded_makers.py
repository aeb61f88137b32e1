"""Made-up personal data of every type, from a seeded random source; none of it is anybody's but by chance.

Nothing is shared with the recognisers: numbers and check characters are made from the standards.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from random import Random


def digits(rng: Random, n: int) -> str:
    """Return n random digits."""
    return "".join(rng.choice(string.digits) for _ in range(n))


def mod_11_2(number: str) -> str:
    """Return the check character of ISO 7064 MOD 11-2: the sum of digits times powers of two must be 1 modulo 11."""
    value = (1 - sum(int(digit) * pow(2, len(number) - at, 11) for at, digit in enumerate(number))) % 11
    return "X" if value == 10 else str(value)


def luhn(number: str) -> str:
    """Return the digit that makes the Luhn sum a multiple of ten."""
    total = sum(sum(divmod(int(digit) * (2 - at % 2), 10)) for at, digit in enumerate(reversed(number)))
    return str(-total % 10)


_REGIONS = (
    "110105",
    "310104",
    "440106",
    "330102",
    "510107",
    "610113",
    "320505",
    "420111",
    "230103",
    "650102",
    "530102",
)
_CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def _day(rng: Random, first: int = 1940, last: int = 2010) -> str:
    return f"{rng.randint(first, last)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"


def resident_id(rng: Random) -> str:
    """Return an ID of 18 characters, one in eight of 15 digits."""
    region = rng.choice(_REGIONS)
    if rng.random() < 0.125:
        return region + _day(rng, 1930, 1985)[2:] + digits(rng, 3)
    first = region + _day(rng) + digits(rng, 3)
    last = mod_11_2(first)
    return first + (last.lower() if rng.random() < 0.3 else last)


def permit(rng: Random) -> str:
    """Return a residence permit of Hong Kong, Macao, Taiwan residents, or of a foreigner (2023)."""
    lead = rng.choice(("810000", "820000", "830000", f"9{rng.choice(_REGIONS)[:2]}{rng.choice(('840', '392', '276'))}"))
    first = lead + _day(rng) + digits(rng, 3)
    return first + mod_11_2(first)


def mobile(rng: Random) -> str:
    """Return a mobile number."""
    lead = rng.choice(
        ("130", "133", "135", "138", "139", "145", "150", "156", "159", "166", "173", "177", "182", "188")
    )
    return rng.choice((lead, "189", "191", "195", "198", "199")) + digits(rng, 8)


def landline(rng: Random) -> str:
    """Return area code and number, parted by "-"."""
    area, n = rng.choice(
        (("010", 8), ("021", 8), ("020", 8), ("0755", 8), ("0571", 8), ("0411", 8), ("0717", 7), ("0898", 8))
    )
    return f"{area}-{rng.choice('3456788')}{digits(rng, n - 1)}"


def bank_card(rng: Random) -> str:
    """Return a card number: UnionPay of 16 or 19 digits, Visa, Mastercard."""
    lead, n = rng.choice(
        (("622202", 19), ("621700", 19), ("622848", 19), ("625338", 16), ("622588", 16), ("4392", 16), ("5187", 16))
    )
    first = lead + digits(rng, n - 1 - len(lead))
    return first + luhn(first)


def credit_code(rng: Random) -> str:
    """Return a unified social credit code with both of its check characters."""
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    body = rng.choice(("MA" + "".join(rng.choice(_CODE) for _ in range(6)), digits(rng, 8)))
    rest = 11 - sum(int(c, 36) * w for c, w in zip(body, weights, strict=True)) % 11
    first = (
        rng.choice(("91", "92", "12", "51", "31"))
        + rng.choice(_REGIONS)
        + body
        + {10: "X", 11: "0"}.get(rest, str(rest))
    )
    total = sum(_CODE.index(c) * 3**at for at, c in enumerate(first))
    return first + _CODE[(31 - total % 31) % 31]


def email(rng: Random) -> str:
    """Return an address at a name that is reserved for examples, or at a made-up one."""
    user = "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(3, 9)))
    user += rng.choice(("", digits(rng, 3), "." + rng.choice(("li", "w", "zhang")), "_cn"))
    domains = ("example.com", "mail.example.cn", "qq.example.com", "corp-a.example.org", "edu.example.net")
    return f"{user}@{rng.choice(domains)}"


def ipv4(rng: Random) -> str:
    """Return an address of the private or the public ranges."""
    lead = rng.choice(("192.168", f"10.{rng.randint(0, 255)}", f"{rng.randint(36, 223)}.{rng.randint(0, 255)}"))
    lead = "202.96" if lead.startswith("127.") else lead
    return f"{lead}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"


def ipv6(rng: Random) -> str:
    """Return a global or link-local address, whole or shortened."""
    groups = [f"{rng.randrange(1, 65536):x}" for _ in range(6)]
    return rng.choice(
        (
            f"240{rng.choice('0189')}:{':'.join(groups)}:{rng.randrange(1, 65536):x}",
            f"240e:{groups[0]}:{groups[1]}::{groups[2]}",
            f"fe80::{groups[0]}:{groups[1]}:{groups[2]}:{groups[3]}",
            f"2408:{groups[0]}::{groups[1]}:{groups[2]}".upper(),
        )
    )


def passport(rng: Random) -> str:
    """Return a Chinese passport number of one of the kinds in use."""
    return rng.choice(
        (
            f"E{digits(rng, 8)}",
            f"E{rng.choice('ABCDEFGH')}{digits(rng, 7)}",
            f"G{digits(rng, 8)}",
            f"DE{digits(rng, 7)}",
        )
    )


def travel_permit(rng: Random) -> str:
    """Return a number of a permit for travel between the mainland, Hong Kong, Macao and Taiwan."""
    return rng.choice(
        (f"C{digits(rng, 8)}", f"CA{digits(rng, 7)}", f"L{digits(rng, 8)}", f"H{digits(rng, 8)}", f"M{digits(rng, 10)}")
    )


def plate(rng: Random) -> str:
    """Return a plate: ordinary, with letters, or of a new-energy car."""
    head = rng.choice("京沪粤川陕浙苏鲁鄂闽辽") + rng.choice("ABCDEFGHJ")
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    tail = rng.choice(
        (digits(rng, 5), rng.choice(letters) + digits(rng, 4), digits(rng, 3) + rng.choice(letters) + digits(rng, 1))
    )
    return head + rng.choice(
        (tail, tail, "D" + digits(rng, 5), "F" + rng.choice(letters) + digits(rng, 4), digits(rng, 4) + "学")
    )


def qq(rng: Random) -> str:
    """Return a QQ number."""
    return rng.choice("123456789") + digits(rng, rng.randint(5, 9))


def wechat(rng: Random) -> str:
    """Return a WeChat name."""
    lead = rng.choice(("wxid_", "zhang", "li_", "hello-", "a", "sunny", "Tom"))
    return lead + "".join(rng.choice("abcdefgh") for _ in range(4)) + digits(rng, rng.randint(2, 5))


def secret(rng: Random) -> str:
    """Return a password or a token."""
    return "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(rng.randint(10, 32))) + digits(
        rng, 1
    )


_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国志文斌宇浩欣怡梓涵子轩雨萱佳琪思远嘉豪晓峰雪梅"
_FAMILY = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢"
    "姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛段雷黎史陶贺毛郝顾龚邵万钱武戴严莫孔向汤"
)
_LONG_FAMILY = ("欧阳", "司马", "上官", "诸葛", "慕容", "皇甫", "夏侯")


def name(rng: Random) -> str:
    """Return a name of two to four characters."""
    family = rng.choice(_LONG_FAMILY) if rng.random() < 0.06 else rng.choice(_FAMILY)
    return family + "".join(rng.choice(_GIVEN) for _ in range(rng.choice((1, 2, 2))))


def address(rng: Random) -> str:
    """Return a street address down to a number or a room."""
    city, area = rng.choice(
        (
            ("北京市", "海淀区"),
            ("上海市", "浦东新区"),
            ("广东省深圳市", "南山区"),
            ("浙江省杭州市", "西湖区"),
            ("四川省成都市", "武侯区"),
            ("江苏省苏州市", "昆山市"),
            ("广西壮族自治区南宁市", "青秀区"),
            ("湖北省恩施土家族苗族自治州", "利川市"),
            ("武汉市", "洪山区"),
            ("", "朝阳区"),
            ("西安市", "雁塔区"),
            ("沈阳市", "于洪区"),
        )
    )
    road = rng.choice(
        ("花园路", "中山大道", "学院南路", "幸福里", "人民东路", "建设三路", "解放街", "柳树胡同", "长安街")
    )
    estate = rng.choice(("阳光花园", "绿地小区", "翠湖家园", "和平新村"))
    number = rng.randint(1, 999)
    house, unit, room = rng.randint(1, 40), rng.randint(1, 6), f"{rng.randint(1, 30)}0{rng.randint(1, 4)}"
    return (
        city
        + area
        + rng.choice(
            (
                f"{road}{number}号",
                f"{road}{number}号{house}号楼{unit}单元{room}室",
                f"{road}{number}弄{house}号{room}室",
                f"{road}{number}号{estate}{house}栋{room}",
                f"{estate}{house}幢{unit}单元{room}室",
                f"{road}{number}号院{house}号楼{room}",
                f"城关镇{rng.choice(('李家', '东风', '石桥'))}村{rng.randint(1, 9)}组{number}号",
                f"{road}{number}号{house}-{unit}-{room}",
            )
        )
    )


MAKERS: dict[str, Callable[[Random], str]] = {
    "resident_id": resident_id,
    "permit": permit,
    "mobile": mobile,
    "landline": landline,
    "bank_card": bank_card,
    "credit_code": credit_code,
    "email": email,
    "ipv4": ipv4,
    "ipv6": ipv6,
    "passport": passport,
    "travel_permit": travel_permit,
    "plate": plate,
    "qq": qq,
    "wechat": wechat,
    "url_credentials": secret,
    "address": address,
    "name": name,
}
