"""Addresses of documents: the one that its file said, else the name of the file that a document was read from.

Only the first is written down with a document. The second follows from its id and its source, in corpora of any age,
and so does not travel on with a text into what is published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quanheng.data.corpus.traces import OpenLayer, tables
from quanheng.data.corpus.units import document_id
from quanheng.kinds.sources import Source
from quanheng.store import Layer


def address_of(id: str, url: str | None, source: Source | None) -> str:
    """Return the address of the document with an id; `source`: what it was read from, None where that is not known.

    Of one of a pack the name was written down as its address when it was read.
    """
    if url or source is None:
        return url or ""
    _, _, place = id.partition("-")
    number = place.partition("-")[0]
    files = source.files
    return files[int(number)].title if number.isdecimal() and int(number) < len(files) else ""


class Addresses:
    """Which documents are meant by addresses. One ending in * means all that begin so. sources: by digest."""

    def __init__(self, addresses: Sequence[str], sources: Mapping[str, Source]) -> None:
        self._whole = frozenset(one for one in addresses if not one.endswith("*"))
        self._beginnings = tuple(one[:-1] for one in addresses if one.endswith("*"))
        self._sources = sources
        self._numbers: dict[str, dict[str, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._whole or self._beginnings)

    def mean(self, address: str) -> bool:
        """Return whether an address is one of these."""
        return address in self._whole or self._begin(address)

    def _begin(self, address: str) -> bool:
        return bool(address) and bool(self._beginnings) and address.startswith(self._beginnings)

    def rows(self, ids: Sequence[str], sources: Sequence[str], urls: Sequence[str | None]) -> list[str]:
        """Return the address of each of these documents."""
        told = zip(ids, sources, urls, strict=True)
        return [url or address_of(id, url, self._sources.get(source)) for id, source, url in told]

    def id_of_broken(self, row: Mapping[str, Any]) -> str:
        """Return the id that the document in a row of rejected.jsonl would have had, "" where that is not known."""
        source = self._sources.get(row["source"])
        if source is None:
            return ""
        numbers = self._numbers.setdefault(row["source"], {})
        if not numbers:
            numbers.update({file.title: number for number, file in enumerate(source.files)})
        return document_id(row["source"], numbers[row["file"]], row["row"]) if row["file"] in numbers else ""

    def dropped(self, decisions: Iterable[Layer], open_layer: OpenLayer) -> tuple[set[str], set[str]]:
        """Return the ids of dropped documents that are meant by a whole address, and of those by a beginning only."""
        whole, begun = set[str](), set[str]()
        for layer in decisions if self else ():
            for table in tables(open_layer(layer.title), ("id", "source", "url", "decision")):
                columns: dict[str, list[Any]] = {name: table.column(name).to_pylist() for name in table.schema.names}
                ids, sources = columns["id"], columns["source"]
                addresses = self.rows(ids, sources, columns.get("url") or [None] * len(ids))
                for id, address, did in zip(ids, addresses, columns["decision"], strict=True):
                    if did == "drop" and self.mean(address):
                        (whole if address in self._whole else begun).add(id)
        return whole, begun
