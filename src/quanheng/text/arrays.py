"""Models as bytes: one line that names the format, one line of JSON, then plain arrays. No pickle, no code in it.

The same model gives the same bytes on every machine: keys are sorted and numbers are little-endian.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from quanheng.errors import Invalid

Array = np.ndarray[Any, Any]
#: A header names a few arrays and labels; a longer one is not ours.
_HEADER_BYTES = 1_000_000
_DIMENSIONS, _LONGEST = 2, 1 << 32
_TYPES = {"int16": "<i2", "int32": "<i4", "uint64": "<u8"}


def write_arrays(form: str, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Return `form`, the header and the arrays as bytes. The header holds no floats."""
    shapes = [[name, array.dtype.name, list(array.shape)] for name, array in arrays.items()]
    line = json.dumps({**header, "arrays": shapes}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    raw = [np.ascontiguousarray(array, _TYPES[array.dtype.name]).tobytes() for array in arrays.values()]
    return b"\n".join([form.encode(), line.encode(), b"".join(raw)])


def read_arrays(form: str, data: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the header and the arrays, read-only. Raises Invalid "bad_model" when `data` is not of this form."""
    name, _, rest = data.partition(b"\n")
    if name != form.encode():
        raise bad_model(form, "its first line differs", "首行不符")
    line = rest[:_HEADER_BYTES].partition(b"\n")[0]
    body = memoryview(rest)[len(line) + 1 :]
    try:
        header = json.loads(line)
        shapes = [(str(name), np.dtype(_TYPES[kind]), tuple(map(int, shape))) for name, kind, shape in header["arrays"]]
    except (ValueError, KeyError, TypeError) as error:
        raise bad_model(form, "its header cannot be read", "文件头无法读取") from error
    if any(
        len(shape) > _DIMENSIONS or min(shape, default=0) < 0 or max(shape, default=0) > _LONGEST
        for _, _, shape in shapes
    ):
        raise bad_model(form, "an array's shape is out of range", "数组形状超出范围")
    if len(body) != sum(kind.itemsize * prod(shape) for _, kind, shape in shapes):
        raise bad_model(form, "its arrays are cut short or too long", "数组长度与文件头不符")
    arrays, at = {}, 0
    for name_of, kind, shape in shapes:
        size = kind.itemsize * prod(shape)
        arrays[name_of] = np.frombuffer(body[at : at + size], kind).reshape(shape)
        at += size
    del header["arrays"]
    return header, arrays


def bad_model(form: str, en: str, zh: str) -> Invalid:
    """Return the error for bytes that are no model of this form."""
    return Invalid(
        f"these bytes are no {form}: {en}",
        f"所给内容不是 {form} 格式的模型：{zh}",
        hint=("Give the layer of a model that was trained here.", "请提供本平台训练所得模型的文件。"),
        code="bad_model",
    )
