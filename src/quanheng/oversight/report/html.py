"""A small HTML builder: everything is escaped unless this module made it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

VOID = frozenset({"br", "hr", "meta", "link", "col", "img"})


class Html(str):
    """Markup that was built here. Any other text is escaped when it becomes a child or an attribute."""

    __slots__ = ()


Child: TypeAlias = "Html | str | int | Iterable[Child] | None"
EMPTY = Html("")


def el(tag: str, *children: Child, **attributes: str | int | None) -> Html:
    """Return the element `tag`. A trailing "_" in a name is dropped, "_" becomes "-"; None leaves an attribute out.

    >>> el("a", "<1>", href="#x", class_="id")
    '<a href="#x" class="id">&lt;1&gt;</a>'
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[Child], separator: Html = EMPTY) -> Html:
    """Return the children as one piece of markup, escaping plain text; None disappears."""
    pieces = (piece(child) for child in children if child is not None)
    return Html(separator.join(pieces))


def piece(child: Child) -> Html:
    """Return one child as markup."""
    if isinstance(child, Html):
        return child
    if isinstance(child, str):
        return Html(escape(child, quote=False))
    if isinstance(child, int):
        return Html(str(child))
    if child is None:
        return EMPTY
    return join(child)
