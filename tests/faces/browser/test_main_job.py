"""The main job in a browser, from the first link to a bundle that verifies: once in Chinese, once in English."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import browsing
from databases import Place, Templates, close_open
from promises.main_job import missing_model, write_source
from serving import Served

#: What the buttons and links are called.
WORDS = {
    "zh": {
        "run": "运行", "done": "已完成", "questions": "提问题数", "own": "使用自己的文本", "verify": "核验",
        "passed": "通过", "verdict": "不符合",
    },
    "en": {
        "run": "Run", "done": "done", "questions": "Questions", "own": "Text of your own", "verify": "Verify",
        "passed": "Verified", "verdict": "Does not conform",
    },
}  # fmt: skip


@pytest.fixture(params=["zh", "en"])
def fresh(request: pytest.FixtureRequest, templates: Templates, tmp_path: Path) -> Iterator[tuple[str, Served]]:
    """Return a language, and a server over an empty workspace, as it is after the first start."""
    if missing_model():
        pytest.skip(missing_model())
    place: Place = templates.place("sqlite", tmp_path / "w")
    close_open()
    server = Served(place)
    try:
        yield request.param, server.wait()
    finally:
        server.stop()


def test_from_the_first_link_to_a_verified_bundle(chromium: Any, fresh: tuple[str, Served], tmp_path: Path) -> None:
    language, server = fresh
    words = WORDS[language]
    watched = browsing.Watched.open(
        chromium, server.url, locale="en-US" if language == "en" else "zh-CN", accept_downloads=True
    )
    page = watched.page
    page.set_default_timeout(60_000)

    # 1 · The link that the server printed signs in; the empty workspace says how to begin.
    browsing.sign_in(watched, server.link)
    assert re.search(r"/p/main/$|/account", page.url)
    page.goto("/p/main/")
    page.locator("main a[href*='/flows/filing']").first.click()

    # 2 · The flow on one's own text, with the real local model and few questions.
    page.get_by_text(words["own"]).first.click()
    source = write_source(tmp_path / "own", 3)
    page.locator("input[type=file]").first.set_input_files([str(source / "lines.txt")])
    title = page.locator("input[name*=title]").first
    if title.count():
        title.fill("自己的文本" if language == "zh" else "My own text")
    page.get_by_label(words["questions"]).fill("2")
    page.get_by_role("button", name=words["run"], exact=True).click()

    # 3 · The job's page lives until it is done.
    page.wait_for_url("**/jobs/*")
    page.get_by_text(words["done"]).first.wait_for(timeout=240_000)
    page.wait_for_selector("main a[href*='/a/sha256:']")

    # 4 · The verdict, the biggest thing on the page of the assessment, and one item behind it.
    page.goto("/p/main/a/assessment:demo")
    assert page.locator(".verdict .word").first.inner_text() == words["verdict"]
    page.locator("main table.rules a, main a[href*='rule=']").first.click()
    page.wait_for_load_state()
    assert "rule=" in page.url

    # 5 · The bundle, downloaded and verified on this very server by somebody who is not signed in.
    page.goto("/p/main/a/assessment:demo")
    with page.expect_download(timeout=120_000) as download:
        page.locator("a[href*='/get/assessment/bundle']").first.click()
    bundle = tmp_path / "bundle.zip"
    download.value.save_as(str(bundle))
    assert zipfile.is_zipfile(bundle)
    fingerprint = _fingerprint(page)
    page.context.clear_cookies()
    page.goto("/verify")
    page.locator("#bundle").set_input_files(str(bundle))
    page.locator("#key").fill(fingerprint)
    page.get_by_role("button", name=words["verify"]).click()
    page.locator(".verdict .word").wait_for()
    assert words["passed"] in page.locator(".verdict").inner_text()
    assert watched.faults() == {}
    page.context.close()


def _fingerprint(page: Any) -> str:
    page.goto("/settings")
    return str(page.locator("aside .hash.long").first.inner_text())
