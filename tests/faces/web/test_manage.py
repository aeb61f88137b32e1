"""Projects, members, accounts, tokens, settings and the own account, as pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

PAGES = ("/projects", "/p/main/members", "/users", "/tokens", "/settings", "/account")
GOOD = "correct horse battery"


@pytest.mark.parametrize("address", PAGES)
def test_each_page_answers_in_both_languages(client: Any, address: str) -> None:
    zh = client.get(address)
    en = client.get(address, HTTP_ACCEPT_LANGUAGE="en")
    assert (zh.status_code, en.status_code) == (200, 200)
    assert 'lang="zh-Hans"' in zh.content.decode() and 'lang="en"' in en.content.decode()
    assert zh.headers["Content-Language"] == "zh-Hans" and en.headers["Content-Language"] == "en"


@pytest.mark.parametrize("address", [p for p in PAGES if p != "/account"])
def test_each_list_is_json_and_csv_too(client: Any, address: str) -> None:
    assert isinstance(client.get(address + ".json").json(), list)
    answer = client.get(address + ".csv")
    assert answer.headers["Content-Type"].startswith("text/csv") and answer.content.startswith("\ufeff".encode())
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("address", PAGES)
def test_a_visitor_is_asked_to_sign_in(visitor: Any, address: str) -> None:
    answer = visitor.get(address)
    assert answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in?next=%2F")


@pytest.mark.parametrize("address", ["/users", "/tokens"])
def test_a_builder_is_told_why_not(client_of: Callable[..., Any], address: str) -> None:
    answer = client_of("builder").get(address)
    text = answer.content.decode()
    assert answer.status_code == 403 and "需要 own 权限" in text and "forbidden" in text


def test_a_password_is_set_changed_and_ends_other_sessions(client: Any, configured: Any) -> None:
    from django.test import Client

    other = Client()
    other.cookies.update(client.cookies)
    first = client.post("/account", {"password": GOOD, "again": GOOD})
    assert first.status_code == 302 and first.headers["Location"] == "/account?done=1"
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 302  # its cookie knew the account without a password
    wrong = client.post("/account", {"password": "another good one", "again": "another good one", "current": "no"})
    assert wrong.status_code == 403 and "当前密码不正确" in wrong.content.decode()
    entries = [e["verb"] for e in configured.log.list()["entries"]]
    assert entries.count("account.password") == 2  # the refusal is an entry as well


@pytest.mark.parametrize(
    ("password", "again", "said"),
    [("short", "short", "密码过短"), ("password12345", "password12345", "密码过短"), (GOOD, "other", "两次输入")],
)
def test_bad_passwords_are_refused(client: Any, password: str, again: str, said: str) -> None:
    answer = client.post("/account", {"password": password, "again": again})
    assert answer.status_code == 422 and said in answer.content.decode() and password not in answer.content.decode()


def test_no_secret_gets_into_log_or_rows(client: Any, configured: Any) -> None:
    from quanheng.core.database import cursor

    client.post("/account", {"password": GOOD, "again": GOOD})
    with cursor() as cur:
        cur.execute("SELECT input, params_digest FROM qh_core_job WHERE verb = 'account.password'")
        (first,) = cur.fetchall()
    client.post("/account", {"password": "entirely different", "again": "entirely different", "current": GOOD})
    with cursor() as cur:
        cur.execute("SELECT DISTINCT params_digest FROM qh_core_job WHERE verb = 'account.password'")
        digests = cur.fetchall()
    assert first[0] == "" and digests == [(first[1],)]  # whoever sees the log learns nothing of what was set


def test_hostile_names_are_text(client: Any, configured: Any) -> None:
    configured.project.create(slug="x", title='<script>alert(1)</script>"><img src=x onerror=alert(1)>{{7*7}}')
    text = client.get("/projects").content.decode()
    assert (
        "<script>alert" not in text
        and "&lt;script&gt;alert(1)" in text
        and "{{7*7}}" in text
        and "<img src=x" not in text
    )
