"""The remote end of the Slurm executor: what it leaves, whole or not at all, and what it does without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quanheng.core import executor_worker
from quanheng.core.executor_worker import answer, write_whole
from quanheng.core.executors.functions import EXCERPT_CHARACTERS, excerpt
from quanheng.store import _disk


@pytest.fixture(autouse=True)
def _finds_the_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def test_answers_end_at_the_first_error() -> None:
    first, second = json.loads(answer("work_items:clash", [1, 2, 3]))
    assert first == [True, 1]
    assert second[0] is False and second[1]["code"] == "two_taken"


def test_what_json_cannot_hold_is_told_as_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    [first, second] = json.loads(answer("builtins:ascii", ["a"])) + json.loads(answer("builtins:frozenset", ["ab"]))
    assert first == [True, "'a'"]
    assert second[1]["code"] == "task_failed" and "frozenset is not JSON serializable" in second[1]["en"]
    assert "Traceback" in capsys.readouterr().err


def test_an_answer_is_durable_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    real = {"fsync": os.fsync, "replace": os.replace}

    def watched(name: str) -> Any:
        def call(*args: Any) -> Any:
            calls.append(name)
            assert (tmp_path / "0.json").exists() == (calls == ["fsync", "replace", "fsync"])
            return real[name](*args)

        return call

    for name in real:
        monkeypatch.setattr(_disk, name, watched(name))
    write_whole(tmp_path / "0.json", b"[]")
    assert calls == ["fsync", "replace", "fsync"]
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("0.json", b"[]")]


def test_a_full_disk_leaves_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "items").mkdir()
    (tmp_path / "answers").mkdir()
    (tmp_path / "items" / "0.json").write_text('{"function": "builtins:ascii", "items": ["a"]}')

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_disk, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        executor_worker.main(str(tmp_path), "0")
    assert not (tmp_path / "answers" / "0.json").exists()


def test_it_needs_no_database(tmp_path: Path) -> None:
    code = "import sys, quanheng.core.executor_worker; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0


def test_an_excerpt_keeps_the_end() -> None:
    assert excerpt(" a\n") == "a"
    assert excerpt("x" * 5000 + "the reason") == "…" + "x" * (EXCERPT_CHARACTERS - 10) + "the reason"
