"""Promise 3, a whole build: killed with SIGKILL at any place and begun again, it ends in the same corpus.

Rows between segments are let go while it runs (keep = "final"), so that what a killed build goes on from is less than
it had made. QUANHENG_PROMISES=full: 40 kills of the engine, 8 of the command; otherwise 4 and 1.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import whole_build
from main_job import Run, quanheng

from databases import Place, Templates
from quanheng.store import LocalObjects

FULL = os.environ.get("QUANHENG_PROMISES") == "full"
KILLS = 40 if FULL else 4
COMMAND_KILLS = 8 if FULL else 1
SEED = 20260711


def start(work: Path, files: Path, keep: str = "final") -> subprocess.Popen[str]:
    """Start a build and return when its units begin to run."""
    process = subprocess.Popen(
        [sys.executable, whole_build.__file__, str(work), str(files), keep],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline() == "begun\n"
    return process


def test_a_killed_build_ends_in_the_same_corpus(tmp_path: Path) -> None:
    files = whole_build.write_sources(tmp_path / "files")
    begun = time.monotonic()
    clean = start(tmp_path / "clean", files).communicate()[0]
    took_s = time.monotonic() - begun
    assert clean.startswith("sha256:") and int(clean.split()[1]) > 100
    assert start(tmp_path / "all", files, "all").communicate()[0] == clean
    dice = random.Random(SEED)
    killed, finished, work = 0, 0, tmp_path / "killed"
    while killed < KILLS:
        process = start(work, files)
        try:
            said = process.communicate(timeout=dice.uniform(0, took_s / 2))[0]
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
            continue
        assert said == clean, f"seed {SEED}, after {killed} kills"
        finished += 1
        check_sound(work)
        shutil.rmtree(work)
    assert start(work, files).communicate()[0] == clean, f"seed {SEED}, after {killed} kills"
    check_sound(work)
    print(f"{killed} kills, {finished + 1} builds came to their end")


def check_sound(work: Path) -> None:
    """Every object is what its name says; and what was let go is not there."""
    objects = LocalObjects(work / "objects")
    for digest in objects.iterate():
        objects.verify(digest)
    assert objects.sweep_temporary(0, time.time() + 1) >= 0


class Build(Run):
    """A build by the command line."""

    what = ("corpus", "build")


@pytest.mark.databases("sqlite")
def test_a_killed_command_ends_in_the_same_corpus(
    place: Place, templates: Templates, database: str, tmp_path: Path
) -> None:
    """With processes, a database, and a parent that lets objects go on behalf of the child."""
    files = whole_build.write_sources(tmp_path / "files", sources=4, files=2)
    titles = sorted(path.name for path in files.iterdir())
    words = [*titles, "--recipe", "web-zh", "--as", "made"]

    def digest_of(built: Place) -> str:
        [row] = [row for row in built.open().artifact.list(limit=100)["rows"] if row["kind"].startswith("corpus/")]
        return str(row["digest"])

    other = templates.place(database, tmp_path / "killed")
    for built in (place, other):
        for title in titles:
            done = quanheng(built, "source", "register", str(files / title), "--title", title, "--as", title)
            assert done.returncode == 0, done.stderr
    begun = time.monotonic()
    done = quanheng(place, "corpus", "build", *words)
    took_s = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    clean, dice, killed = digest_of(place), random.Random(SEED), 0
    while True:
        run = Build(other, words, tmp_path / "errors.txt")
        code = run.wait(dice.uniform(took_s / 3, took_s)) if killed < COMMAND_KILLS else run.wait(300)
        if code is not None:
            assert code == 0, (tmp_path / "errors.txt").read_text()
            break
        run.kill(whole_family=dice.random() < 0.5)
        killed += 1
    assert digest_of(other) == clean
    from quanheng.core.fsck import fsck

    assert fsck(other.open()).problems == []
    templates.remove(other)
