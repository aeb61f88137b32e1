"""Around every request: its id and log line, the headers that keep a browser safe, errors as pages, the language."""

from __future__ import annotations

import json
import secrets
import sys
import time
import traceback
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import translation
from django.utils.translation import get_language_from_request

from quanheng.core import clock
from quanheng.errors import Invalid, QuanhengError
from quanheng.web.signed_in import account_of

Answer = Callable[[HttpRequest], HttpResponseBase]
API = "/api/"
#: Nothing from elsewhere, nothing inline, no frames; forms go home.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
LANGUAGES = ("zh", "en")
LANGUAGE_COOKIE = "qh_language"
YEAR_S = 365 * 24 * 3600


class RequestMiddleware:
    """Gives each request an id (`request.quanheng_id`), one line in the log, and safe headers; the outermost one."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer, whatever happens inside."""
        from quanheng.web import errors

        request.quanheng_id = secrets.token_hex(8)  # type: ignore[attr-defined]
        began = time.monotonic()
        try:
            request.get_host()
            response = self.answer(request)
        except DisallowedHost:
            response = errors.answer(request, _bad_host())
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "private, no-cache"
        if request.is_secure():
            response.headers.setdefault("Strict-Transport-Security", f"max-age={YEAR_S}")
        response.headers["X-Request-Id"] = request.quanheng_id  # type: ignore[attr-defined]
        self._log(request, response, time.monotonic() - began)
        return response

    def process_exception(self, request: HttpRequest, fault: Exception) -> HttpResponseBase | None:
        """Return the page of an error raised on purpose; write a fault of ours into the log and say so."""
        from quanheng.web import errors

        if isinstance(fault, QuanhengError):
            return errors.answer(request, fault)
        if isinstance(fault, DisallowedHost):
            return errors.answer(request, _bad_host())
        if type(fault).__module__.startswith("django.") and type(fault).__name__ in ("Http404", "SuspiciousOperation"):
            return None
        line = {"request": request.quanheng_id, "fault": "".join(traceback.format_exception(fault))}  # type: ignore[attr-defined]
        _write(line)
        return errors.answer(request, errors.internal())

    def _log(self, request: HttpRequest, response: HttpResponseBase, took_s: float) -> None:
        """Write one line: no query, no cookie, no header, and no secret of a sign-in link."""
        account = account_of(request) if getattr(request, "session", None) is not None else None
        _write(
            {
                "request": request.quanheng_id,  # type: ignore[attr-defined]
                "method": request.method,
                "path": masked(request.path),
                "status": response.status_code,
                "ms": round(took_s * 1000, 1),
                "actor": account.id if account else None,
                "from": request.META.get("REMOTE_ADDR", ""),
            }
        )


def masked(path: str) -> str:
    """Return the path without the secret of a sign-in link.

    >>> masked("/sign-in/abc")
    '/sign-in/…'
    """
    return "/sign-in/…" if path.startswith("/sign-in/") else path


def _write(line: dict[str, object]) -> None:
    if not getattr(settings, "LOG_REQUESTS", False):
        return
    sys.stderr.write(json.dumps({"time": clock.text_of(clock.now()), **line}, ensure_ascii=False) + "\n")
    sys.stderr.flush()


def _bad_host() -> QuanhengError:
    return Invalid(
        "this server does not answer under that host name",
        "本服务不接受该主机名的访问",
        hint=("Use the address it printed, or set public_url.", "请使用启动时显示的地址，或设置 public_url。"),
        code="bad_host",
    )


class LanguageMiddleware:
    """Sets `request.language`: the cookie, then what the browser asks for, then the workspace's setting."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer, with its language said."""
        language = _language(request)
        request.language = language  # type: ignore[attr-defined]
        translation.activate("zh-hans" if language == "zh" else "en")
        try:
            response = self.answer(request)
        finally:
            translation.deactivate()
        response.headers.setdefault("Content-Language", "zh-Hans" if language == "zh" else "en")
        if isinstance(response, HttpResponse):
            vary = response.headers.get("Vary")
            response.headers["Vary"] = f"{vary}, Accept-Language" if vary else "Accept-Language"
        return response


def _language(request: HttpRequest) -> str:
    from quanheng.core.workspace import opened

    chosen = request.COOKIES.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    if request.headers.get("Accept-Language"):
        return "en" if get_language_from_request(request).startswith("en") else "zh"
    return opened().settings.text("language")
