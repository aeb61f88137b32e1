"""The command line as people and programs use it: answers, errors and exit codes, in both languages."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from databases import Place, close_open

HAN = re.compile(r"[\u4e00-\u9fff]")


class Ran(NamedTuple):
    """What a command line gave."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Return standard output as JSON."""
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture
def here(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder with a text file, beside an empty workspace that the environment names."""
    for name in ("QUANHENG_DATABASE", "QUANHENG_WORKSPACE"):
        monkeypatch.setenv(name, place.environment[name])
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("COLUMNS", "80")
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "a.txt").write_text("春风吹来\n", "utf-8")
    monkeypatch.chdir(folder)
    yield folder
    close_open()


@pytest.fixture
def qh(here: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs one command line in this process."""
    return _runner(capsys)


def _runner(capsys: pytest.CaptureFixture[str]) -> Command:
    from quanheng.cli.main import run

    def command(*words: str) -> Ran:
        capsys.readouterr()
        code = run(list(words))
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return command


@pytest.fixture
def qh_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Return the same, in an empty folder without a workspace."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    yield _runner(capsys)
    close_open()


def test_a_verb_says_what_it_made_and_a_second_run_that_nothing_was_done(qh: Command) -> None:
    first = qh("files", "register", "a.txt", "标题", "--as", "first")
    assert first.code == 0
    digest = re.search(r"sha256:[0-9a-f]{64}", first.out)
    assert digest and first.out.startswith("已生成 files/v1  sha256:") and "名称 first" in first.out
    again = qh("files", "register", "a.txt", "--title", "标题")
    assert again.out.splitlines()[0] == "已有，不再执行" and digest[0] in again.out
    english = qh("--lang", "en", "files", "register", "a.txt", "标题")
    assert english.out.splitlines()[0] == "Already there, nothing was run"
    fresh = qh("files", "register", "a.txt", "标题", "--again", "--json").data
    assert not fresh["cached"] and fresh["outputs"][0]["kind"] == "files/v1"


def test_an_artifact_is_found_by_name_digest_and_the_digits_that_screens_show(qh: Command) -> None:
    digest = qh("files", "register", "a.txt", "t", "--as", "first", "--json").data["outputs"][0]["digest"]
    for name in ("first", "files:first", digest, digest[:19], digest[:30]):
        assert qh("show", name, "--json").data["digest"] == digest
    assert qh("show", digest[:18]).code == 3  # fewer digits than are shown


def test_the_page_of_an_artifact(qh: Command) -> None:
    qh("files", "register", "a.txt", "标题", "--as", "first")
    page = qh("show", "first").out
    for part in ("files/v1", "first", "files register (v1)", "a.txt", "13 B", "标题"):
        assert part in page
    qh("artifact", "withdraw", "first", "--reason", "个人信息")
    digest = qh("artifact", "list", "--json").data["rows"][0]["digest"]
    assert "已撤回：个人信息" in qh("show", digest).out
    assert "WITHDRAWN: 个人信息" in qh("show", digest, "--lang", "en").out
    assert qh("show", "first").code == 4


QUERIES = (
    "artifact list", "job list", "log", "log list", "log show 0", "log proof 0", "log consistency 1", "log checkpoint",
    "checkpoint list", "key list", "config", "config show", "project list", "member list", "user list", "token list",
    "flow show", "case types", "case list", "workspace status", "workspace fsck", "fsck", "fsck --quick",
    "workspace collect", "workspace collect --cached", "job work --once", "name history nothing", "lineage {key}",
    "lineage of {key} --down", "show {key}", "migrate",
)  # fmt: skip


@pytest.mark.parametrize("words", QUERIES)
def test_every_read_answers_in_both_languages_and_as_json(qh: Command, words: str) -> None:
    key = qh("artifact", "list", "--json").data["rows"][0]["digest"]
    line = words.format(key=key).split()
    shown = {language: qh(*line, "--lang", language) for language in ("zh", "en")}
    for language, ran in shown.items():
        assert (ran.code, ran.err if "fsck" not in words else "") == (0, ""), ran
        assert ran.out and "\x1b" not in ran.out
        if language == "en" and words != "case types":
            assert not HAN.search(ran.out), ran.out
    plain = qh(*line, "--json")
    assert plain.code == 0 and plain.data is not None and plain.err == ""
    assert qh("--json", *line).data is not None


def test_a_collection_says_what_running_jobs_kept(qh: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.core import collect

    monkeypatch.setattr(collect, "_cutoff", lambda wanted: wanted - collect.dt.timedelta(minutes=1))
    assert "有作业正在运行" in qh("workspace", "collect", "--cached").out
    assert qh("workspace", "collect", "--cached", "--json").data["left_for_jobs"] is True
    assert "作业" not in qh("workspace", "collect").out


def test_names_that_are_nearly_right_and_names_with_their_kind(qh: Command) -> None:
    qh("files", "register", "a.txt", "t", "--as", "first")
    for wrong in ("flies:first", "files:frist", "frist"):
        assert "first" in qh("show", wrong, "--lang", "en").err.partition("Did you mean: ")[2], wrong
    moves = qh("name", "history", "files:first", "--json").data
    assert moves == qh("name", "history", "first", "--json").data != []
    assert qh("name", "history", "corpus:first", "--json").data == []


def test_settings_are_not_set_by_a_command(qh: Command) -> None:
    for word in ("set", "language"):
        ran = qh("config", word, "--lang", "en")
        assert ran.code == 2 and "quanheng.toml" in ran.err and "QUANHENG_" in ran.err


def test_the_demonstration_looks_before_it_makes_a_folder(qh_alone: Command, tmp_path: Path) -> None:
    closed = "http://127.0.0.1:9/v1"  # discard: nobody listens
    for given, code in (
        (("--source", "nowhere"), "no_such_path"),
        (("--model-url", closed, "--model-name", "m"), "endpoint_down"),
        (("--model-url", "https://models.example/v1", "--model-name", "m"), "host_not_allowed"),
    ):
        assert qh_alone("demo", "--to", "new", *given, "--json").data["error"]["code"] == code
        assert not (tmp_path / "new").exists()


PRINTED = (
    "log show 0", "checkpoint list", "project list", "member list", "user list", "token list", "case types",
    "workspace status", "key list", "job list", "name history k",
)  # fmt: skip


@pytest.mark.parametrize("words", PRINTED)
def test_every_name_on_a_screen_is_a_word_of_the_language(qh: Command, words: str) -> None:
    from quanheng.core.labels import LABELS

    def names(value: Any) -> set[str]:
        if isinstance(value, list):
            return {name for item in value for name in names(item)}
        if not isinstance(value, dict) or {"en", "zh"} <= set(value):
            return set()
        inside = {name for key, item in value.items() if key != "states" for name in names(item)}
        return set(value) | inside

    assert sorted(names(qh(*words.split(), "--json").data) - set(LABELS)) == []


def test_the_log_and_its_proofs(qh: Command) -> None:
    qh("files", "register", "a.txt", "t")
    head = qh("log", "--json").data
    assert head["size"] == 2 and [e["index"] for e in head["entries"]] == [1, 0]
    proof = qh("log", "proof", "1", "--json").data
    assert proof["root"] == head["root"] and proof["root"] in qh("log", "proof", "1").out
    assert qh("log", "consistency", "1", "--json").data["root"] == head["root"]
    note = qh("log", "checkpoint").out
    assert note == qh("log", "checkpoint").out and note.split("\n")[1] == "2"
    assert qh("log", "show", "0", "--json").data["verb"] == "workspace.create"
    assert (qh("log", "show", "9").code, qh("log", "proof", "9").code) == (3, 3)
    assert [line.split()[0] for line in qh("log", "--limit", "1").out.splitlines()[1:2]] == ["1"]


ERRORS = (
    ("no_such", 3, "show nothing", "没有名为", "there is no artifact"),
    ("unknown command", 2, "files registr", "是否想用：quanheng files", "Did you mean: quanheng files register"),
    ("unknown action", 2, "withdraw", "quanheng artifact withdraw", "quanheng artifact withdraw"),
    ("unknown option", 2, "log list --limt 3", "是否想用：--limit", "Did you mean: --limit"),
    ("missing value", 2, "log list --limit", "--limit", "--limit"),
    ("missing input", 2, "files register", "还需要 --path", "needs --path"),
    ("not a number", 2, "log list --limit x", "不是整数", "is not an integer"),
    ("not a choice", 2, "member grant a boss", "不在可选范围内", "is none of: owner"),
    ("out of range", 2, "log list --limit 0", "log.list 的输入有误", "cannot use this input"),
    ("too much", 2, "show a b", "不接受多余的", "does not take 'b'"),
    ("not a pair", 2, "flow run filing --param x", "键=值", "KEY=VALUE"),
    ("bad language", 2, "log --lang fr", "只能是 zh 或 en", "zh or en"),
    ("no flow", 3, "flow run nothing", "没有名为", "there is no flow"),
    ("no project", 3, "log --project nothing", "没有名为 'nothing' 的项目", "there is no project"),
    ("conflict", 4, "project create main", "已存在", "already"),
    ("bad token", 5, "log --token qh_x", "访问令牌无效", "not known here"),
    ("no file", 3, "files register missing.txt t", "不存在", "does not exist"),
    ("no bundle", 3, "verify missing.zip", "没有文件", "no file"),
    ("not a bundle", 2, "verify a.txt", "", ""),
)  # fmt: skip


@pytest.mark.parametrize(("code", "words", "zh", "en"), [e[1:] for e in ERRORS], ids=[e[0] for e in ERRORS])
def test_each_error_has_its_code_a_hint_and_both_languages(
    qh: Command, code: int, words: str, zh: str, en: str
) -> None:
    if words == "verify a.txt":
        code = qh(*words.split()).code
        assert code in (2, 7)
        assert qh(*words.split(), "--json").data
        return
    chinese = qh("--lang", "zh", *words.split()) if "--lang" not in words else qh(*words.split())
    assert (chinese.code, chinese.out) == (code, "")
    assert chinese.err.startswith("错误：") and zh in chinese.err and "\n提示：" in chinese.err
    if "--lang" not in words:
        english = qh("--lang", "en", *words.split())
        assert english.code == code and english.err.startswith("Error: ") and en in english.err
        assert "\nHint: " in english.err and not HAN.search(english.err)
    told = qh(*words.split(), "--json")
    assert (told.code, told.err) == (code, "")
    error = told.data["error"]
    assert error["code"] and error["en"] and error["zh"] and len(error["hint"]) == 2


def test_bad_input_leaves_no_entry_in_the_log(qh: Command) -> None:
    size = qh("log", "--json").data["size"]
    for words in ("files register", "log list --limit x", "project create", "project create BAD_SLUG!"):
        assert qh(*words.split()).code == 2
    assert qh("log", "--json").data["size"] == size


def test_a_forbidden_verb_and_an_expired_token(qh: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    qh("user", "create", "alice")
    qh("member", "grant", "alice", "auditor")
    token = qh("token", "create", "alice", "--scopes", "read", "--scopes", "build", "--json").data["value"]["token"]
    assert qh("--token", token, "log").code == 0
    denied = qh("--token", token, "files", "register", "a.txt", "t")
    assert denied.code == 5 and "auditor" in denied.err
    assert qh("log", "--json").data["entries"][0]["outcome"] == "denied"
    assert "已拒绝 (forbidden)" in qh("log").out
    monkeypatch.setenv("QUANHENG_TOKEN", token)
    assert qh("project", "create", "mine").code == 5
    monkeypatch.delenv("QUANHENG_TOKEN")
    from quanheng.core import clock

    later = clock.now().replace(year=clock.now().year + 1)
    clock.set_clock(lambda: later)
    expired = qh("--token", token, "log")
    assert expired.code == 5 and "已过期" in expired.err


def test_an_unexpected_error_says_so_and_shows_its_place_only_with_debug(
    qh: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quanheng.cli import actions

    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(actions, "ask_query", broken)
    ran = qh("log", "list")
    assert ran.code == 1 and "ZeroDivisionError: a fault" in ran.err and "Traceback" not in ran.err
    assert "Traceback" in qh("--debug", "log", "list").err
    assert qh("log", "list", "--json").data["error"]["code"] == "internal"


def test_detached_jobs_are_run_by_a_worker_from_another_folder(qh: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    queued = qh("files", "register", "a.txt", "t", "--detach", "--as", "later")
    assert queued.code == 0 and "已排队：作业" in queued.out and "quanheng job work" in queued.out
    assert qh("job", "list", "--json").data["rows"][0]["state"] == "queued"
    monkeypatch.chdir("/")
    worked = qh("job", "work", "--once", "--lang", "en")
    assert worked.code == 0 and "done" in worked.out and worked.out.endswith("Jobs run: 1\n")
    assert qh("show", "later", "--json").data["kind"] == "files/v1"
    assert qh("job", "work", "--once", "--json").data == {"jobs": 0}


FLOW = """
name = "two"
[params]
title = "t"
[[step]]
id = "one"
verb = "files.register"
with = { path = "a.txt", title = "$title" }
"""


def test_a_flow_from_a_file_says_its_steps_and_does_nothing_twice(qh: Command, here: Path) -> None:
    (here / "two.toml").write_text(FLOW, "utf-8")
    shown = qh("flow", "show", "two.toml", "--lang", "en").out
    assert "files register" in shown and "title" in shown
    ran = qh("flow", "run", "two.toml", "--param", "title=0.5")
    assert ran.code == 0 and "[1/1] files register (one) · " in ran.err and "已生成 files/v1" in ran.out
    digest = qh("artifact", "list", "--json").data["rows"][0]["digest"]
    assert qh("show", digest, "--json").data["config"]["title"] == "0.5"  # a fraction stays decimal text
    again = qh("flow", "run", "two.toml", "--param", "title=0.5")
    assert "已有，不再执行" in again.out and "已有，不再执行" in again.err
    wrong = qh("flow", "run", "two.toml", "--param", "nothing=1")
    assert wrong.code == 2 and "它没有参数 nothing" in wrong.err


def test_lineage_is_a_tree_in_which_nothing_is_written_twice(qh: Command, capsys: pytest.CaptureFixture[str]) -> None:
    from quanheng.cli.caller import Caller
    from quanheng.cli.screens import lineage

    def step(near: str, digest: str, depth: int) -> dict[str, object]:
        return {"near": near, "digest": digest, "kind": "files/v1", "role": "r", "depth": depth}

    steps = [step("a", "b", 1), step("a", "c", 1), step("b", "d", 2), step("c", "d", 2), step("d", "e", 3)]
    lineage(Caller("en"), {"digest": "a", "steps": steps})
    assert capsys.readouterr().out.splitlines() == [
        "a",
        "├─ r  files/v1  b",
        "│  └─ r  files/v1  d",
        "│     └─ r  files/v1  e",
        "└─ r  files/v1  c",
        "   └─ r  files/v1  d  (shown above)",
    ]
    deep = [step(str(i), str(i + 1), i + 1) for i in range(3000)]
    lineage(Caller("en"), {"digest": "0", "steps": deep})
    assert len(capsys.readouterr().out.splitlines()) == 3001


def test_backup_restore_and_bundle_round_trip(qh: Command, here: Path, place: Place) -> None:
    qh("files", "register", "a.txt", "t", "--as", "first")
    head = qh("log", "--json").data
    assert qh("backup", "w.zip", "--json").data["keys"] is False
    assert "私钥" in qh("backup", "x.zip").out
    assert qh("backup", "w.zip").code == 4
    made = qh("bundle", "export", "first", "--to", "b.zip", "--json").data
    assert qh("verify", "b.zip", "--key", made["fingerprint"]).code == 0
    assert qh("verify", "b.zip", "--json").data["key_compared"] is False
    assert qh("verify", "b.zip", "--key", "sha256:" + "0" * 64).code == 7
    data = bytearray((here / "b.zip").read_bytes())
    data[len(data) // 2] ^= 1
    (here / "c.zip").write_bytes(data)
    assert qh("verify", "c.zip", "--lang", "en").code == 7
    os.environ["QUANHENG_DATABASE"] = "sqlite"
    restored = qh("restore", "w.zip", "again", "--json").data
    assert (restored["size"], restored["root"]) == (head["size"], head["root"])
    assert qh("-w", "again", "log", "--json").data["root"] == head["root"]
    assert qh("restore", "w.zip", "again").code == 4


def test_migrate_makes_a_workspace_only_where_nothing_is(qh_alone: Command, tmp_path: Path) -> None:
    assert qh_alone("log").code == 3
    made = qh_alone("migrate", "new")
    assert made.code == 0 and "已在" in made.out and "sha256:" in made.out
    assert "未作改动" in qh_alone("migrate", "new").out
    assert qh_alone("-w", "new", "log", "--json").data["size"] == 1
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    refused = qh_alone("migrate", "other")
    assert refused.code == 3 and sorted(os.listdir(tmp_path / "other")) == ["file"]
    assert "不是空文件夹，也不是工作区" in refused.err
    assert "quanheng -w second source register" in qh_alone("-w", "second", "migrate").out


def test_migrate_applies_what_an_older_release_lacks(qh_alone: Command, tmp_path: Path) -> None:
    from django.core.management import call_command

    from quanheng.core import database

    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "quanheng.toml").touch()
    database.bind(tmp_path / "old", "sqlite", 5)
    call_command("migrate", "qh_core", "0001_initial", verbosity=0, interactive=False)
    database.unbind()
    done = qh_alone("migrate", "old", "--json").data
    assert not done["created"] and "0002_edges_and_guards" in done["applied"]
    assert qh_alone("-w", "old", "log", "--json").data["size"] == 1
    assert qh_alone("migrate", "old", "--json").data["applied"] == []


def test_a_workspace_of_a_newer_release_is_refused(qh_alone: Command, tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    qh_alone("migrate", "new")
    with closing(sqlite3.connect(tmp_path / "new" / "quanheng.db")) as db, db:
        db.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('qh_core', '9999_later', '2026-01-01')")
    for words in (("migrate", "new"), ("-w", "new", "log")):
        newer = qh_alone(*words)
        assert newer.code == 4 and "9999_later" in newer.err


def test_the_version(qh_alone: Command) -> None:
    from quanheng import __version__

    assert qh_alone("--version").out == f"quanheng {__version__}\n"


def test_help_without_words_and_with(qh_alone: Command) -> None:
    for words in ((), ("--help",), ("-h",)):
        ran = qh_alone(*words)
        assert ran.code == 0 and "常用命令" in ran.out and "register" in ran.out
    assert "选项" in qh_alone("corpus", "build", "--help").out
    assert "build" in qh_alone("corpus").out
    assert "Usage: quanheng corpus build SOURCES" in qh_alone("--lang", "en", "corpus", "build", "-h").out
