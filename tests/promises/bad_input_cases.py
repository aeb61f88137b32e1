"""The table of bad input: how each case is brought about, the code of its error, and its class."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bad_input import GOOD, Scene, http

from databases import Place, close_open
from quanheng import errors

#: As root no file is closed: without these two capabilities it is.
AS_OTHERS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


def directory_as_file(scene: Scene) -> list[str]:
    return ["lexicon", "register", str(scene.folder), "--title", "t", "--owner", "o"]


def dangling_link(scene: Scene) -> list[str]:
    (scene.folder / "link.txt").symlink_to("nowhere")
    return ["source", "register", str(scene.folder / "link.txt"), "--title", "t"]


def unreadable_file(scene: Scene) -> list[str]:
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root reads every file, and setpriv is missing")
    path = Path(scene.write("closed.txt", "这一行谁也读不到。\n"))
    path.chmod(0)
    scene.prefix = AS_OTHERS
    return ["source", "register", str(path), "--title", "t"]


def empty_folder(scene: Scene) -> list[str]:
    (scene.folder / "empty").mkdir()
    return ["source", "register", str(scene.folder / "empty"), "--title", "t"]


def folder_without_text(scene: Scene) -> list[str]:
    scene.write("sounds/a.mp3", b"ID3\x03")
    return ["source", "register", str(scene.folder / "sounds"), "--title", "t"]


def folder_of_pictures(scene: Scene) -> list[str]:
    scene.write("pictures/a.jpg", b"\xff\xd8\xff")
    return ["source", "register", str(scene.folder / "pictures"), "--title", "t"]


def all_rows_broken(scene: Scene) -> list[str]:
    scene.call("source.register", path=scene.write("x.txt", os.urandom(300)), title="t", as_name="x")
    return ["corpus", "build", "x"]


def half_written_parquet(scene: Scene) -> list[str]:
    scene.call("source.register", path=scene.write("x.parquet", parquet()[:300]), title="t", as_name="x")
    return ["corpus", "build", "x"]


def parquet() -> bytes:
    import io

    pa = pytest.importorskip("pyarrow", reason="needs the extra [data]")
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table({"text": ["这一行写得完整，可以保留下来。"] * 50}), sink)
    return sink.getvalue()


def broken_bank(scene: Scene) -> list[str]:
    path = scene.write("bank.jsonl", '{"id": "1", "risk": "A.1.a", "question": "问"}\n{"id": "2", \n')
    return ["benchmark", "register", path, "--purpose", "must_refuse", "--title", "t", "--owner", "o"]


def broken_lexicon(scene: Scene) -> list[str]:
    path = scene.write("lexicon.jsonl", '{"term": "示例", "risk": "A.1.f", "mode": "review"}\n{"term": \n')
    return ["lexicon", "register", path, "--title", "t", "--owner", "o"]


def small_disk(scene: Scene, options: str) -> Path:
    """Return the workspace on a small file system of its own; Skipped where none may be mounted."""
    mount = scene.folder / "disk"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(mount)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    scene.undo.callback(subprocess.run, ["umount", "-l", str(mount)], check=True)
    shutil.copytree(scene.place.folder, mount / "w")
    scene.place = Place(mount / "w", scene.place.database)
    return mount


def disk_full(scene: Scene) -> list[str]:
    small_disk(scene, "size=6m")
    return ["files", "register", scene.write("large.txt", b"a" * 9_000_000), "--title", "t"]


def read_only(scene: Scene) -> list[str]:
    mount = small_disk(scene, "size=6m")
    subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)
    return ["files", "register", scene.write("a.txt", "a"), "--title", "t"]


def database_locked(scene: Scene) -> list[str]:
    other = sqlite3.connect(scene.place.folder / "quanheng.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    scene.undo.callback(other.close)
    scene.environment["QUANHENG_DATABASE_WAIT_S"] = "1"
    return ["project", "create", "second", "--title", "t"]


def not_a_database(scene: Scene) -> list[str]:
    (scene.place.folder / "quanheng.db").write_bytes(b"no database at all " * 500)
    return ["artifact", "list"]


def newer_workspace(scene: Scene) -> list[str]:
    with contextlib.closing(sqlite3.connect(scene.place.folder / "quanheng.db")) as connection, connection:
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('qh_core', '9999_of_tomorrow', '2030-01-01')"
        )
    return ["artifact", "list"]


def two_workers(scene: Scene) -> list[str]:
    handle = os.open(scene.place.folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    scene.undo.callback(os.close, handle)
    fcntl.flock(handle, fcntl.LOCK_EX)
    os.pwrite(handle, b"job work, pid 1\n", 0)
    return ["job", "work", "--once"]


def cyclic_flow(scene: Scene) -> list[str]:
    steps = '[[step]]\nid="a"\nverb="corpus.build"\nwith={sources="@b"}\n'
    steps += '[[step]]\nid="b"\nverb="source.register"\nwith={path="@a",title="t"}\n'
    return ["flow", "run", scene.write("ring.toml", steps)]


def flow_with_unknown_verb(scene: Scene) -> list[str]:
    return ["flow", "run", scene.write("odd.toml", '[[step]]\nid="a"\nverb="corpus.bild"\n')]


def expired_token(scene: Scene) -> list[str]:
    from quanheng.core import clock

    workspace = scene.place.open()
    clock.set_clock(lambda: dt.datetime.now(dt.UTC) - dt.timedelta(days=400))
    made = workspace.call("token.create", label=own_label(workspace), scopes=["read"], days=1)
    close_open()
    scene.environment["QUANHENG_TOKEN"] = made.value["token"]
    return ["artifact", "list"]


def own_label(workspace: Any) -> str:
    from quanheng.core.models import Actor

    return str(Actor.objects.get(id=workspace.session.actor_id).label)


def forbidden_verb(scene: Scene) -> list[str]:
    workspace = scene.place.open()
    made = workspace.call("token.create", label=own_label(workspace), scopes=["read"])
    close_open()
    scene.environment["QUANHENG_TOKEN"] = made.value["token"]
    return ["project", "create", "second", "--title", "t"]


def greedy_recipe(scene: Scene) -> list[str]:
    scene.call("source.register", path=scene.write("a.jsonl", GOOD), title="t", as_name="a")
    steps = '[[steps]]\nuse = "length"\n[[steps]]\ndrop = "characters > 3"\nreason = "too_long"\n'
    recipe = scene.write("greedy.toml", 'name = "a"\ntitle = { en = "a", zh = "甲" }\n' + steps)
    return ["corpus", "build", "a", "--file", recipe]


def misspelt_recipe(scene: Scene) -> list[str]:
    scene.call("source.register", path=scene.write("a.jsonl", GOOD), title="t", as_name="a")
    recipe = scene.write("wrong.toml", 'name = "a"\ntitle = { en = "a", zh = "甲" }\n[[steps]]\nuse = "lenght"\n')
    return ["corpus", "build", "a", "--file", recipe]


THROTTLED = http("429 Too Many Requests", b"{}", "Retry-After: 3600")
Bring = Callable[[Scene], list[str]]
#: id → (how it is brought about, or just the words; code; class). "{f}" is the folder for files.
CASES: dict[str, tuple[Bring | list[str], str, type[errors.QuanhengError]]] = {
    "a directory in place of a file": (directory_as_file, "a_folder", errors.Invalid),
    "a dangling link": (dangling_link, "no_such_path", errors.NotFound),
    "a file that may not be read": (unreadable_file, "not_permitted", errors.Unavailable),
    "an empty folder": (empty_folder, "empty_folder", errors.Invalid),
    "a folder without text": (folder_without_text, "nothing_readable", errors.Invalid),
    "a folder of pictures": (folder_of_pictures, "only_pictures", errors.Invalid),
    "no row that can be read": (all_rows_broken, "empty_corpus", errors.Invalid),
    "a half-written parquet file": (half_written_parquet, "empty_corpus", errors.Invalid),
    "a recipe that keeps nothing": (greedy_recipe, "empty_corpus", errors.Invalid),
    "a recipe with a misspelt operator": (misspelt_recipe, "unknown_word", errors.Invalid),
    "a broken bank": (broken_bank, "bad_bank", errors.Invalid),
    "a broken lexicon": (broken_lexicon, "bad_term", errors.Invalid),
    "a full disk": (disk_full, "disk_full", errors.Unavailable),
    "a read-only disk": (read_only, "read_only", errors.Unavailable),
    "a locked database": (database_locked, "database_locked", errors.Unavailable),
    "no database at all": (not_a_database, "database_damaged", errors.Conflict),
    "a workspace of a newer release": (newer_workspace, "newer_workspace", errors.Conflict),
    "two workers": (two_workers, "server_running", errors.Conflict),
    "an endpoint that is down": (lambda s: s.endpoint(b""), "endpoint_down", errors.Unavailable),
    "an endpoint that sends rubbish": (
        lambda s: s.endpoint(http("200 OK", b"<html>")), "endpoint_rubbish", errors.Unavailable,
    ),
    "an endpoint that says 429": (lambda s: s.endpoint(THROTTLED), "endpoint_throttled", errors.Unavailable),
    "an endpoint that wants a key": (
        lambda s: s.endpoint(http("401 Unauthorized", b"{}")), "endpoint_refused_auth", errors.Forbidden,
    ),
    "a host that is not allowed": (
        ["endpoint", "register", "--url", "http://example.com/v1", "--title", "m"],
        "host_not_allowed", errors.Forbidden,
    ),
    "a flow with a cycle": (cyclic_flow, "bad_flow", errors.Invalid),
    "a flow with an unknown verb": (flow_with_unknown_verb, "unknown_verb", errors.NotFound),
    "a flow that is no TOML": (lambda s: ["flow", "run", s.write("x.toml", "x = [")], "bad_flow", errors.Invalid),
    "an unknown flow": (["flow", "run", "filling"], "no_such_flow", errors.NotFound),
    "an unknown parameter": (["flow", "run", "filing", "--param", "x=1"], "bad_flow", errors.Invalid),
    "an unknown token": (["--token", "qh_none", "artifact", "list"], "bad_token", errors.Forbidden),
    "an expired token": (expired_token, "token_ended", errors.Forbidden),
    "a forbidden verb": (forbidden_verb, "forbidden", errors.Forbidden),
    "an unknown artifact": (["show", "nothing"], "no_such_artifact", errors.NotFound),
    "an unknown option": (["artifact", "list", "--limt", "3"], "usage", errors.Invalid),
    "an option given twice": (["artifact", "list", "--limit", "3", "--limit", "4"], "usage", errors.Invalid),
    "an unknown command": (["corpus", "bild"], "usage", errors.Invalid),
    "a value that is no number": (["artifact", "list", "--limit", "many"], "usage", errors.Invalid),
    "a value out of range": (["artifact", "list", "--limit", "0"], "bad_input", errors.Invalid),
    "a missing input": (["source", "register"], "usage", errors.Invalid),
    "no workspace": (["-w", "{f}/none", "log", "list"], "no_workspace", errors.NotFound),
    "a bundle that is no zip": (
        lambda s: ["verify", s.write("x.zip", b"PK no, not really")], "not_a_zip", errors.Invalid,
    ),
    "a key that is no fingerprint": (
        lambda s: ["verify", s.write("x.zip", b"PK"), "--key", "sha256:12"], "bad_fingerprint", errors.Invalid,
    ),
}  # fmt: skip
#: Cases in which the log cannot be read in this process afterwards.
CLOSED = {"no database at all", "a workspace of a newer release"}
