"""The account on the page of a corpus: one unit at a time, every source by reason, and what follows for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import wing_demo
from wing_demo import HOSTILE, browser, page

from databases import Templates


@pytest.fixture(scope="module")
def demo(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from wing_demo.opened(templates, tmp_path_factory.mktemp("account"))


def at(demo: Any, query: str) -> str:
    return f"/p/main/a/{demo.artifact.find(artifact='corpus:demo')['digest']}?{query}"


def said(element: Any) -> str:
    return " ".join(element.text.split())


@pytest.mark.parametrize(("language", "words"), [("zh", ("总账", "境内", "许可")), ("en", ("Account", "Licences"))])
def test_the_account_in_every_unit(demo: Any, language: str, words: tuple[str, ...]) -> None:
    config = demo.artifact.show(artifact="corpus:demo")["config"]
    for unit in ("documents", "characters", "bytes"):
        tree = page(browser(demo, language), at(demo, f"tab=account&unit={unit}"))
        text = said(tree)
        for share in config["per_source"]:
            assert f"{share[f'{unit}_kept']:,}" in text and f"{share[f'{unit}_read']:,}" in text
            for reason, amount in share["dropped_amounts"].items():
                assert f"{amount[unit]:,}" in text, reason
        assert all(word in text for word in words[1:])
        [chosen] = [a for a in tree.find("a") if "on" in a.classes and f"unit={unit}" in a.attributes["href"]]
        assert chosen.attributes["aria-current"] == "true"
    # Nobody gave a tokenizer: no tokens are shown, not none.
    assert not [a for a in tree.find("a") if "unit=tokens" in a.attributes.get("href", "")]
    assert "--tokenizer" in text and HOSTILE in text


def test_what_follows_for_each_source(demo: Any) -> None:
    found = demo.corpus.account(corpus="corpus:demo")
    [table] = page(browser(demo, "en"), at(demo, "tab=account")).find("table", class_="bad")
    text = said(table)
    words = {"use": "may be used", "read_more": "read more", "not_use": "not to be used", "unread": "not sampled yet"}
    follows = {row["people"]["follows"] for row in found["sources"]}
    assert follows and all(words[one] in text for one in follows)
    assert not any(word in text for one, word in words.items() if one not in follows)
    for row in found["sources"]:
        assert f"{row['risky']['documents']} / {row['screened']}" in text
        if row["people"]["n"]:
            assert f"{row['people']['k']} / {row['people']['n']}" in text


def test_a_number_leads_to_samples_that_were_kept(demo: Any) -> None:
    tree = page(browser(demo), at(demo, "tab=account"))
    links = [a.attributes["href"] for a in tree.find("a") if "decision=edit" in a.attributes.get("href", "")]
    assert links
    shown = said(page(browser(demo), at(demo, links[0].removeprefix("?"))))
    assert "构建时随机保留" in shown and "13812345678" not in shown and "〔" in shown


def test_an_odd_unit_or_decision_shows_something_useful(demo: Any) -> None:
    for query in ("tab=account&unit=<b>", "tab=funnel&unit=tokens", "tab=samples&decision=edit&reason=zzz"):
        assert "读入" in said(page(browser(demo), at(demo, query)))
