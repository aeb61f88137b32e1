"""Debian's chromium, driven by Playwright: what a page shows, asks for, logs, and what axe finds wrong with it."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CHROMIUM = "/usr/bin/chromium"
#: Without these the browser calls home at every start.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
WIDTHS = {"phone": 360, "laptop": 1280, "wide": 1920}
#: What differs between two pages of one sort: digests, ids, numbers.
_CHANGING = re.compile(r"sha256:[0-9a-f]{12,64}|[0-9a-f]{32}|(?<=/)[0-9]+(?=/|$)")


def missing() -> str:
    """Return why no browser can be driven here, or an empty text."""
    if not os.path.exists(CHROMIUM):
        return f"{CHROMIUM} is missing (Debian: apt-get install chromium fonts-noto-cjk)"
    return "" if find_spec("playwright") else "playwright is not installed (extra [dev])"


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Yield a running chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield running
        finally:
            running.close()


@dataclass
class Watched:
    """A page of the browser, and everything about it that should not happen."""

    page: Any
    origin: str
    console: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, running: Any, origin: str, **options: Any) -> Watched:
        """Return a new page in a context of its own."""
        context = running.new_context(base_url=origin, locale=options.pop("locale", "zh-CN"), **options)
        watched = cls(context.new_page(), origin)
        watched.page.on("console", watched._hear)
        watched.page.on("pageerror", lambda error: watched.console.append(str(error)))
        watched.page.on("request", watched._ask)
        watched.page.on("response", watched._answer)
        return watched

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.console.append(f"{self.page.url}: {message.text}")

    def _ask(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.elsewhere.append(request.url)

    def _answer(self, response: Any) -> None:
        if response.status >= 500 or (response.status >= 400 and response.request.resource_type != "document"):
            self.failed.append(f"{response.status} {response.url}")

    def axe(self) -> list[str]:
        """Return what axe-core calls serious or critical, each with the element it is about."""
        self.page.evaluate(AXE.read_text("utf-8") + ";null")
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{self.page.url} {item['id']}: {item['nodes'][0]['html'][:200]}"
            for item in found["violations"]
            if item["impact"] in ("serious", "critical")
        ]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def links(self) -> list[str]:
        """Return the addresses on this server that the page links to."""
        found = self.page.eval_on_selector_all(
            "a[href]", "links => links.map(a => new URL(a.getAttribute('href'), document.baseURI).href)"
        )
        return [url.removeprefix(self.origin) for url in found if url.startswith(self.origin + "/")]

    def faults(self) -> dict[str, list[str]]:
        """Return everything that happened and should not."""
        told = {"console": self.console, "elsewhere": self.elsewhere, "failed": self.failed}
        return {name: items for name, items in told.items() if items}


def sort_of(address: str) -> str:
    """Return an address with what differs between pages of one sort taken out, and without its query's values."""
    path, _, query = address.partition("?")
    names = sorted(part.partition("=")[0] for part in query.partition("#")[0].split("&") if part)
    tab = re.search(r"(?:^|&)tab=([a-z0-9_-]+)", query)
    return (
        _CHANGING.sub("*", path.partition("#")[0])
        + ("?" + ",".join(names) if names else "")
        + (f"#{tab[1]}" if tab else "")
    )


def is_file(address: str) -> bool:
    """Return whether an address gives a file or does something, and is no page to look at."""
    path = address.partition("?")[0]
    return bool(re.search(r"\.(json|csv)$|/layer/|/get/|^/language/|^/api/|^/static/|^/sign-", path))


def sign_in(watched: Watched, link: str) -> None:
    """Sign in by a one-time link, as a person does: open it, press the button."""
    watched.page.goto(link)
    watched.page.get_by_role("button").click()
    watched.page.wait_for_load_state()


def as_json(watched: Watched, address: str) -> Any:
    """Return what an address answers as JSON to whoever the page is signed in as."""
    return json.loads(watched.page.request.get(address).text())
