"""Forms of the data wing: what they ask, in whose words, and what is chosen from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from forming import ENGLISH, HOSTILE, LINES, is_escaped, job_of, text, upload

from quanheng.web import form_words
from quanheng.web.form_help import HEADINGS


@pytest.fixture
def sources(workspace: Any, tmp_path: Path) -> list[str]:
    """Return two sources, the first with a hostile title."""
    made = []
    for number, title in enumerate((HOSTILE, "第二个来源")):
        (tmp_path / f"{number}.txt").write_text(LINES + f"\n第{number}份。", "utf-8")
        found = workspace.source.register(path=str(tmp_path / f"{number}.txt"), title=title, as_name=f"s{number}")
        made.append(str(found.digest))
    return made


def test_a_build_asks_for_sources_recipe_and_library_and_no_more(client: Any, sources: list[str]) -> None:
    page = text(client.get("/p/main/do/corpus/build"))
    at_once, options = page.split("<details><summary>更多选项", 1)
    names = [
        name for name in re.findall(r'name="([a-z][a-z_]*)"', at_once.split('<form method="post" class="form"')[1])
    ]
    assert list(dict.fromkeys(name for name in names if name != "csrfmiddlewaretoken")) == ["sources", "recipe"]
    assert "关键词库" in at_once and 'name="_other.lexicon"' in at_once  # there is none to choose yet
    assert 'name="keep"' in options and 'name="_other.guard"' in options
    assert "<h1>构建训练数据</h1>" in page and "中文网页文本 · web-zh" in page
    assert '第二个来源 <span class="cl">s1 · ' in page
    assert is_escaped(client.get("/p/main/do/corpus/build").content.decode())
    english = text(client.get("/p/main/do/corpus/build", **ENGLISH))
    assert "<h1>Build training data</h1>" in english and "Chinese web text · web-zh" in english


def test_a_recipe_is_chosen_from_those_that_ship(client: Any, workspace: Any, sources: list[str]) -> None:
    page = text(client.get("/p/main/do/corpus/build?recipe=law-zh"))
    shipped = {row["name"] for row in workspace.recipe.list()["recipes"]}
    [select] = re.findall(r'<select id="f-recipe".*?</select>', page, re.S)
    assert set(re.findall(r'value="([a-z-]+)"', select)) == shipped
    assert re.findall(r'value="([a-z-]+)" selected', select) == ["law-zh"]
    strange = text(client.get("/p/main/do/corpus/build?recipe=another"))
    assert '<option value="another" selected>' in strange
    sent = client.post("/p/main/do/corpus/build", {"sources": sources, "recipe": "dialogue-zh", "keep": "final"})
    assert job_of(workspace, sent)["verb"] == "corpus.build"


def test_what_the_address_says_of_an_option_is_not_hidden(client: Any) -> None:
    assert "<details open><summary>更多选项" in text(client.get("/p/main/do/corpus/build?keep=stages"))
    assert "<details><summary>更多选项" in text(client.get("/p/main/do/corpus/build"))


def test_a_licence_that_spdx_does_not_know_comes_back_with_near_ones(client: Any) -> None:
    page = text(client.get("/p/main/do/source/register"))
    [field] = re.findall(r'<input id="f-licence".*?</datalist>', page, re.S)
    assert 'value=""' in field and '<option value="CC-BY-4.0">' in field and "NOASSERTION" not in page
    sent = {"title": "来源", "licence": "CC BY 4.0"}
    told = client.post("/p/main/do/source/register", {**sent, "_file.path": upload()})
    assert told.status_code == 422 and "CC-BY-4.0、CC-BY-3.0" in text(told) and 'value="CC BY 4.0"' in text(told)


@pytest.mark.parametrize("name", sorted(HEADINGS))
def test_no_form_of_the_data_wing_names_parameters_as_they_are_typed(client: Any, name: str) -> None:
    for language in ({}, ENGLISH):
        page = text(client.get(f"/p/main/do/{name.replace('.', '/')}", **language))
        form = page.split('<form method="post" class="form"')[1].split("</form>")[0]
        shown = re.sub(r"<[^>]*>", " ", form)
        assert not re.findall(
            r"\b[a-z]+_[a-z_]+\b", shown.replace("educational_value", "").replace("deduplicate_semantic", "")
        ), name
        assert "--" not in shown


def test_the_title_of_a_verb_is_a_whole_clause() -> None:
    titles = {name: form_words.short_help(name).en for name in ("tokenizer.train", "corpus.plan", "corpus.masked")}
    assert titles == {
        "tokenizer.train": "Train a tokenizer (byte-level BPE) on a corpus",
        "corpus.plan": "Estimate the time, memory and disk that a build will take",
        "corpus.masked": "Show what personal data was masked",
    }
    assert form_words.rest_of_help("tokenizer.train").en == ""
    assert form_words.short_help("lexicon.sheet").en == "Write a keyword library as an Excel sheet"
