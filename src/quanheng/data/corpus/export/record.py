"""export.json: what an export holds, so that a takedown can tell which exports carry a corpus or a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from quanheng.data.corpus.export.folder import ExportedFile
from quanheng.data.corpus.export.tables import Split
from quanheng.errors import Corrupt
from quanheng.kinds.base import Rate
from quanheng.store import JSON, canonical_json, parse_canonical
from quanheng.store._disk import disk_errors

NAME = "export.json"
_VERSION = 1


@dataclass(frozen=True)
class SourceCount:
    """What of a source is in an export. A copy in a mix is counted as a document."""

    digest: str
    title: str
    licence: str
    documents: int
    characters: int


@dataclass(frozen=True)
class ExportRecord:
    """An export: counts by split, the sources in order, the data files, and the seeds it was made with.

    tokens: by split, end-of-document tokens included. mix: the plan as `MixPlan.to_json` gives it.
    """

    corpus: str
    format: str
    documents: Mapping[str, int]
    characters: Mapping[str, int]
    sources: tuple[SourceCount, ...]
    files: tuple[ExportedFile, ...]
    split: Split | None = None
    mix: Mapping[str, JSON] | None = None
    tokenizer: str | None = None
    tokens: Mapping[str, int] = field(default_factory=dict)

    @property
    def total_documents(self) -> int:
        """Return the documents of all splits."""
        return sum(self.documents.values())

    def to_bytes(self) -> bytes:
        """Return the content of export.json: canonical JSON and a line end."""
        split: JSON = None
        if self.split is not None:
            share = self.split.validation
            split = {"seed": self.split.seed, "validation": {"k": share.k, "n": share.n}}
        value: dict[str, JSON] = {
            "version": _VERSION,
            "corpus": self.corpus,
            "format": self.format,
            "documents": dict(self.documents),
            "characters": dict(self.characters),
            "sources": [dict(vars(source)) for source in self.sources],
            "files": [dict(vars(file)) for file in self.files],
            "split": split,
            "mix": dict(self.mix) if self.mix is not None else None,
            "tokenizer": self.tokenizer,
            "tokens": dict(self.tokens),
        }
        return canonical_json(value) + b"\n"


def read_export(folder: Path) -> ExportRecord:
    """Return the record of an export. Raises NotFound without export.json, Corrupt when it is not one."""
    path = folder / NAME
    with disk_errors(path):
        data = path.read_bytes()
    value = cast(dict[str, Any], parse_canonical(data.removesuffix(b"\n"), NAME))
    try:
        if value["version"] != _VERSION:
            raise KeyError("version")
        split = value["split"]
        return ExportRecord(
            corpus=value["corpus"],
            format=value["format"],
            documents=value["documents"],
            characters=value["characters"],
            sources=tuple(SourceCount(**source) for source in value["sources"]),
            files=tuple(ExportedFile(**file) for file in value["files"]),
            split=Split(split["seed"], Rate(**split["validation"])) if split is not None else None,
            mix=value["mix"],
            tokenizer=value["tokenizer"],
            tokens=value["tokens"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Corrupt(
            f"{path} is not the record of an export: {error}",
            f"{path} 不是导出记录：{error}",
            hint=("Export again, or remove the folder.", "请重新导出，或移除该文件夹。"),
            code="not_an_export",
        ) from error


def find_exports(root: Path) -> Iterator[tuple[Path, ExportRecord]]:
    """Yield the exports in `root` and its folders, in the order of their paths; unfinished ones are none."""
    for path in sorted(root.rglob(NAME)):
        if not any(part.endswith(".quanheng-partial") for part in path.relative_to(root).parts):
            yield path.parent, read_export(path.parent)
