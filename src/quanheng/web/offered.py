"""Titles of artifacts that a form offers, beside names and digests: people know a source by its title."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from quanheng.core import artifacts

#: Kinds whose config is small and has a title.
TITLED = frozenset({"benchmark", "classifier", "files", "lexicon", "ngram_model", "rulepack", "source", "tokenizer"})


def titled(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of `artifact.list`, whose reader may thus read them, each with its `title`, "" where it has none."""
    found = artifacts.rows(row["digest"] for row in rows)
    return [{**row, "title": _title(found[row["digest"]][1])} for row in rows]


def _title(config: bytes) -> str:
    title = json.loads(config).get("title", "")
    return title if isinstance(title, str) else ""
