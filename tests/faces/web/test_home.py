"""The home of a project and the pages of wings: answers first, then what to do next, for whoever looks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from evidence import register
from quanheng.errors import QuanhengError

ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}
HOSTILE = '<script>alert(1)</script>{{7777*7777}}"><img src=x onerror=alert(2)>'
LINES = "\n".join(f"第{i}号来信：今天读了一本关于园艺的书，写下第{i}条心得。" for i in range(12))


def text(response: Any) -> str:
    return unescape(response.content.decode())


@pytest.fixture
def assessed(workspace: Any, tmp_path: Path) -> str:
    """Return the digest of a small assessment."""
    path = tmp_path / "letters.txt"
    path.write_text(LINES, "utf-8")
    source = workspace.call("source.register", path=str(path), title="来信", document="line", as_name="letters").digest
    corpus = workspace.corpus.build(sources=[source]).digest
    pack = workspace.rulepack.register(file="shipped:oversight/rules/packs/tc260-003-2024.json").digest
    return str(workspace.call("assessment.run", rulepack=pack, corpus=corpus, as_name="first").digest)


def test_an_empty_project_shows_one_way_to_begin(client: Any) -> None:
    page = text(client.get("/p/main/"))
    assert "尚无内容" in page and "/p/main/flows/filing" in page and "/p/main/do/source/register" in page
    assert page.index("运行演示") < page.index("接下来")
    english = text(client.get("/p/main/", **ENGLISH))
    assert "Nothing here yet" in english and "Run the demonstration" in english


def test_answers_come_first(client: Any, workspace: Any, assessed: str) -> None:
    page = text(client.get("/p/main/"))
    word = {"fails": "不符合", "pending": "待补充"}[workspace.assessment.show(assessment=assessed)["overall"]]
    assert f'<span class="word">{word}</span>' in page and f"/p/main/a/{assessed}" in page
    assert page.index('class="word"') < page.index("接下来") < page.index("从文本到结论") < page.index("最新制品")
    steps = re.findall(r'<li data-row><a href="([^"]+)">([^<]+)</a><span class="cl">([^<]+)</span></li>', page)
    assert len(steps) == 5 and all(href.startswith("/p/main/") for href, _, _ in steps)
    english = text(client.get("/p/main/", **ENGLISH))
    assert "What to do next" in english and "From text to verdict" in english


def test_the_chain_counts_and_leads_to_lists(client: Any, workspace: Any, assessed: str) -> None:
    page = client.get("/p/main/").content.decode()
    chain = re.findall(r'<li><a href="/p/main/artifacts\?kind=(\w+)"><b>(\d+)</b><span>([^<]+)</span>', page)
    assert [kind for kind, _, _ in chain] == [
        "source", "corpus", "sample", "model", "responses", "verdicts", "assessment",
    ]  # fmt: skip
    assert {kind: int(count) for kind, count, _ in chain} == {
        "source": 1, "corpus": 1, "sample": 0, "model": 0, "responses": 0, "verdicts": 0, "assessment": 1,
    }  # fmt: skip
    assert "规则包 1" in unescape(page)


def test_without_an_assessment_it_says_where_the_project_stands(client: Any, workspace: Any, tmp_path: Path) -> None:
    path = tmp_path / "letters.txt"
    path.write_text(LINES, "utf-8")
    workspace.source.register(path=str(path), title="来信", document="line")
    page = text(client.get("/p/main/"))
    assert "尚未评估" in page and "用 1 个来源构建训练数据" in page and "/p/main/do/corpus/build?sources=" in page
    href = re.search(r'href="(/p/main/do/corpus/build\?[^"]+)"', page)
    assert href and " checked" in client.get(href[1]).content.decode()  # the form is filled


FAILED = "作业失败：查看原因"


def failed_step(client: Any) -> str:
    """Return what the home says of failed jobs, "" for nothing."""
    found = re.search(rf"最近 24 小时有 (\d+) 个{FAILED}", text(client.get("/p/main/")))
    return found[1] if found else ""


def test_a_failed_job_is_told_until_it_is_dealt_with(client: Any, workspace: Any, tmp_path: Path) -> None:
    """A mistake in the input was told to whoever made it; a service that was away waits for somebody to try again."""
    from quanheng.core.models import Job

    path = tmp_path / "letters.txt"
    path.write_text("", "utf-8")
    with pytest.raises(QuanhengError) as caught:
        workspace.source.register(path=str(path), title="来信", document="line")
    row = Job.objects.filter(state="failed").get()
    assert type(caught.value).__name__ == json.loads(row.error)["class"] in ("Invalid", "NotFound")
    assert failed_step(client) == ""
    away = {**json.loads(row.error), "class": "Unavailable", "code": "endpoint_down"}
    Job.objects.filter(id=row.id).update(error=json.dumps(away))
    assert failed_step(client) == "1" and "A job failed in the last 24" in text(client.get("/p/main/", **ENGLISH))
    path.write_text(LINES, "utf-8")
    workspace.source.register(path=str(path), title="别的来信", document="line")
    assert failed_step(client) == "1"  # another input
    workspace.source.register(path=str(path), title="来信", document="line")
    assert failed_step(client) == ""
    assert "失败" in text(client.get("/p/main/jobs?state=failed"))  # it is in the list for good


def test_a_withdrawn_assessment_is_no_answer(client: Any, workspace: Any, assessed: str) -> None:
    workspace.artifact.withdraw(artifact=assessed, reason="算错了")
    page = text(client.get("/p/main/"))
    assert 'class="word">不符合' not in page and client.get("/p/main/").status_code == 200


@pytest.mark.parametrize("role", ["owner", "builder", "reviewer", "operator", "auditor"])
def test_everybody_who_may_read_has_a_page_that_says_something(
    client_of: Callable[..., Any], assessed: str, role: str
) -> None:
    page = client_of(role).get("/p/main/")
    assert page.status_code == 200 and "接下来" in text(page) and "从文本到结论" in text(page)


@pytest.mark.parametrize("role", ["annotator", "public", ""])
def test_who_may_not_read_sees_the_own_account_and_what_to_do(client_of: Callable[..., Any], role: str) -> None:
    page = client_of(role, label="somebody").get("/p/main/")
    said = text(page)
    assert page.status_code == 200 and "somebody" in said and "/account" in said and "/verify" in said
    assert ("你还没有角色" in said) == (role == "")
    assert "最新制品" not in said


def test_a_visitor_signs_in_or_sees_a_public_project(visitor: Any, assessed: str) -> None:
    assert visitor.get("/p/main/").url.startswith("/sign-in?next=%2Fp%2Fmain%2F")
    assert visitor.get("/p/main/w/data").url.startswith("/sign-in?next=")
    from quanheng.core.models import Project

    Project.objects.filter(slug="main").update(is_public=True)
    page = text(visitor.get("/p/main/"))
    assert "你正在查看公开项目" in page and "公开项目" in page and "/verify" in page and "/p/main/do/" not in page
    assert visitor.get("/p/main/w/data").status_code == 200


def test_unknown_projects_are_not_there(client: Any) -> None:
    assert client.get("/p/nowhere/").status_code == 404
    assert client.get("/p/UPPER/").status_code == 404


def test_hostile_titles_and_names_are_shown_as_text(client: Any, workspace: Any, assessed: str) -> None:
    from quanheng.core.models import Name, Project

    Project.objects.filter(slug="main").update(title=HOSTILE)
    Name.objects.filter(slug__in=["letters", "first"]).update(slug=HOSTILE)
    register(workspace, HOSTILE)
    for place in ("/p/main/", "/p/main/w/data", "/p/main/w/oversight"):
        page = client.get(place).content.decode()
        assert "<script>alert" not in page and "<img src=x" not in page and "60481729" not in page


# ---------------------------------------------------------------- wings


@pytest.mark.parametrize(
    ("wing", "kinds", "verb"),
    [
        ("data", ["来源", "关键词库", "训练数据", "抽样承诺", "样本"], "corpus/build"),
        ("models", ["模型", "端点", "测试题库", "回答"], "responses/generate"),
        ("oversight", ["规则包", "判定结论", "评估"], "assessment/run"),
    ],
)
def test_a_wing_shows_kinds_verbs_and_flows(client: Any, wing: str, kinds: list[str], verb: str) -> None:
    page = text(client.get(f"/p/main/w/{wing}"))
    assert [kind for kind in kinds if f">{kind}</a>" in page] == kinds
    assert f"/p/main/do/{verb}" in page and "/p/main/flows/filing" in page and "还没有" in page
    assert f'href="/p/main/w/{wing}" class="on" aria-current="page"' in page
    assert "/p/main/do/member/grant" not in page


def test_a_wing_shows_its_newest_artifacts_in_both_languages(client: Any, assessed: str) -> None:
    page = text(client.get("/p/main/w/oversight"))
    assert f"/p/main/a/{assessed}" in page and "first" in page
    assert "From evidence to a verdict" in text(client.get("/p/main/w/oversight", **ENGLISH))


def test_who_may_not_use_a_verb_sees_it_without_a_link(client_of: Callable[..., Any]) -> None:
    page = text(client_of("reviewer").get("/p/main/w/oversight"))
    assert "/p/main/do/verdicts/enter" in page
    assert '<span class="na">按规则包评估</span>' in page


def test_unknown_wings_are_no_pages(client: Any) -> None:
    assert client.get("/p/main/w/magic").status_code == 404
    assert client.get("/p/main/w/").status_code == 404
