"""Pages of jobs: the list, one job with all that is known of it, what changes while it runs, and cancelling."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from quanheng.core import worker
from quanheng.core.runner import log_path
from quanheng.web.views.jobs import in_language, percent, took

ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}
HOSTILE = '<script>alert(1)</script>{{7777*7777}}"><img src=x onerror=alert(2)>'
FLOW = """
name = "small"
[params]
path = "x"
[[step]]
id = "one"
verb = "files.register"
as = "one"
with = { path = "$path", title = "Files" }
"""


def text(response: Any) -> str:
    return unescape(response.content.decode())


@pytest.fixture
def done(workspace: Any, folder: Path) -> str:
    """Return a job that registered files."""
    return str(workspace.call("files.register", path=str(folder), title="证据", as_name="evidence").job)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "evidence"
    made.mkdir()
    (made / "a.txt").write_text("证据", "utf-8")
    return made


@pytest.fixture
def failed(workspace: Any, tmp_path: Path) -> str:
    """Return a job that failed in its body."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(Exception, match="no files"):
        workspace.files.register(path=str(tmp_path / "empty"), title="x")
    return str(workspace.job.list(state="failed")["rows"][0]["id"])


@pytest.fixture
def queued(workspace: Any, folder: Path) -> str:
    """Return a job that waits."""
    return str(workspace.call("files.register", path=str(folder), title="later", detach=True).job)


# ---------------------------------------------------------------- the list


def test_the_list_is_newest_first_and_filters_by_state(client: Any, done: str, failed: str, queued: str) -> None:
    page = text(client.get("/p/main/jobs"))
    assert page.index(queued[:8]) < page.index(failed[:8]) < page.index(done[:8])
    assert "排队中" in page and "失败" in page and "empty_folder" in page and "evidence" in page
    only = text(client.get("/p/main/jobs?state=failed"))
    assert failed[:8] in only and done[:8] not in only and '<option value="failed" selected>' in only
    english = text(client.get("/p/main/jobs", **ENGLISH))
    assert "Register plain files as evidence" in english and "queued" in english


def test_steps_of_flows_are_shown_when_asked_for(client: Any, workspace: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(FLOW, "utf-8")
    run = workspace.flow.run(file=str(tmp_path / "small.toml"), params={"path": str(folder)})
    plain, whole = client.get("/p/main/jobs.json").json(), client.get("/p/main/jobs.json?steps=1").json()
    assert {row["verb"] for row in plain["rows"]} == {"flow.run", "workspace.create"}
    assert next(row for row in whole["rows"] if row["verb"] == "files.register")["parent"] == run.job
    assert "属于流程" in text(client.get("/p/main/jobs?steps=1"))
    page = text(client.get(f"/p/main/jobs/{run.job}"))
    step = next(row for row in whole["rows"] if row["verb"] == "files.register")
    assert f"/p/main/jobs/{step['id']}" in page and "执行的步骤" in page
    assert run.outputs[0] in page  # what a flow left, although its steps left it
    assert f"/p/main/jobs/{run.job}" in text(client.get(f"/p/main/jobs/{step['id']}"))


def test_lists_go_out_as_csv_and_json(client: Any, failed: str) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get("/p/main/jobs.csv").content.decode("utf-8-sig"))))
    assert rows[0]["id"] == failed and rows[0]["error"] == "empty_folder" and rows[0]["verb"] == "files.register"
    assert client.get("/p/main/jobs.json?state=failed").json()["rows"][0]["error"]["code"] == "empty_folder"


def test_pages_follow_a_cursor(client: Any, workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.web.views import jobs

    for number in range(4):
        workspace.case.open(type="user_appeal", title=f"{number}")
    monkeypatch.setattr(jobs, "PER_PAGE", 2)
    seen, place = [], "/p/main/jobs"
    for _ in range(5):
        page = client.get(place).content.decode()
        seen += re.findall(r'<a href="/p/main/jobs/([0-9a-f]{32})"', page)
        older = re.search(r'<a href="(\?[^"]+)" rel="next"', page)
        if not older:
            break
        place = "/p/main/jobs" + unescape(older[1])
    assert len(seen) == len(set(seen)) == 5  # four cases and the workspace itself
    assert client.get("/p/main/jobs?after=nonsense").status_code == 200


def test_an_empty_list_says_what_to_do(client: Any) -> None:
    page = text(client.get("/p/main/jobs?state=running"))
    assert "没有处于该状态的作业" in page
    assert client.get("/p/main/jobs?state=" + HOSTILE).status_code == 200


# ---------------------------------------------------------------- one job


def test_a_job_tells_all_that_is_known_of_it(client: Any, workspace: Any, done: str) -> None:
    page = text(client.get(f"/p/main/jobs/{done}"))
    shown = workspace.job.show(id=done)
    assert '<div class="word" role="status">已完成</div>' in page and shown["actor"] in page
    assert f"/p/main/a/{shown['outputs'][0]}" in page and "文件" in page
    assert f"/p/main/log/{shown['entry']}" in page and "hx-get" not in page and "取消" not in page
    assert "再次执行" in page and "/p/main/do/files/register" in page
    english = text(client.get(f"/p/main/jobs/{done}", **ENGLISH))
    assert '<div class="word" role="status">done</div>' in english and "Run again" in english
    assert client.get(f"/p/main/jobs/{done}.json").json()["outputs"] == shown["outputs"]


def test_the_inputs_of_a_job_are_links_and_fill_the_form_again(client: Any, workspace: Any, done: str) -> None:
    digest = workspace.job.show(id=done)["outputs"][0]
    job = workspace.name.set(artifact=digest, name="other").job
    page = text(client.get(f"/p/main/jobs/{job}"))
    assert f"/p/main/a/{digest}" in page and "再次执行" not in page  # an inline verb is not repeated by a click


def test_run_again_fills_the_form_with_the_same_artifacts(client: Any, workspace: Any, tmp_path: Path) -> None:
    letters = tmp_path / "letters.txt"
    letters.write_text("第一封来信：今天读了一本关于园艺的书。\n" * 3, "utf-8")
    source = workspace.source.register(path=str(letters), title="来信", document="line").digest
    job = workspace.call("corpus.build", sources=[source]).job
    page = text(client.get(f"/p/main/jobs/{job}"))
    assert f'href="/p/main/do/corpus/build?sources={source.replace(":", "%3A")}"' in page
    assert "来源" in page


def test_a_failed_job_says_why_and_what_to_do(client: Any, failed: str) -> None:
    page = text(client.get(f"/p/main/jobs/{failed}"))
    assert 'class="verdict no"' in page and "里没有文件" in page and "请指定装有文件的文件夹" in page
    assert "empty_folder" in page
    assert "has no files" in text(client.get(f"/p/main/jobs/{failed}", **ENGLISH))


def test_unknown_jobs_are_not_there(client: Any, workspace: Any, done: str) -> None:
    assert client.get(f"/p/main/jobs/{'0' * 32}").status_code == 404
    workspace.project.create(slug="other")
    assert client.get(f"/p/other/jobs/{done}").status_code == 404
    assert client.get(f"/p/other/jobs/{done}/live").status_code == 404
    assert client.get(f"/p/other/jobs/{done}/log").status_code == 404
    assert client.get("/p/main/jobs/" + HOSTILE).status_code == 404


def test_while_it_waits_the_page_asks_for_news_and_then_no_more(client: Any, workspace: Any, queued: str) -> None:
    page = client.get(f"/p/main/jobs/{queued}").content.decode()
    live = f"/p/main/jobs/{queued}/live"
    assert f'hx-get="{live}" hx-trigger="every 2s" hx-swap="outerMorph"' in page
    assert "服务会自动执行" in page and "刷新" in page
    part = client.get(live).content.decode()
    assert part.startswith('<div id="live" hx-get=') and "<html" not in part
    assert worker.work(workspace, once=True) == 1
    part = client.get(live).content.decode()
    assert 'id="live"' in part and "hx-get" not in part and "已完成" in part


def test_a_waiting_job_can_be_cancelled_by_whoever_may(
    client: Any, client_of: Callable[..., Any], workspace: Any, queued: str
) -> None:
    page = client_of("reviewer").get(f"/p/main/jobs/{queued}").content.decode()
    assert f"/jobs/{queued}/cancel" not in page
    assert client_of("reviewer", label="r2").post(f"/p/main/jobs/{queued}/cancel").status_code == 403
    assert f'action="/p/main/jobs/{queued}/cancel"' in client.get(f"/p/main/jobs/{queued}").content.decode()
    answer = client.post(f"/p/main/jobs/{queued}/cancel")
    assert answer.status_code == 303 and answer.url == f"/p/main/jobs/{queued}"
    assert "已请求取消" in text(client.get(answer.url))
    worker.work(workspace, once=True)
    assert '<div class="word" role="status">已取消</div>' in text(client.get(answer.url))
    assert client.get(f"/p/main/jobs/{queued}/cancel").status_code == 405


def test_visitors_and_strangers(visitor: Any, client_of: Callable[..., Any], workspace: Any, done: str) -> None:
    for place in ("jobs", f"jobs/{done}", f"jobs/{done}/live", f"jobs/{done}/log"):
        assert visitor.get(f"/p/main/{place}").url.startswith("/sign-in?next=")
        assert client_of("annotator", label="n" + place.replace("/", "")).get(f"/p/main/{place}").status_code == 403
    assert visitor.post(f"/p/main/jobs/{done}/cancel").url.startswith("/sign-in")
    from quanheng.core.models import Project

    Project.objects.filter(slug="main").update(is_public=True)
    assert visitor.get(f"/p/main/jobs/{done}").status_code == 200


# ---------------------------------------------------------------- the log of a job


def write_log(workspace: Any, job: str, lines: list[str]) -> None:
    path = log_path(workspace.folder, job)
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), "utf-8")


def test_lines_are_shown_in_the_language_of_the_page_and_as_text(client: Any, workspace: Any, done: str) -> None:
    lines = [
        "2026-01-01T10:00:00.000000Z 3 files passed over | 跳过 3 个文件",
        HOSTILE,
        "Traceback (most recent call last):",
    ]
    write_log(workspace, done, lines)
    page = client.get(f"/p/main/jobs/{done}").content.decode()
    assert "跳过 3 个文件" in page and "passed over" not in page and "10:00:00" in page and "Traceback" in page
    assert "<script>alert" not in page and "<img src=x" not in page and "60481729" not in page
    assert "3 files passed over" in text(client.get(f"/p/main/jobs/{done}", **ENGLISH))
    whole = client.get(f"/p/main/jobs/{done}/log")
    assert whole["Content-Type"] == "text/plain; charset=utf-8" and whole["X-Content-Type-Options"] == "nosniff"
    assert HOSTILE in whole.content.decode()


def test_of_a_long_log_the_newest_lines_are_shown(client: Any, workspace: Any, done: str) -> None:
    write_log(workspace, done, [f"line {number} " + "x" * 100 for number in range(3000)])
    page = text(client.get(f"/p/main/jobs/{done}"))
    assert "line 2999 " in page and "line 2800 " in page and "line 2799 " not in page and "仅最新的若干行" in page


def test_in_language_takes_the_half_that_was_told() -> None:
    time = "2026-01-01T10:00:00.000000Z "
    assert in_language(time + "a | b | 甲 | 乙", "zh")["text"] == "甲 | 乙"
    assert in_language(time + "a | b | 甲 | 乙", "en")["text"] == "a | b"
    assert in_language(time + "a | b | c", "zh")["text"] == "a | b | c"
    assert in_language("no time | at all", "zh") == {"time": "", "text": "no time | at all"}


def test_progress_and_duration() -> None:
    assert percent({"done": 5, "total": 4, "state": "running"}) == 100
    assert percent({"done": 20, "total": 21, "state": "done"}) == 100
    started = "2026-01-01T00:00:00.000000Z"
    for finished, said in (
        ("2026-01-01T00:00:01.250000Z", "1.2 秒"),
        ("2026-01-01T00:00:41.000000Z", "41 秒"),
        ("2026-01-01T00:02:05.000000Z", "2 分 5 秒"),
        ("2026-01-02T01:02:05.000000Z", "25 小时 2 分"),
        ("2025-12-31T00:00:00.000000Z", "0.0 秒"),
    ):
        told = took({"started": started, "finished": finished})
        assert told and told.zh == said
    assert took({"started": None, "finished": None}) is None


def test_a_verb_that_this_release_no_longer_has_is_shown_by_its_name(client: Any, workspace: Any, done: str) -> None:
    from quanheng.core.models import Job

    Job.objects.filter(id=done).update(verb="old.thing")
    assert "old.thing" in text(client.get(f"/p/main/jobs/{done}")) and "old.thing" in text(client.get("/p/main/jobs"))


def test_hostile_names_and_errors_are_shown_as_text(client: Any, workspace: Any, failed: str) -> None:
    from quanheng.core.models import Job

    error = {"class": "Invalid", "code": "x", "en": HOSTILE, "zh": HOSTILE, "hint": [HOSTILE, HOSTILE]}
    Job.objects.filter(id=failed).update(name=HOSTILE[:100], error=json.dumps(error))
    for place in (f"/p/main/jobs/{failed}", "/p/main/jobs", "/p/main/"):
        page = client.get(place).content.decode()
        assert "<script>alert" not in page and "<img src=x" not in page and "60481729" not in page
