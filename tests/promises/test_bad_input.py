"""Promise 7: bad input gets one clear error, in the language asked for, with what to do; nothing is lost; exit not 0.

One table: what is brought about, the command of the real command line, the code of the error and the exit code that
`quanheng.errors` gives its class. Each case is run in Chinese and in English.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from main_job import command, quanheng

from databases import Place, close_open
from quanheng import errors

FULL = os.environ.get("QUANHENG_PROMISES") == "full"
HAN = re.compile("[\u4e00-\u9fff]")
HEADS = {"en": ("Error: ", "Hint: "), "zh": ("错误：", "提示：")}
#: As root no file is closed: without these two capabilities it is.
AS_OTHERS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
GOOD = '{"text": "这一行写得完整，可以保留下来。"}\n'


@dataclass
class Scene:
    """What a case may use: the workspace, a folder for files, what to undo, and the environment of the command."""

    place: Place
    folder: Path
    undo: contextlib.ExitStack
    environment: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()

    def write(self, name: str, data: bytes | str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return str(path)

    def call(self, verb: str, **data: Any) -> Any:
        """Call a verb in this process before the command is run."""
        result = self.place.open().call(verb, **data)
        close_open()
        return result

    def endpoint(self, answer: bytes) -> list[str]:
        """Serve this raw HTTP answer to everybody and return the command that asks for one."""
        url = self.undo.enter_context(raw_service(answer)) if answer else "http://127.0.0.1:9/v1"
        self.call("endpoint.register", url=url, title="m", as_name="e")
        bank = "shipped:oversight/banks/must_refuse.jsonl"
        self.call("benchmark.register", file=bank, purpose="must_refuse", title="t", owner="o", as_name="b")
        return ["responses", "generate", "e", "b", "--questions", "1"]


@contextlib.contextmanager
def raw_service(answer: bytes) -> Iterator[str]:
    """Yield the address of a service that gives the same bytes to every request."""
    import socketserver
    import threading

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                continue
            self.wfile.write(answer)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            thread.join()


def http(status: str, body: bytes, *headers: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers])
    return head.encode() + b"\r\n\r\n" + body


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
    "a directory in place of a file": (directory_as_file, "unreadable_file", errors.Unavailable),
    "a dangling link": (dangling_link, "no_such_path", errors.NotFound),
    "a file that may not be read": (unreadable_file, "not_permitted", errors.Unavailable),
    "an empty folder": (empty_folder, "empty_folder", errors.Invalid),
    "a folder without text": (folder_without_text, "nothing_readable", errors.Invalid),
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


@pytest.fixture
def scene(place: Place, tmp_path: Path) -> Iterator[Scene]:
    folder = tmp_path / "files"
    folder.mkdir()
    with contextlib.ExitStack() as undo:
        yield Scene(place, folder, undo)
        close_open()


def run(scene: Scene, words: list[str], *more: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [*scene.prefix, *command(*more, *words)],
        env={**scene.place.environment, **scene.environment},
        cwd=scene.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )


def log_lines(place: Place) -> list[tuple[int, bytes]]:
    """Return the log as it lies in the database, without our own code in between."""
    uri = f"file:{place.folder / 'quanheng.db'}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        return connection.execute('SELECT "index", entry FROM qh_core_logentry ORDER BY "index"').fetchall()


def check_told_once(done: subprocess.CompletedProcess[str], language: str, exit_code: int) -> tuple[str, str]:
    """Return message and hint, after checking that they are all that is said, in this language only."""
    error, hint = HEADS[language]
    lines = done.stderr.splitlines()
    told = [line for line in lines if line.startswith((HEADS["en"][0], HEADS["zh"][0]))]
    hints = [line for line in lines if line.startswith((HEADS["en"][1], HEADS["zh"][1]))]
    assert done.returncode == exit_code, done.stderr
    assert (len(told), len(hints)) == (1, 1), done.stderr
    assert told[0].startswith(error) and hints[0].startswith(hint)
    assert lines.index(hints[0]) > lines.index(told[0])
    assert "Traceback" not in done.stdout + done.stderr
    message = told[0].removeprefix(error)
    assert message and (HAN.search(message) if language == "zh" else not HAN.search(message)), message
    if language == "en":
        assert not HAN.search(hints[0]), hints[0]
    return message, hints[0].removeprefix(hint)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("case", CASES)
def test_one_clear_error(scene: Scene, case: str) -> None:
    bring, code, cls = CASES[case]
    words = bring(scene) if callable(bring) else [word.replace("{f}", str(scene.folder)) for word in bring]
    close_open()
    before = [] if case == "no database at all" else log_lines(scene.place)
    zh, _ = check_told_once(run(scene, words, "--lang", "zh"), "zh", cls.exit_code)
    answer = run(scene, words, "--lang", "en", "--json")
    found = json.loads(answer.stdout)["error"]
    assert (found["code"], found["class"], answer.returncode) == (code, cls.__name__, cls.exit_code)
    assert found["hint"] and all(found["hint"]) and HAN.search(found["zh"])
    assert without_ids(found["zh"]) == without_ids(zh)
    if FULL:
        en, hint = check_told_once(run(scene, words, "--lang", "en"), "en", cls.exit_code)
        assert (without_ids(en), without_ids(hint)) == (without_ids(found["en"]), without_ids(found["hint"][0]))
    check_nothing_lost(scene, before, closed=case in CLOSED)


def without_ids(text: str) -> str:
    """Return a message without what differs from run to run: job ids, process ids, temporary names."""
    return re.sub(r"\b[0-9a-f]{16,64}\b|\b\d{2,}-[0-9a-f]+", "…", text)


def check_nothing_lost(scene: Scene, before: list[tuple[int, bytes]], *, closed: bool) -> None:
    """The old log is the beginning of the new one, what was added tells of failures only, and fsck finds nothing."""
    scene.undo.close()  # give back locks and disks
    if closed or not (scene.place.folder / "quanheng.db").exists():
        return
    after = log_lines(scene.place)
    assert after[: len(before)] == before
    outcomes = {json.loads(entry)["outcome"] for _, entry in after[len(before) :]}
    assert outcomes <= {"failed", "denied"}
    from quanheng.core.fsck import fsck

    report = fsck(scene.place.open())
    assert report.ok, [problem.en for problem in report.problems]


def test_every_class_has_an_exit_code_of_its_own() -> None:
    codes = {name: cls.exit_code for name, cls in errors.CLASSES.items()}
    assert codes == {
        "QuanhengError": 1,
        "Invalid": 2,
        "NotFound": 3,
        "Conflict": 4,
        "Forbidden": 5,
        "Unavailable": 6,
        "Corrupt": 7,
        "Cancelled": 130,
    }


@pytest.mark.databases("sqlite")
def test_broken_rows_are_counted_and_kept_aside(scene: Scene) -> None:
    good = GOOD * 3
    scene.write(
        "in/rows.jsonl", good + "{broken}\n" + '{"text": "山间的茶园里，采茶的人清早就上了坡。"}\n' * 3 + '{"text": "断'
    )
    scene.write(
        "in/other.txt", "用国标编码写成的一行文字，应当照样读出来。\n下一行说的是别的事情。\n".encode("gb18030")
    )
    scene.write("in/mixed.txt", "这一行是正常的文字，没有问题。\n".encode() * 30 + b"\xff\xfe\xfa\xb1\n")
    scene.write("in/noise.txt", bytes(range(128, 256)) * 3)
    scene.write("in/half.parquet", parquet()[:300])
    for language, words in (
        ("zh", ["source", "register", str(scene.folder / "in"), "--title", "t", "--as", "in"]),
        ("en", ["corpus", "build", "in", "--as", "c"]),
    ):
        done = run(scene, words, "--lang", language)
        assert done.returncode == 0, done.stderr
    workspace = scene.place.open()
    corpus = workspace.load("corpus:c")
    assert sum(share.broken_rows for share in corpus.model.per_source) >= 5
    assert corpus.model.totals.documents == 3
    with workspace.open_layer(corpus.layer("rejected.jsonl").digest) as stream:
        rejected = [json.loads(line) for line in stream]
    assert len(rejected) >= 4 and all(row for row in rejected)


@pytest.mark.databases("sqlite")
def test_an_endless_line_is_kept_aside(scene: Scene) -> None:
    """A line of 2 GB (of 70 MB unless QUANHENG_PROMISES=full), sparse on disk, between two good ones."""
    size = 2_100_000_000 if FULL else 70_000_000
    if shutil.disk_usage(scene.folder).free < 3 * size:
        pytest.skip(f"needs {3 * size} free bytes")
    path = Path(scene.write("long.jsonl", GOOD))
    with path.open("r+b") as stream:
        stream.truncate(size)
        stream.seek(0, os.SEEK_END)
        stream.write(b"\n" + GOOD.replace("完整", "清楚").encode())
    for words in (
        ["source", "register", str(path), "--title", "t", "--as", "long"],
        ["corpus", "build", "long", "--as", "c"],
    ):
        done = run(scene, words, "--lang", "en")
        assert done.returncode == 0, done.stderr
    corpus = scene.place.open().load("corpus:c").model
    assert (corpus.totals.documents, sum(share.broken_rows for share in corpus.per_source)) == (2, 1)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_tampered_bundle_and_a_wrong_key(scene: Scene, language: str) -> None:
    scene.call("files.register", path=scene.write("a.txt", "内容\n"), title="t", as_name="a")
    bundle = scene.folder / "b.zip"
    assert run(scene, ["bundle", "export", "a", "--to", str(bundle)]).returncode == 0
    for words in (["verify", str(bundle)], ["verify", str(bundle), "--key", "sha256:" + "0" * 64]):
        if len(words) == 2:
            data = bytearray(bundle.read_bytes())
            data[len(data) // 2] ^= 1
            words[1] = scene.write("tampered.zip", bytes(data))
        done = run(scene, words, "--lang", language)
        assert done.returncode == errors.Corrupt.exit_code
        assert "Traceback" not in done.stdout + done.stderr
        assert ("NOT VERIFIED" if language == "en" else "未通过") in done.stdout, done.stdout
        assert re.search("byte \\d+|字节|sha256:0000", done.stdout), done.stdout


def test_an_endpoint_that_is_slow() -> None:
    """The command line waits two minutes for an answer, so the client is asked here, with less patience."""
    from quanheng.endpoints import ChatClient, Patience
    from quanheng.kinds.models import Endpoint, Engine

    with raw_service(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{") as url:
        endpoint = Endpoint(model="m", url=url, engine=Engine(name="remote", version="not stated"))
        patience = Patience(answer_s=0.5, attempts=1)
        with ChatClient(endpoint, patience=patience) as client, pytest.raises(errors.Unavailable) as caught:
            client.ask("问")
    assert caught.value.code in ("endpoint_slow", "endpoint_down")
    assert caught.value.hint and HAN.search(caught.value.text.zh)


def test_a_network_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import quanheng as product
    from quanheng.core import workspace

    monkeypatch.setattr(workspace, "is_network_filesystem", lambda folder: True)
    with pytest.raises(errors.Unavailable) as caught:
        product.open(tmp_path / "w")
    assert caught.value.code == "network_filesystem" and caught.value.hint


def test_a_full_disk_at_the_border_of_the_store(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from quanheng.store import _disk

    before = workspace.log.list(limit=1)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(_disk, "fsync", full)
        with pytest.raises(errors.Unavailable) as caught:
            workspace.put(b"a layer")
    assert caught.value.code == "disk_full" and caught.value.hint
    assert workspace.log.list(limit=1) == before
    assert workspace.put(b"a layer").size == 7


def test_a_clock_that_jumps_back(workspace: Any) -> None:
    from quanheng.core import clock
    from quanheng.core.fsck import fsck

    workspace.project.create(slug="before", title="t")
    clock.set_clock(lambda: dt.datetime.now(dt.UTC) - dt.timedelta(days=3))
    workspace.project.create(slug="after", title="t")
    times = [entry["time"] for entry in workspace.log.list(limit=100)["entries"]]
    assert times == sorted(times, reverse=True)
    assert times[0] == times[1]
    clock.set_clock(None)
    assert fsck(workspace).ok


def test_the_product_speaks_chinese_when_nobody_says(place: Place) -> None:
    done = quanheng(place, "show", "nothing", QUANHENG_LANGUAGE="", LC_ALL="", LANG="")
    check_told_once(done, "zh", errors.NotFound.exit_code)
