"""Who a session cookie stands for. Django's sessions keep the account's id; its own accounts are not installed.

A session ends when the account is deactivated, gets another password, or is signed out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.middleware.csrf import rotate_token
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.functional import SimpleLazyObject

if TYPE_CHECKING:
    from quanheng.core.models import Actor

_ACTOR, _PASSWORD = "actor", "password"


class AccountMiddleware:
    """Sets `request.account`: the signed-in Actor, or None. It is looked up when somebody asks."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer."""
        request.signed_in = SimpleLazyObject(lambda: _Found(_account(request)))  # type: ignore[attr-defined]
        return self.answer(request)


class _Found:
    """Holds an Actor or None, since a lazy object cannot be None itself."""

    def __init__(self, actor: Actor | None) -> None:
        self.actor = actor


def account_of(request: HttpRequest) -> Actor | None:
    """Return the signed-in account of a request, None for a visitor (also where no session was looked at)."""
    found = getattr(request, "signed_in", None)
    return found.actor if found is not None else None


def _account(request: HttpRequest) -> Actor | None:
    from quanheng.core.models import Actor

    actor_id = request.session.get(_ACTOR)
    if actor_id is None:
        return None
    actor = Actor.objects.filter(id=actor_id, is_active=True).first()
    if actor is None or not constant_time_compare(request.session.get(_PASSWORD, ""), _mark(actor)):
        return None
    return actor


def _mark(actor: Actor) -> str:
    """Return what a session remembers of the password: another password ends it."""
    salt = "quanheng.web.signed_in"
    return salted_hmac(salt, actor.password, secret=settings.SECRET_KEY, algorithm="sha256").hexdigest()


def enter(request: HttpRequest, actor: Actor) -> None:
    """Begin a session of `actor`, under an id that nobody knew before."""
    request.session.cycle_key()
    request.session[_ACTOR] = actor.id
    request.session[_PASSWORD] = _mark(actor)
    rotate_token(request)
    request.signed_in = _Found(actor)  # type: ignore[attr-defined]


def leave(request: HttpRequest) -> None:
    """End the session."""
    request.session.flush()
    request.signed_in = _Found(None)  # type: ignore[attr-defined]
