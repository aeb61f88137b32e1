"""What Django must know of this workspace and of how it is served, before the first request."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from quanheng.core.database import setup_django
from quanheng.core.workspace import Workspace
from quanheng.errors import Corrupt
from quanheng.store._disk import fsync_folder

SECRET_FILE = "web.secret"  # noqa: S105


def configure(
    workspace: Workspace, *, hosts: list[str], secure: bool, behind_proxy: bool = False, log: bool = True
) -> None:
    """Set what depends on the workspace: the key that signs cookies, allowed host names, secure cookies, uploads.

    secure: people reach the server over https. behind_proxy: a proxy of ours says so in X-Forwarded-Proto.
    """
    setup_django()
    from django.conf import settings

    settings.SECRET_KEY = _secret(workspace.folder)
    settings.ALLOWED_HOSTS = hosts
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = secure
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if behind_proxy else None
    settings.LOG_REQUESTS = log
    logging.getLogger("django").addHandler(logging.NullHandler())  # our own line per request says it
    uploads = workspace.folder / "uploads"
    uploads.mkdir(mode=0o700, exist_ok=True)
    settings.FILE_UPLOAD_TEMP_DIR = str(uploads)
    public = workspace.settings.text("public_url")
    if public:
        parts = urlsplit(public)
        settings.ALLOWED_HOSTS = [*hosts, parts.hostname or ""]
        settings.CSRF_TRUSTED_ORIGINS = [f"{parts.scheme}://{parts.netloc}"]


def _secret(folder: Path) -> str:
    """Return the key that signs cookies: made once, in a file that only its owner reads."""
    path = folder / "keys" / SECRET_FILE
    path.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        text = path.read_text("ascii").strip()
        if len(text) < 64:
            raise Corrupt(
                f"{SECRET_FILE} is damaged",
                f"{SECRET_FILE} 已损坏",
                hint=("Delete it; everybody signs in again.", "请删除该文件；所有人需重新登录。"),
                code="secret_damaged",
            ) from None
        return text
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(32) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    fsync_folder(path.parent)
    return path.read_text("ascii").strip()
