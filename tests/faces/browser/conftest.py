"""A browser, and a server over a workspace in which the main job has run: once for all browser tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import browsing
from databases import Place, Templates, close_open
from promises.main_job import model_service, parameters, quanheng, write_source
from serving import Served, serving

#: Documents with terms of the example library, and some without.
FOUND = (
    "有人在网上发布色情服务信息，被公安机关查处后处以罚款。",
    "小广告上写着色*情*服*务几个字，居民看到后向社区作了反映。",
    *(f"今天下午图书馆的第{n}阅览室开放了新的座位，读者可以预约使用。" for n in range(40)),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run all browser tests of a file: they share a server and a browser."""
    for item in items:
        if "faces/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Return a running chromium.

    Of the module, not of the session: while Playwright runs, this thread has an event loop, in which Django refuses
    to work for all tests that follow.
    """
    reason = browsing.missing()
    if reason:
        pytest.skip(reason)
    with browsing.browser() as running:
        yield running


@pytest.fixture(scope="module")
def filled(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Return a workspace with the main job done on generated text, a second project, people, a failed job."""
    base = tmp_path_factory.mktemp("browser")
    place = templates.place("sqlite", base / "w")
    sources = {name: write_source(base / name, seed) for name, seed in (("a", 1), ("b", 2))}
    with model_service() as service:
        given = parameters(sources, local_model=False, model_url=service.url, model_name="t", questions=6)
        done = quanheng(place, "flow", "run", "filing", *given)
    assert done.returncode == 0, done.stderr
    _people(place, base)
    _further(place, base)
    yield place
    close_open()


def _people(place: Place, base: Path) -> None:
    workspace = place.open()
    workspace.project.create(slug="open", title="公开项目", public=True)
    workspace.user.create(label="li")
    workspace.member.grant(label="li", role="reviewer")
    workspace.token.create(label="li", title="试用")
    workspace.case.open(type="user_appeal", title="一件事项")
    (base / "secret.txt").write_text("要撤回的内容", "utf-8")
    made = workspace.files.register(path=str(base / "secret.txt"), title="要撤回的文件")
    workspace.artifact.withdraw(artifact=made.digest, reason="含个人信息")
    try:
        workspace.endpoint.register()
    except Exception as error:  # a failed job, for its page
        assert type(error).__name__ == "Invalid"
    workspace.call("checkpoint.sign")
    close_open()


def _further(place: Place, base: Path) -> None:
    """Make what can be made of a corpus, and one with documents for review."""
    workspace = place.open()
    (base / "lines.txt").write_text("\n".join(FOUND) + "\n", "utf-8")
    workspace.source.register(path=str(base / "lines.txt"), title="来源 c", document="line", as_name="lines")
    workspace.corpus.build(sources=["lines"], lexicon="example", as_name="listed")
    workspace.tokenizer.train(corpus="listed", title="示例分词器", vocabulary=300, characters=1000, as_name="t")
    workspace.corpus.mix(corpus="listed", tokenizer="t", group=["1=100"], as_name="m")
    workspace.corpus.export(corpus="listed", as_name="e")
    workspace.call("checkpoint.sign")
    close_open()


@pytest.fixture(scope="module")
def server(filled: Place) -> Iterator[Served]:
    """Return a server over the filled workspace."""
    with serving(filled) as running:
        yield running


@pytest.fixture
def owner(chromium: Any, server: Served) -> Iterator[browsing.Watched]:
    """Return a page signed in as the owner of the workspace."""
    watched = browsing.Watched.open(chromium, server.url)
    browsing.sign_in(watched, server.new_link())
    yield watched
    watched.page.context.close()
