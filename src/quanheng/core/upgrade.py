"""Making a workspace, or bringing the database of one up to this release."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from quanheng.core import database
from quanheng.core.settings import FILE_NAME, Settings


@dataclass(frozen=True)
class Upgraded:
    """What `upgrade` did: the folder, whether the workspace was made, the migrations applied, the signing key."""

    folder: Path
    created: bool
    applied: tuple[str, ...]
    fingerprint: str


def upgrade(path: str | Path, **settings: object) -> Upgraded:
    """Return what was done: a workspace made in a missing or empty folder, or missing migrations applied.

    NotFound when the folder holds other things, Conflict when the workspace is of a newer release or a worker has it.
    Nothing is lost when it is killed: each migration is one transaction, and the next run goes on.
    """
    from quanheng.core.workspace import open as open_workspace

    folder = Path(path).expanduser().resolve()
    created = not (folder / FILE_NAME).exists()
    applied = () if created else _apply(folder, settings)
    with open_workspace(folder, **settings) as workspace:  # type: ignore[arg-type]
        fingerprint = workspace.call("key.list")[0]["fingerprint"]
    return Upgraded(folder, created, applied, fingerprint)


def _apply(folder: Path, settings: dict[str, object]) -> tuple[str, ...]:
    from quanheng.core.worker import exclusive

    known = Settings(folder, settings)
    database.bind(folder, known.text("database"), known.number("database_wait_s"))
    try:
        missing = database.retry_locked(_missing)
        if missing:
            from django.core.management import call_command

            with exclusive(folder, "migrate"):
                database.retry_locked(lambda: call_command("migrate", verbosity=0, interactive=False))
        return missing
    finally:
        database.unbind()


def _missing() -> tuple[str, ...]:
    """Return the migrations that the database lacks; none for a newer or an unfinished workspace.

    A newer one is refused and an unfinished one completed when the workspace is opened.
    """
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    known, applied = set(loader.disk_migrations), set(loader.applied_migrations)
    if applied - known or not applied:
        return ()
    return tuple(sorted(name for _, name in known - applied))
