"""The edge table (WITHOUT ROWID on SQLite) and triggers that keep the log append-only."""

from __future__ import annotations

from typing import Any

from django.db import migrations

_COLUMNS = """
    dst bigint NOT NULL REFERENCES qh_core_artifact (id),
    src bigint NOT NULL REFERENCES qh_core_artifact (id),
    role varchar(60) NOT NULL,
    PRIMARY KEY (dst, src, role)
"""
_GUARDED = ("qh_core_logentry", "qh_core_lognode")


def forwards(apps: Any, schema_editor: Any) -> None:
    """Create the table, its second index, and the guards."""
    run = schema_editor.execute
    sqlite = schema_editor.connection.vendor == "sqlite"
    run(f"CREATE TABLE qh_core_edge ({_COLUMNS}){' WITHOUT ROWID' if sqlite else ''}")
    run("CREATE INDEX qh_core_edge_src ON qh_core_edge (src, dst)")
    if sqlite:
        for table in _GUARDED:
            for event in ("UPDATE", "DELETE"):
                run(
                    f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
                    "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
                )
        return
    run(
        "CREATE FUNCTION qh_core_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$"
    )
    for table in _GUARDED:
        run(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION qh_core_append_only()"
        )


class Migration(migrations.Migration):
    """Forward only."""

    dependencies = (("qh_core", "0001_initial"),)
    operations = (migrations.RunPython(forwards),)
