"""Kernels as machine code that is kept: loaded without numba, compiled anew where it is damaged or has no place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quanheng.text import compiled

SUM = """
KERNELS = {"total": "u4* i8 -> i8"}


def half(value):
    return value // 2


def total(values, n):
    found = 0
    for at in range(n):
        found += half(values[at])
    return found
"""
COMMON = (
    "import sys, numpy as np\n"
    "from quanheng.text.shingles import common\n"
    "print(common(np.arange(5, dtype=np.uint64), np.arange(3, 9, dtype=np.uint64)), 'numba' in sys.modules)\n"
)


def _common(folder: Path) -> str:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    command = [sys.executable, "-W", "error", "-c", COMMON]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()


def test_machine_code_is_made_once_loaded_without_numba_and_made_anew_when_damaged(tmp_path: Path) -> None:
    assert _common(tmp_path) == "2 True"
    (kept,) = tmp_path.glob("minhash_kernels.*.machine")
    assert _common(tmp_path) == "2 False"
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-7])
    assert _common(tmp_path) == "2 True"
    assert kept.read_bytes()[:64] != b"" and _common(tmp_path) == "2 False"


def test_without_a_place_for_its_machine_code_a_kernel_still_works(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert _common(tmp_path / "file" / "folder") == "2 True"


def _module(folder: Path, source: str) -> Path:
    path = folder / "sums.py"
    path.write_text(source, encoding="utf-8")
    return path


def test_a_kernel_calls_helpers_of_its_module_and_takes_only_arrays_of_its_types(tmp_path: Path) -> None:
    path = _module(tmp_path, SUM)
    types = {"total": "u4* i8 -> i8"}
    kernels = compiled.Kernels(types, compiled._compiled(path, types))
    values = np.array([5, 7, 1], np.uint32)
    assert kernels.total(values, 3) == 5
    for wrong in (values.astype(np.int64), values[::2]):
        with pytest.raises(TypeError, match="a kernel needs an array of uint32"):
            kernels.total(wrong, len(wrong))
    with pytest.raises(AttributeError):
        _ = kernels.other


def test_a_kernel_that_needs_memory_is_refused(tmp_path: Path) -> None:
    path = _module(tmp_path, "import numpy as np\n\n\ndef total(values, n):\n    return len(np.zeros(n))\n")
    with pytest.raises(ValueError, match="the kernel total of sums calls"):
        compiled._compiled(path, {"total": "u4* i8 -> i8"})


def test_a_kernel_that_raises_is_told(tmp_path: Path) -> None:
    path = _module(tmp_path, "def total(values, n):\n    if n > 3:\n        raise ValueError\n    return n\n")
    types = {"total": "u4* i8 -> i8"}
    kernels = compiled.Kernels(types, compiled._compiled(path, types))
    values = np.zeros(4, np.uint32)
    assert kernels.total(values, 3) == 3
    with pytest.raises(AssertionError, match="a kernel raised"):
        kernels.total(values, 4)
