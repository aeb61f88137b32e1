"""Street addresses down to the number or the room: "北京市海淀区花园路3号院2号楼1单元501室".

The search begins at the number behind a road, a village or an estate; from there it goes left to where the address
begins. Without such a number nothing is looked for, and without a region or a word for an address nothing is found.
"""

from __future__ import annotations

from collections.abc import Iterator

from quanheng.text._context import before, lazily

Spans = Iterator[tuple[int, int]]

_HAN = "\u4e00-\u9fff"
_COUNT = r"(?:\d{1,5}|[一二三四五六七八九十百]{1,5})"
_UNIT = r"(?:号楼|号院|号房|号门|号|弄|栋|幢|座|单元|楼|层|室|房|户|院|组|队)"
_TAIL = rf"(?:[ ,]?(?:[a-z东南西北]|{_COUNT})[ ]?(?:[-之]\d{{1,4}})?{_UNIT})"
_ANCHOR = lazily(
    # What the number hangs on (胡同 and 宿舍 by their ends, 中路 and 学院南 by a direction), the number, its unit.
    rf"[路街道巷弄同里村屯庄园苑城区寓厦镇乡坊庭府湾居院舍东南西北中段社场营][ ]?{_COUNT}(?:[-之]\d{{1,4}}){{0,3}}"
    r"(?:号楼|号院|号|弄|栋|幢|座|单元|组|室)"
    rf"(?:院|附{_COUNT}号)?(?:[{_HAN}]{{1,8}}?(?:大厦|大楼|广场|中心|公寓|小区|花园|苑|城|园|村|宿舍|家园))?"
    rf"{_TAIL}{{0,6}}(?:[ ]?\d{{1,4}}(?:-\d{{1,4}}){{1,3}}[室号]?|[ ]?\d{{3,4}}(?![0-9a-z.-]))?"
)
_LEFT = lazily(rf"[{_HAN}0-9 ()·-]*$")
_REACH = 44
_PROVINCES = (
    "北京 天津 上海 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南 四川 贵州"
    " 云南 陕西 甘肃 青海 台湾 内蒙古 广西 西藏 宁夏 新疆 香港 澳门"
).split()
_PROVINCE = lazily(rf"(?:{'|'.join(_PROVINCES)})(?=[{_HAN}])(?![东南西北中]?[一二三四]?[路街]|大道|大街)")
#: After these an address begins.
_LEAD = lazily(
    r"(?:地址|住址|住所地?|所在地|户籍地?|籍贯|家住|现住|居住在|居住于|租住在|租住|暂住|住在|住于|位于"
    r"|坐落于|坐落在|坐落|寄到|寄往|寄至|寄给|送到|送至|送往|搬到|搬至|前往|来到|送货到|快递到|邮寄到"
    r"|发到|发往|设在|开在|就在|家在|在|至|到|往|住|于|是|为)(?:了|是|为|在|于)?[ :]*"
)
_STRONG = lazily(r"地址|住址|住所|所在地|户籍|家住|现住|居住|租住|暂住|住在|寄[到往至给]|送[到至往]|收货|坐落|address")
_REGION = lazily(rf"[{_HAN}]{{1,8}}?(?:省|自治区|市|自治州|地区|盟|区|县|旗|镇|乡|街道)")


def addresses(seen: str) -> Spans:
    """Yield street addresses that reach down to a number."""
    end = 0
    for match in _ANCHOR.finditer(seen):
        left = max(end, match.start() + 1 - _REACH)
        run = _LEFT.search(before(seen, match.start() + 1, match.start() + 1 - left))
        if run is None:
            continue
        shown = run.group()
        at = match.start() + 1 - len(shown)
        skip = _begin(shown)
        named = len(shown) - skip
        cued = _STRONG.search(before(seen, at + skip, 16)) is not None
        if named >= 2 and (_is_placed(shown[skip:]) or cued):
            yield at + skip, match.end()
            end = match.end()


def _begin(run: str) -> int:
    """Return where the address begins in the characters before its number."""
    province = _PROVINCE.search(run)
    if province:
        return province.start()
    begin = 0
    for match in _LEAD.finditer(run):
        # 于洪区, 到保 and 往 are parts of names too: such a single character counts only before the first region.
        region = _REGION.search(run, begin)
        if len(match.group()) == 1 and region and match.start() >= region.end():
            break
        if match.end() < len(run) - 1:
            begin = match.end()
    return begin + len(run[begin:]) - len(run[begin:].lstrip(" ()-·:"))


def _is_placed(run: str) -> bool:
    """Return whether the run names a region, and something after it that the number hangs on."""
    if _PROVINCE.match(run):
        return True
    region = _REGION.match(run)
    return region is not None and len(run) - region.end() >= 2
