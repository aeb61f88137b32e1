"""The view that verifies an evidence bundle for anybody: signed in or not, nothing kept, nothing sent on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from quanheng.core import bounded
from quanheng.core.preview import printable
from quanheng.core.workspace import opened
from quanheng.errors import Invalid, QuanhengError, Unavailable
from quanheng.web.http import show

#: Bundles that are received, and that are verified, at the same time; more are asked to come again.
RECEIVED_AT_ONCE, VERIFIED_AT_ONCE = 4, 2
#: How long one waits for its turn (s), and what its child process may take: memory (MiB), processor time (s).
WAIT_S, MEMORY_MB, TIME_S = 10, 2048, 300
#: What a form weighs beside its file.
FORM_BYTES = 1 << 20
RETRY_AFTER_S = 60
#: What a body may turn out to be: no form, one with too many parts, or one whose sender went away.
NO_FORM = (MultiPartParserError, TooManyFieldsSent, TooManyFilesSent, RequestDataTooBig, UnreadablePostError)
FINGERPRINT = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_receiving = BoundedSemaphore(RECEIVED_AT_ONCE)
_verifying = BoundedSemaphore(VERIFIED_AT_ONCE)


# No CSRF token: the answer depends on nobody's session and nothing is changed, and `curl` needs no page first.
# It also keeps Django from receiving a file of any size before its size was looked at.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest) -> HttpResponseBase:
    """Show the form, or verify the bundle that was sent and show what every check found."""
    limit_mb = opened().settings.number("upload_limit_mb")
    context: dict[str, Any] = {"limit_mb": limit_mb, "key": ""}
    if request.method != "POST":
        return show(request, "web/verify.html", context)
    try:
        with _place(_receiving, 0):
            found = _received(request, limit_mb << 20)
    except QuanhengError as error:
        return _refused(request, error, {**context, "key": _key(request)})
    if _wants_json(request):
        return JsonResponse(found, json_dumps_params={"ensure_ascii": False})
    return show(request, "web/verify.html", {**context, "key": _key(request), "asked": True, "answer": found})


def _key(request: HttpRequest) -> str:
    """Return the fingerprint as it was typed, to show it again; "" where the form was not even read."""
    return request.POST.get("key", "")[:80] if hasattr(request, "_post") else ""


def _received(request: HttpRequest, limit: int) -> dict[str, Any]:
    """Return the verification of the uploaded bundle, with its name and size; its file is gone afterwards."""
    _check_length(request, limit)
    try:
        file, key = request.FILES.get("bundle"), request.POST.get("key", "").strip()
    except NO_FORM as error:
        raise _no_file() from error
    if not isinstance(file, TemporaryUploadedFile):
        raise _no_file()
    try:
        if (file.size or 0) > limit:
            raise _too_large(limit)
        with _place(_verifying, WAIT_S):
            name = printable((file.name or "")[:200])
            return {"file": name, "bytes": file.size, **_verification(file.temporary_file_path(), key, name)}
    finally:
        request.close()  # removes every uploaded file at once


def _verification(where: str, key: str, name: str) -> dict[str, Any]:
    """Return what the verifier found, with the name that the file came with in place of that of our copy."""
    fingerprint = FINGERPRINT.fullmatch(key.lower())
    task: dict[str, Any] = {"path": where, "key": f"sha256:{fingerprint[1]}" if fingerprint else key or None}
    try:
        answer: dict[str, Any] = bounded.run("quanheng.web.verifying:verify", task, memory_mb=MEMORY_MB, time_s=TIME_S)
    except Unavailable as error:
        if error.code != "too_much":
            raise
        raise Invalid(
            "this bundle holds more than is verified here",
            "该材料包的内容超出此处可核验的规模",
            hint=(
                "Verify it on your own machine: python -I -m quanheng.store.verify bundle.zip --key FINGERPRINT",
                "请在自己的机器上核验：python -I -m quanheng.store.verify bundle.zip --key 指纹",
            ),
            code="too_much",
        ) from error
    except Invalid as error:
        en, zh = (text.replace(Path(where).name, name) for text in error.text)
        raise Invalid(en, zh, hint=error.hint, code=error.code) from error
    return _renamed(answer, Path(where).name, name)  # type: ignore[no-any-return]


def _renamed(value: Any, ours: str, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(item, ours, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, ours, name) for item in value]
    return printable(value.replace(ours, name)) if isinstance(value, str) else value


def _check_length(request: HttpRequest, limit: int) -> None:
    """Raise for a request that is no form with a file, is too large, or would fill the disk."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not request.META.get("CONTENT_TYPE", "").startswith("multipart/form-data") or not length.isdigit():
        raise _no_file()
    if int(length) > limit + FORM_BYTES:
        raise _too_large(limit)
    folder = settings.FILE_UPLOAD_TEMP_DIR
    if folder and shutil.disk_usage(folder).free < 2 * int(length):
        raise Unavailable(
            "there is not enough room on the disk to receive this file now",
            "目前磁盘空间不足，无法接收该文件",
            hint=("Try again later, or verify it on your own machine.", "请稍后重试，或在自己的机器上核验。"),
            code="disk_full",
        )


@contextmanager
def _place(places: BoundedSemaphore, wait_s: float) -> Iterator[None]:
    if not places.acquire(timeout=wait_s):
        raise Unavailable(
            "other bundles are being verified just now",
            "正在核验其他材料包",
            hint=("Try again in a minute.", "请一分钟后重试。"),
            code="busy",
        )
    try:
        yield
    finally:
        places.release()


def _no_file() -> Invalid:
    return Invalid(
        "no bundle was sent",
        "没有收到材料包",
        hint=(
            "Choose the zip file, or send it as the form field `bundle`.",
            "请选择 zip 文件；或以表单字段 bundle 发送。",
        ),
        code="no_file",
    )


def _too_large(limit: int) -> Invalid:
    return Invalid(
        f"the file is larger than {limit >> 20} MiB",
        f"文件超过 {limit >> 20} MiB",
        hint=(
            "Verify it on your own machine: python -I -m quanheng.store.verify bundle.zip --key FINGERPRINT",
            "请在自己的机器上核验：python -I -m quanheng.store.verify bundle.zip --key 指纹",
        ),
        code="too_large",
    )


def _refused(request: HttpRequest, error: QuanhengError, context: dict[str, Any]) -> HttpResponseBase:
    """Return the page with what is wrong, or the error as JSON."""
    response: HttpResponse
    if _wants_json(request):
        response = JsonResponse(error.to_json(), status=error.http_status, json_dumps_params={"ensure_ascii": False})
    else:
        response = show(request, "web/verify.html", {**context, "error": error}, status=error.http_status)
    if error.http_status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _wants_json(request: HttpRequest) -> bool:
    accept = request.headers.get("Accept", "")
    return "application/json" in accept and "text/html" not in accept


urlpatterns: list[URLPattern] = [path("verify", verify)]
