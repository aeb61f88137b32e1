"""A corpus leaves the workspace: Parquet, JSON Lines, a Hugging Face folder, Megatron token files, an open data set.

from quanheng.data.corpus.export import CorpusFiles, ExportOptions, export_corpus, publish
"""

from __future__ import annotations

from quanheng.data.corpus.export.folder import ExportedFile, damaged_files
from quanheng.data.corpus.export.publish import Publication, publish
from quanheng.data.corpus.export.record import ExportRecord, SourceCount, find_exports, read_export
from quanheng.data.corpus.export.run import ExportOptions, Format, export_corpus
from quanheng.data.corpus.export.tables import Split
from quanheng.data.corpus.export_rows import CorpusFiles

__all__ = [
    "CorpusFiles",
    "ExportOptions",
    "ExportRecord",
    "ExportedFile",
    "Format",
    "Publication",
    "SourceCount",
    "Split",
    "damaged_files",
    "export_corpus",
    "find_exports",
    "publish",
    "read_export",
]
