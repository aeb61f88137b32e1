"""Uploads in tests: who brings them, and how time passes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from typing import Any

from quanheng.core import call, clock, staging
from quanheng.core.session import Session

DATA = "证据\n".encode() * 1000


def elsewhere(workspace: Any) -> Session:
    """Return the owner's session as a caller from elsewhere has it."""
    return dataclasses.replace(workspace.session, is_local=False)


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def staged(session: Session, name: str, data: bytes) -> str:
    """Return `upload:ID` of these bytes under this name, folders and all."""
    row = staging.begin(session, name, len(data), digest=digest_of(data))
    if data:
        row = staging.append(session, row.id, 0, [data])
    assert row.is_done
    return "upload:" + row.id


def register(session: Session, path: str, title: str = "t", **options: Any) -> Any:
    return call.call(session, "files.register", {"path": path, "title": title}, **options)


def later(hours: float) -> None:
    start = dt.datetime.now(dt.UTC)
    clock.set_clock(lambda: start + dt.timedelta(hours=hours))
