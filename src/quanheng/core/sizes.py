"""Numbers of bytes as people read them, the same on every face."""

from __future__ import annotations

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size_text(count: int) -> str:
    """Return a number of bytes in the unit that suits it.

    >>> [size_text(n) for n in (999, 1536, 3 * 1024**3, 5 * 1024**5)]
    ['999 B', '1.5 KiB', '3.0 GiB', '5120.0 TiB']
    """
    value = float(count)
    for unit in UNITS[:-1]:
        if value < 1024:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} {UNITS[-1]}"
