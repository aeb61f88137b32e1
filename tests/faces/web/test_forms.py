"""Forms: one for each verb, what they bring becomes the verb's input, and what is wrong comes back with all of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from forming import ENGLISH, HOSTILE, LINES, is_escaped, job_of, text, upload

from evidence import register
from quanheng.core import worker
from quanheng.core.describe import commands
from quanheng.core.verb import VERBS
from quanheng.errors import Text
from quanheng.web import form_fields, form_words
from quanheng.web.form_fields import Given
from quanheng.web.form_help import HEADINGS

# ---------------------------------------------------------------- every verb


@pytest.mark.parametrize("name", sorted(name for name in VERBS if name != "flow.run"))
def test_every_verb_has_a_form_in_both_languages(client: Any, name: str) -> None:
    place = f"/p/main/do/{name.replace('.', '/')}"
    zh, en = client.get(place), client.get(place, **ENGLISH)
    assert zh.status_code == en.status_code == 200
    heading = HEADINGS.get(name)
    said = Text(*heading.title) if heading else form_words.short_help(name)
    assert said.zh in text(zh) and said.en in text(en)
    for option in form_fields.options_of(commands()[name]):
        label = form_words.label_of(name, option.name)
        assert label.zh in text(zh) and label.en in text(en), option.name
        assert re.search(r"[\u4e00-\u9fff]", label.zh), f"{name}.{option.name} has no Chinese label"
        assert re.search(rf'name="(_other\.|_file\.)?{option.name}"', zh.content.decode()), option.name


def test_every_label_is_tied_to_its_field(client: Any) -> None:
    for name in ("source.register", "assessment.run", "member.grant", "artifact.register_many", "token.create"):
        page = client.get(f"/p/main/do/{name.replace('.', '/')}").content.decode()
        ids = set(re.findall(r' id="([^"]+)"', page))
        assert set(re.findall(r'<label[^>]* for="([^"]+)"', page)) <= ids
        for field in re.findall(r"<(?:input|select|textarea) [^>]*>", page):
            named = re.search(r' id="([^"]+)"', field)
            labelled = named and f'for="{named[1]}"' in page
            assert labelled or 'type="hidden"' in field or 'type="checkbox"' in field, field


def test_required_fields_stand_first(client: Any) -> None:
    page = client.get("/p/main/do/source/register").content.decode()
    assert page.index('name="title"') < page.index("更多选项") < page.index('name="text_field"')
    assert page.count("必填") == 2


def test_the_list_of_verbs_has_those_first_that_one_may_use(client_of: Callable[..., Any]) -> None:
    page = text(client_of("reviewer").get("/p/main/do"))
    assert "录入人工复核结论" in page and "需要 build 权限" in page
    assert page.index("录入人工复核结论") < page.index("登记来源")
    assert page.index('href="/p/main/do/verdicts/enter"') < page.index("不可执行")


def test_unknown_verbs_and_queries_are_no_forms(client: Any) -> None:
    assert client.get("/p/main/do/source/registr").status_code == 404
    assert "source.register" in text(client.get("/p/main/do/source/registr"))
    assert client.get("/p/main/do/artifact/list").status_code == 404
    assert client.get("/p/nowhere/do/source/register").status_code == 404
    assert client.get("/p/main/do/Source/REGISTER").status_code == 404
    assert client.put("/p/main/do/source/register").status_code == 405


def test_a_flow_has_a_page_of_its_own(client: Any) -> None:
    assert client.get("/p/main/do/flow/run?flow=filing").url == "/p/main/flows/filing"
    assert client.get("/p/main/do/flow/run").url == "/p/main/flows"


# ---------------------------------------------------------------- who may


def test_a_role_that_may_not_is_told_why(client_of: Callable[..., Any], workspace: Any) -> None:
    reviewer = client_of("reviewer")
    shown = reviewer.get("/p/main/do/source/register")
    assert shown.status_code == 403
    assert "需要 build 权限" in text(shown) and "建设者" in text(shown) and 'type="file"' not in text(shown)
    assert "it needs the permission build" in text(reviewer.get("/p/main/do/source/register", **ENGLISH))
    sent = reviewer.post("/p/main/do/name/set", {"artifact": "x", "name": "y"})
    assert sent.status_code == 403 and "name.set" in text(sent)
    assert workspace.log.list(limit=1)["entries"][0]["outcome"] == "denied"  # a refusal is in the log


def test_a_visitor_is_asked_to_sign_in_and_leaves_nothing(visitor: Any, workspace: Any) -> None:
    before = workspace.log.list()["size"]
    for answer in (
        visitor.get("/p/main/do/source/register"),
        visitor.post("/p/main/do/name/set", {"name": "x"}),
        visitor.get("/p/main/do"),
    ):
        assert answer.status_code == 302 and answer.url.startswith("/sign-in?next=%2Fp%2Fmain%2Fdo")
    assert workspace.log.list()["size"] == before


def test_another_site_cannot_send_a_form(client: Any, workspace: Any) -> None:
    digest = register(workspace, "x")
    client.handler.enforce_csrf_checks = True
    assert client.post("/p/main/do/name/set", {"artifact": digest, "name": "x"}).status_code == 403
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text(client.get("/p/main/do/name/set")))
    assert token
    sent = {"artifact": digest, "name": "x", "csrfmiddlewaretoken": token[1]}
    assert client.post("/p/main/do/name/set", sent).status_code == 200


# ---------------------------------------------------------------- what is sent


def test_an_upload_becomes_a_source(client: Any, workspace: Any) -> None:
    sent = {"_file.path": upload(), "title": "来信", "document": "line", "licence": "CC0-1.0", "_as": "letters"}
    job = job_of(workspace, client.post("/p/main/do/source/register", sent))
    assert (job["state"], job["verb"], job["name"]) == ("queued", "source.register", "letters")
    assert worker.work(workspace, once=True) == 1
    made = workspace.load("source:letters").model
    assert (made.title, made.licence.spdx, made.licence.clear) == ("来信", "CC0-1.0", True)
    assert made.files[0].title == "letters.txt" and made.reading.document == "line"


def test_several_uploads_become_a_folder(client: Any, workspace: Any) -> None:
    sent = {"_file.path": [upload("a.txt"), upload("b.txt")], "title": "两份"}
    job_of(workspace, client.post("/p/main/do/files/register", sent))
    worker.work(workspace, once=True)
    newest = workspace.artifact.list(kind="files")["rows"][0]["digest"]
    assert [layer.title for layer in workspace.load(newest).layers] == ["a.txt", "b.txt"]


def test_shipped_examples_are_offered_and_work(client: Any, workspace: Any) -> None:
    page = client.get("/p/main/do/benchmark/register").content.decode()
    assert page.count('value="shipped:oversight/banks/') == 3 and "示例应拒答测试题库" in page
    link = next(unescape(link) for link in re.findall(r'href="\?([^"]+)"', page) if "must_refuse" in link)
    filled = text(client.get(f"/p/main/do/benchmark/register?{link}"))
    assert 'value="must_refuse" selected' in filled and "须由使用单位替换" in filled
    sent = {"file": "shipped:oversight/banks/must_refuse.jsonl", "purpose": "must_refuse", "title": "T", "owner": "O"}
    job_of(workspace, client.post("/p/main/do/benchmark/register", sent))
    worker.work(workspace, once=True)
    assert workspace.load(workspace.artifact.list(kind="benchmark")["rows"][0]["digest"]).model.items == 40
    assert "shipped:oversight/rules/packs/" in text(client.get("/p/main/do/rulepack/register"))
    assert "shipped:oversight/lexicon/example.jsonl" in text(client.get("/p/main/do/lexicon/register"))


def test_what_was_there_before_is_not_run_again(client: Any, workspace: Any) -> None:
    sent = {"file": "shipped:oversight/rules/packs/tc260-003-2024.json"}
    job_of(workspace, client.post("/p/main/do/rulepack/register", sent))
    worker.work(workspace, once=True)
    again = client.post("/p/main/do/rulepack/register", sent)
    assert again.status_code == 200 and "已有" in text(again) and "没有重复执行" in text(again)
    digest = workspace.artifact.list(kind="rulepack")["rows"][0]["digest"]
    assert f"/p/main/a/{digest}" in text(again)
    anew = client.post("/p/main/do/rulepack/register", {**sent, "_again": "on"})
    assert job_of(workspace, anew)["state"] == "queued"


def test_a_double_click_queues_one_job(client: Any, workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.web.views import forms

    monkeypatch.setattr(forms.time, "time", lambda: 1_000_000.0)
    sent = {"file": "shipped:oversight/rules/packs/tc260-003-2024.json"}
    first, second = (client.post("/p/main/do/rulepack/register", sent) for _ in range(2))
    assert first.url == second.url and len(workspace.job.list(verb="rulepack.register")["rows"]) == 1
    other = client.post("/p/main/do/rulepack/register", {**sent, "_as": "pack"})
    assert other.url != first.url
    monkeypatch.setattr(forms.time, "time", lambda: 1_000_100.0)
    assert client.post("/p/main/do/rulepack/register", sent).url != first.url


def test_an_inline_verb_answers_at_once(client: Any, workspace: Any) -> None:
    digest = register(workspace, "证据")
    answer = client.post("/p/main/do/name/set", {"artifact": digest, "name": "evidence"})
    assert answer.status_code == 200 and "已完成" in text(answer) and "已写入一条存证" in text(answer)
    assert workspace.load("files:evidence").digest == digest
    case = client.post("/p/main/do/case/open", {"type": "user_appeal", "title": "申诉"}, **ENGLISH)
    assert "Done" in text(case) and workspace.case.list()["rows"][0]["case"] in text(case)


def test_a_secret_is_shown_once(client: Any, workspace: Any) -> None:
    workspace.user.create(label="bao")
    answer = client.post(
        "/p/main/do/token/create", {"label": "bao", "scopes": "read\nbuild", "days": "7", "here": "true"}
    )
    found = re.search(r"qh_[\w-]{40,}", text(answer))
    assert found and "请立即复制" in text(answer) and answer.headers["Cache-Control"] == "no-store"
    assert f'data-copy="{found[0]}"' in answer.content.decode()
    row = workspace.token.list()[0]
    assert row["scopes"] == ["read", "build"]
    link = client.post("/p/main/do/user/invite", {"label": "bao"}, **ENGLISH)
    assert re.search(r"http://testserver/sign-in/[\w-]{40,}", text(link)) and "Shown only now" in text(link)


def test_a_new_password_keeps_one_signed_in(client: Any) -> None:
    answer = client.post("/p/main/do/account/password", {"password": "correct horse battery"})
    assert answer.status_code == 200 and "已完成" in text(answer)
    assert client.get("/p/main/do").status_code == 200
    short = client.post("/p/main/do/account/password", {"password": "short", "current": "correct horse battery"})
    page = text(short)
    assert short.status_code == 422 and "密码过短" in page and "correct horse" not in page
    assert 'autocomplete="new-password"' in page and 'autocomplete="current-password"' in page


def test_what_cannot_be_undone_is_said_and_asks_for_a_tick(client: Any, workspace: Any) -> None:
    digest = register(workspace, "x", [("a", b"a")])
    place = "/p/main/do/artifact/withdraw"
    page = text(client.get(f"{place}?artifact={digest}"))
    assert "永久删除" in page and 'name="_confirm" required' in page
    refused = client.post(place, {"artifact": digest, "reason": "错误登记"})
    assert refused.status_code == 422 and "尚未确认" in text(refused) and "错误登记" in text(refused)
    assert workspace.artifact.show(artifact=digest)["withdrawn"] is None
    done = client.post(place, {"artifact": digest, "reason": "错误登记", "_confirm": "on"})
    assert done.status_code == 200 and workspace.artifact.show(artifact=digest)["withdrawn"] == "错误登记"
    for verb in ("user/deactivate", "member/revoke", "token/revoke", "key/rotate"):
        assert 'name="_confirm"' in text(client.get(f"/p/main/do/{verb}")), verb


# ---------------------------------------------------------------- what is wrong


def test_what_is_wrong_comes_back_beside_its_field_with_all_that_was_typed(client: Any, workspace: Any) -> None:
    sent = {"_file.path": upload(), "title": "", "origin_name": "来自<b>某处</b>", "min": "x", "collected_on": "昨天"}
    answer = client.post("/p/main/do/source/register", sent)
    page = answer.content.decode()
    assert answer.status_code == 422 and 'role="alert"' in page
    assert '<a href="#f-title">标题</a>：缺少这一项' in page and "source.register" not in page.split("<form")[0]
    wrong = re.findall(r'<span class="wrong" role="alert">([^<]+)</span>', page)
    assert wrong == ["缺少这一项", unescape(wrong[1])] and wrong[1] == "应为日期，如 2026-12-31"
    assert "来自&lt;b&gt;某处&lt;/b&gt;" in page and "昨天" in page
    assert re.search(r"<details open><summary>更多选项", page) is None  # nothing hidden is wrong
    staged = re.search(r'name="_staged.path" value="(upload:[0-9a-f]{32})"', page)
    assert staged and "letters.txt" in page  # the upload need not be sent again
    again = client.post("/p/main/do/source/register", {"_staged.path": staged[1], "title": "来信", "document": "line"})
    assert job_of(workspace, again)["state"] == "queued"
    english = client.post("/p/main/do/source/register", {"title": ""}, **ENGLISH)
    assert "it is missing" in text(english) and "what you typed is kept" in text(english)


def test_an_optional_field_that_is_wrong_is_shown(client: Any) -> None:
    sent = {"corpus": "x", "purpose": "manual", "n": "4,000", "percent": "zehn"}
    answer = client.post("/p/main/do/sample/commit", sent)
    assert answer.status_code == 422 and "应为整数" in text(answer) and "百分比" in text(answer)
    sent = {"corpus": "x", "tokenizer": "x", "group": "1=1", "tokens": "-1"}
    answer = client.post("/p/main/do/corpus/mix", sent)
    assert answer.status_code == 422 and "不得小于 1" in text(answer)
    assert re.search(r"<details open><summary>更多选项", answer.content.decode())


@pytest.mark.parametrize(
    ("verb", "sent", "status", "said"),
    [
        ("name/set", {"artifact": "nothing", "name": "x"}, 404, "没有名为 'nothing'"),
        ("name/set", {"_other.artifact": "sha256:" + "0" * 64, "name": "x"}, 404, "没有名为"),
        ("name/set", {"artifact": "nothing", "name": "Not A Slug"}, 422, "只能用小写字母"),
        ("source/register", {"path": "/etc/passwd", "title": "x"}, 403, "只能在命令行或 Python 中使用"),
        ("source/register", {"path": "package:django/LICENSE", "title": "x"}, 403, "只能在命令行"),
        ("source/register", {"path": "upload:" + "0" * 32, "title": "x"}, 404, "没有上传文件"),
        ("source/register", {"_staged.path": "upload:../../etc", "title": "x"}, 404, "没有上传文件"),
        ("source/register", {"title": "x\0y", "path": "shipped:x"}, 422, "空字符"),
        ("token/create", {"label": "nobody"}, 404, "没有账号"),
        ("token/create", {"label": "nobody", "days": "0"}, 422, "不得小于 1"),
        ("token/create", {"label": "nobody", "days": "9" * 40}, 422, "应为整数"),
        ("artifact/register_many", {"items": "{nope"}, 422, "不是有效的 JSON"),
        ("artifact/register_many", {"items": "[" * 5000}, 422, "不是有效的 JSON"),
        ("artifact/register_many", {"items": '{"a": 1}'}, 422, "应为列表"),
        ("member/grant", {"label": "x", "role": "emperor"}, 422, "不是允许的取值"),
        ("case/move", {"case": "x", "transition": "y", "step": "1.5"}, 422, "应为整数"),
        ("rulepack/register", {"file": "shipped:../secrets", "_as": "x"}, 422, "没有指明软件包内的文件"),
        ("rulepack/register", {"file": "shipped:errors.py", "_as": "Not A Slug"}, 422, "不能用作制品名称"),
        ("job/cancel", {"id": "0" * 32}, 404, "没有作业"),
    ],
)
def test_bad_input_is_told_on_the_same_page(client: Any, verb: str, sent: Any, status: int, said: str) -> None:
    answer = client.post(f"/p/main/do/{verb}", sent)
    assert answer.status_code == status and said in text(answer)
    assert 'role="alert"' in text(answer) and "<form method=" in text(answer)


def test_hostile_text_is_shown_as_text(client: Any, workspace: Any) -> None:
    for verb, sent in (
        ("source/register", {"title": HOSTILE, "licence_found": HOSTILE, "_as": HOSTILE, "_back": HOSTILE}),
        ("name/set", {"artifact": HOSTILE, "name": HOSTILE}),
        ("artifact/withdraw", {"artifact": HOSTILE, "reason": HOSTILE}),
        ("artifact/register_many", {"items": HOSTILE}),
        ("token/create", {"label": HOSTILE, "scopes": HOSTILE}),
    ):
        assert is_escaped(client.post(f"/p/main/do/{verb}", sent).content.decode()), verb
    assert is_escaped(client.get(f"/p/main/do/source/register?title={quote(HOSTILE)}").content.decode())
    assert is_escaped(client.get(f"/p/main/do/corpus/build?sources={quote(HOSTILE)}").content.decode())


def test_only_addresses_of_this_server_are_gone_back_to(client: Any, workspace: Any) -> None:
    digest = register(workspace, "x")
    for wanted, got in (
        ("/p/main/jobs", "/p/main/jobs"),
        ("//evil.example", "/p/main/"),
        ("https://evil.example", "/p/main/"),
        ("javascript:alert(1)", "/p/main/"),
    ):
        answer = client.post("/p/main/do/name/set", {"artifact": digest, "name": "x", "_back": wanted})
        assert f'<a class="btn main" href="{got}">' in answer.content.decode(), wanted


def test_too_large_an_upload_is_refused(client: Any, place: Any) -> None:
    from quanheng.web.configure import configure

    configure(place.open(upload_limit_mb=1), hosts=["testserver"], secure=False, log=False)
    big = SimpleUploadedFile("big.txt", b"x" * (2 << 20))
    answer = client.post("/p/main/do/source/register", {"_file.path": big, "title": "x"})
    assert answer.status_code == 413 and "至多" in text(answer)


def test_accounts_and_types_of_cases_are_suggested(client: Any, client_of: Callable[..., Any], workspace: Any) -> None:
    workspace.user.create(label="bao")
    assert '<option value="bao">' in client.get("/p/main/do/member/grant").content.decode()
    owner = client_of("owner")  # of one project: sees its members, not every account
    page = owner.get("/p/main/do/member/grant").content.decode()
    assert '<option value="owner-1">' in page and '<option value="bao">' not in page
    assert '<option value="user_appeal">' in client.get("/p/main/do/case/open").content.decode()


# ---------------------------------------------------------------- choosing artifacts


@pytest.fixture
def several(workspace: Any) -> list[str]:
    """Return three artifacts, two of them named."""
    return [
        register(workspace, "first", as_name="one"),
        register(workspace, "second", as_name="two"),
        register(workspace, "third"),
    ]


def test_named_artifacts_are_offered_newest_first(client: Any, several: list[str]) -> None:
    page = client.get("/p/main/do/name/set").content.decode()
    offered = re.findall(r'<option value="(sha256:[0-9a-f]+)"', page)
    assert [digest for digest in offered if digest in several] == [several[1], several[0], several[2]]
    assert f"two · {several[1][7:19]} · " in page and "<optgroup" in page


@pytest.mark.parametrize("written", ["files:one", "one", "digest", "short"])
def test_an_artifact_in_the_address_is_chosen(client: Any, several: list[str], written: str) -> None:
    asked = {"digest": several[0], "short": several[0][:19]}.get(written, written)
    page = client.get(f"/p/main/do/name/set?artifact={asked}").content.decode()
    assert re.findall(r'<option value="([^"]+)" selected', page) == [several[0]]


def test_one_that_is_not_offered_is_kept_as_it_was_written(client: Any, several: list[str]) -> None:
    page = client.get("/p/main/do/name/set?artifact=elsewhere").content.decode()
    assert 'name="_other.artifact" value="elsewhere"' in page and "<option value" in page
    assert not re.findall(r'<option value="sha256[^"]+" selected', page)


def test_a_name_that_means_two_things_chooses_none(client: Any, workspace: Any) -> None:
    register(workspace, "x", as_name="demo")
    key = workspace.artifact.list(kind="key")["rows"][0]["digest"]
    workspace.name.set(artifact=key, name="demo")
    page = client.get("/p/main/do/artifact/withdraw?artifact=demo").content.decode()
    assert 'name="_other.artifact" value="demo"' in page
    assert not re.findall(r'<option value="sha256[^"]+" selected', page)


def test_where_there_is_nothing_to_choose_the_way_to_it_is_shown(client: Any) -> None:
    page = text(client.get("/p/main/do/corpus/build"))
    assert "本项目中还没有" in page and "/p/main/do/source/register" in page


def test_many_are_ticked_and_sent_in_the_order_in_which_they_came(client: Any, workspace: Any, tmp_path: Path) -> None:
    digests = []
    for number in range(2):
        path = tmp_path / f"{number}.txt"
        path.write_text(LINES + str(number), "utf-8")
        digests.append(workspace.source.register(path=str(path), title=f"{number}").digest)
    page = client.get(f"/p/main/do/corpus/build?sources={digests[0]}+{digests[1]}").content.decode()
    boxes = re.findall(r'name="sources" value="(sha256:[0-9a-f]+)"( checked)?', page)
    assert boxes == [(digests[0], " checked"), (digests[1], " checked")]
    sent = client.post("/p/main/do/corpus/build", {"sources": digests[:1], "_other.sources": digests[1]})
    assert [item["digest"] for item in job_of(workspace, sent)["inputs"]] == digests


# ---------------------------------------------------------------- parsing alone


def parsed(verb: str, **sent: list[str]) -> form_fields.Sent:
    texts = [(name.replace("__", "."), values) for name, values in sent.items()]
    return form_fields.parse(form_fields.options_of(commands()[verb]), Given(texts), {})


def test_empty_fields_are_left_out_so_that_defaults_hold() -> None:
    assert parsed("source.register", title=[""], licence=[""], path=[""]).data == {}
    assert parsed("member.grant", label=[" bao "], role=["owner"]).data == {
        "label": "bao",
        "role": "owner",
        "everywhere": False,
    }
    assert parsed("model.register").data == {"tuned": False}  # a box without a tick says no


def test_lists_pairs_and_json() -> None:
    assert parsed("token.create", scopes=["read\r\n build \n\n"]).data["scopes"] == ["read", "build"]
    assert parsed("artifact.register_many", items=['[{"kind": "x", "n": 0.5}]']).data["items"] == [
        {"kind": "x", "n": "0.5"}
    ]
    pairs = parsed("flow.run", flow=["filing"], params=['n=5\nname = "x"\nfree=a=b\n']).data["params"]
    assert pairs == {"n": 5, "name": "x", "free": "a=b"}
    assert parsed("flow.run", params=["nothing"]).problems["params"].zh.endswith("不是 键=值 的形式")


def test_a_file_of_this_machine_is_no_field_of_a_form() -> None:
    assert [option.name for option in form_fields.options_of(commands()["flow.run"])] == ["flow", "params"]


def test_parts_of_a_form_have_their_own_names() -> None:
    given = Given([("sources.title", ["t"]), ("_staged.sources.path", ["upload:x"]), ("title", ["other"])])
    inner = given.within("sources")
    assert (inner.text("title"), inner.text("_staged.path"), inner.names()) == (
        "t",
        "upload:x",
        ["title", "_staged.path"],
    )
