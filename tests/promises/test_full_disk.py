"""Promise 7, a full disk: a build says so in both languages, leaves nothing half, and goes on once there is room.

The disk is a real file system of a few hundred kilobytes, in a mount namespace; skipped where those are not allowed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import full_disk
import pytest
import whole_build

from databases import Place
from quanheng.data.corpus import units


def missing_namespace() -> str:
    """Return why no file system can be mounted here, or an empty text."""
    if not shutil.which("unshare") or not shutil.which("mount"):
        return "unshare and mount are missing (Debian: util-linux, mount)"
    done = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True, check=False
    )
    return f"no file system can be mounted in a user namespace here: {done.stderr.strip()}" if done.returncode else ""


#: A semantic resolution of 4,000 vectors, which take 2 MB, on a file system in memory of 1 MB.
SEMANTIC = """
import subprocess, sys
from decimal import Decimal
from pathlib import Path
import numpy as np
from quanheng.data.corpus.dedup.order import Kept, Order
from quanheng.data.corpus.dedup.semantic import find_alike
from quanheng.errors import QuanhengError
from quanheng.store._disk import scratch

class Units:
    rank, rows = 0, 4000
    def column(self, name):
        return np.ones(4000 * 256, np.float16)

folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
try:
    with scratch(folder / "tmp") as lent:
        kept = Kept(Order.of([Units()]), lent)
        given = {"threshold": Decimal("0.9"), "clusters": 1, "seed": 1}
        find_alike([Units()], "vector", kept, lent, lambda done, total: None, **given)
except QuanhengError as error:
    print(error.code, len(list((folder / "tmp").iterdir())))
"""

needs_a_namespace = pytest.mark.skipif(bool(missing_namespace()), reason=missing_namespace() or "they are")


def on_a_small_disk(how: str, files: Path, folder: Path) -> dict[str, Any]:
    """Return what `full_disk.py` told, after what holds of every attempt was checked."""
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QUANHENG_")}
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, full_disk.__file__, how, str(folder), str(files)],
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    for one in said["told"]:
        assert one["code"] == "disk_full", one
        assert "disk" in one["en"] and "full" in one["en"] and "磁盘" in one["zh"] and "已满" in one["zh"]
        assert "space" in one["hint"][0] and "空间" in one["hint"][1]
        assert one["temporary"] == 0
    # What was finished stays: each attempt begins where the last one stopped.
    assert said["told"][0]["objects"] < said["told"][-1]["objects"]
    return said


@needs_a_namespace
def test_a_build_that_fills_the_disk_goes_on_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "UNIT_FILES", 1)  # `made` sets it; here it is put back
    files = whole_build.write_sources(tmp_path / "files", sources=3, files=3, documents=80)
    said = on_a_small_disk("alone", files, tmp_path / "disk")
    assert len(said["told"]) >= 3
    assert all("corpus plan" in one["hint"][0] and "--keep final" in one["hint"][1] for one in said["told"])
    assert said["digest"] == whole_build.made(tmp_path / "clean", files)


@needs_a_namespace
def test_a_semantic_resolution_that_fills_the_disk_says_so(tmp_path: Path) -> None:
    command = ["unshare", "-rm", sys.executable, "-c", SEMANTIC, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    # A write into a mapping that has no room would end the process by a signal.
    assert (done.returncode, done.stdout.split()) == (0, ["disk_full", "0"]), done.stderr[-4000:]


@needs_a_namespace
@pytest.mark.databases("sqlite")
def test_a_workspace_on_a_full_disk_stays_readable(place: Place, tmp_path: Path) -> None:
    """The database lies on the same disk; whichever meets its end first says so."""
    files = whole_build.write_sources(tmp_path / "files", sources=2, files=2, documents=80)
    said = on_a_small_disk("workspace", files, tmp_path / "disk")
    workspace = place.open()
    titles = sorted(path.name for path in files.iterdir())
    for title in titles:
        workspace.source.register(path=str(files / title), title=title, as_name=title)
    assert workspace.corpus.build(sources=titles, recipe="web-zh").digest == said["digest"]
