"""The corpus engine: text in, Parquet shards with every decision out. Pure: no Django, no core; usable alone.

from quanheng.data.corpus import build, scan_folder, store_files
"""

from __future__ import annotations

from quanheng.data.corpus.build import AssetInput, CorpusResult, build, rows_digest
from quanheng.data.corpus.describe import describe_operators, describe_plan
from quanheng.data.corpus.draw import read_rows
from quanheng.data.corpus.files import FoundFile, Scan, StoredFiles, scan_folder, store_files, tree_digest
from quanheng.data.corpus.read import Document, FileReader
from quanheng.data.corpus.recipe import parse_recipe, read_recipe, shipped, shipped_recipe
from quanheng.data.corpus.shards import parquet_rows
from quanheng.data.corpus.terms import read_lexicon
from quanheng.data.corpus.units import SourceInput
from quanheng.data.corpus.work import run_here

__all__ = [
    "AssetInput",
    "CorpusResult",
    "Document",
    "FileReader",
    "FoundFile",
    "Scan",
    "SourceInput",
    "StoredFiles",
    "build",
    "describe_operators",
    "describe_plan",
    "parquet_rows",
    "parse_recipe",
    "read_lexicon",
    "read_recipe",
    "read_rows",
    "rows_digest",
    "run_here",
    "scan_folder",
    "shipped",
    "shipped_recipe",
    "store_files",
    "tree_digest",
]
