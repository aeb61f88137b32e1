"""What tests of forms send, and how they read what comes back."""

from __future__ import annotations

from html import unescape
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from quanheng.core.verb import load

#: The header that a browser set to English sends.
ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}
HOSTILE = '<script>alert(1)</script>{{7777*7777}}"><img src=x onerror=alert(2)>'
LINES = "\n".join(f"第{i}号来信：今天读了一本关于园艺的书，写下第{i}条心得。" for i in range(12))

load()


def text(response: Any) -> str:
    return unescape(response.content.decode())


def job_of(workspace: Any, response: Any) -> dict[str, Any]:
    assert response.status_code == 303, text(response)
    return dict(workspace.job.show(id=response.url.rpartition("/")[2]))


def upload(name: str = "letters.txt", data: str = LINES) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data.encode())


def is_escaped(page: str) -> bool:
    return "<script>alert" not in page and "<img src=x" not in page and "60481729" not in page
