"""Markdown made of what people and artifacts say: cells that break no table, tables, shares of whole numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quanheng.stats.binomial import decimal_text


def cell(text: str) -> str:
    """Return text safe inside a Markdown table or list: titles are written by people."""
    flat = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return flat.replace("<", "&lt;").replace("`", "\\`")


def table(head: Sequence[str], rows: Iterable[Sequence[str | int]]) -> list[str]:
    """Return the lines of a Markdown table, and an empty one after it."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(cell(f"{c:,}" if isinstance(c, int) else c) for c in row) + " |" for row in rows]
    return [*lines, ""]


def percent(k: int, n: int) -> str:
    """Return k of n as a percentage, a dash where n is 0."""
    return f"{decimal_text(k * 100, n, 2)} %" if n else "–"
