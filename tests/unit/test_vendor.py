"""What is not ours and lies in the repository is what its list says, byte for byte, with its licence beside it."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "src/quanheng/web/static/vendor", ROOT / "tests/vendor")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_each_file_is_the_one_that_was_listed(folder: Path) -> None:
    listed = tomllib.loads((folder / "vendor.toml").read_text("utf-8"))["file"]
    for item in listed:
        assert hashlib.sha256((folder / item["name"]).read_bytes()).hexdigest() == item["sha256"], item["name"]
        assert (folder / item["licence_file"]).stat().st_size > 200
    known = {name for item in listed for name in (item["name"], item["licence_file"])}
    assert {path.name for path in folder.iterdir()} == known | {"vendor.toml"}
