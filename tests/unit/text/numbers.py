"""Made-up personal data with right check digits, from a seeded random source; none of it is anybody's."""

from __future__ import annotations

from random import Random

from quanheng.text.check_digits import is_credit_code, is_luhn, resident_id_digit


def resident_id(random: Random) -> str:
    """Return an 18-character ID of an unlikely region."""
    day = f"{random.randint(1900, 2020)}{random.randint(1, 12):02}{random.randint(1, 28):02}"
    first = f"{random.randint(11, 65)}{random.randint(0, 9999):04}{day}{random.randint(0, 999):03}"
    return first + resident_id_digit(first).upper()


def mobile(random: Random) -> str:
    """Return an 11-digit mobile number."""
    return random.choice(["130", "139", "147", "158", "166", "177", "186", "199"]) + f"{random.randrange(10**8):08}"


def landline(random: Random) -> str:
    """Return a landline number with its area code."""
    return random.choice(["010-", "021-", "0755-", "(0411)"]) + f"{random.randint(2, 8)}{random.randrange(10**7):07}"


def bank_card(random: Random) -> str:
    """Return a UnionPay number of 16 or 19 digits."""
    first = "62" + "".join(str(random.randint(0, 9)) for _ in range(random.choice([13, 16])))
    return next(first + last for last in "0123456789" if is_luhn(first + last))


def credit_code(random: Random) -> str:
    """Return a unified social credit code."""
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    first = f"91{random.choice([11, 31, 44, 65])}{random.randrange(10**4):04}MA" + "".join(
        random.choice(alphabet) for _ in range(7)
    )
    return next(first + last for last in alphabet if is_credit_code((first + last).lower()))


def email(random: Random) -> str:
    """Return an address at a name reserved for examples."""
    return f"user{random.randrange(10**5)}.a@mail{random.randint(1, 9)}.example.com"


def ipv4(random: Random) -> str:
    """Return an address with a part of 100 or more."""
    return f"{random.randint(128, 223)}.{random.randint(0, 255)}.{random.randint(0, 255)}.{random.randint(1, 254)}"


def plate(random: Random) -> str:
    """Return an ordinary or new-energy plate."""
    tail = f"{random.randrange(10**5):05}" if random.random() < 0.5 else f"D{random.randrange(10**5):05}"
    return random.choice("京沪粤川陕") + random.choice("ABCDE") + tail


MAKERS = {
    "resident_id": resident_id,
    "mobile": mobile,
    "landline": landline,
    "bank_card": bank_card,
    "credit_code": credit_code,
    "email": email,
    "ipv4": ipv4,
    "plate": plate,
}
