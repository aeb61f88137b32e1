"""What may stand in the place of a personal datum so that equal data stay equal: a keyed pseudonym.

A pseudonym is a keyed hash (HMAC-SHA-256) of the type and the folded value without separators: the same value has the
same pseudonym wherever it stands and however it is written, and without the key none can be computed from a guess.
Where readers of the text expect a form, the pseudonym has it, out of a range that is nobody's:

- mobile: 11 digits beginning with 10; no mobile network of the number plan begins so
- landline: area code 000
- resident_id, permit: region 000000 or 000001, a made-up day, the right check character
- bank_card: 16 digits beginning with 0, which no bank issues (ISO/IEC 7812), the right Luhn digit
- credit_code: beginning with 00, the right check character
- email: at example.invalid (RFC 2606); ipv4: 0.0.0.0/8 (RFC 1122); ipv6: 2001:db8::/32 (RFC 3849)

Everything else becomes its name and twelve hexadecimal digits in 〔 〕. Different values may share a pseudonym: a
mobile number has 10⁹ of them, an address of IPv4 2²⁴, so that of 5,000 addresses about one pair is expected to.
"""

from __future__ import annotations

import hmac
import re
from datetime import date, timedelta
from hashlib import sha256

from quanheng.text.check_digits import credit_digit, is_luhn, resident_id_digit
from quanheng.text.normalise import shadow
from quanheng.text.personal_data import LABELS, Type

#: A change of what any value becomes is a new version.
VERSION = 1
#: A shorter key could be guessed from its digest.
MIN_KEY_BYTES = 32

_NOT_ALNUM = re.compile(r"[^0-9a-z\u4e00-\u9fff]")
_BLANKS = re.compile(r"\s")
_DAYS = 36_525  # a century from 1900
_CREDIT_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WITH_SIGNS = frozenset(("email", "url_credentials", "wechat", "ipv4", "ipv6"))


def canonical(kind: Type, value: str) -> str:
    """Return the value without what writers may choose: width, case, separators, the country code of a telephone.

    >>> canonical("mobile", "+86 138-1234-5678"), canonical("mobile", "１３８１２３４５６７８")
    ('13812345678', '13812345678')
    """
    folded = shadow(value).text
    if kind in _WITH_SIGNS:
        return _BLANKS.sub("", folded)
    plain = _NOT_ALNUM.sub("", folded)
    if kind == "mobile":
        return plain[-11:]
    if kind == "landline":
        return plain.partition("转")[0].removeprefix("00").removeprefix("86").lstrip("0")
    return plain


def pseudonym(kind: Type, value: str, key: bytes) -> str:
    """Return what stands in the text instead of `value`. Raises ValueError when the key is under 32 bytes."""
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"a key of {len(key)} bytes; at least {MIN_KEY_BYTES} are needed")
    digest = hmac.new(key, f"{kind}\0{canonical(kind, value)}".encode("utf-8", "surrogatepass"), sha256).digest()
    number = int.from_bytes(digest, "big")
    match kind:
        case "mobile":
            return f"10{number % 10**9:09d}"
        case "landline":
            return f"000-{number % 10**8:08d}"
        case "resident_id" | "permit":
            day = date(1900, 1, 1) + timedelta(days=number % _DAYS)
            first = f"{int(kind == 'permit'):06d}{day:%Y%m%d}{number // _DAYS % 1000:03d}"
            return first + resident_id_digit(first).upper()
        case "bank_card":
            first = f"0{number % 10**14:014d}"
            return next(first + last for last in "0123456789" if is_luhn(first + last))
        case "credit_code":
            first = "0" * 8 + "".join(_CREDIT_SIGNS[byte % 31] for byte in digest[:9])
            return first + credit_digit(first.lower()).upper()
        case "email":
            return f"u{digest.hex()[:12]}@example.invalid"
        case "ipv4":
            return f"0.{digest[0]}.{digest[1]}.{digest[2]}"
        case "ipv6":
            return f"2001:db8:{digest.hex()[:4]}:{digest.hex()[4:8]}::{digest.hex()[8:12]}"
        case _:
            return f"〔{LABELS[kind]}{digest.hex()[:12]}〕"
