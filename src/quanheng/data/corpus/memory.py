"""How a process that runs units asks for memory: what a batch gave back is kept for the next one."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

#: Of glibc's malloc.h: what `mallopt` sets.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
#: At most so much of what is free at the end of the heap stays with the process.
_KEPT_BYTES = 256 * 1024 * 1024
#: The columns of a batch are some megabytes each; from this size on a piece is asked of the system, and given back.
_MAPPED_FROM_BYTES = 64 * 1024 * 1024


@cache
def keep_memory() -> None:
    """Have large pieces of memory that are freed kept and used again, once in a process; elsewhere than on Linux none.

    By themselves the C library and Arrow's own allocator give each column of a batch back to the system, which must
    clear every page of the next one: a twentieth of the CPU time of a build. No more memory is taken: a build of 30 MB
    needs 310 MB either way.
    """
    if sys.platform != "linux":
        return
    import pyarrow as pa

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and mallopt(_MMAP_THRESHOLD, _MAPPED_FROM_BYTES):
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        pa.set_memory_pool(pa.system_memory_pool())
