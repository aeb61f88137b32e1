"""Megatron token files, read back by a reader written here from the published layout, on its own."""

from __future__ import annotations

import itertools
import json
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.data.corpus.export import ExportOptions, Split, damaged_files, export_corpus, megatron, read_export
from quanheng.data.corpus.export.folder import WorkingFolder
from quanheng.data.corpus.export.megatron import IndexedWriter
from quanheng.data.corpus.mix import MixGroup, choose, plan_mix
from quanheng.data.corpus.tokens import END_OF_DOCUMENT, CorpusTokenizer, Training, count_corpus, train_tokenizer
from quanheng.errors import Invalid
from quanheng.kinds.base import Rate

from .export_corpora import digest_of, make_corpus, quiet, some_texts, tree

TEXTS = some_texts(150)


class Indexed(NamedTuple):
    """What a reader finds: token type, documents as lists of sequences as lists of tokens."""

    type: str
    documents: list[list[list[int]]]
    offsets: list[int]


def read_indexed(prefix: Path) -> Indexed:
    """Read a pair of files by the layout of Megatron-LM's indexed dataset, with `struct` alone."""
    index, tokens = prefix.with_suffix(".idx").read_bytes(), prefix.with_suffix(".bin").read_bytes()
    assert index[:9] == b"MMIDIDX" + bytes(2)
    version, code, sequences, entries = struct.unpack_from("<QBQQ", index, 9)
    assert version == 1
    letter, size = {1: ("B", 1), 2: ("b", 1), 3: ("h", 2), 4: ("i", 4), 5: ("q", 8), 8: ("H", 2)}[code]
    at = 9 + 8 + 1 + 8 + 8
    assert at == 34
    lengths = struct.unpack_from(f"<{sequences}i", index, at)
    offsets = struct.unpack_from(f"<{sequences}q", index, at + 4 * sequences)
    document_index = struct.unpack_from(f"<{entries}q", index, at + 12 * sequences)
    assert len(index) == at + 12 * sequences + 8 * entries
    assert document_index[0] == 0 and document_index[-1] == sequences
    assert sum(lengths) * size == len(tokens)
    read = [
        list(struct.unpack_from(f"<{length}{letter}", tokens, offset))
        for length, offset in zip(lengths, offsets, strict=True)
    ]
    bounds = itertools.pairwise(document_index)
    return Indexed(letter, [read[start:end] for start, end in bounds], list(offsets))


@pytest.fixture(scope="module")
def tokenizer() -> CorpusTokenizer:
    return CorpusTokenizer(train_tokenizer([text for _, text in TEXTS], Training(vocabulary=400), quiet))


def test_documents_come_back_with_their_end(tokenizer: CorpusTokenizer, tmp_path: Path) -> None:
    made = make_corpus(TEXTS)
    target = tmp_path / "out"
    export_corpus(made.files, "megatron", target, ExportOptions(tokenizer=tokenizer), quiet)
    found = read_indexed(target / "text_document")
    assert found.type == "H" and len(found.documents) == 150
    for (_, _, text), document in zip(made.rows, found.documents, strict=True):
        [sequence] = document
        assert sequence[-1] == tokenizer.token_id(END_OF_DOCUMENT) == 0 and 0 not in sequence[:-1]
        assert tokenizer.decode(sequence[:-1]) == text
    record = read_export(target)
    assert record.tokens == {"train": sum(len(sequence) for [sequence] in found.documents)}
    assert record.tokenizer == tokenizer.digest and damaged_files(target) == []
    assert set(tree(target)) == {"text_document.bin", "text_document.idx", "export.json", "SHA256SUMS"}


def test_a_text_that_names_the_end_does_not_end_the_document(tokenizer: CorpusTokenizer, tmp_path: Path) -> None:
    made = make_corpus([("甲", f"前{END_OF_DOCUMENT}后")])
    export_corpus(made.files, "megatron", tmp_path / "out", ExportOptions(tokenizer=tokenizer), quiet)
    [[sequence]] = read_indexed(tmp_path / "out" / "text_document").documents
    assert sequence.count(0) == 1 and tokenizer.decode(sequence[:-1]) == made.rows[0][2]


def widened(tokenizer_json: bytes, tokens: int) -> CorpusTokenizer:
    """Return the tokenizer with more added tokens, so that it has `tokens` of them."""
    data = json.loads(tokenizer_json)
    have = len(data["model"]["vocab"])
    for id in range(have, tokens):
        data["model"]["vocab"][f"\u0100{id}"] = id
    return CorpusTokenizer(json.dumps(data).encode())


@pytest.mark.parametrize(("vocabulary", "type"), [(65_499, "H"), (65_500, "i")])
def test_the_token_type_follows_the_vocabulary(tmp_path: Path, vocabulary: int, type: str) -> None:
    data = train_tokenizer([text for _, text in TEXTS], Training(vocabulary=300), quiet)
    tokenizer = widened(data, vocabulary)
    assert tokenizer.ids == vocabulary
    made = make_corpus(TEXTS[:20])
    export_corpus(made.files, "megatron", tmp_path / "out", ExportOptions(tokenizer=tokenizer), quiet)
    found = read_indexed(tmp_path / "out" / "text_document")
    assert found.type == type
    assert [tokenizer.decode(sequence[:-1]) for [sequence] in found.documents] == [text for _, _, text in made.rows]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.lists(st.integers(0, 65_499), max_size=9), max_size=6), max_size=6), st.integers(1, 7))
def test_any_documents_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, lots: list[list[list[int]]], chunk: int
) -> None:
    class Wide:
        ids = 65_499

    root, scratch = tmp_path_factory.mktemp("any"), tmp_path_factory.mktemp("scratch")
    patch = pytest.MonkeyPatch()
    patch.setattr(megatron, "_CHUNK", chunk)  # the index is written in many pieces
    try:
        writer = IndexedWriter(WorkingFolder(root), "x", Wide(), 0, scratch)  # type: ignore[arg-type]
        for lot in lots:
            writer.add_documents(lot)
        writer.finish()
    finally:
        patch.undo()
    found = read_indexed(root / "x")
    assert found.documents == [[[*document, 0]] for lot in lots for document in lot]
    lengths = [len(document) + 1 for lot in lots for document in lot]
    assert found.offsets == [int(end) - 2 * length for end, length in zip(np.cumsum(lengths) * 2, lengths, strict=True)]


def test_a_split_and_a_mix_go_into_token_files(tokenizer: CorpusTokenizer, tmp_path: Path) -> None:
    made = make_corpus(TEXTS)
    totals = count_corpus(made.files, tokenizer, tmp_path / "counts", quiet)
    groups = [MixGroup("甲", (digest_of("甲"),), 3), MixGroup("乙", (digest_of("乙"),), 1)]
    wanted = 2 * totals.per_source[digest_of("甲")].tokens
    plan = plan_mix(groups, totals, total=wanted, seed="s")
    choice = choose(plan, made.files, lambda: (tmp_path / "counts").open("rb"), quiet)
    options = ExportOptions(tokenizer=tokenizer, mix=choice, split=Split("7", Rate(k=1, n=10)))
    for name in ("a", "b"):
        export_corpus(made.files, "megatron", tmp_path / name, options, quiet)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    record = read_export(tmp_path / "a")
    documents = [
        d
        for split in ("train", "validation")
        for d in read_indexed(tmp_path / "a" / f"{split}_text_document").documents
    ]
    assert len(documents) == choice.documents == record.total_documents
    # Tokens of a plan are without the end of each document, those of a file with it.
    assert sum(record.tokens.values()) == sum(group.tokens for group in choice.groups) + len(documents)
    assert wanted - 200 < sum(group.tokens for group in choice.groups) <= wanted
    assert record.mix == plan.to_json()


def test_what_is_missing_is_said_before_anything_is_read(tokenizer: CorpusTokenizer, tmp_path: Path) -> None:
    made = make_corpus(TEXTS[:3])
    options: list[tuple[dict[str, Any], str]] = [
        ({}, "tokenizer_missing"),
        ({"tokenizer": tokenizer, "end_of_document": "</s>"}, "unknown_token"),
    ]
    for given_options, code in options:
        with pytest.raises(Invalid) as error:
            export_corpus(made.files, "megatron", tmp_path / "out", ExportOptions(**given_options), quiet)
        assert error.value.code == code
    assert not made.opened and list(tmp_path.iterdir()) == []


def test_a_mix_with_no_document_is_an_error(tokenizer: CorpusTokenizer, tmp_path: Path) -> None:
    made = make_corpus(TEXTS[:10])
    totals = count_corpus(made.files, tokenizer, tmp_path / "counts", quiet)
    plan = plan_mix([MixGroup("甲", (digest_of("甲"),), 1)], totals, total=1, seed="s")
    choice = choose(plan, made.files, lambda: (tmp_path / "counts").open("rb"), quiet)
    with pytest.raises(Invalid) as error:
        export_corpus(made.files, "parquet", tmp_path / "out", ExportOptions(mix=choice), quiet)
    assert error.value.code == "empty_export" and not (tmp_path / "out").exists()
