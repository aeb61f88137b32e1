"""Browsers without a browser: Django's test client over the workspace of the test, signed in or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

#: The header that a browser set to English sends.
ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}


@pytest.fixture
def configured(workspace: Any) -> Iterator[Any]:
    """Return the workspace, with Django told of it as `quanheng serve` does."""
    from quanheng.web.configure import configure

    configure(workspace, hosts=["testserver", "localhost", "127.0.0.1"], secure=False, log=False)
    yield workspace


def sign_in(client: Any, actor: Any) -> Any:
    """Return the client, signed in as this account through a one-time link, as people are."""
    import datetime as dt

    from quanheng.core.accounts import make_link

    secret = make_link(actor, dt.timedelta(minutes=1))
    assert client.post(f"/sign-in/{secret}").status_code == 302
    return client


@pytest.fixture
def visitor(configured: Any) -> Any:
    """Return a client of somebody who did not sign in."""
    from django.test import Client

    return Client()


@pytest.fixture
def client(configured: Any) -> Any:
    """Return a client signed in as the owner of the workspace."""
    from django.test import Client

    from quanheng.core.session import os_actor

    return sign_in(Client(), os_actor())


@pytest.fixture
def client_of(configured: Any) -> Callable[..., Any]:
    """Return a function that gives a client signed in as a new account with a role in the project main."""
    from django.test import Client

    from quanheng.core import clock
    from quanheng.core.models import Actor, Membership

    def make(role: str, *, wide: bool = False, label: str = "") -> Any:
        actor = Actor.objects.create(label=label or f"{role}-1", password="!", created_at=clock.now())
        if role:
            place = None if wide else configured.session.project_id
            Membership.objects.create(actor=actor, project_id=place, role=role)
        return sign_in(Client(), actor)

    return make
