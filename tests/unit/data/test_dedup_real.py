"""On real statutes, where they stand beside the repository: what is dropped, cut or tagged is right."""

from __future__ import annotations

import json
from functools import cache
from io import TextIOWrapper
from pathlib import Path

import pytest
from tests.unit.data.dedup_units import one_unit, shingle_set, step

from quanheng.text.normalise import shadow

CORPUS = Path(__file__).parents[4] / "shared" / "data" / "corpus"
FILE = CORPUS / "laws_beijing_local.jsonl.zst"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"{FILE.name} is not beside the repository")


@cache
def statutes() -> list[str]:
    import zstandard

    with FILE.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        return [json.loads(line)["text"] for line in TextIOWrapper(stream, encoding="utf-8")]


def plain(text: str) -> str:
    import unicodedata

    return "".join(c for c in shadow(text).text if unicodedata.category(c)[0] not in "PZ" and c not in "\n\t")


def test_near_duplicates_of_statutes_are_those_of_brute_force(tmp_path: Path) -> None:
    texts = statutes()[:50]
    texts = [*texts, *(text.replace("，", ",").replace("北京市", "天津市", 3) for text in texts[:25])]
    sets = [shingle_set(plain(text)) for text in texts]
    gone: dict[int, int] = {}
    for later in range(len(texts)):
        for earlier in range(later):
            small, large = sorted((len(sets[earlier]), len(sets[later])))
            if earlier in gone or small < 0.8 * large:
                continue
            shared = len(sets[earlier] & sets[later])
            if 10 * shared >= 8 * (small + large - shared):
                gone[later] = earlier
                break
    # 32 × 4 finds every pair at 0.8 but for one in 10⁷.
    near = step("deduplicate_near", bands=32, rows=4)
    found = one_unit(*texts).resolve(near, tmp_path)[0]
    assert {v.row: v.of[1] for v in found} == gone
    assert len(gone) >= 25


def test_no_line_of_a_statute_is_boilerplate(tmp_path: Path) -> None:
    """Trap 8, on all statutes of Beijing, with a threshold far below the default."""
    lines = step("deduplicate_lines", min_documents=5)
    texts = statutes()
    taken = {texts[v.row][v.start : v.end].strip() for v in one_unit(*texts).resolve(lines, tmp_path)[0]}
    assert not any("第" in line or "条" in line or "施行" in line for line in taken), taken


def test_passages_taken_from_statutes_stand_in_an_earlier_one(tmp_path: Path) -> None:
    texts = statutes()
    found = one_unit(*texts).resolve(step("deduplicate_substring"), tmp_path)[0]
    assert found
    for verdict in found:
        assert verdict.of[1] < verdict.row
        assert texts[verdict.row][verdict.start : verdict.end] in texts[verdict.of[1]]
