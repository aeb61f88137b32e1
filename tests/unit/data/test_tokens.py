"""Tokens: text stays text, counts are those of the tokenizer, training gives the same bytes everywhere."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.data.corpus.tokens import (
    END_OF_DOCUMENT,
    CorpusTokenizer,
    TextSample,
    Training,
    check_read_up,
    count_corpus,
    measure_fertility,
    read_counts,
    text_batches,
    train_tokenizer,
)
from quanheng.errors import Corrupt, Invalid
from quanheng.kinds.base import Rate
from quanheng.store import sha256_digest

from .export_corpora import digest_of, make_corpus, quiet, some_texts

SMALL = Training(vocabulary=400)
TEXTS = [text for _, text in some_texts(300)]


@pytest.fixture(scope="module")
def trained() -> bytes:
    return train_tokenizer(TEXTS, SMALL, quiet)


@pytest.fixture(scope="module")
def tokenizer(trained: bytes) -> CorpusTokenizer:
    return CorpusTokenizer(trained)


def test_training_again_gives_the_same_bytes(trained: bytes) -> None:
    assert train_tokenizer(iter(TEXTS), SMALL, quiet) == trained


@pytest.mark.parametrize("threads", ["1", "3"])
def test_training_in_another_process_with_other_threads_gives_the_same_bytes(trained: bytes, threads: str) -> None:
    code = (
        "import json, sys\n"
        "from quanheng.data.corpus.tokens import Training, train_tokenizer\n"
        "made = train_tokenizer(json.load(sys.stdin), Training(vocabulary=400), lambda done, total: None)\n"
        "sys.stdout.buffer.write(made)\n"
    )
    env = {
        **os.environ,
        "RAYON_NUM_THREADS": threads,
        "TOKENIZERS_PARALLELISM": "true" if threads != "1" else "false",
        "PYTHONHASHSEED": threads,
    }
    done = subprocess.run([sys.executable, "-c", code], input=json.dumps(TEXTS).encode(), capture_output=True, env=env)
    assert done.stdout == trained, done.stderr


def test_the_vocabulary_has_its_size_and_special_tokens(tokenizer: CorpusTokenizer) -> None:
    assert tokenizer.vocabulary == tokenizer.ids == 400
    assert tokenizer.token_id(END_OF_DOCUMENT) == 0
    with pytest.raises(Invalid) as error:
        tokenizer.token_id("<none>")
    assert error.value.code == "unknown_token"


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_what_is_decoded_is_what_was_encoded(tokenizer: CorpusTokenizer, text: str) -> None:
    [ids] = tokenizer.encode([text])
    assert tokenizer.decode(ids) == text
    [spans] = tokenizer.spans([text])
    assert len(spans) == len(ids)


def pieces(tokenizer: CorpusTokenizer, text: str) -> list[str]:
    return [text[start:end] for [spans] in [tokenizer.spans([text])] for start, end in spans]


def test_no_token_joins_digits_or_han_with_letters(trained: bytes) -> None:
    # A corpus in which every such join is the commonest thing there is.
    texts = ["2023年GDP增长Linux系统，版本10的A股abc中文 hello 2023年GDP增长Linux系统，"] * 50
    tokenizer = CorpusTokenizer(train_tokenizer(texts, Training(vocabulary=600), quiet))
    found = pieces(tokenizer, texts[0])
    assert [piece for piece in found if any(c.isdigit() for c in piece) and len(piece) > 1] == []
    for piece in found:
        assert not (any("a" <= c.lower() <= "z" for c in piece) and any("\u4e00" <= c <= "\u9fff" for c in piece)), (
            piece
        )
    assert "Linux" in found and "系统" in found and " hello" in found and found.count("2") == 2 * texts[0].count("2023")


def test_the_longest_token_has_a_limit() -> None:
    texts = ["点击关注公众号领取免费资料" * 3 + "。"] * 200
    limited = json.loads(train_tokenizer(texts, Training(vocabulary=600, max_token_bytes=12), quiet))
    free = json.loads(train_tokenizer(texts, Training(vocabulary=600, max_token_bytes=200), quiet))
    specials = {END_OF_DOCUMENT}
    assert max(len(token) for token in limited["model"]["vocab"].keys() - specials) <= 12
    assert max(len(token) for token in free["model"]["vocab"].keys() - specials) > 100


def test_a_special_token_in_a_text_stays_text(trained: bytes) -> None:
    tokenizer = CorpusTokenizer(trained)
    text = f"第一条{END_OF_DOCUMENT}第二条"
    [ids] = tokenizer.encode([text])
    assert 0 not in ids and tokenizer.decode(ids) == text


def test_what_a_file_says_of_cutting_padding_and_adding_is_not_done(trained: bytes) -> None:
    data = json.loads(trained)
    data["truncation"] = {"max_length": 2, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    data["padding"] = {
        "strategy": {"Fixed": 9},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": END_OF_DOCUMENT,
    }
    special = {"SpecialToken": {"id": END_OF_DOCUMENT, "type_id": 0}}
    data["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [special, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {END_OF_DOCUMENT: {"id": END_OF_DOCUMENT, "ids": [0], "tokens": [END_OF_DOCUMENT]}},
    }
    texts = TEXTS[:3]
    assert CorpusTokenizer(json.dumps(data).encode()).encode(texts) == CorpusTokenizer(trained).encode(texts)


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[1]", b'{"model": 7}'])
def test_a_file_that_is_no_tokenizer(data: bytes) -> None:
    with pytest.raises(Invalid) as error:
        CorpusTokenizer(data)
    assert error.value.code == "bad_tokenizer"


@pytest.mark.parametrize(
    ("training", "code"),
    [
        (Training(vocabulary=256), "vocabulary_small"),
        (Training(special_tokens=("<a>", "<a>")), "special_token_twice"),
        (Training(special_tokens=("",)), "special_token_twice"),
        (Training(max_characters=1), "no_text"),
    ],
)
def test_bad_parameters_of_training(training: Training, code: str) -> None:
    with pytest.raises(Invalid) as error:
        train_tokenizer(TEXTS, training, quiet)
    assert error.value.code == code


def test_training_stops_before_the_text_that_passes_the_limit() -> None:
    steps: list[int] = []
    limit = len(TEXTS[0]) + len(TEXTS[1]) + len(TEXTS[2]) - 1
    made = train_tokenizer(
        TEXTS, Training(vocabulary=300, max_characters=limit), lambda done, total: steps.append(done)
    )
    assert made == train_tokenizer(TEXTS[:2], Training(vocabulary=300), quiet)
    assert steps == [len(TEXTS[0]), len(TEXTS[0]) + len(TEXTS[1])]


def test_counts_of_a_corpus_are_those_of_its_rows(tokenizer: CorpusTokenizer, trained: bytes, tmp_path: Path) -> None:
    made = make_corpus(some_texts(150))
    seen: list[int] = []
    totals = count_corpus(made.files, tokenizer, tmp_path / "counts", lambda done, total: seen.append(done))
    expected = [len(ids) for ids in tokenizer.encode([text for _, _, text in made.rows])]
    assert struct.unpack("<150I", (tmp_path / "counts").read_bytes()) == tuple(expected)
    assert totals.tokenizer == sha256_digest(trained) and totals.corpus == made.files.digest
    for name in ("甲", "乙"):
        share = totals.per_source[digest_of(name)]
        mine = [
            (text, count)
            for (_, owner, text), count in zip(made.rows, expected, strict=True)
            if owner == digest_of(name)
        ]
        assert (share.documents, share.characters, share.tokens) == (
            len(mine),
            sum(len(text) for text, _ in mine),
            sum(count for _, count in mine),
        )
    assert seen[-1] == 150 and list(tmp_path.iterdir()) == [tmp_path / "counts"]
    with (tmp_path / "counts").open("rb") as stream:
        assert read_counts(stream, 100) + read_counts(stream, 50) == expected
        check_read_up(stream)
        with pytest.raises(Corrupt):
            read_counts(stream, 1)
        stream.seek(4)
        read_counts(stream, 100)
        with pytest.raises(Corrupt):
            check_read_up(stream)


def test_lots_hold_every_text_in_order() -> None:
    texts = ["字" * 900_000] * 5 + ["短"] * 5000
    lots = list(text_batches(texts))
    assert [text for lot in lots for text in lot] == texts
    assert max(len(lot) for lot in lots) <= 2048 and next(len(lot) for lot in lots) == 3


def test_a_sample_never_shares_a_text_with_what_is_held_out() -> None:
    made = make_corpus(some_texts(400) + some_texts(400))  # every text twice
    characters = sum(len(text) for _, _, text in made.rows)
    sample = TextSample("3", characters, train=characters * 9 // 10, held_out=characters // 4)
    train, held_out = set(sample.texts(made.files, "train")), set(sample.texts(made.files, "held_out"))
    assert not train & held_out and len(train | held_out) == 400  # together they asked for more than all
    assert 60 < len(held_out) < 140
    again = TextSample("4", characters, train=characters * 9 // 10, held_out=characters // 4)
    assert set(again.texts(made.files, "held_out")) != held_out


def test_fertility_against_a_count_by_hand() -> None:
    # Only bytes: every Han character is three tokens, each of them a part of one.
    bytes_only = CorpusTokenizer(train_tokenizer(["字"], Training(vocabulary=300, min_frequency=100), quiet))
    found = measure_fertility(bytes_only, ["汉字ab 12，", "這裡是傳統漢字的文章", "字abc"])
    assert found.documents == 3 and found.bytes == 6 + 3 + 2 + 3 + 30 + 6
    assert found.total == Rate(k=8 + 10 + 4, n=found.bytes)
    assert found.by_characters == {
        "han": Rate(k=13, n=39),
        "latin": Rate(k=5, n=5),
        "digit": Rate(k=2, n=2),
        "space": Rate(k=1, n=1),
        "other": Rate(k=1, n=3),
    }
    assert found.broken_tokens == 14 * 3
    assert found.by_document == {"other": Rate(k=4, n=6), "zh-Hans": Rate(k=8, n=14), "zh-Hant": Rate(k=10, n=30)}


def test_fertility_sees_merged_tokens_and_leading_spaces(tokenizer: CorpusTokenizer) -> None:
    found = measure_fertility(tokenizer, TEXTS)
    assert found.total.k == sum(len(text) for text in TEXTS)
    assert found.total.n == sum(len(ids) for ids in tokenizer.encode(TEXTS))
    assert sum(rate.n for rate in found.by_characters.values()) == found.total.n
    assert sum(rate.n for rate in found.by_document.values()) == found.total.n
    han = found.by_characters["han"]
    assert han.k > 1.5 * han.n  # words of two characters were learnt
    the = measure_fertility(tokenizer, [" the"]).by_characters
    assert the == {"space": Rate(k=1, n=0), "latin": Rate(k=3, n=1)}


SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "corpus"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the sample files of the corpus study are not here")
def test_statutes_are_held_in_fewer_tokens_than_characters() -> None:
    with (SHARED / "laws_beijing_local.jsonl.zst").open("rb") as file:
        lines = zstandard.ZstdDecompressor().stream_reader(file).read().splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    tokenizer = CorpusTokenizer(train_tokenizer(texts[:30], Training(vocabulary=3000), quiet))
    held_out = texts[60:70]
    assert [tokenizer.decode(ids) for ids in tokenizer.encode(held_out)] == held_out
    found = measure_fertility(tokenizer, held_out)
    assert 1.4 < found.by_characters["han"].k / found.by_characters["han"].n < 2.5
    assert 0.9 < found.by_characters["digit"].k / found.by_characters["digit"].n <= 1.0
    assert found.broken_tokens * 5 < found.total.n
