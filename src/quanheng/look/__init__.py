"""The look of everything people read: one style sheet for pages and for reports, with light, dark and print."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["house_css"]


def house_css() -> str:
    """Return the style sheet that pages link and reports carry inside."""
    return files("quanheng.look").joinpath("house.css").read_text("utf-8")
