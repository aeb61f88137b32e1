"""Signing in: one-time links, passwords, the brake on guessing, CSRF, cookies, headers."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from quanheng.core import clock

GOOD = "correct horse battery"


@pytest.fixture
def li(configured: Any) -> Any:
    """Return an account with a password and the role builder."""
    from django.contrib.auth.hashers import make_password

    from quanheng.core.models import Actor, Membership

    actor = Actor.objects.create(label="li", password=make_password(GOOD), created_at=clock.now())
    Membership.objects.create(actor=actor, project_id=configured.session.project_id, role="builder")
    return actor


def make_link(actor: Any, **options: Any) -> str:
    from quanheng.core.accounts import make_link as make

    return "/sign-in/" + make(actor, dt.timedelta(minutes=10), **options)


def test_a_link_works_once_and_only_when_the_button_is_pressed(visitor: Any, li: Any) -> None:
    from django.test import Client

    link = make_link(li)
    for _ in range(3):
        assert visitor.get(link).status_code == 200  # a mail program that looks at it does not use it up
    assert visitor.post(link).status_code == 302
    assert "li" in visitor.get("/account").content.decode()
    second = Client().post(link)
    assert second.status_code == 403 and "登录链接已使用" in second.content.decode()


def test_a_link_is_over_after_its_time(visitor: Any, li: Any) -> None:
    link = make_link(li)
    later = clock.now() + dt.timedelta(minutes=11)
    clock.set_clock(lambda: later)
    assert visitor.post(link).status_code == 403
    assert visitor.get("/account").status_code == 302


def test_an_unknown_link_says_the_same_as_a_used_one(visitor: Any, li: Any) -> None:
    link = make_link(li)
    visitor.post(link)

    def said(address: str) -> str:
        return re.sub(r'value="[^"]+"|next=[^"]+', "", visitor.post(address).content.decode())

    assert said("/sign-in/nothing") == said(link)


def test_an_invitation_ends_the_old_password_when_it_is_used(visitor: Any, configured: Any, li: Any) -> None:
    link = configured.user.invite(label="li").value["link"]
    assert link.startswith("/sign-in/")
    good = {"label": "li", "password": GOOD}
    assert visitor.post("/sign-in", good).status_code == 302  # not used yet
    answer = visitor.post(link)
    assert answer.headers["Location"] == "/account?welcome=1"
    assert visitor.post("/sign-in", good).status_code == 401


def test_a_password_signs_in_and_out(visitor: Any, li: Any) -> None:
    answer = visitor.post("/sign-in", {"label": "li", "password": GOOD, "next": "/p/main/members"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/p/main/members")
    assert visitor.get("/p/main/members").status_code == 200
    assert visitor.post("/sign-out").status_code == 302
    assert visitor.get("/p/main/members").status_code == 302


@pytest.mark.parametrize(
    "target", ["//evil.example/x", "https://evil.example/", "javascript:alert(1)", "\\\\evil.example", "x"]
)
def test_the_way_back_stays_on_this_server(visitor: Any, li: Any, target: str) -> None:
    answer = visitor.post("/sign-in", {"label": "li", "password": GOOD, "next": target})
    assert answer.headers["Location"] == "/"
    assert visitor.get("/language/en", {"next": target}).headers["Location"] == "/"


def test_guessing_is_stopped_and_let_go_after_a_while(visitor: Any, li: Any) -> None:
    from quanheng.core.accounts import TRIES_PER_ACCOUNT, WINDOW

    for _ in range(TRIES_PER_ACCOUNT):
        answer = visitor.post("/sign-in", {"label": "li", "password": "wrong wrong wrong"})
        assert answer.status_code == 401 and "不正确" in answer.content.decode()
    stopped = visitor.post("/sign-in", {"label": "li", "password": GOOD})
    assert stopped.status_code == 429 and stopped.headers["Retry-After"] == "900"
    later = clock.now() + WINDOW + dt.timedelta(seconds=1)
    clock.set_clock(lambda: later)
    assert visitor.post("/sign-in", {"label": "li", "password": GOOD}).status_code == 302


def test_one_address_cannot_try_many_accounts(visitor: Any, configured: Any) -> None:
    from quanheng.core.accounts import TRIES_PER_ADDRESS

    found = [
        visitor.post("/sign-in", {"label": f"nobody-{n}", "password": "x"}).status_code
        for n in range(TRIES_PER_ADDRESS + 2)
    ]
    assert found == [401] * TRIES_PER_ADDRESS + [429] * 2


def test_an_unknown_account_and_a_wrong_password_look_alike(visitor: Any, li: Any) -> None:
    def said(label: str) -> str:
        text = visitor.post("/sign-in", {"label": label, "password": "wrong wrong wrong"}).content.decode()
        return re.sub(r'value="[^"]+"', "", text)

    assert said("li") == said("nobody")


def test_a_deactivated_account_is_out_at_once(visitor: Any, configured: Any, li: Any) -> None:
    visitor.post("/sign-in", {"label": "li", "password": GOOD})
    assert visitor.get("/p/main/members").status_code == 200
    configured.user.deactivate(label="li")
    assert visitor.get("/p/main/members").status_code == 302
    assert visitor.post("/sign-in", {"label": "li", "password": GOOD}).status_code == 401


def test_the_session_id_changes_at_sign_in(visitor: Any, li: Any) -> None:
    visitor.get("/sign-in")
    session = visitor.session
    session["x"] = 1
    session.save()
    before = visitor.cookies["qh_session"].value
    visitor.post("/sign-in", {"label": "li", "password": GOOD})
    assert visitor.cookies["qh_session"].value != before


def test_forms_without_our_token_are_refused(configured: Any, li: Any) -> None:
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/sign-in", {"label": "li", "password": GOOD})
    assert answer.status_code == 403 and "csrf" in answer.content.decode()
    page = strict.get("/sign-in").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    good = {"label": "li", "password": GOOD, "csrfmiddlewaretoken": token[1]}
    assert strict.post("/sign-in", good).status_code == 302


def test_cookies_and_headers_are_strict(configured: Any, li: Any) -> None:
    from django.conf import settings
    from django.test import Client

    from quanheng.web.configure import configure

    configure(configured, hosts=["testserver"], secure=True, log=False)
    try:
        answer = Client().post(make_link(li), secure=True)
        cookie = answer.cookies["qh_session"]
        assert cookie["httponly"] and cookie["secure"] and cookie["samesite"] == "Lax"
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    finally:
        settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    headers = Client().get("/sign-in").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
    assert re.fullmatch("[0-9a-f]{16}", headers["X-Request-Id"])


def test_a_foreign_host_name_is_refused(configured: Any) -> None:
    from django.test import Client

    answer = Client(headers={"host": "evil.example"}).get("/sign-in")
    assert answer.status_code == 400 and "bad_host" in answer.content.decode()


def test_health_and_version(visitor: Any) -> None:
    from quanheng import __version__

    assert visitor.get("/healthz").content == b"ok\n"
    assert visitor.get("/version").json() == {"quanheng": __version__}


def test_a_fault_of_ours_gives_its_number_and_nothing_else(
    client: Any, monkeypatch: pytest.MonkeyPatch, settings_log: list[str]
) -> None:
    from quanheng.web.views import manage

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret detail")

    monkeypatch.setattr(manage.http, "query", broken)
    answer = client.get("/account")
    text = answer.content.decode()
    assert answer.status_code == 500 and "the secret detail" not in text and answer.headers["X-Request-Id"] in text
    assert any("the secret detail" in line and answer.headers["X-Request-Id"] in line for line in settings_log)


@pytest.fixture
def settings_log(configured: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what the server writes into its log."""
    from django.conf import settings

    from quanheng.web import middleware

    lines: list[str] = []
    monkeypatch.setattr(settings, "LOG_REQUESTS", True)
    monkeypatch.setattr(middleware.sys.stderr, "write", lines.append)
    return lines


def test_the_log_names_no_secret(visitor: Any, li: Any, settings_log: list[str]) -> None:
    link = make_link(li)
    visitor.get(link + "?token=abc")
    visitor.post("/sign-in", {"label": "li", "password": GOOD})
    text = "".join(settings_log)
    assert "/sign-in/…" in text and link.rsplit("/", 1)[1] not in text and "abc" not in text and GOOD not in text
