"""Verifies a bundle in a child process with limits; what comes back is small, whatever the bundle holds."""

from __future__ import annotations

from typing import Any

from quanheng.store.verify import SHOWN_PROBLEMS, verify_bundle

#: Artifacts, roots, withdrawn ones and files that are listed; the number of all is always given.
LISTED = 500
#: Characters of a sentence or a place, of which a hostile bundle may hold any number.
CHARACTERS = 500


def verify(task: Any) -> Any:
    """Return the verification of the bundle at task["path"] as plain data; run by core.bounded, no Django here.

    Like `Verification.to_json`, with at most SHOWN_PROBLEMS problems of each check and LISTED of each list, and
    counts beside them.
    """
    found = verify_bundle(task["path"], task["key"])
    answer: dict[str, Any] = found.to_json()
    answer["other_key"] = found.other_key
    for check in answer["checks"]:
        check["count"] = len(check["problems"])
        check["problems"] = [_short(problem) for problem in check["problems"][:SHOWN_PROBLEMS]]
        check["detail"] = _short(check["detail"])
    facts = answer["facts"]
    if facts:
        facts["counts"] = {name: len(facts[name]) for name in ("artifacts", "roots", "withdrawn", "witness", "extra")}
        for name in facts["counts"]:
            facts[name] = _short(facts[name][:LISTED])
        facts["origin"] = _short(facts["origin"])
    return answer


def _short(value: Any) -> Any:
    """Return plain data with its texts cut."""
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    return value[:CHARACTERS] if isinstance(value, str) else value
