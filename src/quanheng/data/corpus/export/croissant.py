"""The Croissant 1.0 metadata of an open data set with the Responsible-AI fields of Croissant RAI 1.0.

Sources: Croissant Format Specification 1.0; Croissant RAI Specification 1.0 (names of the `rai:` properties).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quanheng.data.corpus.cards import DESCRIPTIONS, field_of
from quanheng.data.corpus.croissant_context import CONTEXT
from quanheng.data.corpus.export.folder import ExportedFile
from quanheng.data.corpus.export.record import ExportRecord
from quanheng.kinds.sources import Source

if TYPE_CHECKING:
    import pyarrow as pa

#: With the prefix of the RAI vocabulary.
_CONTEXT: dict[str, object] = {
    **CONTEXT,
    "@language": "en",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "samplingRate": "cr:samplingRate",
}
_CONFORMS_TO = ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
_COLLECTION_TYPES = {
    "open": "Secondary Data analysis",
    "self_collected": "Others",
    "commercial": "Secondary Data analysis",
    "user_input": "User-generated content data",
}


@dataclass(frozen=True)
class ResponsibleAI:
    """The RAI statements of a data set; an empty one is left out. Names as in the specification, in snake case."""

    data_collection: str = ""
    data_collection_type: tuple[str, ...] = ()
    data_collection_raw_data: str = ""
    data_collection_timeframe: tuple[str, ...] = ()
    data_collection_missing_data: str = ""
    data_preprocessing_protocol: tuple[str, ...] = ()
    data_annotation_protocol: str = ""
    data_annotation_platform: tuple[str, ...] = ()
    data_annotation_analysis: tuple[str, ...] = ()
    annotations_per_item: str = ""
    machine_annotation_tools: tuple[str, ...] = ()
    data_biases: tuple[str, ...] = ()
    data_use_cases: tuple[str, ...] = ()
    data_limitations: tuple[str, ...] = ()
    data_social_impact: str = ""
    personal_sensitive_information: tuple[str, ...] = ()
    data_release_maintenance_plan: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the statements as `rai:` properties."""
        found: dict[str, object] = {}
        for name, value in vars(self).items():
            first, *rest = name.split("_")
            if value:
                found["rai:" + first + "".join(part.capitalize() for part in rest)] = (
                    list(value) if isinstance(value, tuple) else value
                )
        return found


@dataclass(frozen=True)
class Head:
    """The head of the metadata. published_on: YYYY-MM-DD; nothing here is read from a clock."""

    name: str
    description: str
    version: str
    languages: Sequence[str]
    licences: Sequence[str]
    published_on: str | None = None
    url: str | None = None
    cite_as: str | None = None
    creator: str | None = None
    keywords: Sequence[str] = field(default_factory=tuple)


def collection_types(sources: Sequence[Source]) -> tuple[str, ...]:
    """Return the recommended values of rai:dataCollectionType for the origins of the sources, each once."""
    return tuple(sorted({_COLLECTION_TYPES[source.origin.type] for source in sources}))


def data_set(
    head: Head, rai: ResponsibleAI, record: ExportRecord, files: Sequence[ExportedFile], schema: pa.Schema
) -> str:
    """Return the JSON-LD: every file with its SHA-256, one file set and one record set per split.

    files: of the folder so far. schema: of the Parquet files.
    """
    splits = [split for split, documents in record.documents.items() if documents]
    optional: Mapping[str, object] = {
        "datePublished": head.published_on,
        "url": head.url,
        "citeAs": head.cite_as,
        "creator": {"@type": "sc:Organization", "name": head.creator} if head.creator else None,
        "keywords": list(head.keywords),
    }
    return (
        json.dumps(
            {
                "@context": _CONTEXT,
                "@type": "sc:Dataset",
                "conformsTo": _CONFORMS_TO,
                "name": head.name,
                "description": head.description,
                "version": head.version,
                "inLanguage": list(head.languages),
                "license": [licence_url(spdx) for spdx in head.licences],
                **{name: value for name, value in optional.items() if value},
                **rai.to_json(),
                "distribution": [
                    *(_file(file) for file in sorted(files)),
                    *(_file_set(split) for split in splits),
                ],
                "recordSet": [_records(split, schema) for split in splits],
            },
            ensure_ascii=False,
            indent=2,
            sort_keys=True,
        )
        + "\n"
    )


def licence_url(spdx: str) -> str:
    """Return the page of a licence of the SPDX list, or the identifier where it is not of that list.

    >>> licence_url("CC0-1.0"), licence_url("LicenseRef-statutes")
    ('https://spdx.org/licenses/CC0-1.0.html', 'LicenseRef-statutes')
    """
    listed = not spdx.startswith(("LicenseRef-", "DocumentRef-")) and spdx != "NOASSERTION" and " " not in spdx
    return f"https://spdx.org/licenses/{spdx}.html" if listed else spdx


def _file(file: ExportedFile) -> dict[str, object]:
    types = {".parquet": "application/x-parquet", ".json": "application/json", ".md": "text/markdown"}
    suffix = file.path[file.path.rfind(".") :]
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.size} B",
        "encodingFormat": types.get(suffix, "application/octet-stream"),
        "sha256": file.sha256,
    }


def _file_set(split: str) -> dict[str, object]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{split}-files",
        "name": f"{split}-files",
        "description": f"The Parquet files of the split {split}.",
        "encodingFormat": "application/x-parquet",
        "includes": f"data/{split}-*.parquet",
    }


def _records(split: str, schema: pa.Schema) -> dict[str, object]:
    import pyarrow as pa

    def kind(type: pa.DataType) -> str:
        if pa.types.is_list(type) or pa.types.is_large_list(type):
            return "strings"
        return {"int64": "int64", "int32": "int32", "double": "float64", "bool": "bool"}.get(str(type), "string")

    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"The documents of the split {split}.",
        "field": [
            field_of(
                split, f"{split}-files", name, DESCRIPTIONS.get(name, f"Label {name}."), kind(schema.field(name).type)
            )
            for name in schema.names
        ],
    }
