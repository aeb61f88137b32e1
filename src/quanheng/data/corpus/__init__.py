"""The corpus engine: text in, Parquet shards with every decision out. Pure: no Django, no core; usable alone.

from quanheng.data.corpus import build, scan_folder, store_files
"""

from __future__ import annotations

from quanheng.data.corpus.build import CorpusResult, SourceInput, build, rows_digest
from quanheng.data.corpus.draw import read_rows
from quanheng.data.corpus.files import FoundFile, Scan, StoredFiles, scan_folder, store_files, tree_digest
from quanheng.data.corpus.read import Document, FileReader
from quanheng.data.corpus.shards import parquet_rows
from quanheng.data.corpus.terms import read_lexicon
from quanheng.data.corpus.work import run_here

__all__ = [
    "CorpusResult",
    "Document",
    "FileReader",
    "FoundFile",
    "Scan",
    "SourceInput",
    "StoredFiles",
    "build",
    "parquet_rows",
    "read_lexicon",
    "read_rows",
    "rows_digest",
    "run_here",
    "scan_folder",
    "store_files",
    "tree_digest",
]
