"""A process that runs units keeps memory for the next batch, and nothing else of it changes."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import pyarrow as pa
from quanheng.data.corpus.memory import keep_memory

keep_memory()
keep_memory()
print(pa.default_memory_pool().backend_name)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is left as it is")
def test_arrow_asks_the_c_library_whose_memory_is_kept() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "system"
