"""Rows of a JSONL layer as what their kind says; a layer may come from elsewhere, so each one is checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from quanheng.core.context import Loaded
from quanheng.errors import Corrupt

#: No row of a kind is longer; a longer line is no row.
LINE_BYTES = 64 * 1024 * 1024

M = TypeVar("M", bound=BaseModel)


def layer_rows(loaded: Loaded, title: str, model: type[M]) -> Iterator[M]:
    """Yield the rows of a layer as `model`; Corrupt (code "bad_row") names the first line that is none."""
    with loaded.open_layer(title) as stream:
        number = 0
        while line := stream.readline(LINE_BYTES + 1):
            number += 1
            if len(line) > LINE_BYTES:
                raise _bad(loaded, title, number, "it is too long", "过长")
            try:
                yield model.model_validate_json(line)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                where = ".".join(str(part) for part in first["loc"]) or "row"
                raise _bad(loaded, title, number, f"{where}: {first['msg']}", f"{where} 不符合格式") from error


def _bad(loaded: Loaded, title: str, number: int, en: str, zh: str) -> Corrupt:
    return Corrupt(
        f"line {number} of the layer {title} of {loaded.digest} is no row of its kind: {en}",
        f"制品 {loaded.digest} 的数据层 {title} 第 {number} 行不符合其类型：{zh}",
        hint=("Make the artifact again.", "请重新生成该制品。"),
        code="bad_row",
    )
