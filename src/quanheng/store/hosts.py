"""Hosts that may be called: how the setting writes them, and whether one is among them."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv6Address

_WRITTEN = re.compile(r"(?:\[(?P<address>[0-9a-fA-F:.]+)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[0-9]{1,5}))?")
_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
#: What an address of IPv4 ends in, in any of its spellings; names below such a label would be addresses.
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
#: ß, ς and the two joiners: IDNA of 2003 and of 2008 make other names of them, and clients differ in which they call.
_AMBIGUOUS = re.compile("[\u00df\u1e9e\u03c2\u200c\u200d]")
_LONGEST = 253


def is_host(text: str) -> bool:
    """Return whether `text` names hosts: a name or address, with a port or without, or all names below a domain.

    >>> [is_host(text) for text in ("llm.example.com", "10.0.0.5:8000", "*.example.com", "[fd00::1]:8000", "fd00::1")]
    [True, True, True, True, True]
    >>> [is_host(text) for text in ("https://llm.example.com", "llm.example.com/v1", "*", "a b", "me@h", "h:70000")]
    [False, False, False, False, False, False]
    """
    return canonical_host(text) is not None


@lru_cache(maxsize=1024)
def canonical_host(text: str) -> str | None:
    """Return the one spelling of what `is_host` takes, None for all else: equal hosts and ports give equal texts.

    Names are in the ASCII form of IDNA (RFC 3490), addresses of IPv6 in brackets and compressed.

    >>> [canonical_host(text) for text in ("Bücher.example:0443", "FD00:0::1", "[fd00::1]:08000", "*.5")]
    ['xn--bcher-kva.example:443', '[fd00::1]', '[fd00::1]:8000', None]
    """
    bare = text.count(":") > 1 and not text.startswith("[")  # an address of IPv6 that has no port
    found = _WRITTEN.fullmatch(f"[{text}]" if bare else text)
    if found is None or not 0 < int(found["port"] or 1) < 65536:
        return None
    try:
        host = f"[{IPv6Address(found['address']).compressed}]" if found["address"] else _ascii_name(found["name"])
    except ValueError:  # UnicodeError is one
        return None
    return f"{host}:{int(found['port'])}" if host and found["port"] else host


def _ascii_name(name: str) -> str | None:
    star = "*." if name.startswith("*.") else ""
    name = name.removeprefix("*.")
    if len(name) > _LONGEST or _AMBIGUOUS.search(name):
        return None
    found = name.encode("idna").decode("ascii").lower()
    if len(star + found) > _LONGEST or not _NAME.fullmatch(found) or (star and _NUMBER.fullmatch(found)):
        return None
    return star + found


def is_among(host: str, port: int, allowed: Collection[str]) -> bool:
    """Return whether a host is allowed at this port; `allowed`: as `is_host` takes them.

    "*.example.com" allows every name below example.com, and not example.com itself.

    >>> [is_among(host, 443, ("*.example.com", "b.test:443")) for host in ("a.example.com", "example.com", "b.test")]
    [True, False, True]
    """
    wanted = canonical_host(f"[{host}]" if ":" in host else host)
    if wanted is None:
        return False
    labels = wanted.split(".")
    above = () if wanted.startswith("[") else ("*." + ".".join(labels[at:]) for at in range(1, len(labels)))
    known = {canonical_host(one) for one in allowed}
    return any(name in known or f"{name}:{port}" in known for name in (wanted, *above))
