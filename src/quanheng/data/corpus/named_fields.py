"""Whether the fields that somebody named for a source are there: a misspelt one would lose its part of every text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from quanheng.data.corpus.read import Document
from quanheng.data.corpus.work import UnitFile, read_file
from quanheng.kinds.sources import Reading, SourceFile
from quanheng.store import Layer, LocalObjects

#: Files of records that are looked at, and records of each.
FILES, RECORDS = 3, 200
_OF_RECORDS = ("jsonl", "csv", "parquet", "xlsx")


def absent_fields(
    files: Sequence[SourceFile], layers: Sequence[Layer], reading: Reading, objects: LocalObjects
) -> list[str]:
    """Return the names of `text_field`, `text_fields`, `url_field` that the first records of the first files lack.

    Files without records, and files that lie elsewhere, are not looked at; nothing is absent where none is left.
    """
    named = reading.text_fields or ((reading.text_field,) if reading.text_field else ())
    if not named and not reading.url_field:
        return []
    by_title = {layer.title: layer.digest for layer in layers if not layer.is_external}
    looked = [file for file in files if file.format in _OF_RECORDS and file.title in by_title][:FILES]

    def documents(reading: Reading) -> Iterator[Document]:
        for file in looked:
            whole = UnitFile(digest=by_title[file.title], title=file.title, format=file.format, size=file.size)
            rows = read_file(objects, whole, reading, {}, Counter())
            yield from (found for found in islice(rows, RECORDS) if isinstance(found, Document))

    if not looked:
        return []
    absent = []
    for name in named:
        alone = reading.model_copy(update={"text_field": name, "text_fields": ()})
        if next(documents(alone), None) is None:
            absent.append(name)
    if reading.url_field and not any(found.url for found in documents(reading)):
        absent.append(reading.url_field)
    return absent
