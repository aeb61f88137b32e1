"""Binding Django to the database of one workspace: SQLite (WAL, FULL, IMMEDIATE) or PostgreSQL by URL."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from quanheng.errors import Conflict, Invalid, Unavailable

T = TypeVar("T")
FILE_NAME = "quanheng.db"
_wait_s = 60


def setup_django() -> None:
    """Set Django up once; a second call does nothing."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quanheng.core.django_settings")
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()


def _options(folder: Path, url: str, wait_s: int) -> dict[str, Any]:
    if url == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(folder / FILE_NAME),
            "CONN_MAX_AGE": None,  # a server's threads keep their connections
            "OPTIONS": {
                "timeout": wait_s,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise Invalid(
            "QUANHENG_DATABASE is neither sqlite nor a postgresql:// URL with a database name",
            "QUANHENG_DATABASE 既不是 sqlite，也不是带库名的 postgresql:// 地址",
            hint=("Example: postgresql://user:password@host/name", "例如：postgresql://user:password@host/name"),
            code="bad_database_url",
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.strip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 10, "options": f"-c lock_timeout={wait_s}s"},
    }


def bind(folder: Path, url: str, wait_s: int) -> None:
    """Point Django's one connection at this workspace; connections of a former one are closed."""
    global _wait_s
    _wait_s = wait_s
    setup_django()
    from django.db import connections

    options = _options(folder, url, wait_s)
    if options["ENGINE"].endswith("postgresql"):
        _need_psycopg()
    connections.close_all()
    connections.settings["default"] = connections.configure_settings({"default": options})["default"]
    if hasattr(connections._connections, "default"):  # type: ignore[attr-defined]
        delattr(connections._connections, "default")  # type: ignore[attr-defined]


def unbind() -> None:
    """Close every connection of this thread."""
    from django.db import connections

    connections.close_all()


def _need_psycopg() -> None:
    from importlib.util import find_spec

    if find_spec("psycopg") is None:
        raise Unavailable(
            "PostgreSQL needs the extra [postgres]",
            "使用 PostgreSQL 需要安装附加组件 [postgres]",
            hint=("Run: pip install 'quanheng[postgres]'", "请运行：pip install 'quanheng[postgres]'"),
            code="missing_extra",
        )


def is_sqlite() -> bool:
    """Return whether the bound database is SQLite."""
    from django.db import connection

    return connection.vendor == "sqlite"


_LOCK_WORDS = ("locked", "lock timeout", "deadlock detected", "could not serialize")


def retry_locked(work: Callable[[], T]) -> T:
    """Return `work()`, run again while the database says it is locked, for at most `database_wait_s` seconds.

    Where an open connection turns out to be lost, it is opened anew and `work` is run once more; never within a
    transaction, whose beginning would be missing.
    """
    from django.db import InterfaceError, OperationalError

    deadline = time.monotonic() + _wait_s
    may_reconnect = True
    while True:
        before = _idle_connection()
        try:
            return work()
        except (OperationalError, InterfaceError) as error:
            text = str(error).lower()
            if not any(word in text for word in _LOCK_WORDS):
                if may_reconnect and _is_lost(before):
                    may_reconnect = False
                    continue
                raise translate(error) from error
            if time.monotonic() >= deadline:
                raise _stayed_locked() from error
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - only spreads the writers


def _stayed_locked() -> Unavailable:
    return Unavailable(
        f"the database stayed locked for {_wait_s} s by another process",
        f"数据库被其他进程占用超过 {_wait_s} 秒",
        hint=(
            "Wait for it or stop it, then run the command again; nothing was changed.",
            "请等待或停止该进程后重试；本次没有写入任何内容。",
        ),
        code="database_locked",
    )


#: libpq's transaction states ACTIVE, INTRANS and INERROR: something was begun, perhaps behind Django's back.
_BEGUN = (1, 2, 3)


def _idle_connection() -> Any:
    """Return this thread's open connection to a server if no transaction is on it, else None."""
    from django.db import connection

    raw: Any = connection.connection
    if raw is None or connection.vendor != "postgresql" or connection.in_atomic_block:
        return None
    return None if raw.info.transaction_status in _BEGUN else raw


def _is_lost(before: Any) -> bool:
    """Return whether the connection `before` turned out to be dead; the next statement then has a new one."""
    from django.db import connection

    if before is None:
        return False
    connection.close_if_unusable_or_obsolete()
    return connection.connection is not before


def _folder_is_closed() -> bool:
    """Return whether SQLite's file is there but its folder cannot be written, as write-ahead logging needs."""
    from django.db import connection

    path = Path(str(connection.settings_dict["NAME"]))
    return connection.vendor == "sqlite" and path.exists() and not os.access(path.parent, os.W_OK)


def translate(error: Exception) -> Exception:
    """Return the Quanheng error for a database error, or the error itself when it is not one we know."""
    text = str(error).lower()
    if "readonly" in text or "read-only" in text or ("unable to open" in text and _folder_is_closed()):
        return Unavailable(
            "the database cannot be written: it is read-only",
            "数据库是只读的，无法写入",
            hint=("Check the folder's permissions or mount.", "请检查文件夹权限或挂载方式。"),
            code="read_only",
        )
    if "disk is full" in text or "no space left" in text:
        return Unavailable(
            "the disk that holds the database is full",
            "数据库所在磁盘已满",
            hint=("Free some space and run again; nothing was lost.", "请腾出空间后重试；已有内容没有丢失。"),
            code="disk_full",
        )
    if "malformed" in text or "not a database" in text:
        return Conflict(
            "the workspace's database file is damaged",
            "工作区的数据库文件已损坏",
            hint=("Restore a backup: quanheng restore FILE", "请用备份恢复：quanheng restore FILE"),
            code="database_damaged",
        )
    return Unavailable(
        f"the database cannot be reached: {error}",
        f"无法访问数据库：{error}",
        hint=(
            "Check that it runs and that QUANHENG_DATABASE is right.",
            "请确认数据库已启动且 QUANHENG_DATABASE 正确。",
        ),
        code="database_unreachable",
    )


def write(work: Callable[[], T]) -> T:
    """Return `work()`, run in one write transaction, and again while the database is locked.

    A connection lost while committing is not tried again: nobody can tell whether it was written.
    """
    from django.db import InterfaceError, OperationalError, transaction

    def once() -> T:
        before, done = _idle_connection(), False
        try:
            with transaction.atomic():
                result = work()
                done = True
        except (OperationalError, InterfaceError) as error:
            if done and _is_lost(before):
                raise translate(error) from error
            raise
        return result

    return retry_locked(once)


@contextmanager
def cursor() -> Iterator[Any]:
    """Yield a cursor of the bound database."""
    from django.db import connection

    with connection.cursor() as cur:
        yield cur
