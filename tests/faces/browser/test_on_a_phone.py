"""What is wider or longer than a phone: a drawing of the lineage, and many sources to choose from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import browsing
from databases import Templates, close_open
from serving import Served, serving

TITLES = [*(f"第{n}号来源" for n in range(11)), "标题很长的来源，" + "长到一行写不下，" * 12]


@pytest.fixture(scope="module")
def many(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a server over a workspace with many sources, one of them built."""
    base = tmp_path_factory.mktemp("many")
    place = templates.place("sqlite", base / "w")
    workspace = place.open()
    for number, title in enumerate(TITLES):
        (base / "a.txt").write_text(f"院子里的第{number}棵桃树今年开花了，大家都说好看。\n", "utf-8")
        workspace.source.register(path=str(base / "a.txt"), title=title, document="line", as_name=f"s{number}")
    workspace.corpus.build(sources=["source:s1"], as_name="small")
    close_open()
    with serving(place) as running:
        yield running


@pytest.fixture
def phone(chromium: Any, many: Served) -> Iterator[browsing.Watched]:
    """Return a page of a phone, signed in as the owner."""
    watched = browsing.Watched.open(chromium, many.url, viewport={"width": browsing.WIDTHS["phone"], "height": 700})
    browsing.sign_in(watched, many.new_link())
    yield watched
    assert watched.overflow() <= 0 and not watched.faults() and not watched.axe()
    watched.page.context.close()


def test_the_drawing_begins_with_what_the_page_is_about(phone: browsing.Watched) -> None:
    """It keeps its size, begins at its own box, moves sideways by keyboard, and says that it is wider."""
    phone.page.goto("/p/main/a/corpus:small?tab=lineage")
    frame, here = phone.page.locator(".graph-frame"), phone.page.locator(".graph-frame .here")
    assert frame.evaluate("frame => frame.scrollWidth <= frame.clientWidth") or frame.evaluate("f => f.scrollLeft") > 0
    box, around = here.bounding_box(), frame.bounding_box()
    assert around["x"] <= box["x"] and box["x"] + box["width"] <= around["x"] + around["width"]
    tab = phone.page.locator(".tabs .on").bounding_box()
    assert tab["x"] >= 0 and tab["x"] + tab["width"] <= 360  # the tab that is open can be seen
    assert phone.page.get_by_text("可左右滑动").is_visible()
    phone.page.set_viewport_size({"width": 1280, "height": 700})
    assert not phone.page.get_by_text("可左右滑动").is_visible()
    phone.page.set_viewport_size({"width": 360, "height": 700})


def test_many_sources_are_narrowed_and_ticked_by_keyboard(phone: browsing.Watched) -> None:
    """/ goes to the field; Enter in it sends nothing; what is ticked stays in sight and is sent."""
    page = phone.page
    page.goto("/p/main/do/corpus/build")
    shown = page.locator(".boxes label:visible")
    assert shown.count() == len(TITLES)
    page.keyboard.press("/")
    page.keyboard.type("第7号")
    page.keyboard.press("Enter")
    assert page.url.endswith("/do/corpus/build") and shown.count() == 1 and "许可不明" in shown.inner_text()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("没有这样的")
    assert shown.count() == 1  # the one that is ticked
    page.locator("input[type=search]").fill("标题很长")
    assert shown.count() == 2
    ticked = page.locator(".boxes :checked").get_attribute("value")
    with page.expect_request("**/do/corpus/build") as sent:
        page.locator(".form .actions button").click()
    assert ticked in sent.value.post_data and sent.value.post_data.count('name="sources"') == 1
    page.wait_for_url("**/jobs/*", wait_until="load")
