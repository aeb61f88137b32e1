"""Signing in: passwords, one-time links, and the brake on guessing. No secret is kept, only hashes."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import TYPE_CHECKING

from quanheng.core import clock
from quanheng.core.database import retry_locked, write
from quanheng.core.session import hash_secret
from quanheng.errors import Forbidden, Invalid, Unavailable

if TYPE_CHECKING:
    from quanheng.core.models import Actor

#: What stands in Actor.password where there is no password.
NO_PASSWORD = "!"  # noqa: S105
#: Failed sign-ins that are let pass within WINDOW: of one account, and from one address.
TRIES_PER_ACCOUNT, TRIES_PER_ADDRESS = 5, 30
WINDOW = dt.timedelta(minutes=15)


def make_link(actor: Actor, valid: dt.timedelta, *, resets: bool = False) -> str:
    """Return the secret of a one-time link that signs `actor` in. resets: its use ends the account's password."""
    from quanheng.core.models import SignInLink

    secret = secrets.token_urlsafe(32)
    now = clock.now()

    def enter() -> None:
        SignInLink.objects.filter(expires_at__lt=now - dt.timedelta(days=30)).delete()
        SignInLink.objects.create(
            secret_hash=hash_secret(secret), actor=actor, resets=resets, created_at=now, expires_at=now + valid
        )

    write(enter)
    return secret


def use_link(secret: str) -> Actor:
    """Return the actor whom the link signs in, and use the link up; Forbidden for one that is unknown or over."""
    from quanheng.core.models import Actor, SignInLink

    def use() -> Actor | None:
        now = clock.now()
        row = SignInLink.objects.filter(secret_hash=hash_secret(secret)).first()
        if row is None or not SignInLink.objects.filter(id=row.id, used_at=None, expires_at__gt=now).update(
            used_at=now
        ):
            return None
        actor = Actor.objects.get(id=row.actor_id)
        if not actor.is_active:
            return None
        if row.resets:
            Actor.objects.filter(id=actor.id).update(password=NO_PASSWORD)
            actor.password = NO_PASSWORD
        return actor

    found = write(use)
    if found is None:
        raise Forbidden(
            "this sign-in link has been used, has expired or is not known here",
            "登录链接已使用、已过期或无效",
            hint=(
                "Start the server anew for another link, or ask an owner of the workspace: quanheng user invite",
                "重新启动服务可得到新链接，或请工作区所有者重新邀请：quanheng user invite",
            ),
            code="link_over",
        )
    return found


def sign_in(label: str, password: str, address: str) -> Actor:
    """Return the account of this name and password.

    Forbidden says no more than that the two do not belong together; Unavailable (too_many_tries) after
    TRIES_PER_ACCOUNT failures of the account or TRIES_PER_ADDRESS from the address within WINDOW.
    """
    from django.contrib.auth.hashers import check_password, make_password

    from quanheng.core.models import Actor

    keys = (_key("account", label), _key("address", address))
    retry_locked(lambda: _refuse_guessing(keys))
    actor = retry_locked(lambda: Actor.objects.filter(label=label, is_active=True).first())
    if actor is None or actor.password == NO_PASSWORD:
        make_password(password)  # as slow as a real comparison, so that time does not tell which accounts there are
    elif check_password(password, actor.password):
        write(lambda: _forget_failures(keys[0]))
        return actor
    write(lambda: _note_failure(keys))
    raise Forbidden(
        "account name and password do not belong together",
        "账号名或密码不正确",
        hint=(
            "Check both; whoever forgot a password asks an owner of the workspace for a link.",
            "请检查后重试；忘记密码可请工作区所有者发送登录链接。",
        ),
        code="bad_sign_in",
    )


def _key(sort: str, text: str) -> str:
    return hashlib.sha256(f"{sort}\0{text}".encode()).hexdigest()


def _refuse_guessing(keys: tuple[str, str]) -> None:
    from quanheng.core.models import SignInFailure

    since = clock.now() - WINDOW
    for key, most in zip(keys, (TRIES_PER_ACCOUNT, TRIES_PER_ADDRESS), strict=True):
        if SignInFailure.objects.filter(key=key, at__gt=since).count() >= most:
            minutes = int(WINDOW.total_seconds() // 60)
            raise Unavailable(
                "too many failed sign-ins",
                "登录失败次数过多",
                hint=(f"Wait {minutes} minutes, or use a sign-in link.", f"请等待 {minutes} 分钟，或使用登录链接。"),
                code="too_many_tries",
            )


def _note_failure(keys: tuple[str, str]) -> None:
    from quanheng.core.models import SignInFailure

    now = clock.now()
    SignInFailure.objects.filter(at__lt=now - WINDOW).delete()
    for key in keys:
        SignInFailure.objects.create(key=key, at=now)


def _forget_failures(key: str) -> None:
    from quanheng.core.models import SignInFailure

    SignInFailure.objects.filter(key=key).delete()


def set_password(actor: Actor, password: str, current: str) -> None:
    """Give the account a password (inside the open transaction).

    Forbidden when it has one and `current` is not it; Invalid when the new one is short or among the common ones.
    """
    from django.contrib.auth.hashers import check_password, make_password
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    if actor.password != NO_PASSWORD and not check_password(current, actor.password):
        raise Forbidden(
            "the current password is not right",
            "当前密码不正确",
            hint=("Give the password you sign in with.", "请填写你现在登录所用的密码。"),
            code="bad_password",
        )
    try:
        validate_password(password)
    except ValidationError as error:
        raise Invalid(
            "the password is too short or too common",
            "密码过短或过于常见",
            hint=("At least 12 characters that nobody would guess.", "至少 12 个字符，且不易被猜到。"),
            code="weak_password",
        ) from error
    actor.password = make_password(password)
    actor.save(update_fields=["password"])
