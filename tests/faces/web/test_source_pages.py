"""The page of a source: is the licence clear, where is it from, which files, what stands in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import wing_demo
from wing_demo import HOSTILE, HOSTILE_TITLE, LINES, Element, browser, page, parse, problems_of_markup

from databases import Templates


@pytest.fixture(scope="module")
def demo(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUANHENG_ALLOWED_HOSTS", "127.0.0.1")  # where a layer may lie
        yield from wing_demo.opened(templates, tmp_path_factory.mktemp("source"))


def at(demo: Any, name: str, query: str = "") -> str:
    return f"/p/main/a/{demo.artifact.find(artifact=name)['digest']}{query}"


def said(element: Element) -> str:
    return " ".join(element.text.split())


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_licence_comes_first(demo: Any, language: str) -> None:
    tree = page(browser(demo, language), at(demo, "source:extra"))
    [bar] = tree.find("div", class_="verdict")
    assert said(bar.find(class_="word")[0]) == {"zh": "许可不明", "en": "Licence unclear"}[language]
    assert "no" in bar.classes and HOSTILE in said(bar)
    assert said(tree.find("h1")[0]) == HOSTILE_TITLE
    for words in {
        "zh": ("出处与许可", "采集记录", "每行一篇"),
        "en": ("Origin and licence", "Collection record", "each line"),
    }[language]:
        assert words in said(tree)


def test_a_clear_licence(demo: Any, tmp_path: Any) -> None:
    (tmp_path / "a.txt").write_text("一句话。\n", "utf-8")
    letter = tmp_path / "letter.txt"
    letter.write_text("授权书", "utf-8")
    demo.source.register(
        path=str(tmp_path / "a.txt"),
        title="有授权的来源",
        licence="LicenseRef-letter",
        licence_found="授权书一份",
        licence_file=str(letter),
        collection="人工录入",
        collected_on="2026-01-02",
        as_name="clear",
    )
    tree = page(browser(demo), at(demo, "source:clear"))
    [bar] = tree.find("div", class_="verdict")
    assert (
        said(bar.find(class_="word")[0]) == "许可明确"
        and "LicenseRef-letter" in said(bar)
        and "授权书一份" in said(bar)
    )
    assert "2026-01-02" in said(tree) and "人工录入" in said(tree) and "licence/found" in said(tree)
    assert "未查到" in said(page(browser(demo), at(demo, "source:one")))
    [files, _] = page(browser(demo, "en"), at(demo, "source:clear")).find("div", class_="counts")[0].find("span")
    assert said(files) == "file"


@pytest.mark.parametrize(
    ("language", "where"), [("zh", "登记时选择识别文字"), ("en", "register the files with recognition")]
)
def test_how_files_are_read(demo: Any, tmp_path: Any, language: str, where: str) -> None:
    tree = page(browser(demo, language), at(demo, "source:one"))
    assert {"zh": "不识别", "en": "not recognised"}[language] in said(tree) and where in said(tree)
    (tmp_path / "a.jsonl").write_text('{"t": "题目", "b": "一句话。", "u": "http://127.0.0.1/a"}\n', "utf-8")
    asked = {"text_fields": ["t", "b"], "url_field": "u", "extract": "precise", "ocr": "always"}
    demo.source.register(path=str(tmp_path / "a.jsonl"), title="读法", as_name="ways", **asked)
    tree = page(browser(demo, language), at(demo, "source:ways"))
    facts = {
        dt.text: said(dd)
        for dl in tree.find("dl", class_="facts")
        for dt, dd in zip(dl.find("dt"), dl.find("dd"), strict=True)
    }
    assert "t + b" in facts.values() and "u" in facts.values() and where not in said(tree)
    assert {"zh": "正文（更细，较慢）", "en": "main text, with more care"}[language] in facts.values()
    assert {"zh": "全部识别", "en": "recognised on every page"}[language] in facts.values()


def test_files(demo: Any) -> None:
    tree = page(browser(demo), at(demo, "source:one", "?tab=files"))
    model = demo.artifact.show(artifact="source:one")
    rows = [tr for tr in tree.find("tr") if "data-row" in tr.attributes]
    assert len(rows) == len(model["config"]["files"]) == 2
    sizes = {file["title"]: file["size"] for file in model["config"]["files"]}
    layers = {layer["title"]: layer["digest"] for layer in model["layers"]}
    for row in rows:
        [link] = row.find("a")
        assert f"{sizes[link.text]:,}" in said(row) and link.attributes["href"].endswith(f"/layer/{layers[link.text]}")


def test_samples_are_what_a_build_reads_with_personal_data_masked(demo: Any) -> None:
    tree = page(browser(demo), at(demo, "source:extra", "?tab=samples"))
    items = [said(item.find("p", class_="body")[0]) for item in tree.find("article", class_="item")]
    assert items[0] == "短" and "个人信息已遮盖" in said(tree)
    marks = {mark.text for mark in tree.find("mark", class_="soft")}
    assert marks == {"〔手机号〕", "〔电子邮箱〕"} and "13812345678" not in tree.text
    assert "An excerpt" not in tree.text and "excerpts" in said(
        page(browser(demo, "en"), at(demo, "source:extra", "?tab=samples"))
    )
    assert "读不出" not in said(tree)


def test_files_elsewhere_are_not_fetched(demo: Any) -> None:
    config = demo.artifact.show(artifact="source:extra")["config"]
    layer = {
        "digest": "sha256:" + "1" * 64,
        "size": config["files"][0]["size"],
        "title": config["files"][0]["title"],
        "media_type": "text/plain",
        "urls": ["http://127.0.0.1:9/lines.txt"],  # nobody listens there
    }
    item = {"kind": "source/v1", "model": config, "layers": [layer], "inputs": []}
    digest = demo.call("artifact.register_many", items=[item]).digest
    tree = page(browser(demo), f"/p/main/a/{digest}?tab=samples")
    assert "存放在工作区之外" in said(tree)


def test_a_recipe_is_shown_before_it_is_tried(demo: Any) -> None:
    tree = page(browser(demo), at(demo, "source:extra", "?tab=try"))
    steps = demo.recipe.lint(recipe="web-zh")["steps"]
    assert len(tree.find("table", class_="recipe")[0].find("tr")) == 1 + len(steps)
    names = [o.attributes["value"] for o in tree.find("select", id="recipe")[0].find("option")]
    assert names == [row["name"] for row in demo.recipe.list()["recipes"]] and not tree.find(class_="judge")
    assert "Try it on a sample" in said(page(browser(demo, "en"), at(demo, "source:extra", "?tab=try&recipe=law-zh")))


def test_conditions_are_counted_on_the_sample(demo: Any) -> None:
    """The sample holds all lines of the source; what each side of the condition holds is counted here again."""
    tree = page(browser(demo), at(demo, "source:extra", "?tab=try&run=1&attempt=characters+%3E+30"))
    tried, *judges = tree.find("article", class_="judge")
    k = sum(len(line) > 30 for line in LINES)
    assert f"{k} / {len(LINES)}" in said(tried) and "characters > 30" in said(tried)
    short = next(judge for judge in judges if "characters < 4" in said(judge))
    assert f"{sum(len(line) < 4 for line in LINES)} / {len(LINES)}" in said(short)
    left, taken = tried.find("section")
    assert all(int(said(item.find("b")[0])) <= 30 for item in left.find("article"))
    assert all(int(said(item.find("b")[0])) > 30 for item in taken.find("article")) and taken.find("article")
    [drawn] = [f for f in tree.find("figure") if said(f.find("figcaption")[0]) == "字数 characters"]
    assert "30" in [said(text) for text in drawn.find("text", class_="limit")]
    table = drawn.find("table")[0]
    assert sum(int(said(td)) for td in table.find("td")) == len(LINES)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_wrong_recipe_is_told_in_place_and_kept(demo: Any, language: str) -> None:
    client, address = browser(demo, language), at(demo, "source:extra", "?tab=try")
    wrong = 'name = "x"\ntitle = { en = "x", zh = "x" }\n[[steps]]\nuse = "lenght"\n# ' + HOSTILE
    response = client.post(address, {"tab": "try", "_text.file": wrong, "run": "1"})
    tree = parse(response.content.decode())
    assert response.status_code == 200 and not problems_of_markup(tree)
    assert "length" in said(tree.find(class_="problem")[0])  # the nearest right word
    assert tree.find("textarea", id="toml")[0].text.strip() == wrong and not tree.find("table", class_="recipe")
    right = wrong.replace("lenght", "length") + '\n[[steps]]\ndrop = "characters > 30"\nreason = "too_long"\n'
    tree = parse(client.post(address, {"tab": "try", "_text.file": right, "run": "1"}).content.decode())
    assert len(tree.find("article", class_="judge")) == 1 and not tree.find(class_="problem")
    for attempt in ("x >", "characters", "nothing > 3", "__import__('os')", "a" * 600):
        tree = page(client, address + "&run=1&" + urlencode({"attempt": attempt}))
        assert tree.find(class_="problem") and tree.find("input", id="attempt")[0].attributes["value"] == attempt


def test_what_was_tried_can_be_built(demo: Any) -> None:
    """A recipe that ships goes by its name, a changed one as a file; the form is shown and nothing runs yet."""
    client, address = browser(demo), at(demo, "source:extra", "?tab=try")
    tree = page(client, address)
    [button] = [b for b in tree.find("button") if "/do/corpus/build" in b.attributes.get("formaction", "")]
    source = tree.find("input", name="sources")[0].attributes["value"]
    action = button.attributes["formaction"]
    tree = page(client, f"{action}?{urlencode({'sources': source, 'recipe': 'law-zh', 'tab': 'try'})}")
    assert [o.attributes["value"] for o in tree.find("option", selected="")].count("law-zh") == 1
    changed = 'name = "mine"\ntitle = { en = "x", zh = "x" }\n[[steps]]\nuse = "length"\n'
    sent = {"tab": "try", "sources": source, "_text.file": changed, "_name.file": "recipe.toml", "_show": "1"}
    before = len(demo.job.list()["rows"])
    response = client.post(action, sent)
    tree = parse(response.content.decode())
    assert response.status_code == 200 and not tree.find(class_="problem") and "recipe.toml" in said(tree)
    assert len(demo.job.list()["rows"]) == before
    staged = next(i for i in tree.find("input") if i.attributes.get("name") == "_staged.file").attributes["value"]
    response = client.post(action, {"sources": source, "_staged.file": staged})
    job = response.headers["Location"].rsplit("/", 1)[1]
    assert demo.job.show(id=job)["state"] == "queued"
    demo.job.cancel(id=job)


def test_only_what_is_too_long_for_an_address_is_sent(demo: Any) -> None:
    client = browser(demo)
    assert client.post(at(demo, "source:extra", "?tab=about")).status_code == 405
    assert client.post(at(demo, "corpus:demo", "?tab=try")).status_code == 405
    from django.test import Client

    guarded = Client(enforce_csrf_checks=True)
    guarded.cookies = client.cookies
    assert guarded.post(at(demo, "source:extra", "?tab=try"), {"_text.file": "x"}).status_code == 403


def test_the_cost_is_estimated_when_asked_for(demo: Any) -> None:
    tree = page(browser(demo), at(demo, "source:extra", "?tab=try&plan=1"))
    assert "处理器时间" in said(tree) and "构建成本预估" in said(tree)


ASKING = """name = "x"
title = { en = "x", zh = "x" }
[[steps]]
use = "length"
[[steps]]
drop = "characters < 4"
reason = "too_short"
[[steps]]
use = "guard"
"""


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_questions_of_a_build_are_foretold(demo: Any, language: str) -> None:
    """Beside the cost stands how often an endpoint will be asked; the endpoint is chosen where a step asks one."""
    client, address = browser(demo, language), at(demo, "source:extra", "?tab=try")
    sent = {"tab": "try", "_text.file": ASKING, "plan": "1"}
    tree = parse(client.post(address, sent).content.decode())
    assert tree.find(class_="problem")  # it is not given
    assert not tree.find("select", id="scorer") and not tree.find("select", id="lexicon")
    endpoint = demo.artifact.list(kind="endpoint")["rows"][0]["digest"]
    [select] = tree.find("select", id="guard")
    assert [o for o in select.find("option") if o.attributes["value"] == endpoint and "m · " in said(o)]
    tree = parse(client.post(address, {**sent, "guard": endpoint}).content.decode())
    long = sum(len(line) >= 4 for line in LINES)
    [table] = [table for table in tree.find("table") if "3 " in said(table) and table.find("th", scope="row")]
    words = {"zh": ("风险判定", "护栏"), "en": ("Risks", "guard model")}[language]
    documents, at_most = (int(said(td)) for td in table.find("td"))
    assert all(word in said(table) for word in words) and documents == long and at_most == 4 * long
    assert not problems_of_markup(tree)
    [chosen] = [o for o in tree.find("select", id="guard")[0].find("option") if "selected" in o.attributes]
    assert chosen.attributes["value"] == endpoint
    assert not page(client, address + "&plan=1").find("table", class_="narrow")  # nothing is asked by web-zh


def test_sources_are_chosen_by_title_and_licence(demo: Any, tmp_path: Any) -> None:
    """Two sources of one title are told apart, hostile titles are words, and many can be narrowed down."""
    form = "/p/main/do/corpus/build"
    assert not page(browser(demo), form).find("input", type="search")
    for number in range(12):
        (tmp_path / "a.txt").write_text(f"第{number}句话。\n", "utf-8")
        demo.source.register(path=str(tmp_path / "a.txt"), title="同名的来源", licence="CC-BY-4.0" if number else "")
    for language, unclear in (("zh", "许可不明"), ("en", "licence unclear")):
        tree = page(browser(demo, language), form)
        boxes = [label for label in tree.find("div", class_="boxes")[0].find("label")]
        told = [said(label) for label in boxes]
        assert len(set(told)) == len(told) >= 15 and sum("CC-BY-4.0" in text for text in told) == 11
        assert any(HOSTILE_TITLE in text and "extra" in text and unclear in text for text in told)
        [narrow] = tree.find("input", type="search")
        assert narrow.attributes["data-narrow"] == tree.find("div", class_="boxes")[0].attributes["id"]
        assert [label for label in tree.find("label") if label.attributes.get("for") == narrow.attributes["id"]]
        assert "name" not in narrow.attributes  # it is no part of what is sent
