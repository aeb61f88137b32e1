"""Hosts that may be called: how the setting writes them, and whether one is among them."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv6Address

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_NAMED = re.compile(rf"(?P<host>(?:\*\.)?{_LABEL}(?:\.{_LABEL})*)(?::(?P<port>[0-9]{{1,5}}))?")
_BRACKETS = re.compile(r"\[(?P<host>[0-9a-fA-F:.]+)\](?::(?P<port>[0-9]{1,5}))?")
_LONGEST = 253


def is_host(text: str) -> bool:
    """Return whether `text` names hosts: a name or address, with a port or without, or all names below a domain.

    >>> [is_host(text) for text in ("llm.example.com", "10.0.0.5:8000", "*.example.com", "[fd00::1]:8000")]
    [True, True, True, True]
    >>> [is_host(text) for text in ("https://llm.example.com", "llm.example.com/v1", "*", "a b", "me@h", "h:70000")]
    [False, False, False, False, False, False]
    """
    found = _BRACKETS.fullmatch(text) or _NAMED.fullmatch(text)
    if found is None or len(found["host"]) > _LONGEST or not 0 < int(found["port"] or 1) < 65536:
        return False
    try:
        return not text.startswith("[") or bool(IPv6Address(found["host"]))
    except ValueError:
        return False


def is_among(host: str, port: int, allowed: Collection[str]) -> bool:
    """Return whether a host is allowed at this port; `allowed`: as `is_host` takes them, of lower case.

    "*.example.com" allows every name below example.com, and not example.com itself.

    >>> [is_among(host, 443, ("*.example.com", "b.test:443")) for host in ("a.example.com", "example.com", "b.test")]
    [True, False, True]
    """
    written = f"[{host}]" if ":" in host else host
    labels = host.split(".")
    above = () if ":" in host else ("*." + ".".join(labels[at:]) for at in range(1, len(labels)))
    names = (host, written, *above)
    return any(name in allowed or f"{name}:{port}" in allowed for name in names)
