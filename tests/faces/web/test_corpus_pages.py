"""The pages of corpora, samples, commitments and keyword libraries: counts, and documents to look at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import wing_demo
from wing_demo import HOSTILE, LONG, Element, browser, member, page

from databases import Templates


@pytest.fixture(scope="module")
def demo(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from wing_demo.opened(templates, tmp_path_factory.mktemp("corpus"))


def at(demo: Any, name: str, query: str = "") -> str:
    return f"/p/main/a/{demo.artifact.find(artifact=name)['digest']}{query}"


def said(element: Element) -> str:
    return " ".join(element.text.split())


def of_extra(demo: Any) -> list[dict[str, Any]]:
    """Return all documents kept of the source with odd lines."""
    source = demo.artifact.find(artifact="source:extra")["digest"]
    return list(demo.corpus.samples(corpus="demo", source=source, limit=200)["rows"])


def config(demo: Any, name: str) -> dict[str, Any]:
    return dict(demo.artifact.show(artifact=name)["config"])


def test_how_much_was_kept_comes_first(demo: Any) -> None:
    model = config(demo, "corpus:demo")
    kept, read = model["totals"]["documents"], model["funnel"][0]["documents_after"]
    for language, word in (("zh", f"{kept} 条"), ("en", f"{kept} documents")):
        tree = page(browser(demo, language), at(demo, "corpus:demo"))
        [bar] = tree.find("div", class_="verdict")
        assert said(bar.find(class_="word")[0]) == word and str(read) in said(bar)
        assert "/p/main/do/sample/commit" in bar.find("a")[0].attributes["href"]


def test_the_funnel(demo: Any) -> None:
    tree = page(browser(demo), at(demo, "corpus:demo"))
    model = config(demo, "corpus:demo")
    rows = [tr for tr in tree.find("tr") if "data-row" in tr.attributes]
    assert len(rows) == len(model["funnel"])
    for row, step in zip(rows, model["funnel"], strict=True):
        less = step["documents_before"] - step["documents_after"]
        assert f"{step['documents_after']:,}" in said(row) and (f"−{less:,}" in said(row)) == bool(less)
        widths = [float(rect.attributes["width"]) for rect in row.find("rect")]
        assert abs(widths[0] - 300 * step["documents_after"] / model["funnel"][0]["documents_before"]) < 0.1
        links = [a.attributes["href"] for a in row.find("a")]
        wanted = "?tab=duplicates" if step["step"] == "deduplicate" else f"?tab=samples&reason={step['reason']}"
        assert links == ([wanted] if step["reason"] and less else [])
    assert "逐条计数，非抽样" in said(tree) and "只改文字，不减条数" in said(tree)
    assert [a for a in tree.find("a") if a.attributes["href"] == f"/p/main/get/recipe/export?corpus={quoted(demo)}"]
    [recipe] = tree.find("table", class_="recipe")
    steps = recipe.find("tr")[1:]
    assert (
        len(steps) == len(model["recipe"]["steps"])
        and len(recipe.find("tr", class_="passed")) == len(model["skipped"]) > 0
    )
    codes = {code.text for code in recipe.find("code")}
    assert {step["drop"] for step in model["recipe"]["steps"] if step["drop"]} <= codes


def quoted(demo: Any, name: str = "corpus:demo") -> str:
    return demo.artifact.find(artifact=name)["digest"].replace(":", "%3A")


def test_the_recipe_can_be_downloaded(demo: Any) -> None:
    response = browser(demo).get(f"/p/main/get/recipe/export?corpus={quoted(demo)}")
    text = b"".join(response.streaming_content).decode()
    assert response.status_code == 200 and ".toml" in response.headers["Content-Disposition"]
    told = demo.recipe.lint(toml=text)
    assert [step["use"] for step in told["steps"]] == [s["use"] for s in config(demo, "corpus:demo")["recipe"]["steps"]]


def test_duplicates_in_pairs(demo: Any) -> None:
    model = config(demo, "corpus:demo")
    source = demo.artifact.find(artifact="source:extra")["digest"]
    for language, words in (
        ("zh", ("近似重复", "相似度", "保留", "剔除")),
        ("en", ("near duplicate", "alike", "Kept")),
    ):
        tree = page(browser(demo, language), at(demo, "corpus:demo", f"?tab=duplicates&source={source}"))
        assert all(word in said(tree) for word in words)
    pairs = [[said(p) for p in item.find("p", class_="body")] for item in tree.find("article", class_="twin")]
    assert len(pairs) == sum(
        share["dropped"].get("near_duplicate", 0) for share in model["per_source"] if share["source"] == source
    )
    assert [kept[:20] == gone[:20] == LONG[:20] for kept, gone in pairs] == [True]
    assert page(browser(demo), at(demo, "corpus:demo", "?tab=duplicates&reason=%3Cb%3E&seed=x&source=y"))


def test_personal_data_by_type_and_source(demo: Any) -> None:
    model = config(demo, "corpus:demo")
    tree = page(browser(demo), at(demo, "corpus:demo", "?tab=personal&type=email"))
    rows = {said(row.find("th")[0]): [said(td) for td in row.find("td")] for row in tree.find("tr")[1:]}
    for type_, name in (("mobile", "手机号"), ("email", "电子邮箱")):
        whole, *by_source = (int(n) for n in rows[name])
        assert whole == sum(by_source) == model["personal_data"][type_] and len(by_source) == len(model["per_source"])
    marks = [mark.text for mark in tree.find("mark", class_="soft")]
    assert "〔电子邮箱〕" in marks and "13812345678" not in tree.text
    assert "mobile number" in said(page(browser(demo, "en"), at(demo, "corpus:demo", "?tab=personal")))


def test_the_review_list_leads_to_a_takedown(demo: Any) -> None:
    client = browser(demo)
    tree = page(client, at(demo, "corpus:demo", "?tab=review"))
    n = config(demo, "corpus:demo")["filtered"]["documents_for_review"]
    items = tree.find("article", class_="pick")
    assert len(items) == n == 2 and "宣扬暴力、淫秽色情" in said(tree)
    hidden = next(item for item in items if "色*情*服*务" in said(item))
    assert "插入符号" in said(hidden) and hidden.find("mark")[0].text == "色*情*服*务"
    [form] = [form for form in tree.find("form") if form.attributes["action"].endswith("/corpus/takedown")]
    [box] = hidden.find("input", type="checkbox")
    sent = {f.attributes["name"]: f.attributes["value"] for f in form.find("input", type="hidden")}
    filled = page(client, form.attributes["action"] + "?" + urlencode({**sent, "digest": box.attributes["value"]}))
    [texts] = [area.text for area in filled.find("textarea") if area.attributes["name"] == "digest"]
    assert texts.strip() == box.attributes["value"]
    taken = demo.corpus.takedown(corpus="demo", digest=[texts.strip()]).digest
    [left] = [row["text"] for row in demo.corpus.review(corpus=taken, limit=200)["rows"]]
    assert "色*情*服*务" not in left
    chosen = [option.attributes["value"] for option in filled.find("option") if "selected" in option.attributes]
    assert demo.artifact.find(artifact="corpus:demo")["digest"] in chosen
    reader = page(browser(demo, actor=member(demo, "auditor")), at(demo, "corpus:demo", "?tab=review"))
    assert (
        not reader.find("button", class_="main") and "disabled" in reader.find("input", type="checkbox")[0].attributes
    )


@pytest.mark.parametrize(
    ("language", "risk", "way"),
    [("zh", "宣扬暴力、淫秽色情 A.1.f", "插入符号"), ("en", "pornography A.1.f", "symbols inserted")],
)
def test_the_term_that_was_found_stands_beside_the_document(demo: Any, language: str, risk: str, way: str) -> None:
    for query in ("?tab=review", "?tab=samples&reason=hit"):
        tree = page(browser(demo, language), at(demo, "corpus:demo", query))
        hidden = next(item for item in tree.find("article") if "色*情*服*务" in said(item))
        [head] = hidden.find("p", class_="head")
        [term] = head.find("b")
        assert term.text == "色情服务" and risk in said(head) and way in said(head)
        [place] = [found.attributes["data-text"] for found in term.find("span") if "data-text" in found.attributes]
        assert "terms.jsonl/" in place and demo.artifact.find(artifact="lexicon:example")["digest"] in place
    row = next(row for row in demo.corpus.review(corpus="demo", limit=200)["rows"] if "色*情*服*务" in row["text"])
    whole = page(browser(demo, language), at(demo, "corpus:demo", f"?tab=samples&document={row['index']}"))
    assert risk in said(whole) and "色情服务" in [found.text for found in whole.find("b")]


def test_where_the_library_may_not_be_read_the_page_says_so(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.data import page_decisions

    monkeypatch.setattr(page_decisions, "terms_of", lambda *_: None)
    for language, words in (("zh", "未列出命中的是哪些词"), ("en", "Which terms were found is not told")):
        tree = page(browser(demo, language), at(demo, "corpus:demo", "?tab=review"))
        items = tree.find("article", class_="pick")
        assert words in said(tree) and items and not any(item.find("b") for item in items)
        assert all("A.1.f" in said(item) for item in items)  # the risks stay


def test_review_by_page_and_by_risk(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.data.pages import finds

    monkeypatch.setattr(finds, "LISTED", 1)
    client, seen, query = browser(demo), [], "?tab=review&risk=A.1.f"
    while query:
        tree = page(client, at(demo, "corpus:demo", query))
        seen += [box.attributes["value"] for box in tree.find("input", type="checkbox")]
        query = next((a.attributes["href"] for a in tree.find("a", rel="next")), "")
    assert len(seen) == len(set(seen)) >= 2
    assert page(client, at(demo, "corpus:demo", "?tab=review&risk=%3Cscript%3E&after=zz&reason=x"))


def test_two_corpora_side_by_side(demo: Any) -> None:
    other = demo.artifact.find(artifact="corpus:other")["digest"]
    tree = page(browser(demo), at(demo, "corpus:demo", "?tab=compare"))
    assert other in [option.attributes["value"] for option in tree.find("option")] and not tree.find(class_="pair")
    here, there = config(demo, "corpus:demo"), config(demo, "corpus:other")
    for language, words in (
        ("zh", ("仅见于本语料", "仅见于对比语料")),
        ("en", ("Only in this corpus", "Only in the other corpus")),
    ):
        tree = page(browser(demo, language), at(demo, "corpus:demo", f"?tab=compare&other={other}"))
        assert all(word in said(tree) for word in words)
        totals = [said(td) for td in tree.find("tr")[1].find("td")]
        assert totals == [f"{model['totals']['documents']:,}" for model in (here, there)]
    assert page(browser(demo), at(demo, "corpus:demo", "?tab=compare&other=sha256:zz"))


def test_what_is_made_of_a_corpus(demo: Any) -> None:
    client = browser(demo)
    export = page(client, at(demo, "export:hf"))
    files = [row for row in export.find("tr") if "data-row" in row.attributes]
    assert len(files) == len(config(demo, "export:hf")["files"]) and all(
        "/layer/" in row.find("a")[0].attributes["href"] for row in files
    )
    assert "Hugging Face 数据集" in said(export) and "验证集" in said(export)
    mix = page(client, at(demo, "mix:plan"))
    model = config(demo, "mix:plan")
    assert f"{model['planned']:,} 个词元" in said(mix) and HOSTILE in said(mix)
    assert "/p/main/do/corpus/export" in mix.find("div", class_="verdict")[0].find("a")[0].attributes["href"]
    tokenizer = page(client, at(demo, "tokenizer:small"))
    assert said(tokenizer.find("h1")[0]) == HOSTILE and "汉字" in said(tokenizer)
    ngrams = page(client, at(demo, "ngram_model:ngrams"))
    model = config(demo, "ngram_model:ngrams")
    assert f"留出文本困惑度 {model['perplexity']['value']}" in said(ngrams) and model["perplexity"]["upper"] in said(
        ngrams
    )
    for name in ("export:hf", "export:mega", "mix:plan", "tokenizer:small", "ngram_model:ngrams"):
        assert page(browser(demo, "en"), at(demo, name))


def test_what_it_is_made_of(demo: Any) -> None:
    model = config(demo, "corpus:demo")
    for language, words in (
        ("zh", ("手机号", "简体", "各风险的关键词命中")),
        ("en", ("mobile", "simplified", "Filter hits")),
    ):
        tree = page(browser(demo, language), at(demo, "corpus:demo", "?tab=composition"))
        text = said(tree)
        assert all(word in text for word in words) and HOSTILE in text
        for share in model["per_source"]:
            assert f"{share['documents_kept']:,}" in text
    assert "A.1.f" in text


def test_kept_beside_dropped(demo: Any) -> None:
    client = browser(demo)
    model = config(demo, "corpus:demo")
    tree = page(client, at(demo, "corpus:demo", "?tab=samples&reason=repetitive"))
    kept, other = tree.find("div", class_="pair")[0].find("section")
    assert len(kept.find("article")) == 8 and "保留" in said(kept) and "内容重复堆砌" in said(other)
    assert other.find("mark", class_="soft")
    masked = page(client, at(demo, "corpus:demo", "?tab=samples&reason=masked"))
    marks = {mark.text for mark in masked.find("mark", class_="soft")}
    assert marks == {"〔手机号〕", "〔电子邮箱〕"} and "13812345678" not in masked.text
    hit = page(client, at(demo, "corpus:demo", "?tab=samples&reason=hit"))
    _, found = hit.find("div", class_="pair")[0].find("section")
    assert [mark.text for mark in found.find("mark")] == ["色情服务", "色*情*服*务"] and "宣扬暴力、淫秽色情" in said(
        hit
    )
    broken = page(client, at(demo, "corpus:demo", "?tab=samples&reason=broken"))
    assert "不是有效的 JSON" in said(broken)
    sources = [share["source"] for share in model["per_source"] if share["dropped"].get("too_short")]
    tree = page(client, at(demo, "corpus:demo", f"?tab=samples&reason=too_short&source={sources[0]}"))
    assert "短" in [said(p) for p in tree.find("p", class_="body")]


def test_another_seed_shows_others_and_the_same_seed_the_same(demo: Any) -> None:
    client = browser(demo)

    def texts(query: str) -> list[str]:
        tree = page(client, at(demo, "corpus:demo", query))
        return [said(article) for article in tree.find("div", class_="pair")[0].find("section")[0].find("article")]

    first = texts("?tab=samples&seed=1")
    assert first == texts("?tab=samples&seed=1") != texts("?tab=samples&seed=2")
    tree = page(client, at(demo, "corpus:demo", "?tab=samples&seed=1"))
    assert any("seed=2" in a.attributes["href"] for a in tree.find("a", class_="btn"))


def test_one_document_whole(demo: Any) -> None:
    client = browser(demo)
    found = next(row for row in of_extra(demo) if row["text"] == LONG)
    tree = page(client, at(demo, "corpus:demo", f"?tab=samples&document={found['index']}"))
    [text] = tree.find("pre", class_="text")
    assert text.text == LONG and f"{len(LONG):,}" in said(tree)
    last = config(demo, "corpus:demo")["totals"]["documents"]
    beyond = page(client, at(demo, "corpus:demo", f"?tab=samples&document={last}"))
    assert "只有" in said(beyond.find(class_="problem")[0])


@pytest.mark.parametrize(
    "query",
    [
        "?tab=samples&reason=%3Cscript%3E",
        "?tab=samples&seed=abc",
        "?tab=samples&source=sha256:x",
        "?tab=samples&document=x",
    ],
)
def test_bad_addresses_show_something_useful(demo: Any, query: str) -> None:
    tree = page(browser(demo), at(demo, "corpus:demo", query))
    assert tree.find("div", class_="pair") and not tree.find(class_="problem")


def test_documents_are_only_text(demo: Any) -> None:
    found = next(row for row in of_extra(demo) if HOSTILE in row["text"])
    tree = page(browser(demo), at(demo, "corpus:demo", f"?tab=samples&document={found['index']}"))
    assert HOSTILE in tree.find("pre", class_="text")[0].text


def test_lengths(demo: Any) -> None:
    found = demo.corpus.histogram(corpus="demo")
    for language, words in (("zh", ("中位数", "最长", "按长度")), ("en", ("median", "longest", "By length"))):
        tree = page(browser(demo, language), at(demo, "corpus:demo", "?tab=lengths"))
        assert all(word in said(tree) for word in words)
        [svg] = tree.find("svg", class_="lengths")
        assert len(svg.find("rect")) == len(found["bins"])
        highest = max(part["documents"] for part in found["bins"])
        for rect, part in zip(svg.find("rect"), found["bins"], strict=True):
            assert abs(float(rect.attributes["height"]) - 140 * part["documents"] / highest) < 0.1


def test_the_card_in_both_languages(demo: Any) -> None:
    for language, title in (("zh", "# 训练数据说明"), ("en", "# Data card")):
        tree = page(browser(demo, language), at(demo, "corpus:demo", "?tab=card"))
        with demo.load("corpus:demo").open_layer(f"card.{language}.md") as stream:
            text = stream.read().decode()
        assert tree.find("pre", class_="text")[0].text == text and text.startswith(title)


def test_the_address_stands_beside_each_document_as_text(demo: Any, tmp_path: Any) -> None:
    """Of what was kept, dropped and masked; an address that would do something is a text like any other."""
    lines = ["院子里的桃树今年开花了，电话 13800138000，大家都说好看。"] * 2
    rows = [{"text": line, "url": f"https://example.org/{n}?{HOSTILE}"} for n, line in enumerate(lines)]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n", "utf-8")
    demo.source.register(path=str(tmp_path / "a.jsonl"), title="有网址", as_name="linked")
    demo.corpus.build(sources=["source:linked"], as_name="linked")
    client = browser(demo)
    for query, wanted in (
        ("?tab=samples", {0, 1}),
        ("?tab=samples&document=0", {0}),
        ("?tab=duplicates", {0, 1}),
        ("?tab=personal", {0}),
    ):
        tree = page(client, at(demo, "corpus:linked", query))
        assert {span.text for span in tree.find("span", class_="url")} == {rows[n]["url"] for n in wanted}, query


BLOCKS = ("p", "li", "h1", "h2", "dd", "td", "th", "span", "summary", "pre")


def test_of_one_document_nothing_is_plural(demo: Any, tmp_path: Any) -> None:
    """On every tab of a source and a corpus of one document, the card among them."""
    (tmp_path / "one.txt").write_text("院子里的桃树今年开花了，电话 13800138000，大家都说好看。\n", "utf-8")
    demo.source.register(path=str(tmp_path / "one.txt"), title="一句话", document="line", as_name="single")
    demo.corpus.build(sources=["source:single"], as_name="single")
    client, wrong = browser(demo, "en"), set()
    for kind in ("source", "corpus"):
        tabs = page(client, at(demo, f"{kind}:single")).find("nav", class_="tabs")[0].find("a")
        assert len(tabs) > 5
        for tab in tabs:
            for part in page(client, tab.attributes["href"]).walk():
                if part.tag in BLOCKS and "where" not in part.classes:  # a line of labels and numbers
                    wrong |= set(re.findall(r"(?<![\d,.–/] )(?<![\d,.–/])\b1 [a-z]+s\b", said(part)))
    assert not wrong


def test_samples_and_their_commitments(demo: Any) -> None:
    client = browser(demo)
    tree = page(client, at(demo, "sample:manual"))
    assert said(tree.find(class_="word")[0]) == "自行抽取" and len(tree.find("article", class_="item")) == 20
    [follow] = tree.find("a", rel="next")
    assert page(client, at(demo, "sample:manual", follow.attributes["href"])).find("a", rel="prev")
    source = config(demo, "corpus:demo")["per_source"][0]["source"]
    some = page(client, at(demo, "sample:manual", f"?tab=items&source={source}"))
    assert {said(p.find("span")[0]) for p in some.find("p", class_="small") if p.find("span")} <= {"来源 one"}
    assert "第几次" in said(page(client, at(demo, "sample:again"))) and "Self-drawn" in said(
        page(browser(demo, "en"), at(demo, "sample:again"))
    )
    promise = page(client, at(demo, "sample_commitment:again"))
    assert said(promise.find(class_="word")[0]) == "已承诺" and said(promise.find("h1")[0]) == "抽样承诺：人工抽检"
    assert "/do/sample/draw" in promise.find("div", class_="verdict")[0].find("a")[0].attributes["href"]


def test_keyword_libraries(demo: Any) -> None:
    client = browser(demo)
    tree = page(client, at(demo, "lexicon:example"))
    model = config(demo, "lexicon:example")
    assert said(tree.find(class_="word")[0]) == f"{model['terms']} 个词" and "色情服务" in said(tree)
    risk = next(iter(model["per_risk"]))
    some = page(client, at(demo, "lexicon:example", f"?tab=terms&risk={risk}"))
    assert len([tr for tr in some.find("tr") if "data-row" in tr.attributes]) == model["per_risk"][risk]
    assert page(client, at(demo, "lexicon:example", "?tab=terms&risk=%3Cscript%3E&after=zz"))
    assert "Owned by" in said(page(browser(demo, "en"), at(demo, "lexicon:example")))


def test_terms_that_ended(demo: Any, tmp_path: Any) -> None:
    path = tmp_path / "t.jsonl"
    terms = [
        {"term": "旧词", "risk": "A.1.f", "expires": "2020-01-01"},
        {"term": "<b>新词</b>", "risk": "A.1.f", "mode": "count"},
    ]
    path.write_text("".join(json.dumps(term) + "\n" for term in terms), "utf-8")
    demo.lexicon.register(file=str(path), title=HOSTILE, owner=HOSTILE, note=HOSTILE, as_name="old")
    tree = page(browser(demo), at(demo, "lexicon:old"))
    assert "2020-01-01已过期" in said(tree) and "<b>新词</b>" in said(tree) and "仅计数" in said(tree)
    assert said(tree.find("h1")[0]) == HOSTILE


@pytest.mark.parametrize("query", ["?tab=review&risk=Z.9", "?tab=review&reason=zzz", "?tab=samples&reason=zzz"])
def test_a_kind_that_is_not_there_is_told(demo: Any, query: str) -> None:
    name = query.partition("=")[2].partition("=")[2]
    chinese = said(page(browser(demo), at(demo, "corpus:demo", query)))
    assert "没有这一类：" in chinese and name in chinese
    assert "There is no such kind here" in said(page(browser(demo, "en"), at(demo, "corpus:demo", query)))
    known = query.partition("&")[0]
    assert "没有这一类" not in said(page(browser(demo), at(demo, "corpus:demo", known)))
