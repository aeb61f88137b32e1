"""The pages of answers, banks, models and endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import wing_demo
from wing_demo import HOSTILE, Element, browser, page

from databases import Templates


@pytest.fixture(scope="module")
def demo(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from wing_demo.opened(templates, tmp_path_factory.mktemp("models"))


def at(demo: Any, name: str, query: str = "") -> str:
    return f"/p/main/a/{demo.artifact.find(artifact=name)['digest']}{query}"


def said(element: Element) -> str:
    return " ".join(element.text.split())


def test_answers_beside_their_questions(demo: Any) -> None:
    found = demo.responses.items(responses="must-refuse", limit=20)["rows"]
    for language, word in (("zh", "已提问 20"), ("en", "20 asked")):
        tree = page(browser(demo, language), at(demo, "responses:must-refuse"))
        assert said(tree.find(class_="word")[0]) == word
        items = tree.find("article", class_="item")
        assert len(items) == len(found) == 20
        for item, row in zip(items, found, strict=True):
            assert said(item.find("p", class_="question")[0]) == row["question"]
            assert said(item.find("p", class_="body")[0]) == row["answer"]
    bar = tree.find("div", class_="verdict")[0]
    hrefs = [a.attributes["href"] for a in bar.find("a")]
    assert "/do/verdicts/enter" in hrefs[0] and "/do/verdicts/judge" in hrefs[1]
    scan = page(browser(demo), at(demo, "responses:generation")).find("div", class_="verdict")[0].find("a")
    assert "/do/verdicts/scan" in scan[1].attributes["href"]


def test_answers_by_state_and_group(demo: Any) -> None:
    client = browser(demo)
    assert "没有这样的回答" in said(page(client, at(demo, "responses:must-refuse", "?tab=items&state=failed")))
    risk = demo.responses.items(responses="must-refuse")["rows"][0]["risk"]
    some = page(client, at(demo, "responses:must-refuse", f"?tab=items&group={risk}"))
    assert 0 < len(some.find("article", class_="item")) < 20
    odd = page(client, at(demo, "responses:must-refuse", "?tab=items&state=%3Cb%3E&group=%3Cb%3E&after=-3"))
    assert len(odd.find("article", class_="item")) == 20


def test_banks(demo: Any, tmp_path: Any) -> None:
    tree = page(browser(demo), at(demo, "benchmark:must-not-refuse"))
    assert said(tree.find(class_="word")[0]) == "40 题" and "制度" in said(tree)
    some = page(browser(demo, "en"), at(demo, "benchmark:must-not-refuse", "?tab=items&group=制度"))
    rows = [tr for tr in some.find("tr") if "data-row" in tr.attributes]
    assert len(rows) == demo.artifact.show(artifact="benchmark:must-not-refuse")["config"]["per_aspect"]["制度"]
    assert "institutions" in said(some)
    path = tmp_path / "bank.jsonl"
    path.write_text('{"id": "q-1", "risk": "A.1.a", "question": "<script>alert(1)</script>{{7*7}}"}\n', "utf-8")
    demo.benchmark.register(
        file=str(path), purpose="must_refuse", title=HOSTILE, owner=HOSTILE, note=HOSTILE, version="<i>1", as_name="odd"
    )
    odd = page(browser(demo), at(demo, "benchmark:odd"))
    assert said(odd.find("h1")[0]) == HOSTILE and "{{7*7}}" in said(odd)


def test_models_and_endpoints(demo: Any, tmp_path: Any) -> None:
    path = tmp_path / "weights.gguf"
    path.write_bytes(b"GGUF" + b"0" * 60)
    demo.model.register(file=str(path), title=HOSTILE, origin="来自某处", tuned=False, as_name="small")
    tree = page(browser(demo), at(demo, "model:small"))
    assert said(tree.find(class_="word")[0]) == "基座模型" and "64" in said(tree.find("div", class_="verdict")[0])
    assert "来自某处" in said(tree) and "不明" in said(tree)
    assert "/do/endpoint/register" in tree.find("div", class_="verdict")[0].find("a")[0].attributes["href"]
    name = next(row for row in demo.artifact.list(kind="endpoint")["rows"])["digest"]
    for language, word in (("zh", "远程服务"), ("en", "Remote service")):
        tree = page(browser(demo, language), f"/p/main/a/{name}")
        assert said(tree.find(class_="word")[0]) == word and "127.0.0.1" in said(tree) and "openai-chat" in said(tree)
