"""All rows of a list that is asked for as a file, page after page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpRequest

from quanheng.web.http import query

#: A file holds so many rows at most; the whole of a longer list is read with its cursor.
MOST_ROWS = 100_000
PAGE = 1000


def every_row(
    request: HttpRequest, project: str, name: str, cursor: str, rows: str = "rows", /, **asked: Any
) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of the list query `name`, at most MOST_ROWS; `cursor` is the field that takes its `next`."""
    given = 0
    at: Any = None
    while given < MOST_ROWS:
        found = query(request, project, name, **asked, limit=PAGE, **({} if at is None else {cursor: at}))
        yield from found[rows]
        given += len(found[rows])
        at = found["next"]
        if at is None:
            return
