"""Every page that can be reached: no console error, nothing asked elsewhere, axe content, no sideways scrolling."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

import browsing
from serving import Served

HAN = re.compile(r"[\u4e00-\u9fff]")
#: Chinese that the workspace of these tests holds: titles that somebody entered, and the name of the language.
ENTERED = ("来源 a", "来源 b", "来源 c", "公开项目", "示例", "试用", "要撤回的文件", "一件事项", "中文")

#: Pages that no link leads to from the home page.
FURTHER = ("/projects", "/account", "/settings", "/users", "/tokens", "/verify", "/p/main/do", "/nothing-here")
#: Fewer sorts of pages than this would mean that the walk got lost.
LEAST_SORTS = 60
#: Forms are derived: so many of them stand for all, except in the one walk that looks at every page.
FORMS = 4


def walk(watched: browsing.Watched) -> list[str]:
    """Return one address of every sort of page that can be reached, found by following links."""
    found: dict[str, str] = {}
    todo = ["/p/main/", *FURTHER]
    while todo:
        address = todo.pop(0)
        sort = browsing.sort_of(address)
        if sort in found or browsing.is_file(address):
            continue
        found[sort] = address
        watched.page.goto(address)
        todo += watched.links()
    return list(found.values())


def of_every_kind(watched: browsing.Watched) -> list[str]:
    """Return the page of one artifact of every kind, and of one that was withdrawn."""
    rows = browsing.as_json(watched, "/p/main/artifacts.json?limit=200")["rows"]
    kinds = {(row["kind"], row["withdrawn"]): row["digest"] for row in rows}
    return [f"/p/main/a/{digest}" for digest in kinds.values()]


@pytest.fixture(scope="module")
def every(chromium: Any, server: Served) -> list[str]:
    """Return one address of every sort of page, and one artifact of every kind with its tabs."""
    watched = browsing.Watched.open(chromium, server.url)
    browsing.sign_in(watched, server.new_link())
    found = walk(watched)
    for address in of_every_kind(watched):
        watched.page.goto(address)
        found += [address, *(link for link in watched.links() if link.startswith(f"{address}?tab="))]
    watched.page.context.close()
    return list(dict.fromkeys(found))


@pytest.fixture(scope="module")
def few(every: list[str]) -> list[str]:
    """Return the pages without most of the forms and the tabs of other artifacts than the assessment and the corpus."""
    forms = [address for address in every if "/do/" in address]
    plain = [address for address in every if "/do/" not in address]
    whole = [address for address in plain if "tab=" not in address]
    tabs = {browsing.sort_of(address): address for address in plain if "tab=" in address}
    return [*whole, *tabs.values(), *forms[:FORMS]]


def test_the_walk_finds_the_pages(every: list[str]) -> None:
    sorts = {browsing.sort_of(address) for address in every}
    assert len(sorts) >= LEAST_SORTS, sorted(sorts)
    for wanted in ("/p/main/", "/p/main/log", "/p/main/jobs/*", "/p/main/flows/filing", "/p/main/a/*", "/verify"):
        assert wanted in sorts, sorted(sorts)


def look_at_all(watched: browsing.Watched, addresses: list[str], *, axe: bool = True) -> None:
    wrong: list[str] = []
    for address in addresses:
        watched.page.goto(address)
        wrong += watched.axe() if axe else []
        if watched.overflow() > 0:
            wrong.append(f"{address}: {watched.overflow()} px too wide")
        if watched.page.locator("h1").count() != 1:
            wrong.append(f"{address}: {watched.page.locator('h1').count()} headings of the first level")
    assert wrong == []
    watched.console = [text for text in watched.console if "/nothing-here" not in text]
    assert watched.faults() == {}


@contextlib.contextmanager
def signed_in(chromium: Any, server: Served, **options: Any) -> Iterator[browsing.Watched]:
    watched = browsing.Watched.open(chromium, server.url, **options)
    browsing.sign_in(watched, server.new_link())
    try:
        yield watched
    finally:
        watched.page.context.close()


def test_every_page_on_a_phone(chromium: Any, server: Served, every: list[str]) -> None:
    with signed_in(chromium, server, viewport={"width": browsing.WIDTHS["phone"], "height": 780}) as watched:
        look_at_all(watched, every, axe=False)


@pytest.mark.parametrize(("width", "scheme", "language"), [("wide", "dark", "zh"), ("phone", "light", "en")])
def test_pages_in_other_shapes(
    chromium: Any, server: Served, few: list[str], width: str, scheme: str, language: str
) -> None:
    options = {
        "viewport": {"width": browsing.WIDTHS[width], "height": 900},
        "color_scheme": scheme,
        "locale": "en-US" if language == "en" else "zh-CN",
    }
    with signed_in(chromium, server, **options) as watched:
        look_at_all(watched, few)


def test_english_pages_speak_english(chromium: Any, server: Served, few: list[str]) -> None:
    """Headings, labels and buttons; what people entered stays as it is."""
    ours = "() => [...document.querySelectorAll('h1,h2,th,label,button,nav a,dt')].map(e => e.innerText)"
    with signed_in(chromium, server, locale="en-US") as watched:
        said = set()
        for address in few:
            watched.page.goto(address)
            said |= {f"{address}: {text}" for text in watched.page.evaluate(ours) if HAN.search(text)}
    assert sorted(text for text in said if not any(entered in text for entered in ENTERED)) == []


def test_every_page_without_javascript_says_the_same(chromium: Any, server: Served, few: list[str]) -> None:
    differ = []
    with (
        signed_in(chromium, server) as scripted,
        signed_in(chromium, server, java_script_enabled=False) as plain,
    ):
        for address in few:
            plain.page.goto(address)
            scripted.page.goto(address)
            if len(plain.page.inner_text("main")) < 0.9 * len(scripted.page.inner_text("main")):
                differ.append(address)
    assert differ == []


def test_the_keyboard_reaches_everything(owner: browsing.Watched) -> None:
    """From the top of a list with Tab alone: skip link, navigation, filter, rows; j and k walk through the rows."""
    owner.page.goto("/p/main/artifacts")
    owner.page.keyboard.press("Tab")
    assert owner.page.evaluate("document.activeElement.className") == "skip"
    owner.page.keyboard.press("Enter")
    reached = set()
    for _ in range(60):
        owner.page.keyboard.press("Tab")
        reached.add(owner.page.evaluate("document.activeElement.tagName + (document.activeElement.type || '')"))
    assert {"A", "SELECTselect-one", "INPUTsearch"} & reached and "A" in reached
    owner.page.goto("/p/main/artifacts")
    owner.page.keyboard.press("j")
    first = owner.page.evaluate("document.activeElement.href")
    owner.page.keyboard.press("j")
    assert owner.page.evaluate("document.activeElement.href") != first and "/a/" in first
    owner.page.keyboard.press("k")
    owner.page.keyboard.press("Enter")
    owner.page.wait_for_url("**/a/sha256:*")
    owner.page.goto("/p/main/artifacts")
    owner.page.keyboard.press("/")
    assert owner.page.evaluate("document.activeElement.matches('[data-filter]')")


def test_the_review_list_is_worked_by_keyboard(owner: browsing.Watched) -> None:
    """j and k move, x ticks and unticks; what is ticked stands in the form of a takedown, the rest does not."""
    owner.page.goto("/p/main/a/corpus:listed?tab=review")
    ticked = "() => [...document.querySelectorAll('.pick input')].map(box => box.checked)"
    assert owner.page.evaluate(ticked) == [False, False]
    for keys, wanted in (("jx", [True, False]), ("jx", [True, True]), ("kx", [False, True]), ("xjx", [True, False])):
        for key in keys:
            owner.page.keyboard.press(key)
        assert owner.page.evaluate(ticked) == wanted, keys
    digest = owner.page.evaluate("document.querySelector('.pick input:checked').value")
    owner.page.locator(".main form button.main").click()
    owner.page.wait_for_url("**/do/corpus/takedown?*")
    assert owner.page.locator("textarea[name=digest]").input_value().strip() == digest


def test_pages_print_without_navigation(owner: browsing.Watched, few: list[str]) -> None:
    owner.page.emulate_media(media="print")
    for address in [a for a in few if "/a/" in a][:5]:
        owner.page.goto(address)
        assert not owner.page.locator("header nav").is_visible()
        assert owner.page.pdf(format="A4").startswith(b"%PDF")
