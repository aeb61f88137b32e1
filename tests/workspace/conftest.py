"""Small folders that workspace tests register."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two small files."""
    made = tmp_path / "evidence"
    (made / "sub").mkdir(parents=True)
    (made / "a.txt").write_bytes("证据".encode())
    (made / "sub" / "b.txt").write_bytes(b"b")
    return made


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Return a folder with files enough to be met at work."""
    made = tmp_path / "many"
    made.mkdir()
    for number in range(150):
        (made / f"{number:03}.txt").write_bytes(b"%d" % number)
    return made
