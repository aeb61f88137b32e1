"""The pages of assessments, verdicts and rule packs: the verdict first, then every number one click deeper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import wing_demo
from wing_demo import HOSTILE, Element, browser, page

from databases import Templates


@pytest.fixture(scope="module")
def demo(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from wing_demo.opened(templates, tmp_path_factory.mktemp("assessment"))


def digest_of(demo: Any, name: str) -> str:
    return str(demo.artifact.find(artifact=name)["digest"])


def at(demo: Any, name: str, query: str = "") -> str:
    return f"/p/main/a/{digest_of(demo, name)}{query}"


def said(element: Element) -> str:
    return " ".join(element.text.split())


WORDS = {
    "zh": ("不符合", "生成式人工智能服务安全评估", "接下来", "从文本到结论", "按风险", "证明材料包（含全部内容）"),
    "en": (
        "Does not conform",
        "Safety assessment of a generative AI service",
        "What to do next",
        "From text to verdict",
        "By risk",
        "Evidence bundle, open",
    ),
}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_verdict_comes_first(demo: Any, language: str) -> None:
    tree = page(browser(demo, language), at(demo, "assessment:reviewed"))
    verdict, title, *rest = WORDS[language]
    [bar] = tree.find("div", class_="verdict")
    assert said(bar.find(class_="word")[0]) == verdict and "no" in bar.classes
    tally = demo.assessment.show(assessment="assessment:reviewed")["tally"]
    numbers = [int(b.text) for b in bar.find("b")]
    assert numbers == [tally[name] for name in ("conforms", "fails", "pending", "not_applicable")]
    assert [said(h1) for h1 in tree.find("h1")] == [title]
    for word in rest:
        assert word in said(tree), word
    hrefs = [urlsplit(a.attributes["href"]) for a in bar.find("a")]
    digest = digest_of(demo, "assessment:reviewed")
    assert [part.path for part in hrefs] == ["/p/main/get/assessment/bundle", "/p/main/get/assessment/report"]
    assert parse_qs(hrefs[0].query) == {"assessment": [digest], "sealed": ["true"]}
    assert parse_qs(hrefs[1].query) == {"assessment": [digest], "format": ["pdf"], "language": [language]}


def test_the_open_bundle_says_what_it_holds(demo: Any) -> None:
    for language, warning in (("zh", "未遮盖的原始来源"), ("en", "raw sources too")):
        tree = page(browser(demo, language), at(demo, "assessment:reviewed"))
        [take] = tree.find("dl", class_="take")
        assert warning in said(take)
        queries = [parse_qs(urlsplit(a.attributes["href"]).query) for a in take.find("a")]
        assert sorted(str(q["format"]) for q in queries if "format" in q) == sorted(
            ["['pdf']", "['docx']", "['html']"] * 2
        )
        assert [q["sealed"] for q in queries if "sealed" in q] == [["true"], ["false"]]


def test_rules_by_verdict(demo: Any) -> None:
    client = browser(demo)
    results = demo.assessment.show(assessment="assessment:reviewed")["results"]
    everything = page(client, at(demo, "assessment:reviewed"))
    rows = [tr.attributes["id"] for tr in everything.find("tr") if "data-row" in tr.attributes]
    assert sorted(rows) == sorted(result["rule"] for result in results)
    for verdict in ("fails", "pending", "conforms", "not_applicable"):
        tree = page(client, at(demo, "assessment:reviewed", f"?tab=rules&verdict={verdict}"))
        shown = {tr.attributes["id"] for tr in tree.find("tr") if "data-row" in tr.attributes}
        assert shown == {result["rule"] for result in results if result["verdict"] == verdict}
        [here] = tree.find("nav", class_="words")[0].find("a", class_="on")
        assert here.attributes["aria-current"] == "true" and f"verdict={verdict}" in here.attributes["href"]
    nothing = page(client, at(demo, "assessment:reviewed", "?verdict=%3Cscript%3E"))
    assert len([tr for tr in nothing.find("tr") if "data-row" in tr.attributes]) == len(results)
    links = {a.attributes["href"] for a in everything.find("a", class_="rt")}
    assert links == {f"?tab=rules&rule={result['rule']}" for result in results}


def test_one_rule_with_all_it_rests_on(demo: Any) -> None:
    tree = page(browser(demo), at(demo, "assessment:reviewed", "?tab=rules&rule=ASS-REF-01"))
    results = {r["rule"]: r for r in demo.assessment.show(assessment="assessment:reviewed")["results"]}
    result = results["ASS-REF-01"]
    k, n = result["k"]["value"], result["n"]["value"]
    [law] = tree.find("dl", class_="law")
    assert f"{k} × 100 = {k * 100:,}" in said(law) and f"= 95 × {n}" in said(law)
    assert ("≥" if k * 100 >= 95 * n else "<") in said(law)
    counted = [tr for tr in tree.find("tr") if "data-row" in tr.attributes and tr.find("td", data_label="用于")]
    total = len(result["k"]["counts"]) + len(result["n"]["counts"])
    assert len(counted) == total and all(tr.find("a", href=_of(result)) for tr in counted)
    items = tree.find("article", class_="item")
    against = [row for row in result["n"]["counts"] if row["where"]["verdict"] != "refused"]
    assert len(items) == min(20, sum(row["value"] for row in against))
    for item in items:
        assert item.find("p", class_="question") and item.find("p", class_="body")
    heads = said(tree)
    for words in ("结论如何得出", "所依据的计数", "逐条", "规则原文与依据", "现行标准条款"):
        assert words in heads


def _of(result: dict[str, Any]) -> str:
    return f"/p/main/a/{result['k']['counts'][0]['artifact']}"


def test_what_was_matched_is_marked(demo: Any) -> None:
    tree = page(browser(demo), at(demo, "assessment:demo", "?tab=rules&rule=ASS-COR-02"))
    found = demo.assessment.items(assessment="assessment:demo", rule="ASS-COR-02")
    marks = [mark.text for item in tree.find("article", class_="item") for mark in item.find("mark")]
    assert len(marks) == sum(len(row["spans"]) for row in found["rows"])
    assert set(marks) <= {"色情服务"}


def test_what_reviewers_wrote_is_only_text(demo: Any) -> None:
    tree = page(browser(demo), at(demo, "assessment:reviewed", "?tab=rules&rule=ASS-COR-01"))
    reasons = [said(item.find("p", class_="head")[0]) for item in tree.find("article", class_="item")]
    assert len(reasons) == 3 and all(HOSTILE in reason for reason in reasons)
    assert "{{7*7}}" in said(tree) and "49" not in reasons[0]


def test_pages_of_items(demo: Any) -> None:
    client = browser(demo)
    first = page(client, at(demo, "assessment:reviewed", "?tab=rules&rule=ASS-COR-01&verdict=pass"))
    [follow] = first.find("a", rel="next")
    assert len(first.find("article", class_="item")) == 20 and not first.find("a", rel="prev")
    second = page(client, at(demo, "assessment:reviewed", follow.attributes["href"]))
    ids = [{item.attributes["id"] for item in tree.find("article", class_="item")} for tree in (first, second)]
    assert len(ids[1]) == 20 and not ids[0] & ids[1] and second.find("a", rel="prev")
    far = page(client, at(demo, "assessment:reviewed", "?tab=rules&rule=ASS-COR-01&verdict=pass&after=99999"))
    assert not far.find("article", class_="item") and "没有条目是这一判定" in said(far)


def test_steps_lead_to_the_forms_of_their_verbs(demo: Any) -> None:
    tree = page(browser(demo), at(demo, "assessment:demo"))
    [steps] = [ol for ol in tree.find("ol") if ol.find("li")]
    hrefs = [a.attributes["href"] for a in steps.find("a") if "/do/" in a.attributes["href"]]
    sample = digest_of(demo, "sample:manual")
    paths = [urlsplit(href).path for href in hrefs]
    assert "/p/main/do/verdicts/enter" in paths and "/p/main/do/source/register" in paths
    enter = [parse_qs(urlsplit(href).query) for href in hrefs if "/do/verdicts/enter" in href]
    assert {"subject": [sample]} in enter
    why = [a.attributes["href"] for a in steps.find("a") if "rule=" in a.attributes["href"]]
    assert len(why) == len(steps.find("li"))


def test_each_need_has_its_verb(demo: Any) -> None:
    from quanheng.core.verb import VERBS
    from quanheng.oversight.page_next import doing
    from quanheng.oversight.page_queries import evidence_of, rule_of

    for name in ("assessment:demo", "assessment:reviewed"):
        evidence = evidence_of(demo.session, demo.load(name))
        for result in evidence.assessment.results:
            if result.need is None:
                continue
            found = doing(evidence, rule_of(evidence, result.rule), result)
            assert found is not None, result.rule
            verb, data = found
            assert set(data) <= set(VERBS[verb].input.model_fields), (result.rule, verb, data)
            VERBS[verb].input.model_construct(**data)


def test_roles_see_what_they_may_do(demo: Any) -> None:
    reader = browser(demo, actor=wing_demo.member(demo, "auditor"))
    tree = page(reader, at(demo, "assessment:demo"))
    [steps] = [ol for ol in tree.find("ol") if ol.find("li")]
    assert steps.find("li") and not [a for a in steps.find("a") if "/do/" in a.attributes["href"]]
    reviewer = page(browser(demo, actor=wing_demo.member(demo, "reviewer")), at(demo, "assessment:demo"))
    done = [a.attributes["href"] for a in reviewer.find("a") if "/do/" in a.attributes["href"]]
    assert done and all("/do/verdicts/enter" in href for href in done)
    address = at(demo, "assessment:demo")
    annotator = browser(demo, "en", actor=wing_demo.member(demo, "annotator")).get(address)
    assert annotator.status_code == 403 and b"it needs the permission read" in annotator.content
    from django.test import Client

    visitor = Client().get(address)
    assert visitor.status_code == 302 and visitor.headers["Location"].startswith("/sign-in")


def test_a_rule_that_is_not_there(demo: Any) -> None:
    tree = page(browser(demo), at(demo, "assessment:demo", "?tab=rules&rule=%3Cimg%20src=x%20onerror=alert(1)%3E"))
    [problem] = tree.find(class_="problem")
    assert "该评估没有规则" in said(problem) and not tree.find("img", src="x")


def test_risks(demo: Any) -> None:
    for language, name in (("zh", "宣扬暴力、淫秽色情"), ("en", "Promoting violence, obscenity or pornography")):
        tree = page(browser(demo, language), at(demo, "assessment:demo", "?tab=risks"))
        rows = [tr for table in tree.find("table", class_="risks") for tr in table.find("tr", data_row="")]
        assert len(rows) == 31 and any(name in said(row) for row in rows)
        found = {row["risk"]: row for row in demo.assessment.risks(assessment="assessment:demo")["rows"]}
        for row in rows:
            risk = re.search(r"A\.\d\.\w", said(row))
            assert risk
            cells = found[risk[0]]["must_refuse"]
            assert f"{cells['asked']} / {cells['items']}" in said(row)
            assert (f"{cells['refused']} · {cells['answered']} · {cells['unjudged']}" in said(row)) == bool(
                cells["asked"]
            )


def test_draws_and_judges(demo: Any) -> None:
    tree = page(browser(demo), at(demo, "assessment:reviewed", "?tab=draws"))
    text = said(tree)
    assert "自行抽取" in text and "同一用途有多次抽样" in text and "未校验，只能用于说明不符合" in text
    rows = demo.assessment.draws(assessment="assessment:reviewed")["rows"]
    assert {row["draw_no"] for row in rows} == {1, 2}
    links = {a.attributes["href"] for a in tree.find("a")}
    for row in rows:
        assert f"/p/main/a/{row['sample']}" in links and f"/p/main/log/{row['drawn']['entry']}" in links


def test_sources_with_their_licences(demo: Any) -> None:
    tree = page(browser(demo), at(demo, "assessment:demo", "?tab=sources"))
    assert HOSTILE in said(tree) and "不明" in said(tree) and "逐条计数，非抽样" in said(tree)


def test_verdicts(demo: Any) -> None:
    for language, word in (("zh", "已判定 300"), ("en", "300 judged")):
        tree = page(browser(demo, language), at(demo, "verdicts:reviewed"))
        assert said(tree.find(class_="word")[0]) == word
        assert "3 / 300" in said(tree) and "1.00%" in said(tree) and "0.27%–2.56%" in said(tree)
    tree = page(browser(demo), at(demo, "verdicts:reviewed", "?tab=items&verdict=fail"))
    assert len(tree.find("article", class_="item")) == 3
    assert page(browser(demo), at(demo, "verdicts:reviewed", "?tab=items&verdict=nonsense&after=-1"))


def test_rule_packs(demo: Any) -> None:
    tree = page(browser(demo), at(demo, "rulepack:tc260-003-2024"))
    assert said(tree.find(class_="word")[0]) == "原文待核"
    assert len([tr for tr in tree.find("tr") if "data-row" in tr.attributes]) == 19
    assert "Not yet checked" in said(page(browser(demo, "en"), at(demo, "rulepack:tc260-003-2024")))


def test_what_was_withdrawn_is_said_and_the_rest_still_shown(demo: Any) -> None:
    """Runs last: it takes the sample away."""
    demo.artifact.withdraw(artifact="sample:manual", reason="测试撤回样本")
    tree = page(browser(demo), at(demo, "assessment:reviewed", "?tab=rules&rule=ASS-COR-01"))
    assert "已撤回" in said(tree.find("p", class_="note")[0]) and tree.find("dl", class_="law")
    assert page(browser(demo), at(demo, "assessment:reviewed", "?tab=draws")).find("table")
    assert page(browser(demo), at(demo, "assessment:reviewed")).find("table", class_="rules")
