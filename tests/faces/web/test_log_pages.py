"""The log in the browser: entries, filters, one entry with its proof, growth, and signing."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from typing import Any
from urllib.parse import quote

import pytest

from evidence import item, register, register_many
from quanheng.core import log
from quanheng.store import merkle, verify_signed

#: The header that a browser set to English sends.
ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}
HOSTILE = '<script>alert(1)</script>{{7*7}}"><img src=x onerror=alert(1)>'


def page(client: Any, address: str, status: int = 200, **headers: Any) -> str:
    answer = client.get(address, **headers)
    assert answer.status_code == status, answer.content.decode()[:400]
    return str(answer.content.decode())


def numbers(text: str) -> list[int]:
    """Return the numbers of the entries that a page lists."""
    return [int(found) for found in re.findall(r'<td class="r"[^>]*><a href="/p/main/log/(\d+)">', text)]


def fail(workspace: Any) -> None:
    """Leave an entry of a call that failed."""
    from quanheng.errors import QuanhengError

    with pytest.raises(QuanhengError):
        workspace.case.open(type="no-such-type", title="x")


# ---- the entries


def test_the_log_shows_its_head_and_entries_in_both_languages(client: Any, workspace: Any) -> None:
    digest = register(workspace, "letters")
    text = page(client, "/p/main/log")
    size, root = log.head().size, log.root().hex()
    assert f'<span class="word">{size} 条</span>' in text and root in text and f'data-copy="{root}"' in text
    assert numbers(text) == list(range(size))[::-1] and f'href="/p/main/a/{digest}"' in text
    assert "已完成" in text and "artifact register_many" in text and "尚未签署" in text and "没有外部见证" not in text
    text = page(client, "/p/main/log", **ENGLISH)
    assert f"{size} entries" in text and "Not signed yet" in text and "done</span>" in text


def test_entries_go_on_page_by_page(client: Any, workspace: Any) -> None:
    for number in range(70):
        register(workspace, f"n{number}")
    seen: list[int] = []
    address = "/p/main/log"
    while address:
        text = page(client, address)
        seen += numbers(text)
        found = re.search(r'<a href="([^"]+)" rel="next">', text)
        address = html.unescape(found[1]) if found else ""
    assert seen == list(range(log.head().size))[::-1]
    assert numbers(page(client, "/p/main/log?before=3")) == [2, 1, 0]
    assert numbers(page(client, "/p/main/log?before=nonsense"))[0] == log.head().size - 1


def test_entries_are_filtered_by_verb_and_outcome(client: Any, workspace: Any) -> None:
    register(workspace, "a")
    fail(workspace)
    size = log.head().size
    assert numbers(page(client, "/p/main/log?verb=case.open")) == [size - 1]
    text = page(client, "/p/main/log?outcome=failed")
    assert numbers(text) == [size - 1] and "失败" in text and '<option value="failed" selected>失败' in text
    assert size - 1 not in numbers(page(client, "/p/main/log?outcome=done"))
    assert numbers(page(client, "/p/main/log?outcome=failed&verb=artifact.register_many")) == []
    assert "没有符合条件的存证" in page(client, "/p/main/log?verb=no.such")
    page(client, "/p/main/log?outcome=nonsense", 422)


def test_a_long_log_is_looked_through_piece_by_piece(
    client: Any, workspace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "LOOKED_THROUGH", 6)
    monkeypatch.setattr(log, "WINDOW", 4)
    fail(workspace)
    failed = log.head().size - 1
    for number in range(14):
        register(workspace, f"n{number}")
    found, before = [], None
    for _ in range(5):
        answer = workspace.log.list(outcome="failed", **({} if before is None else {"before": before}))
        found += [entry["index"] for entry in answer["entries"]]
        before = answer["next"]
        if before is None:
            break
    assert found == [failed] and before is None
    text = page(client, "/p/main/log?outcome=failed")
    assert "可继续向前查找" in text and f"before={log.head().size - 6}" in text


def test_whoever_reads_one_project_sees_its_entries_only(client_of: Any, workspace: Any) -> None:
    workspace.project.create(slug="other", title="Other")
    workspace.call("artifact.register_many", items=[item("there")], project="other")
    there = log.head().size - 1
    register(workspace, "here")
    seen = numbers(page(client_of("reviewer"), "/p/main/log"))
    assert there not in seen and there + 1 in seen
    assert page(client_of("reviewer", label="second"), f"/p/main/log/{there}", 403).count("属于其他项目") >= 1


def test_entries_of_other_projects_lead_there(client: Any, workspace: Any) -> None:
    workspace.project.create(slug="other", title="Other")
    digest = workspace.call("artifact.register_many", items=[item("there")], project="other").digest
    text = page(client, "/p/main/log")
    assert f'href="/p/other/a/{digest}"' in text and "项目 other" in text
    assert f'href="/p/other/a/{digest}"' in page(client, f"/p/main/log/{log.head().size - 1}")


def test_the_log_as_json_and_csv(client: Any, workspace: Any) -> None:
    register(workspace, "letters")
    found = client.get("/p/main/log.json?verb=artifact.register_many").json()
    assert [entry["verb"] for entry in found["entries"]] == ["artifact.register_many"]
    assert found["root"] == log.root().hex() and found["next"] is None
    lines = client.get("/p/main/log.csv").content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("index,time,verb,outcome") and len(lines) == log.head().size + 1


# ---- one entry


def test_an_entry_shows_its_bytes_and_the_way_to_the_root(client: Any, workspace: Any) -> None:
    digest = register(workspace, "letters")
    for number in range(5):
        register(workspace, f"n{number}")
    index = workspace.artifact.show(artifact=digest)["entry"]
    text = page(client, f"/p/main/log/{index}")
    assert html.escape(log.entry(index).decode()) in text.replace("&#x27;", "'").replace("&quot;", "&quot;")
    assert merkle.leaf_hash(log.entry(index)).hex() in text and log.root().hex() in text
    assert "在存证之中" in text and "一致" in text and "不一致" not in text
    path = log.inclusion(index, log.head().size)
    steps = text.partition('<ol class="climb">')[2].partition("</ol>")[0]
    assert all(node.hex() in steps for node in path) and steps.count("<li>") == len(path) + 1
    assert f'href="/p/main/a/{digest}"' in text and "quanheng log proof" in text and 'rel="prev"' in text
    text = page(client, f"/p/main/log/{index}", **ENGLISH)
    assert "In the log" in text and "With the hash to the" in text and text.count("<h1") == 1


def test_the_proof_of_the_page_is_checked_by_python_alone(client: Any, workspace: Any, tmp_path: Any) -> None:
    digest = register(workspace, "letters")
    index = workspace.artifact.show(artifact=digest)["entry"]
    text = page(client, f"/p/main/log/{index}")
    script = html.unescape(text.partition('<code class="script">')[2].partition("</code>")[0])
    (tmp_path / "proof.py").write_text(script, "utf-8")
    (tmp_path / "entry.json").write_bytes(client.get(f"/p/main/log/{index}.json").content)
    run = subprocess.run([sys.executable, "-I", "proof.py", "entry.json"], cwd=tmp_path, capture_output=True, text=True)
    assert run.stdout.split() == [log.root().hex(), "EQUAL"]


def test_a_changed_entry_is_told_in_cinnabar(client: Any, workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    register(workspace, "letters")
    index = log.head().size - 1
    before = log.entry

    def changed(number: int) -> bytes:
        return before(number).replace(b'"outcome":"done"', b'"outcome":"gone"')

    monkeypatch.setattr(log, "entry", changed)
    text = page(client, f"/p/main/log/{index}")
    assert '<div class="verdict no">' in text and "证明不成立" in text and "不一致" in text


def test_an_entry_with_many_outputs_names_their_root(client: Any, workspace: Any) -> None:
    register_many(workspace, [f"n{number}" for number in range(300)])
    text = page(client, f"/p/main/log/{log.head().size - 1}")
    assert "300 个制品，以根哈希概括" in text
    assert "+300" in page(client, "/p/main/log")


def test_what_is_no_entry_is_told(client: Any, workspace: Any) -> None:
    assert "存证里没有第 999 条" in page(client, "/p/main/log/999", 404)
    assert client.get("/p/main/log/999.json").json()["code"] == "no_such_entry"
    page(client, "/p/main/log/abc", 404)
    page(client, "/p/main/log/" + "9" * 15, 404)


# ---- growth and signing


def test_growth_is_shown_and_another_history_is_told(client: Any, workspace: Any) -> None:
    earlier = (log.head().size, log.root().hex())
    for number in range(4):
        register(workspace, f"n{number}")
    text = page(client, f"/p/main/log?since={earlier[0]}&root={earlier[1]}")
    assert "原样未动" in text and "与你记下的一致" in text and earlier[1] in text
    text = page(client, f"/p/main/log?since={earlier[0]}&root={'0' * 64}")
    assert "不是同一段历史" in text and "原样未动，" not in text
    assert "only later ones were added" in page(client, f"/p/main/log?since={earlier[0]}", **ENGLISH)
    assert "存证只有" in page(client, "/p/main/log?since=99999")
    assert "64 位十六进制" in page(client, f"/p/main/log?since=1&root={quote(HOSTILE)}")
    text = page(client, f"/p/main/log?since={quote(HOSTILE)}")
    assert 'role="alert"' in text and "<script>alert" not in text and "<img" not in text


def test_a_checkpoint_is_signed_by_whoever_may(client: Any, client_of: Any, workspace: Any) -> None:
    register(workspace, "letters")
    assert 'action="/p/main/log/sign"' in page(client, "/p/main/log")
    answer = client.post("/p/main/log/sign")
    text = answer.content.decode()
    note = html.unescape(text.partition('<pre class="text code" tabindex="0">')[2].partition("</pre>")[0])
    key = bytes.fromhex(workspace.key.list()[0]["public_key"])
    checkpoint = verify_signed(note, key)
    assert (checkpoint.size, checkpoint.root) == (log.head().size, log.root())
    assert f"/p/main/do/witness/add?size={checkpoint.size}" in text
    assert "已全部签署" in page(client, "/p/main/log")
    register(workspace, "more")
    assert "已签署前" in page(client, "/p/main/log")
    auditor = client_of("auditor", wide=True)
    assert (
        'action="/p/main/log/sign"' in page(auditor, "/p/main/log")
        and auditor.post("/p/main/log/sign").status_code == 200
    )


@pytest.mark.parametrize("role", ["builder", "reviewer", "auditor"])
def test_whoever_may_not_sign_sees_no_button_and_is_refused(client_of: Any, workspace: Any, role: str) -> None:
    client = client_of(role)
    assert "log/sign" not in page(client, "/p/main/log")
    answer = client.post("/p/main/log/sign")
    assert answer.status_code == 403 and "audit" in answer.content.decode()
    assert client.get("/p/main/log/sign").status_code == 405


def test_signing_needs_a_form_of_ours(client: Any) -> None:
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.cookies.update(client.cookies)
    assert strict.get("/p/main/log").status_code == 200 and strict.post("/p/main/log/sign").status_code == 403


@pytest.mark.parametrize("address", ["/p/main/log", "/p/main/log.csv", "/p/main/log/0"])
def test_whoever_may_not_read_is_refused_and_a_visitor_signs_in(client_of: Any, visitor: Any, address: str) -> None:
    answer = client_of("annotator").get(address)
    assert answer.status_code == 403 and "read" in answer.content.decode()
    answer = visitor.get(address)
    assert answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in?next=")


def test_hostile_codes_of_an_entry_are_escaped(client: Any, workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No entry of ours holds such text; one of a later release or of another hand might."""
    before = log.entry

    def hostile(number: int) -> bytes:
        return json.dumps({**json.loads(before(number)), "code": HOSTILE, "verb": HOSTILE}).encode()

    monkeypatch.setattr(log, "entry", hostile)
    text = page(client, "/p/main/log/0")
    assert "<script>alert" not in text and "<img" not in text and "{{7*7}}" in text
