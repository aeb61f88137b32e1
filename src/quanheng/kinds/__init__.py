"""The kinds: the only contract between wings. `KINDS` maps "name/vN" to its pydantic model."""

from __future__ import annotations

from importlib import import_module

from quanheng.errors import NotFound
from quanheng.kinds.base import KINDS, Count, DecimalText, Digest, Kind, Model, Rate, Say, Slug, register_kind

__all__ = [
    "KINDS",
    "Count",
    "DecimalText",
    "Digest",
    "Kind",
    "Model",
    "Rate",
    "Say",
    "Slug",
    "all_kinds",
    "kind_model",
    "register_kind",
]

_MODULES = ("platform", "sources", "recipes", "corpora", "samples", "lexicons", "exports", "models", "oversight")


def all_kinds() -> dict[str, type[Kind]]:
    """Return every kind, by "name/vN"."""
    for name in _MODULES:
        import_module(f"quanheng.kinds.{name}")
    return dict(sorted(KINDS.items()))


def kind_model(kind: str) -> type[Kind]:
    """Return the model of `kind` ("name/vN"); NotFound names the kinds there are."""
    if kind not in KINDS:
        kinds = all_kinds()
        if kind not in kinds:
            raise NotFound(
                f"kind {kind!r} is not known here",
                f"不认识的类型 {kind!r}",
                hint=("Known kinds: " + ", ".join(kinds), "已知的类型：" + "、".join(kinds)),
                code="unknown_kind",
            )
    return KINDS[kind]
