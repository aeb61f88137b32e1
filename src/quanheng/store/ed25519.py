"""Ed25519 verification in pure Python, for machines that have nothing but Python's standard library.

Source: RFC 8032 section 5.1. Strict where the RFC leaves room: S must be below the group order, the encodings of both
points canonical, the public key not of small order. The equation is checked without the cofactor, as most libraries
do: [S]B = R + [k]A. Nothing here is secret, so nothing is constant-time; signing is elsewhere.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

KEY_BYTES = 32
SIGNATURE_BYTES = 64

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_MINUS_1 = pow(2, (_P - 1) // 4, _P)


class _Point(NamedTuple):
    """A point in extended coordinates: x = X/Z, y = Y/Z, X*Y = Z*T."""

    x: int
    y: int
    z: int
    t: int


_ZERO = _Point(0, 1, 1, 0)


def fingerprint(public_key: bytes) -> str:
    """Return how people name a key: "sha256:" and the SHA-256 of its 32 bytes."""
    return "sha256:" + hashlib.sha256(public_key).hexdigest()


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether `signature` (64 bytes) of `message` was made with the private half of `public_key` (32 bytes).

    Malformed keys and signatures are simply not valid; nothing is raised.
    """
    if len(public_key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    key = _decode(public_key)
    first = signature[:32]
    scalar = int.from_bytes(signature[32:], "little")
    # A first half that is no canonical point cannot equal the canonical encoding it is compared with below.
    if key is None or scalar >= _ORDER or _encode(_multiply(8, key)) == _encode(_ZERO):
        return False
    challenge = int.from_bytes(hashlib.sha512(first + public_key + message).digest(), "little") % _ORDER
    minus_key = _Point(-key.x % _P, key.y, key.z, -key.t % _P)
    return _encode(_add(_multiply(scalar, _BASE), _multiply(challenge, minus_key))) == first


def _add(a: _Point, b: _Point) -> _Point:
    """Return a + b; the formula is complete, so doubling needs no other (RFC 8032 section 5.1.4)."""
    e = (a.y - a.x) * (b.y - b.x) % _P
    f = (a.y + a.x) * (b.y + b.x) % _P
    g = 2 * a.t * b.t * _D % _P
    h = 2 * a.z * b.z % _P
    i, j, k, m = f - e, h - g, h + g, f + e
    return _Point(i * j % _P, k * m % _P, j * k % _P, i * m % _P)


def _multiply(scalar: int, point: _Point) -> _Point:
    total = _ZERO
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point = _add(point, point)
        scalar >>= 1
    return total


def _encode(point: _Point) -> bytes:
    inverse = pow(point.z, -1, _P)
    x, y = point.x * inverse % _P, point.y * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decode(data: bytes) -> _Point | None:
    """Return the point that `data` encodes; None when it is none or not in canonical form (section 5.1.3)."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _SQRT_MINUS_1 % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return _Point(x, y, 1, x * y % _P)


def _base() -> _Point:
    point = _decode((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    if point is None:
        raise AssertionError("the base point of RFC 8032 is a point")
    return point


_BASE = _base()
