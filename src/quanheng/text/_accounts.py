"""Where somebody is reached or let in on the net: each function yields spans of the folded view."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address

from quanheng.text._context import before, columns, lazily

Spans = Iterator[tuple[int, int]]

_DOMAIN = lazily(r"(?:[0-9a-z](?:[0-9a-z-]{0,61}[0-9a-z])?\.){1,8}([a-z]{2,24})(?![0-9a-z@])(?!-[0-9a-z])")
_LOCAL_SIGNS = frozenset("0123456789abcdefghijklmnopqrstuvwxyz._%+-")
_LOCAL_LIMIT = 64
#: What looks like the end of an address and is that of a file or a service of systemd: icon@2x.png, getty@.service.
_NOT_DOMAINS = frozenset(
    "png jpg jpeg gif svg webp bmp ico css js ts html htm xml pdf zip gz json txt md py cpp java class so dll exe conf"
    " service socket target timer mount device slice scope swap path invalid".split()
)


def emails(seen: str) -> Spans:
    """Yield e-mail addresses. One blank on each side of the @ is let pass. RFC 2606's .invalid is nobody's."""
    at = seen.find("@")
    while at >= 0:
        blank = seen[at - 1 : at] == " " and seen[at + 1 : at + 2] == " "
        domain = _DOMAIN.match(seen, at + 1 + blank)
        start = _local_start(seen, at - blank)
        if (
            domain
            and start < at - blank
            and domain.group(1) not in _NOT_DOMAINS
            and not _is_repository(seen, start, at, domain.end())
        ):
            yield start, domain.end()
        at = seen.find("@", at + 1)


def _is_repository(seen: str, start: int, at: int, end: int) -> bool:
    """Return whether it is the place of a repository, "git@github.com:owner/name"."""
    return seen[start:at] == "git" and seen[end : end + 1] in (":", "/")


def _local_start(seen: str, end: int) -> int:
    start = end
    while start > 0 and end - start <= _LOCAL_LIMIT and seen[start - 1] in _LOCAL_SIGNS:
        start -= 1
    while start < end and seen[start] in "._%+-":
        start += 1
    return end if end - start > _LOCAL_LIMIT else start


#: Behind the first character: no letter or digit before it, save "IP".
_IP_LEFT = r"(?:(?<![0-9a-z.].)|(?<=ip.)(?<![a-z]ip.)|(?<=ipv[46].))"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = lazily(rf"[0-9]{_IP_LEFT}\d{{0,2}}(?:\.{_OCTET}){{3}}(?![0-9a-z])(?!\.\d)")
#: In every IPv4 address; it begins with one character, which `re` skips to.
_IPV4_HINT = lazily(r"\.[0-9]{1,3}\.[0-9]")
_VERSION_WORD = lazily(
    r"(?:版本?|version|ver|release|发行|固件|驱动|内核|第|章|条|节|oid|build)号?[为是]?[ ]?[:.]?[ ]?$|(?<![a-z])v[. ]?$"
)
_IP_TITLE = lazily(r"[i主](?:(?<=i)p(?:(?<![a-z]ip)(?![a-z])|v4)|(?<=主)机)")
_ADDRESS_WORD = lazily(r"(?<![a-z])ips?(?![a-z])|地址|主机|服务器|登录|ipv4|host|addr|来源|访问")


def ipv4_addresses(seen: str) -> Spans:
    """Yield IPv4 addresses, save 0/8, 127/8, 224/8 and above, networks ("10.0.0.0/8"), versions, section numbers."""
    if not _IPV4_HINT.search(seen):
        return
    told: set[int] | None = None  # places of cells below a title that says what they are
    for match in _IPV4.finditer(seen):
        if told is None:
            told = {cell.start for cell in columns(seen, _IP_TITLE)}
        start, end = match.span()
        octets = [int(octet) for octet in match.group().split(".")]
        if (
            octets[0] in (0, 127)
            or octets[0] > 223
            or match.group().startswith("0")
            or (octets[3] == 0 and seen[end : end + 1] == "/")
        ):
            continue
        # "1.2.3.4" is a section, "33.3.59.11" a draw of lots, unless somebody says that it is an address; of
        # addresses drawn at random 98 % have a part of 100 or more.
        lead = before(seen, start)
        if start in told or _ADDRESS_WORD.search(lead) or (max(octets) >= 100 and not _VERSION_WORD.search(lead)):
            yield start, end


_IPV6 = lazily(
    rf"[23f]{_IP_LEFT}[0-9a-f]{{3}}:[0-9a-f:]{{2,34}}"
    r"(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?![0-9a-z])(?!\.\d)"
)
#: In every IPv6 address, so that colons alone cost nothing.
_IPV6_HINT = lazily(r":(?<=[0-9a-f]{4}:)[0-9a-f:]{2}")
_GROUP_BEFORE = lazily(r"(?<![0-9a-z])[0-9a-f]{0,4}:\Z")  # the match is the middle of something longer
#: Global unicast, unique local, link local; RFC 3849's 2001:db8 is nobody's.
_IPV6_LEAD = lazily(r"[23][0-9a-f]{3}|f[cd][0-9a-f]{2}|fe[89ab][0-9a-f]")


def ipv6_addresses(seen: str) -> Spans:
    """Yield IPv6 addresses of the ranges that are somebody's, whole or shortened with "::"."""
    if not _IPV6_HINT.search(seen) or ("::" not in seen and seen.count(":") < 7):
        return
    for match in _IPV6.finditer(seen):
        shown = match.group()
        if shown.endswith(":") and not shown.endswith("::"):
            shown = shown[:-1]  # "2400:3200::1: 端口"
        if _GROUP_BEFORE.search(seen[max(0, match.start() - 6) : match.start()]):
            continue
        groups = [group for group in shown.split(":") if group]
        if not _IPV6_LEAD.match(shown) or shown.startswith("2001:db8:"):
            continue
        if len(groups) >= 3 or (len(groups) == 2 and ("f" in shown[0] or len(groups[0] + groups[1]) >= 5)):
            try:
                IPv6Address(shown)
            except AddressValueError:
                continue
            yield match.start(), match.start() + len(shown)


_USER_INFO = lazily(r"://([^\s/?#@:\0<>\"'\\]{0,64}:[^\s/?#@\0<>\"'\\]{1,128})@(?=[0-9a-z\[])")
_VALUE = r"[\"']?(?:[=:]|[ ][=:][ ]|:[ ])[\"']?([0-9a-z._~+/%=-]{8,512})"
#: In everything that `_SECRETS` finds: the sign, a value behind it, the last letter of one of the words before it. Two
#: patterns, since `re` skips to one character faster than to a set.
_VALUE_HINTS = tuple(
    lazily(sign + r"(?=[ ]?[\"']?[0-9a-z._~+/%=-]{8})(?:(?<=[dgnty].)|(?<=[dgnty][\"' ].)|(?<=[dgnty][\"'][ ].))")
    for sign in "=:"
)
_SECRETS = (
    lazily(r"[?&;](?:token|sig|sign|key|secret|pwd|passwd|password|session_?id|jwt)" + _VALUE),
    lazily(
        r"(?:access|auth|refresh|api|secret|session|private|client|app)[_-]?(?:token|key|secret)(?:[_-]?id)?" + _VALUE
    ),
)
#: Words that stand in a manual where the secret would.
_PLACEHOLDERS = lazily(
    r"(?:your|my|the|some|test|example|user)?[_-]?(?:password|passwd|pass|pwd|pw|secret|token|key|密码|口令|x+|\*+|\.+)"
)


def url_credentials(seen: str) -> Spans:
    """Yield user:password of URLs, and the values of token=, access_token=, api_key= and the like."""
    if "://" in seen and "@" in seen:
        for match in _USER_INFO.finditer(seen):
            if not _PLACEHOLDERS.fullmatch(match.group(1).partition(":")[2]):
                yield match.span(1)
    for pattern in _SECRETS if any(hint.search(seen) for hint in _VALUE_HINTS) else ():
        for match in pattern.finditer(seen):
            value = match.group(1).rstrip("./")
            if any(map(str.isdigit, value)) and not _PLACEHOLDERS.fullmatch(value):
                yield match.start(1), match.start(1) + len(value)


_QQ_NUMBER = r"[1-9](?:\d{4,10}|\d{1,3}(?:[ -]\d{2,4}){1,3})"
_QQ = lazily(
    r"(?:qq(?<![a-z]qq)|q(?<=加q)|q(?<![0-9a-z]q)(?=:)|扣扣|企鹅)(?:号码?|群号?|群|账号|邮箱)?[^0-9a-z\n\0]{0,5}"
    rf"({_QQ_NUMBER})(?![0-9a-z])(?!\.\d)"
)
_QQ_TITLE = lazily(r"qq(?:号码?)?|扣扣号?")
_WECHAT_ID = r"[a-z][a-z0-9_-]{5,19}(?![0-9a-z_@])(?!\.[a-z])"
_WECHAT = lazily(
    r"(?:微信|威信|薇信|wechat|weixin|vx)(?<![a-z]vx)(?<![a-z]w.....)"
    r"(?:(?:号码?|账号|id|_id)[\"'”]?[ |]{0,2}[:=是为]{0,2}[ |]{0,2}[\"'“]?"
    r"|[\"'”]?[ |]{0,2}[:=|][ |]{0,2}[\"'“]?|[ ]?(?=[a-z_-]{0,19}\d))"
    rf"({_WECHAT_ID})"
)
_WECHAT_TITLE = lazily(r"微信号?|wechat(?:_id)?")
_WECHAT_WORD = lazily("[微威薇wv](?:(?<=[微威薇])信|(?<=w)e(?:chat|ixin)|(?<=v)x)")


def qq_numbers(seen: str) -> Spans:
    """Yield QQ numbers behind the word, or in a column of that title."""
    is_latin = "q" in seen and ("qq" in seen or "加q" in seen or "q:" in seen)
    if is_latin or "扣扣" in seen or "鹅" in seen:
        yield from (match.span(1) for match in _QQ.finditer(seen))
        for cell in columns(seen, _QQ_TITLE):
            if re.fullmatch(_QQ_NUMBER, seen[cell.start : cell.end]):
                yield cell.start, cell.end


def wechat_ids(seen: str) -> Spans:
    """Yield WeChat names behind the word, or in a column of that title."""
    if _WECHAT_WORD.search(seen):
        yield from (match.span(1) for match in _WECHAT.finditer(seen))
        for cell in columns(seen, _WECHAT_TITLE):
            if re.fullmatch(_WECHAT_ID, seen[cell.start : cell.end]):
                yield cell.start, cell.end
