"""Promise 7: bad input gets one clear error, in the language asked for, with what to do; nothing is lost; exit not 0.

One table: what is brought about, the command of the real command line, the code of the error and the exit code that
`quanheng.errors` gives its class. Each case is run in Chinese and in English.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bad_input import GOOD, HAN, Scene, check_told_once, log_lines, raw_service, run
from bad_input_cases import CASES, CLOSED, parquet
from main_job import quanheng

from databases import Place, close_open
from quanheng import errors

FULL = os.environ.get("QUANHENG_PROMISES") == "full"


@pytest.fixture
def scene(place: Place, tmp_path: Path) -> Iterator[Scene]:
    folder = tmp_path / "files"
    folder.mkdir()
    with contextlib.ExitStack() as undo:
        yield Scene(place, folder, undo)
        close_open()


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
