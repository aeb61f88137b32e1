"""Loops over arrays as machine code: compiled once for a machine with numba, from then on loaded without it.

numba takes half a CPU-second to import and to read its own cache, in every process. So what it compiled is kept as
plain object code, and `llvmlite`, which numba is built on, links that in some milliseconds.

A module of kernels is plain Python. Its `KERNELS` say the types of each function: "u4" and "i8" are whole numbers as
numpy writes them, "u4*" an array of them, of which the kernel knows no length; "-> i8" a number that is returned. A
kernel writes into arrays that it is given: it allocates nothing, raises nothing and calls nothing but functions of its
module and those that this imports from another of this package, which call nothing in turn. That is checked before its
code is kept.

Whoever can write a kept file could have any code run. So one is read only where it and its folder are of root or of
this user, and nobody else may write them; elsewhere the code is made anew.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import os
import re
import stat
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

#: A change of the form of the files, or of how code is made, is a new version.
_VERSION = 1
_KIND = re.compile(r"([iu]\d)(\*)?")
#: A module of this package that another one takes functions from.
_IMPORTED = re.compile(r"^from quanheng\.text\.(\w+) import ", re.MULTILINE)
#: What object code may ask of the process: the memory functions of the C library, and what LLVM makes of itself.
_OUTSIDE = re.compile(r"declare [^@]*@(?!llvm\.|mem(?:set|cpy|move|cmp)\()([^\s(]+)")

#: Code is made and linked by one thread at a time; others find it made.
_LOCK = threading.RLock()

#: A kernel as it is called: numpy arrays and whole numbers in the order of its types. Without a result it returns 0.
Kernel = Callable[..., int]


class _Types:
    """The types of a kernel, and how arguments of them are handed over."""

    def __init__(self, text: str) -> None:
        arguments, _, self.returned = (part.strip() for part in text.partition("->"))
        self.arguments = [(found[1], bool(found[2])) for found in map(_KIND.fullmatch, arguments.split()) if found]

    def signature(self) -> Any:
        """Return the types as numba has them."""
        from numba import types

        pointer: Any = types.CPointer
        named = {"u1": types.uint8, "i4": types.int32, "u4": types.uint32, "i8": types.int64, "u8": types.uint64}
        return tuple(pointer(named[kind]) if is_array else named[kind] for kind, is_array in self.arguments)

    def callable_at(self, address: int) -> Kernel:
        """Return the function at an address, to be called with arrays and numbers. It lets go of the interpreter."""
        numbers: dict[str, Any] = {"i8": ctypes.c_int64, "u8": ctypes.c_uint64, "u4": ctypes.c_uint32}
        taken = [ctypes.c_void_p if is_array else numbers[kind] for kind, is_array in self.arguments]
        # numba's own convention: where the result goes, where an exception would, the arguments; 0 when there is none.
        function = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *taken)(address)
        arrays = [np.dtype(kind) if is_array else None for kind, is_array in self.arguments]

        def call(*given: Any) -> int:
            passed: list[Any] = []
            for dtype, value in zip(arrays, given, strict=True):
                if dtype is None:
                    passed.append(int(value))
                elif value.dtype != dtype or not value.flags.c_contiguous:
                    raise TypeError(f"a kernel needs an array of {dtype} without gaps, not of {value.dtype}")
                else:
                    passed.append(value.__array_interface__["data"][0])
            result, raised = ctypes.c_int64(), ctypes.c_void_p()
            if function(ctypes.addressof(result), ctypes.addressof(raised), *passed):
                raise AssertionError("a kernel raised")
            return result.value

        return call


class Kernels:
    """The kernels of one module, by name."""

    def __init__(self, types: Mapping[str, str], code: Mapping[str, tuple[str, bytes]]) -> None:
        with _LOCK:
            self._engine = _engine()  # it owns the machine code, for as long as the process
            for name, text in types.items():
                symbol, data = code[name]
                self._engine.add_object_file(_llvm().ObjectFileRef.from_data(data))
                self._engine.finalize_object()
                setattr(self, name, _Types(text).callable_at(self._engine.get_function_address(symbol)))

    def __getattr__(self, name: str) -> Kernel:
        raise AttributeError(f"there is no kernel {name}")


def load(name: str) -> Kernels | None:
    """Return the kernels of the module `name` of this package, None where numba is not installed or is told not to."""
    with _LOCK:
        return _loaded(name)


@cache
def _loaded(name: str) -> Kernels | None:
    is_off = os.environ.get("NUMBA_DISABLE_JIT", "").strip() not in ("", "0")
    if is_off or not all(map(_is_installed, ("llvmlite", "numba"))):
        return None
    module = importlib.import_module(f"quanheng.text.{name}")
    path = Path(str(module.__file__))
    file = f"{name}.{_key(path)}.machine"
    for folder in _folders(path):
        if (code := _read(folder / file)) is not None:
            return Kernels(module.KERNELS, code)
    code = _compiled(path, module.KERNELS)
    for folder in _folders(path):
        # Without a place to keep it, every process compiles for itself.
        with suppress(OSError):
            _write(folder / file, code)
            break
    return Kernels(module.KERNELS, code)


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # `None` in sys.modules: not to be imported
        return False


def _llvm() -> Any:
    return importlib.import_module("llvmlite.binding")


@cache
def _engine() -> Any:
    llvm = _llvm()
    with suppress(RuntimeError):  # llvmlite of today does it by itself, and says so
        llvm.initialize()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine()
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


@cache
def _machine() -> bytes:
    """Return what the machine code of every module depends on: compiler and processor."""
    from importlib.metadata import version

    llvm = _llvm()
    said = [_VERSION, version("numba"), version("llvmlite"), llvm.get_process_triple(), llvm.get_host_cpu_name()]
    with suppress(RuntimeError):  # LLVM does not know them of every processor; numba then uses none
        said.append(llvm.get_host_cpu_features().flatten())
    return json.dumps(said).encode() + Path(__file__).read_bytes()


def _key(path: Path) -> str:
    """Return what the machine code of a module depends on: its source, compiler, processor."""
    return hashlib.sha256(_machine() + _source(path)).hexdigest()[:24]


def _source(path: Path) -> bytes:
    """Return the source of a module and of those whose functions it takes."""
    own = path.read_bytes()
    taken = _IMPORTED.findall(own.decode())
    return b"".join((own, *(_source(path.with_name(f"{name}.py")) for name in taken)))


def _folders(path: Path) -> list[Path]:
    """Return where code is kept: NUMBA_CACHE_DIR when that is set, else beside the module, else the user's cache."""
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(given)]
    folders = [path.parent / "__pycache__"]
    with suppress(RuntimeError):  # a user without a home
        folders.append(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quanheng")
    return folders


def _is_safe(found: os.stat_result) -> bool:
    """Return whether nobody but root and this user may write a file or folder."""
    return found.st_uid in (0, os.geteuid()) and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read(path: Path) -> dict[str, tuple[str, bytes]] | None:
    """Return the code in a file, None when there is none, it is not whole, or somebody else may have written it."""
    try:
        if not _is_safe(path.parent.stat()):
            return None
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            if not _is_safe(os.fstat(file.fileno())):
                return None
            digest, _, body = file.read().partition(b"\n")
    except OSError:
        return None
    if hashlib.sha256(body).hexdigest().encode() != digest:
        return None
    return {name: (symbol, bytes.fromhex(data)) for name, (symbol, data) in json.loads(body).items()}


def _write(path: Path, code: Mapping[str, tuple[str, bytes]]) -> None:
    """Keep the code; OSError where there is no place for it that is safe to read from."""
    body = json.dumps({name: (symbol, data.hex()) for name, (symbol, data) in code.items()}).encode()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_safe(path.parent.stat()):
        raise PermissionError(f"others may write in {path.parent}")
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o644)
            file.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _compiled(path: Path, types: Mapping[str, str]) -> dict[str, tuple[str, bytes]]:
    """Return the symbol and the object code of each kernel; ValueError for one that calls anything outside."""
    import numba

    # A copy of the module, whose functions become compiled ones: the module itself stays plain.
    spec = importlib.util.spec_from_file_location(f"{path.stem}_compiling", path)
    assert spec is not None and spec.loader is not None  # noqa: S101 - the file was imported a moment ago
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    helpers = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, FunctionType)
        and (value.__module__ == module.__name__ or value.__module__.startswith("quanheng.text."))
        and name not in types
    }
    compile_: Any = numba.njit  # its stubs do not know all of its options
    for name, value in helpers.items():
        setattr(module, name, compile_(inline="always", error_model="numpy")(value))
    code = {}
    for name, text in types.items():
        compiled = compile_(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(getattr(module, name))
        compiled.compile(_Types(text).signature())
        (made,) = compiled.overloads.values()
        symbol, llvm = made.fndesc.llvm_func_name, made.library.get_llvm_str()
        if outside := _OUTSIDE.findall(llvm):
            raise ValueError(f"the kernel {name} of {path.stem} calls {', '.join(sorted(set(outside)))}")
        if not re.search(rf"define [^@]*i32 @{re.escape(symbol)}\(ptr [^,]*%retptr, ptr [^,]*%excinfo", llvm):
            raise ValueError(f"numba compiled the kernel {name} of {path.stem} in another convention")
        code[name] = symbol, made.library._get_compiled_object()
    return code
