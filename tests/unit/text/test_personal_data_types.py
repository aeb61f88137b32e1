"""Names, addresses and accounts: found where a word or a form speaks for them, and never a bare word."""

from __future__ import annotations

from random import Random
from typing import get_args

import pytest

from quanheng.kinds.recipes import PersonalDataType
from quanheng.text import _accounts
from quanheng.text.personal_data import LABELS, Type, find, mask

from .numbers import resident_id


def masked(text: str) -> str:
    return mask(text, find(text))


def test_the_types_are_those_of_a_corpus() -> None:
    assert set(get_args(Type)) == set(get_args(PersonalDataType)) == set(LABELS)
    assert len(set(LABELS.values())) == len(LABELS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("姓名：王小明，男", "姓名：〔姓名〕，男"),
        ("姓　名：王小明", "姓　名：〔姓名〕"),
        ("姓名：王　伟 性别：男", "姓名：〔姓名〕 性别：男"),
        ("联系人:欧阳娜娜,", "联系人:〔姓名〕,"),
        ("法定代表人：司马光。", "法定代表人：〔姓名〕。"),
        ("负责人：李强电话138", "负责人：〔姓名〕电话138"),
        ("原告张三，女", "原告〔姓名〕，女"),
        ("我叫周杰，", "我叫〔姓名〕，"),
        ("联系人：张先生", "联系人：〔姓名〕先生"),
        ("联系人陈晓女士，", "联系人〔姓名〕女士，"),
        ('{"姓名": "李雷", "real_name": "韩梅梅"}', '{"姓名": "〔姓名〕", "real_name": "〔姓名〕"}'),
        ("序号\t姓名\t部门\n1\t王伟\t财务\n2\t李静怡\t人事", "序号\t姓名\t部门\n1\t〔姓名〕\t财务\n2\t〔姓名〕\t人事"),
        ("| 姓名 | 年龄 |\n|---|---|\n| 王伟 | 30 |", "| 姓名 | 年龄 |\n|---|---|\n| 〔姓名〕 | 30 |"),
        ("姓名,年龄\n王伟,30\n\n说明,王伟", "姓名,年龄\n〔姓名〕,30\n\n说明,王伟"),
    ],
)
def test_names_behind_a_cue(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "王小明说今天下雨",
        "张先生来了",
        "姓名、性别、单位",
        "姓名 单位 时间",
        "姓名：",
        "联系人：高级工程师",
        "负责人：全面负责",
        "负责人应当签字",
        "法定代表人：应当到庭",
        "被告方认为，",
        "原告应于十日内提交",
        "被告向法院提交",
        "用户名 和口令",
        "本人周某，",
        "代理人为代收人的",
        "企业主张债权，",
        "患者高烧，",
    ],
)
def test_no_bare_words_as_names(text: str) -> None:
    assert find(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("家住北京市海淀区花园路3号院2号楼1单元501室，", "家住〔地址〕，"),
        ("地址：广东省深圳市南山区学院南路12号。", "地址：〔地址〕。"),
        ("他住在朝阳区阳光花园8幢3单元1203室。", "他住在〔地址〕。"),
        ("请寄到上海市浦东新区中山大道９９弄５号３０１室谢谢", "请寄到〔地址〕谢谢"),
        ("沈阳市于洪区人民东路7号", "〔地址〕"),
        ("住址是广西壮族自治区南宁市青秀区解放街5号", "住址是〔地址〕"),
        ("住湖北省利川市城关镇李家村3组15号", "住〔地址〕"),
        ("收货地址 西湖区长安街1号12-3-401", "收货地址 〔地址〕"),
    ],
)
def test_addresses(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "北京市朝阳区人民法院",
        "北京市人民政府第12号令",
        "国发〔2023〕12号",
        "主席令第5号",
        "第3号楼正在施工",
        "长江路附近有书店",
        "沿中山大道走12分钟",
        "5号楼见",
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert find(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("见https://root:Ab3dEf9@h.example.com/x", "见https://〔网址口令〕@h.example.com/x"),
        ("?access_token=abcDEF123456&x=1", "?access_token=〔网址口令〕&x=1"),
        ('"api_key": "sk-12345678abc"', '"api_key": "〔网址口令〕"'),
        ("链接http://a.cn/?token=a1b2c3d4e5，", "链接http://a.cn/?token=〔网址口令〕，"),
        ("来自2408:8207:5460::1a2b的", "来自〔IPv6地址〕的"),
        ("IPv6：fe80::5054:ff:fe12:3456", "IPv6：〔IPv6地址〕"),
        ("240e:3b5f:6597:1:2:3:4:5。", "〔IPv6地址〕。"),
        ("邮箱：ａｂｃ＠ｑｑ．ｃｏｍ", "邮箱：〔电子邮箱〕"),
        ("写信给 zhang @ qq.com ", "写信给 〔电子邮箱〕 "),
        ("QQ\t年龄\n12345678\t20", "QQ\t年龄\n〔QQ号〕\t20"),
        ("主机,护照号\n10.1.2.3,E12345678", "主机,护照号\n〔IP地址〕,〔护照号〕"),
    ],
)
def test_accounts(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "http://user:password@host/",
        "http://h:8080/",
        "?token=TOKEN",
        "api_key=YOUR_API_KEY",
        "icon@2x.png",
        "getty@tty1.service",
        "git@github.com:a/b.git",
        "a@example.invalid",
        "2001:db8::1",
        "std::vector",
        "12:34:56",
        "00:1a:2b:3c:4d:5e",
        "face::b00c",
    ],
)
def test_what_is_no_account(text: str) -> None:
    assert find(text) == []


def test_permits_are_told_from_ids_by_their_lead() -> None:
    random = Random("permits")
    from quanheng.text.check_digits import resident_id_digit

    for lead, kind in (("810000", "permit"), ("911840", "permit"), ("110105", "resident_id"), ("900000", None)):
        first = f"{lead}19900307{random.randrange(1000):03}"
        found = [span.type for span in find(f"证件{first + resident_id_digit(first)}，")]
        assert found == ([kind] if kind else [])


def test_a_table_of_many_rows_takes_no_time_and_every_number() -> None:
    random = Random("table")
    rows = [resident_id(random) for _ in range(3000)]
    text = "姓名,身份证号\n" + "".join(f"王伟,{row}\n" for row in rows)
    assert len(find(text)) == 6000


def test_the_title_of_a_column_of_addresses_is_a_word_of_its_own() -> None:
    found = [match.group() for match in _accounts._IP_TITLE.finditer("vip ip:ipa ips ipv4 vipv4 ip1 主机 机 i p")]
    assert found == ["ip", "ipv4", "ipv4", "ip", "主机"]
