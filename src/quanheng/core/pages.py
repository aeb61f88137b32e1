"""What wings add to the pages: tabs, a verdict bar and a margin for artifacts of their kinds.

A wing's `pages.py` registers functions here; `quanheng.web` finds those modules through Django's registry of
applications. Each function gets a `View` and returns what its template shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from quanheng.core.context import Loaded
from quanheng.core.session import Session
from quanheng.errors import Text
from quanheng.kinds.counting import in_number

#: Colours with a meaning; each stands beside a word or a mark, never alone.
Tone = Literal["ok", "no", "wait", "na"]


@dataclass(frozen=True)
class View:
    """One artifact as somebody looks at it: who, what, in which language, with which query parameters."""

    session: Session
    project: str  # slug
    artifact: Loaded
    language: str
    query: Mapping[str, str] = field(default_factory=dict)

    def say(self, en: str, zh: str, n: int | str = "") -> str:
        """Return the sentence in the language of the page. n: the number that it is about, for the English singular."""
        return Text(in_number(en, n), zh).say(self.language)


@dataclass(frozen=True)
class Action:
    """A button: a verb with some of its fields filled in, or, where `verb` is a query with a file, its download."""

    verb: str
    label: Text
    data: Mapping[str, str] = field(default_factory=dict)
    main: bool = False


@dataclass(frozen=True)
class Bar:
    """The verdict bar: the biggest thing on the page, with counts beside it and what can be done."""

    word: str
    tone: Tone
    counts: Sequence[tuple[str, str, Tone | Literal[""]]] = ()  # number, label, tone
    said: Sequence[str] = ()
    actions: Sequence[Action] = ()


@dataclass(frozen=True)
class Panel:
    """A part of a kind's page: a template and the function that gives it its context."""

    kind: str  # without version
    slug: str
    title: Text
    template: str
    context: Callable[[View], Mapping[str, Any]]
    count: Callable[[View], str] | None = None
    is_long: bool = False


TABS: dict[str, list[Panel]] = {}
ASIDES: dict[str, list[Panel]] = {}
BARS: dict[str, Callable[[View], Bar]] = {}
TITLES: dict[str, Callable[[View], str]] = {}

Context = Callable[[View], Mapping[str, Any]]


def tab(
    kind: str,
    slug: str,
    *,
    title: tuple[str, str],
    template: str,
    count: Callable[[View], str] | None = None,
    is_long: bool = False,
) -> Callable[[Context], Context]:
    """Register a function as a tab of artifacts of `kind`; tabs stand in the order in which they are registered.

    The first one is what the page opens with. count: the number beside the tab's title. is_long: what it is asked may
    be longer than an address, so that its form may be sent by POST too; it still only reads.
    """

    def add(function: Context) -> Context:
        TABS.setdefault(kind, []).append(Panel(kind, slug, Text(*title), template, function, count, is_long))
        return function

    return add


def aside(kind: str, slug: str, *, title: tuple[str, str], template: str) -> Callable[[Context], Context]:
    """Register a function as a section of the margin of artifacts of `kind`."""

    def add(function: Context) -> Context:
        ASIDES.setdefault(kind, []).append(Panel(kind, slug, Text(*title), template, function))
        return function

    return add


def bar(kind: str) -> Callable[[Callable[[View], Bar]], Callable[[View], Bar]]:
    """Register a function as the verdict bar of artifacts of `kind`."""

    def add(function: Callable[[View], Bar]) -> Callable[[View], Bar]:
        BARS[kind] = function
        return function

    return add


def title(kind: str) -> Callable[[Callable[[View], str]], Callable[[View], str]]:
    """Register a function as what gives artifacts of `kind` their title."""

    def add(function: Callable[[View], str]) -> Callable[[View], str]:
        TITLES[kind] = function
        return function

    return add


def load() -> None:
    """Import `pages` of every application that has one; a second call does nothing."""
    from django.apps import apps

    for config in apps.get_app_configs():
        if config.name.startswith("quanheng.") and config.label not in ("qh_core", "qh_web"):
            if find_spec(f"{config.name}.pages"):
                import_module(f"{config.name}.pages")
