"""A file that somebody asked for, outside of the store: there as a whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from quanheng.errors import Unavailable, system_said


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes its name when the block ends well, and leaves nothing otherwise.

    Raises Unavailable "not_written", which says what the system refused.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        raise Unavailable(
            f"{path} cannot be written: {system_said(error).en}",
            f"无法写入 {path}：{system_said(error).zh}",
            hint=("Check the folder and the free space.", "请检查文件夹权限与剩余空间。"),
            code="not_written",
        ) from error
    finally:
        part.unlink(missing_ok=True)
