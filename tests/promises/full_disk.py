"""A build on a disk that is too small: python full_disk.py HOW FOLDER FILES, in a mount namespace of one's own.

FOLDER becomes a file system in memory. A build is tried with a little more room each time, until it ends. Prints one
line of JSON: what each attempt was told, what lay on the disk after it, and the digest of the corpus.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Room for the first attempt beside what is there, and how much more each later one has, in KiB.
FIRST_KIB, MORE_KIB = 200, 300
ATTEMPTS = 60


def resize(folder: Path, kib: int) -> None:
    """Give the file system in memory another size."""
    subprocess.run(["mount", "-o", f"remount,size={kib}k", str(folder)], check=True)


def used_kib(folder: Path) -> int:
    """Return how much of it is used."""
    import os

    found = os.statvfs(folder)
    return (found.f_blocks - found.f_bfree) * found.f_frsize // 1024


def check_sound(objects: Any) -> dict[str, int]:
    """Every object is what its name says, and no half of one is left; return how many there are."""
    count = 0
    for digest in objects.iterate():
        objects.verify(digest)
        count += 1
    return {"objects": count, "temporary": len(list((objects.root / "tmp").glob("*")))}


def until_it_ends(folder: Path, build: Callable[[], str], objects: Any) -> dict[str, Any]:
    """Return what each attempt was told, and the digest of the last one."""
    from quanheng.errors import QuanhengError

    room, told = used_kib(folder) + FIRST_KIB, []
    while True:
        resize(folder, room)
        try:
            return {"told": told, "digest": build()}
        except QuanhengError as error:
            said: dict[str, Any] = {"code": error.code, "en": str(error.text.en), "zh": str(error.text.zh)}
            said["hint"] = [error.hint.en, error.hint.zh] if error.hint else None
        resize(folder, room + 16 * 1024)  # for reading what is there, whatever a database writes for it
        told.append({**said, **check_sound(objects)})
        room += MORE_KIB
        assert len(told) < ATTEMPTS


def alone(folder: Path, files: Path) -> dict[str, Any]:
    """Build with the engine alone, without a database on the disk."""
    import whole_build

    from quanheng.store import LocalObjects

    objects = LocalObjects(folder / "objects")
    whole_build.register(objects, files)
    return until_it_ends(folder, lambda: whole_build.made(folder, files), objects)


def in_workspace(folder: Path, files: Path) -> dict[str, Any]:
    """Build in a workspace whose database lies on the same disk."""
    import quanheng
    from quanheng.core.fsck import fsck

    workspace = quanheng.open(folder / "w", database="sqlite")
    titles = sorted(path.name for path in files.iterdir())
    for title in titles:
        workspace.source.register(path=str(files / title), title=title, as_name=title)

    def build() -> str:
        report = fsck(workspace)
        assert report.ok, [problem.en for problem in report.problems]
        assert len(workspace.artifact.list(limit=100)["rows"]) >= len(titles)
        return str(workspace.corpus.build(sources=titles, recipe="web-zh").digest)

    said = until_it_ends(folder, build, workspace.objects)
    assert fsck(workspace).ok
    return said


def main(how: str, folder: Path, files: Path) -> None:
    """Mount, and build until there is room enough."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(folder)], check=True)
    print(json.dumps((alone if how == "alone" else in_workspace)(folder, files)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
