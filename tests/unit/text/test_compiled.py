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
TYPES = {"total": "u4* i8 -> i8"}
COMMON = (
    "import sys, numpy as np\n"
    "from quanheng.text.shingles import common\n"
    "print(common(np.arange(5, dtype=np.uint64), np.arange(3, 9, dtype=np.uint64)), 'numba' in sys.modules)\n"
)


def _common(folder: Path | None, code: str = COMMON, **more: str) -> str:
    environment = {**os.environ, **({"NUMBA_CACHE_DIR": str(folder)} if folder else {}), **more}
    command = [sys.executable, "-W", "error", "-c", code]
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


@pytest.mark.parametrize("whose", ["file", "folder"])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_code_that_others_may_have_written_is_not_run(tmp_path: Path, whose: str, mode: int) -> None:
    folder = tmp_path / "kept"
    assert _common(folder) == "2 True" and folder.stat().st_mode & 0o777 == 0o700
    (kept,) = folder.iterdir()
    changed = kept if whose == "file" else folder
    changed.chmod(changed.stat().st_mode | mode)
    assert _common(folder) == "2 True"
    # The file was made anew, and is ours again; a folder of others' is left alone.
    assert _common(folder) == ("2 False" if whose == "file" else "2 True")


def test_a_link_to_code_elsewhere_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    assert _common(folder) == "2 True"
    (kept,) = folder.iterdir()
    kept.symlink_to(kept.rename(tmp_path / "moved"))
    assert _common(folder) == "2 True" and not kept.is_symlink()


def test_only_root_and_this_user_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def is_safe(owner: int, mode: int) -> bool:
        return compiled._is_safe(os.stat_result((mode, 0, 0, 1, owner, 0, 0, 0, 0, 0)))

    assert is_safe(0, 0o100644) and is_safe(1000, 0o040700)
    assert not is_safe(1001, 0o100644) and not is_safe(1000, 0o100664) and not is_safe(0, 0o040777)


def test_numba_that_is_told_not_to_compile_gives_no_kernels(tmp_path: Path) -> None:
    assert _common(tmp_path, NUMBA_DISABLE_JIT="1") == "2 False"
    assert not list(tmp_path.iterdir())
    assert _common(tmp_path, NUMBA_DISABLE_JIT="0") == "2 True"


def test_a_user_without_a_home_and_a_processor_without_features_have_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", fails)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    path = tmp_path / "sums.py"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert compiled._folders(path) == [tmp_path]
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    assert compiled._folders(path) == [tmp_path / "__pycache__"]
    path.write_text(SUM, "utf-8")
    with_features = compiled._key(path)
    monkeypatch.setattr(compiled._llvm(), "get_host_cpu_features", fails)
    compiled._machine.cache_clear()
    assert compiled._key(path) not in ("", with_features)
    compiled._machine.cache_clear()


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        compiled._write(tmp_path / "kept" / "a.machine", {"total": ("symbol", b"code")})
    assert not list((tmp_path / "kept").iterdir())


def test_threads_that_ask_at_once_have_the_code_made_once(tmp_path: Path) -> None:
    code = (
        "import threading\n"
        "from quanheng.text import compiled\n"
        "made, real = [], compiled._compiled\n"
        "compiled._compiled = lambda *given: made.append(1) or real(*given)\n"
        "found, gate = [], threading.Barrier(4)\n"
        "def ask():\n"
        "    gate.wait()\n"
        "    found.append(compiled.load('minhash_kernels'))\n"
        "threads = [threading.Thread(target=ask) for _ in range(4)]\n"
        "[one.start() for one in threads], [one.join() for one in threads]\n"
        "print(len(made), len(found), len(set(map(id, found))))\n"
    )
    assert _common(tmp_path, code) == "1 4 1"


def _module(folder: Path, source: str) -> Path:
    path = folder / "sums.py"
    path.write_text(source, encoding="utf-8")
    return path


def test_a_kernel_calls_helpers_of_its_module_and_takes_only_arrays_of_its_types(tmp_path: Path) -> None:
    path = _module(tmp_path, SUM)
    kernels = compiled.Kernels(TYPES, compiled._compiled(path, TYPES))
    values = np.array([5, 7, 1], np.uint32)
    assert kernels.total(values, 3) == 5
    for wrong in (values.astype(np.int64), values[::2]):
        with pytest.raises(TypeError, match="a kernel needs an array of uint32"):
            kernels.total(wrong, len(wrong))
    with pytest.raises(AttributeError):
        _ = kernels.other


TAKEN = SUM.replace(
    "def half(value):\n    return value // 2\n", "from quanheng.text.utf8_kernels import width_of as half"
)


def test_a_kernel_calls_functions_of_another_module_and_is_made_anew_when_those_change(tmp_path: Path) -> None:
    path = _module(tmp_path, TAKEN)
    kernels = compiled.Kernels(TYPES, compiled._compiled(path, TYPES))
    assert kernels.total(np.array([0x41, 0xC3, 0xE4, 0xE5, 0xF0], np.uint32), 5) == 1 + 2 + 3 + 3 + 4
    other = tmp_path / "utf8_kernels.py"
    other.write_text("def width_of(first):\n    return 1\n", "utf-8")
    first = compiled._key(path)
    other.write_text("def width_of(first):\n    return 2\n", "utf-8")
    second = compiled._key(path)
    assert first != second
    other.write_text("from quanheng.text.more import two\n", "utf-8")
    for number in "34":  # and so when those change that these take
        (tmp_path / "more.py").write_text(f"def two():\n    return {number}\n", "utf-8")
        first, second = second, compiled._key(path)
        assert first != second


def test_a_kernel_that_needs_memory_is_refused(tmp_path: Path) -> None:
    path = _module(tmp_path, "import numpy as np\n\n\ndef total(values, n):\n    return len(np.zeros(n))\n")
    with pytest.raises(ValueError, match="the kernel total of sums calls"):
        compiled._compiled(path, TYPES)


def test_a_kernel_that_raises_is_told(tmp_path: Path) -> None:
    path = _module(tmp_path, "def total(values, n):\n    if n > 3:\n        raise ValueError\n    return n\n")
    kernels = compiled.Kernels(TYPES, compiled._compiled(path, TYPES))
    values = np.zeros(4, np.uint32)
    assert kernels.total(values, 3) == 3
    with pytest.raises(AssertionError, match="a kernel raised"):
        kernels.total(values, 4)
