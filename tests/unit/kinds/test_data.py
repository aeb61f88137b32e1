"""The kinds of data: they survive JSON, refuse what is wrong, and sums must hold."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import pytest
from pydantic import ValidationError

from quanheng.kinds import kind_model
from quanheng.kinds.corpora import CorpusV1, CorpusV2, SourceShare
from quanheng.kinds.lexicons import Lexicon, LexiconTerm
from quanheng.kinds.recipes import RecipeV1
from quanheng.kinds.samples import Sample, SampleCommitment
from quanheng.kinds.sources import Source

D = "sha256:" + "0" * 64
T = TypeVar("T")


def source(**change: Any) -> dict[str, Any]:
    return {
        "title": "评论",
        "origin": {"type": "open", "name": "x", "region": "domestic"},
        "licence": {"spdx": "MIT", "found": "MIT", "clear": True},
        "collection": {"method": "package", "collected_on": "2026-01-02", "has_record": True},
        "files": [{"title": "a.txt", "format": "txt", "size": 3}],
        "counts": {"files": 1, "bytes": 3},
        **change,
    }


def parse(model: type[T], data: Any) -> T:
    return model.model_validate_json(json.dumps(data))  # type: ignore[attr-defined,no-any-return]


def test_a_source_survives_json_and_fills_defaults() -> None:
    found = parse(Source, source())
    assert found.reading.document == "file" and found.language == "zh" and found.modality == "text"
    assert parse(Source, found.model_dump(mode="json")) == found


@pytest.mark.parametrize(
    "change",
    [
        {"files": []},
        {"files": [{"title": "a.txt", "format": "txt", "size": 3}] * 2, "counts": {"files": 2, "bytes": 6}},
        {"counts": {"files": 1, "bytes": 4}},
        {"licence": {"found": "", "clear": True}},
        {"language": "Chinese!"},
        {"origin": {"type": "stolen", "name": "x"}},
        {"collection": {"method": "", "collected_on": "2.1.2026", "has_record": True}},
        {"unknown": 1},
        {"title": ""},
    ],
)
def test_a_wrong_source_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parse(Source, source(**change))


def test_packs_need_not_add_up_to_the_bytes_of_files() -> None:
    parse(Source, source(files=[{"title": "p", "format": "pack", "size": 900}], counts={"files": 5, "bytes": 3}))


def test_no_kind_of_data_holds_a_float() -> None:
    for name in (
        "source/v1",
        "source/v2",
        "corpus/v1",
        "corpus/v2",
        "lexicon/v2",
        "lexicon/v3",
        "sample/v1",
        "sample_commitment/v1",
        "lexicon/v1",
    ):
        schema = json.dumps(kind_model(name).model_json_schema())
        assert '"number"' not in schema, name


def test_a_share_must_account_for_every_document() -> None:
    good = {
        "source": D,
        "title": "a",
        "region": "unknown",
        "licence_clear": False,
        "documents_read": 3,
        "documents_kept": 1,
        "dropped": {"duplicate": 2},
        "broken_rows": 0,
        "characters_kept": 9,
        "bytes_kept": 27,
    }
    parse(SourceShare, good)
    with pytest.raises(ValidationError, match="kept plus dropped"):
        parse(SourceShare, {**good, "documents_kept": 2})


def test_a_corpus_must_add_up() -> None:
    corpus: dict[str, Any] = {
        "recipe": {},
        "funnel": [],
        "totals": {"documents": 0, "characters": 0, "bytes": 0},
        "per_source": [],
        "personal_data": {},
        "masked_documents": 0,
        "filtered": {"documents": 0, "documents_filtered": 0},
        "encodings": {},
        "language": {},
        "rows_digest": D,
        "shards": [],
    }
    assert parse(CorpusV1, corpus).recipe == RecipeV1()
    for change in (
        {"totals": {"documents": 1, "characters": 0, "bytes": 0}},
        {"shards": [{"title": "a", "documents": 1}]},
    ):
        with pytest.raises(ValidationError):
            parse(CorpusV1, {**corpus, **change})


def test_a_step_of_a_recipe_is_one_thing() -> None:
    step = {"drop": "characters < 4", "reason": "too_short"}
    recipe = {"name": "a", "title": {"en": "a", "zh": "甲"}, "steps": [{"use": "length"}, step]}
    whole: dict[str, Any] = {
        "recipe": recipe,
        "operators": [{"step": 0, "id": "length/1:0"}],
        "funnel": [],
        "totals": {"documents": 0, "characters": 0, "bytes": 0},
        "per_source": [],
        "personal_data": {},
        "masked_documents": 0,
        "filtered": {"documents": 0, "documents_filtered": 0},
        "encodings": {},
        "language": {},
        "rows_digest": D,
        "shards": [],
    }
    assert parse(CorpusV2, whole).recipe.steps[1].reason == "too_short"
    for wrong in ({}, {**step, "use": "length"}, {"drop": "a"}, {"use": "length", "reason": "a"}, {"use": "No"}):
        with pytest.raises(ValidationError):
            parse(CorpusV2, {**whole, "recipe": {**recipe, "steps": [wrong]}})


def test_a_term_that_combines_has_something_to_combine_with() -> None:
    term = {"term": "转账", "risk": "A.1.h", "mode": "combine"}
    assert parse(LexiconTerm, {**term, "with_terms": ["陌生人"]}).within == 30
    with pytest.raises(ValidationError):
        parse(LexiconTerm, term)


def test_a_sample_of_others_has_nonce_and_checkpoint() -> None:
    own = {"purpose": "manual", "n": 2, "population": 5, "self_drawn": True, "seed": D, "draw_no": 1}
    parse(Sample, own)
    with pytest.raises(ValidationError, match="nonce"):
        parse(Sample, {**own, "self_drawn": False})
    nonce = {"nonce": "ab" * 16, "checkpoint": {"size": 3, "root": "0" * 64}}
    parse(Sample, {**own, **nonce, "self_drawn": False})
    for change in ({"n": 6}, {"draw_no": 0}, {"nonce": "xyz"}):
        with pytest.raises(ValidationError):
            parse(Sample, {**own, **change})
    with pytest.raises(ValidationError):
        parse(SampleCommitment, {"purpose": "manual", "n": 6, "population": 5, "frame_digest": D})


def test_a_lexicon_counts_its_terms_by_known_risks() -> None:
    parse(Lexicon, {"title": "t", "version": "1", "terms": 2, "per_risk": {"A.1.f": 2}, "owner": "o"})
    for change in ({"terms": 3}, {"per_risk": {"Z.9": 2}}):
        with pytest.raises(ValidationError):
            parse(Lexicon, {"title": "t", "version": "1", "terms": 2, "per_risk": {"A.1.f": 2}, "owner": "o", **change})
    assert parse(LexiconTerm, {"term": "诈骗", "risk": "A.1.h"}).mode == "review"
    with pytest.raises(ValidationError):
        parse(LexiconTerm, {"term": "", "risk": "A.1.h"})


def test_a_source_of_the_first_engine_is_read_as_a_source() -> None:
    old = kind_model("source/v1").model_validate_json(json.dumps(source()))
    assert isinstance(old, Source) and old.kind == "source/v1" and old.reading.url_field is None
