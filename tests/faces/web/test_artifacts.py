"""Artifacts in the browser: the list, the one page for every kind, downloads, and hostile text everywhere."""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from evidence import item, put_layers, register
from quanheng.core import pages
from quanheng.core.pages import Action, Bar, View
from quanheng.errors import Conflict, Text

#: The header that a browser set to English sends.
ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}
HOSTILE = '<script>alert(1)</script>{{7*7}}"><img src=x onerror=alert(1)>\u202e'


def page(client: Any, address: str, status: int = 200, **headers: Any) -> str:
    answer = client.get(address, **headers)
    assert answer.status_code == status, answer.content.decode()[:400]
    return str(answer.content.decode())


def received(answer: Any) -> bytes:
    """Return the bytes of a file that was sent, after closing it."""
    data = b"".join(answer.streaming_content)
    answer.close()
    return data


def named(workspace: Any, name: str, **options: Any) -> str:
    return register(workspace, name, [("a.txt", name.encode())], as_name=name, **options)


def unharmed(text: str) -> None:
    """Assert that nothing of HOSTILE came through as markup, was calculated, or turns the text around."""
    assert "<script>alert" not in text and "<img" not in text and "49" not in text.split("{{7*7}}", maxsplit=1)[0][-1:]
    assert "{{7*7}}" in text and "\u202e" not in text


# ---- the list


def test_the_list_shows_what_is_there_in_both_languages(client: Any, workspace: Any) -> None:
    digest = named(workspace, "letters")
    text = page(client, "/p/main/artifacts")
    assert f'href="/p/main/a/{digest}">letters</a>' in text and "文件" in text and "未命名 密钥" in text
    text = page(client, "/p/main/artifacts", **ENGLISH)
    assert "unnamed key" in text and "Registered (UTC)" in text
    assert client.get("/p/main/artifacts").headers["Content-Language"] == "zh-Hans"


def test_the_list_is_filtered_by_kind_and_name_on_the_server(client: Any, workspace: Any) -> None:
    for name in ("alpha-1", "alpha-2", "beta"):
        named(workspace, name)
    text = page(client, "/p/main/artifacts?kind=files&name=ALPHA")
    assert "alpha-1" in text and "alpha-2" in text and ">beta<" not in text and "未命名" not in text
    assert '<option value="files" selected>文件 3' in text and 'value="ALPHA"' in text
    assert "没有符合条件的制品" in page(client, "/p/main/artifacts?name=gamma")
    assert "没有符合条件的制品" in page(client, "/p/main/artifacts?kind=nothing&name=%25")


def test_the_list_goes_on_page_by_page(client: Any, workspace: Any) -> None:
    made = workspace.artifact.register_many(items=[item(f"n{number}") for number in range(120)]).outputs
    seen: list[str] = []
    address = "/p/main/artifacts?kind=files"
    while address:
        text = page(client, address)
        seen += [part[:71] for part in text.split("/p/main/a/")[1:]]
        after = (
            text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0] if 'rel="next"' in text else ""
        )
        address = after.replace("&amp;", "&")
    assert sorted(seen) == sorted(made) and len(seen) == 120
    assert "没有符合条件" in page(client, "/p/main/artifacts?kind=files&after=1")
    page(client, "/p/main/artifacts?after=nonsense")


def test_a_pasted_digest_leads_to_its_page(client: Any, workspace: Any) -> None:
    digest = named(workspace, "letters")
    for pasted in (digest, digest[7:], digest[:19], digest[7:30]):
        assert client.get(f"/p/main/artifacts?name={pasted}").headers["Location"] == f"/p/main/a/{digest}"
    assert "没有符合条件" in page(client, "/p/main/artifacts?name=" + "0" * 64)


def test_the_list_as_json_and_csv(client: Any, workspace: Any) -> None:
    digest = named(workspace, "letters")
    found = client.get("/p/main/artifacts.json?name=letters").json()
    assert [row["digest"] for row in found["rows"]] == [digest]
    answer = client.get("/p/main/artifacts.csv?kind=files")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="artifacts.csv"'
    assert answer.content.decode("utf-8-sig").splitlines()[1].startswith(f"{digest},files/v1,letters,")


def test_a_file_holds_every_row(client: Any, workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.web import every_row

    monkeypatch.setattr(every_row, "PAGE", 7)
    workspace.artifact.register_many(items=[item(f"n{number}") for number in range(50)])
    lines = client.get("/p/main/artifacts.csv?kind=files").content.decode("utf-8-sig").splitlines()
    assert len(lines) == len(set(lines)) == 51
    monkeypatch.setattr(every_row, "MOST_ROWS", 14)
    assert len(client.get("/p/main/artifacts.csv").content.decode("utf-8-sig").splitlines()) == 15


# ---- the page


def test_the_page_says_what_it_is_and_where_it_came_from(client: Any, workspace: Any) -> None:
    source = named(workspace, "origin")
    digest = named(workspace, "result", inputs=[("sources", source)])
    text = page(client, f"/p/main/a/{digest}?tab=facts")
    assert "<h1>result</h1>" in text and "文件 / result" in text.replace("</a>", "")
    assert f'href="/p/main/a/{source}"' in text and "origin" in text and "artifact register_many" in text
    assert "内容说明" in text and "存证" in text and "没有外部见证" not in text and "尚无签名检查点" in text
    assert f"/p/main/do/artifact/withdraw?artifact={quote(digest, safe='')}" in text and "/p/main/do/name/set?" in text
    text = page(client, f"/p/main/a/{digest}?tab=facts", **ENGLISH)
    assert "What it says" in text and "made by" in text and "No signed checkpoint covers it yet" in text
    assert text.count("<h1") == 1


def test_names_and_beginnings_lead_to_the_digest(client: Any, workspace: Any) -> None:
    digest = named(workspace, "letters")
    for name in ("letters", "files:letters", digest[:19]):
        answer = client.get(f"/p/main/a/{name}?tab=log")
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/p/main/a/{digest}?tab=log")
    assert client.get("/p/main/a/files:letters.json").headers["Location"] == f"/p/main/a/{digest}.json"


def test_json_is_what_the_query_says(client: Any, workspace: Any) -> None:
    digest = named(workspace, "letters")
    assert client.get(f"/p/main/a/{digest}.json").json() == json.loads(
        json.dumps(workspace.artifact.show(artifact=digest))
    )


def test_what_is_not_there_is_a_page_with_near_names(client: Any, workspace: Any) -> None:
    named(workspace, "letters")
    text = page(client, "/p/main/a/leters", 404)
    assert "是否想用：letters" in text
    assert "Did you mean: letters" in page(client, "/p/main/a/leters", 404, **ENGLISH)
    assert client.get("/p/main/a/leters.json").json()["code"] == "no_such_artifact"
    assert client.get("/p/main/a/sha256:" + "0" * 64).status_code == 404
    assert client.get("/p/nowhere/a/letters").status_code == 404
    unharmed(page(client, "/p/main/a/" + quote(HOSTILE.replace("/", "")), 404).replace("\u202e", ""))


def test_every_tab_answers_and_an_unknown_one_is_the_first(client: Any, workspace: Any) -> None:
    digest = named(workspace, "letters")
    for tab in ("content", "facts", "lineage", "evidence", "log", "no-such-tab", HOSTILE):
        text = page(client, f"/p/main/a/{digest}?tab={quote(tab)}")
        assert text.count('aria-current="page"') == 1 and "<h1>letters</h1>" in text
    assert 'class="on" aria-current="page">内容' in page(client, f"/p/main/a/{digest}")


def test_content_is_shown_as_rows_and_as_text(client: Any, workspace: Any) -> None:
    rows = b"".join(json.dumps({"n": number, "t": f"word {number}"}).encode() + b"\n" for number in range(70))
    digest = register(workspace, "rows", [("a.jsonl", rows), ("b.md", "# 标题".encode())])
    text = page(client, f"/p/main/a/{digest}")
    assert "word 0<" in text and "word 49<" in text and "word 50<" not in text and 'rel="next"' in text
    assert "word 69<" in page(client, f"/p/main/a/{digest}?tab=content&after=50")
    assert "word 7<" in page(client, f"/p/main/a/{digest}?tab=content&row=7") and "共 70 行" in page(
        client, f"/p/main/a/{digest}?tab=content&after=60"
    )
    layers = workspace.artifact.show(artifact=digest)["layers"]
    assert "# 标题</pre>" in page(client, f"/p/main/a/{digest}?tab=content&layer={layers[1]['digest']}")
    page(client, f"/p/main/a/{digest}?tab=content&layer=nothing", 404)
    page(client, f"/p/main/a/{digest}?tab=content&row=9999", 404)
    page(client, f"/p/main/a/{digest}?tab=content&after=-1")


def test_a_layer_that_is_gone_is_told_on_the_page(client: Any, workspace: Any) -> None:
    digest = named(workspace, "letters")
    layer = workspace.artifact.show(artifact=digest)["layers"][0]["digest"]
    workspace.objects.delete(layer)
    text = page(client, f"/p/main/a/{digest}?tab=content")
    assert 'role="alert"' in text and "quanheng fsck" in text


def test_lineage_is_drawn_and_listed_both_ways(client: Any, workspace: Any) -> None:
    source = named(workspace, "origin")
    middle = named(workspace, "middle", inputs=[("sources", source)])
    last = named(workspace, "last", inputs=[("parts", middle), ("sources", source)])
    text = page(client, f"/p/main/a/{middle}?tab=lineage")
    drawing = text.partition('<svg class="graph"')[2].partition("</svg>")[0]
    assert drawing.count("<rect") == 3 and drawing.count('class="head"') == 2  # origin→last is told by the longer way
    assert f'href="/p/main/a/{source}"' in drawing and f'href="/p/main/a/{last}"' in drawing and "box here" in drawing
    table = text.partition("</svg>")[2]
    assert "origin</a>" in table and "last</a>" in table and "来源</td>" in table


def test_a_large_lineage_is_limited_and_counted(client: Any, workspace: Any) -> None:
    source = named(workspace, "origin")
    items = [item(f"n{number}", inputs=[("sources", source)]) for number in range(60)]
    workspace.artifact.register_many(items=items)
    text = page(client, f"/p/main/a/{source}?tab=lineage")
    drawing = text.partition('<svg class="graph"')[2].partition("</svg>")[0]
    assert drawing.count("<rect") == 2 and "文件 40" in drawing  # those that are linked alike are one box
    assert text.partition("</svg>")[2].count("未命名 文件") == 40
    assert "其余制品未画出： 20" in text
    near = workspace.lineage.near(artifact=source, limit=10)
    assert (len(near["nodes"]), near["up"], near["down"]) == (11, 0, 60)


def test_evidence_and_log_name_the_entry_the_checkpoint_and_the_witness(client: Any, workspace: Any) -> None:
    source = named(workspace, "origin")
    named(workspace, "result", inputs=[("sources", source)])
    signed = workspace.checkpoint.sign()
    workspace.witness.add(size=signed["size"], form="letter", proof="京〔2026〕7号", date="2026-05-06")
    text = page(client, f"/p/main/a/{source}?tab=evidence")
    assert "result</a>" in text and "letter 2026-05-06" in text and "--key sha256:" in text
    entry = workspace.artifact.show(artifact=source)["entry"]
    text = page(client, f"/p/main/a/{source}?tab=log")
    assert f'/p/main/log/{entry}"' in text and "本页已重新计算根哈希：一致" in text and "登记" in text
    found = workspace.artifact.evidence(artifact=source)
    assert [row["index"] for row in found["entries"]] == [entry]
    assert found["checkpoint"]["size"] == signed["size"] and found["checkpoint"]["witness"]["date"] == "2026-05-06"


def test_a_withdrawn_artifact_shows_the_reason_and_no_files(client: Any, workspace: Any) -> None:
    source = named(workspace, "origin")
    digest = named(workspace, "result", inputs=[("sources", source)])
    layer = workspace.artifact.show(artifact=source)["layers"][0]["digest"]
    workspace.artifact.withdraw(artifact=source, reason="许可被撤销" + HOSTILE)
    text = page(client, f"/p/main/a/{source}")
    unharmed(text.replace("\u202e", ""))
    assert '<span class="word">已撤回</span>' in text and "许可被撤销" in text and "a.txt" not in text
    assert "do/artifact/withdraw" not in text and "tab=content" not in text
    assert client.get("/p/main/a/origin").headers["Location"] == f"/p/main/a/{source}"
    assert client.get(f"/p/main/a/{source[:19]}").headers["Location"] == f"/p/main/a/{source}"
    assert "已撤回" in page(client, "/p/main/artifacts")
    page(client, f"/p/main/a/{source}/layer/{layer}", 409)
    text = page(client, f"/p/main/a/{digest}?tab=lineage")
    assert "它所依据的制品中有已撤回的" in text and "box na" in text
    text = page(client, f"/p/main/a/{source}?tab=log", **ENGLISH)
    assert "withdrawn</span>" in text and "artifact withdraw" in text and "registered</span>" in text


def test_hostile_text_is_escaped_wherever_it_stands(client: Any, workspace: Any) -> None:
    title = HOSTILE.replace("/", "|")
    rows = json.dumps({HOSTILE: HOSTILE, "x": [HOSTILE]}).encode() + b"\n" + HOSTILE.encode() + b"\n"
    layers = put_layers(
        workspace, [("rows.jsonl", rows), (f"{title}.html", HOSTILE.encode()), ("a.csv", HOSTILE.encode())]
    )
    layers[0]["media_type"], layers[1]["media_type"] = "application/jsonl", "text/html"
    made = item(HOSTILE, layers)
    digest = workspace.artifact.register_many(items=[made]).digest
    for tab in ("content", "facts", "lineage", "evidence", "log"):
        unharmed(page(client, f"/p/main/a/{digest}?tab={tab}"))
    for layer in layers:
        unharmed(page(client, f"/p/main/a/{digest}?tab=content&layer={layer['digest']}"))
    unharmed(page(client, f"/p/main/a/{digest}?tab=content&row=0"))
    assert HOSTILE[:-1] in client.get(f"/p/main/a/{digest}.json").json()["config"]["title"]
    answer = client.get(f"/p/main/artifacts?name={quote(HOSTILE)}&kind={quote(HOSTILE)}")
    assert "<script>alert" not in answer.content.decode() and "<img" not in answer.content.decode()


# ---- what wings add


@pytest.fixture
def wing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Register a tab, a margin, a bar and a title for files, as a wing does; they are gone after the test."""
    for name in ("TABS", "ASIDES", "BARS", "TITLES"):
        monkeypatch.setattr(pages, name, dict(getattr(pages, name)))

    def tab(view: View) -> Any:
        if view.query.get("fail"):
            raise Conflict("it cannot be shown", "无法显示", hint=("Try later.", "稍后再试。"))
        return {"error": {"text": Text("from the wing", "来自模块"), "hint": None}}

    pages.tab("files", "extra", title=("Extra", "附加"), template="web/artifact_error.html", count=lambda view: "7")(
        tab
    )
    pages.aside("files", "next", title=("Next", "接下来"), template="web/artifact_error.html")(tab)
    pages.title("files")(lambda view: view.say("A title of the wing", "模块的标题"))
    pages.bar("files")(
        lambda view: Bar(
            view.say("Good", "良好"),
            "ok",
            counts=[("12", view.say("parts", "部分"), "no")],
            said=["一句话"],
            actions=[
                Action("artifact.withdraw", Text("Take back", "收回"), {"artifact": view.artifact.digest}),
                Action("assessment.report", Text("Report", "报告"), {"assessment": "x", "format": "pdf"}, main=True),
                Action("workspace.create", Text("Never", "从不")),
            ],
        )
    )
    return tab


def test_a_wing_adds_tabs_margin_bar_and_title(client: Any, client_of: Any, workspace: Any, wing: Any) -> None:
    digest = named(workspace, "letters")
    text = page(client, f"/p/main/a/{digest}")
    assert "<h1>模块的标题</h1>" in text and 'class="on" aria-current="page">附加 <span class="n">7' in text
    assert text.count("来自模块") == 2 and '<span class="word">良好</span>' in text and '<b class="no">12</b>' in text
    assert "/p/main/do/artifact/withdraw?artifact=" in text
    assert "/p/main/get/assessment/report?assessment=x&amp;format=pdf" in text
    assert "A title of the wing" in page(client, f"/p/main/a/{digest}", **ENGLISH)
    reader = client_of("reviewer")
    text = page(reader, f"/p/main/a/{digest}")
    assert "do/artifact/withdraw" not in text and "assessment/report" in text and "do/name/set" not in text
    text = page(client, f"/p/main/a/{digest}?fail=1")
    assert text.count("无法显示") == 2 and "稍后再试。" in text
    workspace.artifact.withdraw(artifact=digest, reason="误传")
    text = page(client, f"/p/main/a/{digest}?tab=extra")
    assert "来自模块" not in text and "附加" not in text and "良好" not in text and "误传" in text


# ---- files


def test_a_layer_is_a_download_and_never_a_page(client: Any, workspace: Any) -> None:
    body = b"<script>alert(document.cookie)</script>"
    layers = put_layers(workspace, [("网页/说明 书.html", body)])
    layers[0]["media_type"] = "text/html"
    digest = workspace.artifact.register_many(items=[item("html", layers)]).digest
    answer = client.get(f"/p/main/a/{digest}/layer/{layers[0]['digest']}")
    assert received(answer) == body
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Length"] == str(len(body))
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "filename*=UTF-8''%E8%AF%B4%E6%98%8E%20%E4%B9%A6.html" in answer.headers["Content-Disposition"]
    tag = answer.headers["ETag"]
    address = f"/p/main/a/{digest}/layer/{layers[0]['digest']}"
    assert client.get(address, HTTP_IF_NONE_MATCH=tag).status_code == 304
    assert client.head(address).headers["Content-Length"] == str(len(body))
    assert client.post(address).status_code in (403, 405)


def test_only_the_layers_of_the_artifact_are_sent(client: Any, workspace: Any) -> None:
    one, other = named(workspace, "one"), named(workspace, "other")
    layer = workspace.artifact.show(artifact=other)["layers"][0]["digest"]
    assert "没有数据层" in page(client, f"/p/main/a/{one}/layer/{layer}", 404)
    page(client, f"/p/main/a/sha256:{'0' * 64}/layer/{layer}", 404)


def test_a_layer_outside_is_not_fetched(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.test import Client

    from quanheng.core.accounts import make_link
    from quanheng.core.session import os_actor
    from quanheng.web.configure import configure

    monkeypatch.setenv("QUANHENG_ALLOWED_HOSTS", "example.invalid")
    workspace = place.open()
    configure(workspace, hosts=["testserver"], secure=False, log=False)
    client = Client()
    client.post(f"/sign-in/{make_link(os_actor(), dt.timedelta(minutes=1))}")
    layer = {"digest": "sha256:" + "1" * 64, "size": 5, "media_type": "text/plain", "title": "far.txt"}
    made = item("far", [{**layer, "urls": ["https://example.invalid/far.txt"]}])
    digest = workspace.artifact.register_many(items=[made]).digest
    text = page(client, f"/p/main/a/{digest}/layer/{layer['digest']}", 409)
    assert "https://example.invalid/far.txt" in text
    assert "https://example.invalid/far.txt" in page(client, f"/p/main/a/{digest}?tab=facts")


@pytest.fixture
def assessment(workspace: Any) -> str:
    """Return the digest of an assessment without any evidence: the rules are all pending."""
    from quanheng.kinds import Say
    from quanheng.kinds.oversight import Assessment, RulePackRef, Tally

    none = Tally(conforms=0, fails=0, not_applicable=0, pending=0, below_recommended=0, thin_margin=0)
    pack = RulePackRef(digest=None, id="x", title=Say(en="x", zh="规则"), instrument=Say(en="x", zh="文件"),
                       text_checked_by="", text_checked_on="")  # fmt: skip
    model = Assessment(rulepack=pack, results=(), tally=none, overall="not_applicable", self_drawn=False)
    made = {"kind": "assessment/v1", "model": model.model_dump(mode="json"), "layers": [], "inputs": []}
    return str(workspace.artifact.register_many(items=[made]).digest)


def test_a_bundle_is_downloaded_and_verifies(client: Any, workspace: Any, assessment: str, tmp_path: Any) -> None:
    from quanheng.store.verify import verify_bundle

    answer = client.get(f"/p/main/get/assessment/bundle?assessment={assessment}&sealed=true")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="assessment-bundle-')
    data = received(answer)
    assert len(data) == int(answer.headers["Content-Length"])
    (tmp_path / "b.zip").write_bytes(data)
    key = workspace.key.list()[0]["fingerprint"]
    found = verify_bundle(tmp_path / "b.zip", key)
    assert [problem for check in found.checks for problem in check.problems] == []
    assert found.ok and found.key_compared and found.facts is not None and found.facts.mode == "sealed"
    assert "bundle.json" in zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert not list((workspace.objects.root / "tmp").glob("*")), "the scratch folder is gone"


def test_a_report_is_downloaded_and_never_shown(client: Any, assessment: str) -> None:
    answer = client.get(f"/p/main/get/assessment/report?assessment={assessment}&language=en&format=html")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert b"<!doctype html" in received(answer).lower()


def test_downloads_of_queries_refuse_what_they_are_not_for(client: Any, assessment: str) -> None:
    page(client, "/p/main/get/artifact/list", 404)
    page(client, "/p/main/get/no/such", 404)
    page(client, "/p/main/get/assessment/report?assessment=none", 404)
    page(client, f"/p/main/get/assessment/report?assessment={assessment}&format=exe", 422)
    page(client, f"/p/main/get/assessment/report?assessment={assessment}&to=/tmp/mine.html&x=1", 422)
    answer = client.get(f"/p/main/get/assessment/report?assessment={assessment}&to=/tmp/mine.html")
    assert answer.status_code == 200  # where it is written is ours to say
    received(answer)
    assert "mine" not in answer.headers["Content-Disposition"]


def test_files_wait_for_their_turn(client: Any, assessment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.web.views import artifacts

    monkeypatch.setattr(artifacts, "FILE_WAIT_S", 0)
    taken = [artifacts._files.acquire(blocking=False) for _ in range(artifacts.FILES_AT_ONCE)]
    try:
        assert all(taken)
        assert "稍后重试" in page(client, f"/p/main/get/assessment/report?assessment={assessment}", 503)
    finally:
        for _ in taken:
            artifacts._files.release()
    received(client.get(f"/p/main/get/assessment/report?assessment={assessment}"))


# ---- who may


ADDRESSES: list[Callable[[str, str], str]] = [
    lambda digest, layer: "/p/main/artifacts",
    lambda digest, layer: "/p/main/artifacts.json",
    lambda digest, layer: f"/p/main/a/{digest}",
    lambda digest, layer: "/p/main/a/letters",
    lambda digest, layer: f"/p/main/a/{digest}/layer/{layer}",
    lambda digest, layer: "/p/main/get/assessment/report?assessment=none",
]


@pytest.mark.parametrize("number", range(len(ADDRESSES)))
def test_whoever_may_not_read_is_refused_and_a_visitor_signs_in(
    client_of: Any, visitor: Any, workspace: Any, number: int
) -> None:
    digest = named(workspace, "letters")
    layer = workspace.artifact.show(artifact=digest)["layers"][0]["digest"]
    address = ADDRESSES[number](digest, layer)
    answer = client_of("annotator").get(address)
    assert (
        answer.status_code == 403
        and b"read" in answer.content
        and (b"letters" not in answer.content or "letters" in address)
    )
    answer = visitor.get(address)
    if address.endswith(".json"):
        assert answer.status_code == 403
    else:
        assert answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in?next=")


def test_a_public_project_is_open_to_visitors_without_account_names(visitor: Any, workspace: Any) -> None:
    from quanheng.core.models import Project

    digest = named(workspace, "letters")
    Project.objects.filter(slug="main").update(is_public=True)
    text = page(visitor, f"/p/main/a/{digest}?tab=log")
    assert "os:" not in text and "do/artifact/withdraw" not in text and "登记" in text
    assert page(visitor, "/p/main/artifacts")


def test_an_artifact_of_another_project_is_not_found_here(client: Any, workspace: Any) -> None:
    workspace.project.create(slug="other", title="Other")
    digest = str(workspace.call("artifact.register_many", items=[item("there")], project="other").digest)
    page(client, f"/p/other/a/{digest}")
    page(client, f"/p/main/a/{digest}", 404)
    page(client, f"/p/main/a/{digest}?tab=log", 404)


def test_an_artifact_in_two_projects_names_the_entry_of_this_one(client: Any, workspace: Any) -> None:
    workspace.project.create(slug="other", title="Other")
    first = str(workspace.call("artifact.register_many", items=[item("same")], project="other").digest)
    assert str(workspace.artifact.register_many(items=[item("same")]).digest) == first
    found = workspace.artifact.evidence(artifact=first)
    assert [(row["what"], row["elsewhere"]) for row in found["entries"]] == [("registered", True), ("placed", False)]
    text = page(client, f"/p/main/a/{first}?tab=log")
    assert "进入本项目" in text and "（在其他项目）" in text and "一致" in text


def test_times_are_in_utc_and_machine_readable(client: Any, workspace: Any) -> None:
    named(workspace, "letters")
    text = page(client, "/p/main/artifacts")
    written = text.partition('<time datetime="')[2].partition('"')[0]
    assert dt.datetime.fromisoformat(written).tzinfo is not None
