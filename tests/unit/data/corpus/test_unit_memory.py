"""A unit that is run in somebody's own process leaves that process as it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys

import pyarrow as pa
from quanheng.data.corpus import parse_recipe
from quanheng.data.corpus.work import Facts, Unit, UnitFile, run_unit
from quanheng.kinds.sources import Reading
from quanheng.store import LocalObjects

before = pa.default_memory_pool().backend_name
stored = LocalObjects(sys.argv[1]).put_bytes(b'{"text": "a document"}')
unit = Unit(
    objects=sys.argv[1],
    recipe=parse_recipe('name = "r"\\ntitle = { en = "r", zh = "r" }\\n[[steps]]\\nuse = "length"'),
    assets={},
    segment=0,
    files=(UnitFile(digest=stored.digest, title="a.jsonl", format="jsonl", size=stored.size),),
    reading=Reading(),
    facts=Facts(licence_clear=True, region="unknown", origin="open"),
)
assert run_unit(unit.model_dump(mode="json"))["result"].startswith("sha256:")
print(before, pa.default_memory_pool().backend_name)
"""


def test_arrow_asks_for_memory_as_before(tmp_path: Path) -> None:
    words = [sys.executable, "-W", "error", "-c", CODE, str(tmp_path / "objects")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    before, after = done.stdout.split()
    assert after == before != "system"
