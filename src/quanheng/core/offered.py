"""What people know an artifact by that is offered to choose from, beside names and digests: title and licence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from quanheng.core import artifacts
from quanheng.core.preview import printable
from quanheng.errors import Text

#: Kinds whose config is small and has a title.
TITLED = frozenset(
    {"benchmark", "classifier", "endpoint", "files", "lexicon", "ngram_model", "rulepack", "source", "tokenizer"}
)


def titled(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of `artifact.list`, whose reader may thus read them, with `title` and `licence`; "", None for none.

    licence: a `Text`, of a source only.
    """
    found = artifacts.rows(row["digest"] for row in rows if row["kind"].split("/")[0] in TITLED)
    made = []
    for row in rows:
        config = json.loads(found[row["digest"]][1]) if row["digest"] in found else {}
        made.append({**row, "title": printable(_title(config)), "licence": _licence(config)})
    return made


def _title(config: Mapping[str, Any]) -> str:
    title = config.get("title") or config.get("model", "")  # an endpoint goes by its model
    return title if isinstance(title, str) else ""


def _licence(config: Mapping[str, Any]) -> Text | None:
    licence = config.get("licence")
    if not isinstance(licence, Mapping) or "spdx" not in licence:
        return None
    return Text(licence["spdx"], licence["spdx"]) if licence.get("clear") else Text("licence unclear", "许可不明")
