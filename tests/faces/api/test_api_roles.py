"""Who may do what, over HTTP: the same table as in the process, and the same entries in the log."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from api_callers import ALL_SCOPES, Caller
from test_permissions import COLUMNS, denials, sample_input, session_of, table

from quanheng.core.inputs import Local, is_filled, marker
from quanheng.core.verb import QUERIES, VERBS


def token_of(session: Any) -> str:
    """Return a token of the session's account that narrows nothing."""
    import datetime as dt

    from quanheng.core import clock
    from quanheng.core.models import Token
    from quanheng.core.session import hash_secret

    secret = "qh_" + secrets.token_urlsafe(32)
    Token.objects.create(
        actor_id=session.actor_id,
        title="all",
        secret_hash=hash_secret(secret),
        scopes=" ".join(ALL_SCOPES),
        created_at=clock.now(),
        expires_at=clock.now() + dt.timedelta(days=1),
    )
    return secret


def remote_input(name: str) -> dict[str, Any]:
    """Return the sample input as a caller from elsewhere gives it: uploads that are not there in place of paths."""
    fields = (VERBS.get(name) or QUERIES[name]).input.model_fields
    made = {}
    for key, value in sample_input(name).items():
        mark = marker(fields[key])
        if is_filled(fields[key]) or (isinstance(mark, Local) and not (mark.reads and mark.remote)):
            continue
        made[key] = "upload:" + "0" * 32 if isinstance(mark, Local) else value
    return made


@pytest.mark.parametrize("column", COLUMNS)
def test_http_agrees_with_the_table(workspace: Any, application: Any, column: str) -> None:
    session = session_of(workspace, column)
    caller = Caller(token_of(session))
    expected: list[str] = []
    for name, row in table().items():
        data, address = remote_input(name), name.replace(".", "/")
        if name == "token.create":  # a token makes none of another account, whatever its owner may
            data = {"label": f"column-{column}-main", "scopes": ["read"]}
        answer = caller.post(address, data) if name in VERBS else caller.get(address, data)
        if row[column]:
            assert answer.status_code != 401 and answer.status_code < 500, f"{name}: {answer.content.decode()}"
            refused = answer.status_code == 403 and answer.json()["code"] == "forbidden"
            assert not refused, f"{name} for {column}"
        else:
            assert answer.status_code == 403, f"{name} for {column}: {answer.status_code}"
            told = answer.json()
            assert told["code"] == "forbidden" and "不能执行" in told["zh"] and told["hint"]
            expected += [name] if name in VERBS else []
    assert denials(workspace, session.actor_id) == expected  # one entry per denied verb, none for queries


def test_a_visitor_may_do_nothing_of_the_table(visitor: Caller) -> None:
    for name in table():
        data, address = remote_input(name), name.replace(".", "/")
        answer = visitor.post(address, data) if name in VERBS else visitor.get(address, data)
        assert answer.status_code == 401, name
