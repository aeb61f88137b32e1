"""Names of persons behind a word that announces one: "姓名：", "联系人", "法定代表人"; never a bare word.

A name is a surname of the table and one or two Han characters, and must end where a name can end: before something
that is no Han character, or before a word that follows names. Without a cue nothing is looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quanheng.text._context import columns, lazily

Spans = Iterator[tuple[int, int]]

_CUE_WORDS = (
    "姓名 联系人 联络人 法定代表人 法人代表 负责人 经办人 收件人 收货人 寄件人 发件人 户主 申请人 委托人"
    " 受托人 代理人 投保人 被保险人 受益人 监护人 患者 病人 原告 被告 上诉人 当事人 证人 车主 持卡人 乘客 旅客"
    " 考生 买受人 出卖人 承租人 出租人 借款人 担保人 债务人 债权人 客户 家属 签收人 签字 我叫 名叫 名字叫 本人"
).split()
_LATIN_CUES = ("real_name", "realname", "full_name", "fullname", "customer_name", "patient_name", "contact", "username")

#: Surnames in use, by 《中国姓氏》 frequency and 百家姓.
_SINGLE = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜"
    "崔谭陆范汪廖石金韦贾夏付傅方邹熊白孟秦邱侯江尹薛闫阎段雷龙黎史陶贺毛郝顾龚邵万钱覃武戴孔向汤严温康施文牛樊葛"
    "邢安齐易乔伍庞颜倪庄聂章鲁岳翟申殷詹欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单裴霍涂成苗谷曲盛冉翁蓝骆路"
    "游靳辛管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟"
    "应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝封官谈匡鞠惠荆乐冀胥南班储原栗燕楚鄢劳"
    "谌奚皮粟冼蔺楼盘满闻厉伊仝百阚强郁花衣宣贲逄嵇井乌牧隗山蓬郗松帅缑亢况琴墨哈谯赏肇弘国隆蔚居衡沃丰巢蒯红竺权"
    "逯盖桓公屠幸扈郏浦慕茹习宦鱼容荀羊於邸藏晁佴闪佀代仉水云昌凤酆廉常平萧湛禹狄贝计伏茅季危支昝莫裘杭洪诸钮芮羿"
    "汲邴糜富巴弓宓仰秋暴钭戎祖束韶郜蓟薄宿怀邰鄂索咸籍赖阴苍莘贡堵宰郦雍郤璩濮寿慎戈庾暨禄阙东殳厍融訾那毋乜鹿尧"
    "矫啜鲜"
)
_COMPOUND = (
    "欧阳 上官 司马 诸葛 司徒 东方 皇甫 尉迟 公孙 令狐 慕容 宇文 长孙 夏侯 轩辕 端木 独孤 南宫 百里 闻人 澹台"
    " 公冶 宗政 濮阳 淳于 单于 太叔 申屠 仲孙 钟离 鲜于 闾丘 司空 亓官 司寇 拓跋 赫连 呼延 完颜 东郭 西门 第五"
    " 纳兰 左丘 谷梁 段干 羊舌 微生"
).split()
#: Words that begin like a name and stand where one could: titles of other fields, common nouns of forms.
_NOT_NAMES = frozenset(
    "付款 付清 付息 付费 付给 付出"
    " 单位 时间 项目 车牌 车型 高级 金额 方法 方式 任务 安全 成本 成员 成绩 常用 应当 应用 平台 温度 水平 关系"
    " 关于 有关 有限 有效 权利 申请 申请人 申诉 申报 申辩 申明 陈述 陈列 周围 周期 周边 周末 周日 计划 计算"
    " 计量 谢谢 许多 何况 张贴 石材 钱款 江边 白色 贝壳 祝愿 顾客 顾问 古人 常规 常住 常年 曾在 强度 强化 花费"
    " 花园 成为 成立 成功 成年 时任 时常 卫星 车站 车间 车次 包装 包裹 包办 武装 毛重 毛利 宁可 危险 危害 支行"
    " 管控 管道 房间 房地 解答 解放 应诉 应急 应聘 宣传 洪水 杭州 陆续 陆地 荣誉 惠州 封闭 段落 富有 焦点 谷物"
    " 全程 全面 全员 全家 秋季 仲裁 宁波 武汉 符合 符号 司令 宿舍 怀疑 怀孕 索要 索赔 蒙古 阴性 阴道 劳动 劳务"
    " 贡献 堵塞 寿命 寿险 边境 农业 农药 艾滋 容貌 满足 弘扬 文员 东部 东北 东南 欧洲 师范 融资 冷静 冷藏 那么"
    " 那个 那些 简单 简历 关键 关闭 查阅 查明 查封 和口令 和密码 和电话 和地址 和单位 和住址 和性别 权限 国家"
    " 国籍 公司 公安 公章 公民 公开 相关 相应 相对 容量 别名 都是 和其他 全名 全部 全称 代码 代理 代理人 代表"
    " 代表人 代表团 简称 简介 商品 商家 商户 管理 管理员 管理人 任职 任何 任意 明确 明细 官方 官员 师傅 师生"
    " 路径 路线 包括 包含 文化 文件 文本 文字 祝您 白天 万元 向其 向我 许可 许可证 于是 后期 后来 后续 沈阳"
    " 南京 温州 海南 江苏 安徽 华为 农村 农民 司机 司法 车辆 车主 卫生 家属 黄金 石头 米饭 和其 和他 和她 和我"
    " 何人 何时 何地 何种 何处 党员 党派 连续 查询 查看 房屋 房产 房东 房号 游客 牧民 居民 居住 居住地"
    " 居民身份 原告 原因 原件 易于 乐于 利用 利益 利率 满意 高度 高于 须知 须在 丰富 红色 幸福 国内 国外 国际"
    " 越来越 时候 时期 时长 宣布 宣告 谈话 谈判 封面 步骤 边界 养老 费用 纪律 景区 景点 席位 储蓄 储户 毕业"
    " 毕业证 施工 施行 严格 严重 应该 应由 应在 万一 解释 解决 解除 充分 充值 别人 单独 单独或 全体 全国 习惯"
    " 容易 盖章 盖印 益处 公告 公布 公证 有权 有无 有关的 权益 国有 居间 相同 利害 商业 沙发 古代 景观 桂花"
    " 明显 明星 高中 高校 高考 方便 方案 高兴 高等 高热 高烧 高血压 金融 金属 马上 马路 江河 江西 江南 河南"
    " 广东 水果 安排 安装 安心 安慰 安置 康复 康熙 文明 文章 连接 连带 强制 强烈 强行 乐观 和解 和谐 和睦 和平"
    " 支持 支付 万分 常见 常务 曾经 曾用名 向上 于此 任一 任期 管辖 管家 项链 白血病 白癜风 白细胞 黄疸 毛病"
    " 石膏 石油 牛奶 牛皮癣 马桶 龙头 温馨".split()
)
_HAN = "[\u4e00-\u9fff]"
#: What may follow a name without a sign between.
_AFTER = (
    r"(?:先生|女士|小姐|同志|经理|老师|医生|律师|主任|教授|师傅|电话|手机|联系|身份|证件|性别|出生|地址"
    r"|住址|住所|住在|住于|住|年龄|民族|职务|单位|邮箱|微信|签字|签名|签收|因|系|诉|等|的|与|和|及|或|于"
    r"|在|向|已|为|是|有|男|女|你|您|们|从|自|今年|现年|[(])"
)
_END = rf"(?=(?!{_HAN})|{_AFTER})"
_HONORIFIC = "先生|女士|小姐|同志|经理|老师|医生|律师|主任|教授|师傅"
_NAME = (
    rf"(?:(?:{'|'.join(_COMPOUND)}|[{_SINGLE}])(?={_HONORIFIC})"
    rf"|(?:{'|'.join(_COMPOUND)})[ ]?{_HAN}{{1,2}}?{_END}|[{_SINGLE}][ ]{{0,4}}{_HAN}{{1,2}}?{_END})"
)
_OPENING = r"[\"'”’]?[ ]{0,4}[:=|\t][ \t|]{0,8}[\"'“‘《\[]?"
#: Without a sign between cue and name only these, and only frequent surnames that are no common words.
_DIRECT_CUES = (
    r"(?:联系人|联络人|法定代表人|法人代表|收件人|收货人|寄件人|经办人|原告|被告|上诉人|委托人|借款人"
    r"|户主|车主|本人)"
)
_DIRECT_SINGLE = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余杜叶程魏苏吕丁卢姚沈钟姜崔谭陆"
    "范汪廖贾夏傅邹熊孟秦邱侯江尹薛闫阎段雷龙黎史陶贺毛郝顾龚邵钱覃戴高付韦莫万武金石白孔汤严任"
)
_DIRECT_END = (
    rf"(?=(?!{_HAN})|先生|女士|小姐|同志|经理|老师|医生|律师|电话|手机|身份证|诉|系|因|与|的联系|住|男|女|[(])"
)
_DIRECT_NAME = (
    rf"(?:[{_DIRECT_SINGLE}](?={_HONORIFIC})|(?:{'|'.join(_COMPOUND)}){_HAN}{{1,2}}?{_DIRECT_END}"
    rf"|[{_DIRECT_SINGLE}]{_HAN}{{1,2}}?{_DIRECT_END})"
)
_CUE = (
    rf"(?:姓[ ]{{0,4}}名|{'|'.join(_CUE_WORDS)}|{'|'.join(_LATIN_CUES)}|户名(?<!用户名)(?<!账户名)|业主(?<!企业主)"
    r"|\"name(?=\"))"
    r"(?:姓名|名称|名字|信息|名)?(?:[(][^()\n\0]{1,8}[)])?"
)
_COMPOUND_FIRST = "".join(sorted({word[0] for word in _COMPOUND}))
#: What a name begins with behind a sign, and without one.
SURNAMES, DIRECT_SURNAMES = _SINGLE + _DIRECT_SINGLE + _COMPOUND_FIRST, _DIRECT_SINGLE + _COMPOUND_FIRST
#: The words that announce a name, as they are in the folded view; and what is only the title of a column of names.
CUES = (*_CUE_WORDS, *_LATIN_CUES, "户名", "业主", '"name', *(f"姓{' ' * blanks}名" for blanks in range(1, 5)))
TITLE = "name"


def _ended_by(words: Iterable[str]) -> str:
    """Return a pattern of the last character of each word, behind the others: `re` skips to those fastest.

    First asked is the character before it, since most of the last ones end other words as well.
    """
    by_last: dict[str, list[str]] = {}
    for word in words:
        by_last.setdefault(word[-1], []).append(word)
    branches = []
    for last, ended in by_last.items():
        before = "".join(sorted({word[-2] for word in ended}))
        branches.append(f"{last}(?<=[{before}]{last})(?:{'|'.join(f'(?<={word})' for word in ended)})")
    return "|".join(branches)


#: 姓名 with up to four blanks inside; a look-behind has one width.
_SPACED = "|".join(f"(?<=姓[ \u3000\xa0]{{{blanks}}}名)" for blanks in range(5))
#: The same as `_CUE`, in the text before it is folded as well, by the last characters.
_CUE_ENDS = (
    rf"(?:{_ended_by([*_CUE_WORDS, *_LATIN_CUES])}"
    rf"|名(?:{_SPACED}"
    r"|(?<=户名)(?<!用户名)(?<!账户名))|主(?<=业主)(?<!企业主)|e(?<=\"name)(?=\"))"
    r"(?:姓名|名称|名字|信息|名)?(?:[(（][^()\n\0]{1,8}[)）])?"
)
#: Asked of the text before it is folded. Every pattern that a whole text is searched with starts with a literal or a
#: set: `re` looks for those fastest.
_CUED = lazily(
    rf"{_CUE_ENDS}(?:[\"'”’ \u3000:：=＝|\t是为“‘《\[]{{1,12}}[{_SINGLE}{_COMPOUND_FIRST}]"
    rf"|[{_DIRECT_SINGLE}{_COMPOUND_FIRST}]|(?<=叫)[{_SINGLE}]|[ \"']{{0,4}}(?:[\t|,]|\n))"
)
_ANNOUNCED = lazily(rf"{_CUE}(?:{_OPENING}|[是为][ ]?[:]?[ ]?|[ ]{{1,8}})({_NAME})")
_DIRECT = lazily(rf"{_DIRECT_CUES}({_DIRECT_NAME})")
#: Behind these there is a name or nothing, so that every surname counts.
_NAMED = lazily(rf"(?:我叫|名叫|名字叫)({_NAME})")
_TITLE_WORDS = "姓名|联系人|收件人|收货人|负责人|法定代表人|经办人|户主|患者|申请人|业主|车主"
_TITLE = lazily(
    rf"(?:{_TITLE_WORDS}|姓[ ]{{1,4}}名|real_?name|name|contact)(?:姓名|名称)?(?=[ \"']{{0,4}}(?:[\t|,\n]|\Z))"
)
_WHOLE = lazily(rf"(?:{'|'.join(_COMPOUND)})[ ]?{_HAN}{{1,2}}|[{_SINGLE}][ ]{{0,4}}{_HAN}{{1,2}}")


def may_hold_names(text: str) -> bool:
    """Return whether a word that announces a name, and what could be a name, stand in a text or its folded view."""
    return _CUED.search(text) is not None


def names(seen: str, cued: Iterable[int] | None = None, *, in_tables: bool = True) -> list[tuple[int, int]]:
    """Return names of persons behind a cue, and in columns of tables whose title is one.

    cued: the only places at which a name can be announced, None where they are not known.
    """
    found = []
    for start, end in ((0, len(seen)),) if cued is None else _lines(seen, cued):
        for pattern in (_ANNOUNCED, _DIRECT, _NAMED):
            found += [match.span(1) for match in pattern.finditer(seen, start, end) if not _is_word(match.group(1))]
    for cell in columns(seen, _TITLE) if in_tables else ():
        shown = seen[cell.start : cell.end]
        if _WHOLE.fullmatch(shown) and not _is_word(shown):
            found.append((cell.start, cell.end))
    return found if found and _CUED.search(seen) else []


def _lines(seen: str, places: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the lines that these places are in; no word that announces a name, and no name, goes beyond one."""
    done = -1
    for place in places:
        if place > done:
            start, end = seen.rfind("\n", 0, place) + 1, seen.find("\n", place)
            done = len(seen) if end < 0 else end
            yield start, done


def _is_word(name: str) -> bool:
    """Return whether it is a word of forms or of the law, or a name already taken out: "周某"."""
    return name in _NOT_NAMES or name[:2] in _NOT_NAMES or name.endswith("人") or "某" in name
