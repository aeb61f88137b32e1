"""Tokens of a corpus: count them, train a byte-level BPE on it, and tell how many characters a token holds.

Nothing is downloaded: a tokenizer is the bytes of a `tokenizer.json` of HF `tokenizers`.
"""

from __future__ import annotations

import os
import re
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

from quanheng.data.corpus.export_rows import HASH_SPACE, CorpusFiles, Progress, draw, read_batches
from quanheng.errors import Corrupt, Invalid
from quanheng.kinds.base import Rate
from quanheng.store import sha256_digest
from quanheng.store._disk import disk_errors, fsync_folder
from quanheng.text.script import script_of

END_OF_DOCUMENT = "<|endoftext|>"
#: Texts go to the tokenizer in lots of this many characters: its threads have work, memory stays small.
_LOT_CHARACTERS = 2_000_000
_LOT_TEXTS = 2048
_COUNT_BYTES = 4


class CorpusTokenizer:
    """A tokenizer for corpus text: text is only text in it, so a special token written in a document stays letters.

    No special tokens are added, nothing is cut or padded, whatever the file says: a corpus is not a prompt.
    """

    def __init__(self, data: bytes) -> None:
        """Read the bytes of a tokenizer.json. Raises Invalid "bad_tokenizer"."""
        import tokenizers

        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(data.decode("utf-8"))
        except Exception as error:  # tokenizers raises plain Exception for whatever it cannot read
            is_text = not isinstance(error, UnicodeDecodeError)
            en, zh = (f"{error}", f"tokenizers 报告 {error}") if is_text else ("it is not UTF-8", "它不是 UTF-8 文本")
            raise Invalid(
                f"this is not a tokenizer.json: {en}",
                f"这不是 tokenizer.json：{zh}",
                hint=("Give the tokenizer.json of HF tokenizers.", "请给出 HF tokenizers 的 tokenizer.json。"),
                code="bad_tokenizer",
            ) from error
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.digest = sha256_digest(data)
        self.vocabulary = self._tokenizer.get_vocab_size(with_added_tokens=True)
        #: One more than the largest id; equal to the vocabulary unless ids are left out.
        self.ids = max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text."""
        return [found.ids for found in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return for each token of each text the characters it stands for."""
        return [found.offsets for found in self._tokenizer.encode_batch(texts, add_special_tokens=False)]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids."""
        return str(self._tokenizer.decode(ids, skip_special_tokens=False))

    def token_id(self, token: str) -> int:
        """Return the id of a token of the vocabulary. Raises Invalid "unknown_token"."""
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise Invalid(
                f"the tokenizer has no token {token!r}",
                f"分词器中没有词元 {token!r}",
                hint=("Name its end-of-document token.", "请给出它的文档结束词元。"),
                code="unknown_token",
            )
        return int(found)


def text_batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield the texts in lots of bounded size."""
    lot: list[str] = []
    characters = 0
    for text in texts:
        lot.append(text)
        characters += len(text)
        if characters >= _LOT_CHARACTERS or len(lot) >= _LOT_TEXTS:
            yield lot
            lot, characters = [], 0
    if lot:
        yield lot


@dataclass
class SourceTokens:
    """What one source holds; tokens without end-of-document tokens."""

    documents: int = 0
    characters: int = 0
    tokens: int = 0


@dataclass
class TokenTotals:
    """The tokens of a corpus under one tokenizer, by digest of the source in the order of first rows."""

    corpus: str
    tokenizer: str
    per_source: dict[str, SourceTokens] = field(default_factory=dict)

    def _add(self, source: str, characters: int, tokens: int) -> None:
        share = self.per_source.setdefault(source, SourceTokens())
        share.documents += 1
        share.characters += characters
        share.tokens += tokens


def count_corpus(corpus: CorpusFiles, tokenizer: CorpusTokenizer, target: Path, progress: Progress) -> TokenTotals:
    """Return the tokens per source, and write the count of every row to `target`: uint32 little-endian, in row order.

    `mix` reads that file, so that a corpus is tokenised once for any number of mixes. `progress` counts documents.
    """
    totals = TokenTotals(corpus.digest, tokenizer.digest)
    partial = target.with_name(f".{target.name}.quanheng-partial")
    done = 0
    progress(0, corpus.documents)
    with disk_errors(target):
        with partial.open("wb") as file:
            for batch in read_batches(corpus, ("id", "source", "text", "text_digest")):
                sources = iter(batch.column("source").to_pylist())
                for texts in text_batches(batch.column("text").to_pylist()):
                    counts = [len(ids) for ids in tokenizer.encode(texts)]
                    for text, count in zip(texts, counts, strict=True):
                        totals._add(next(sources), len(text), count)
                    file.write(_as_bytes(counts))
                done += batch.num_rows
                progress(done, corpus.documents)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
        fsync_folder(target.absolute().parent)
    return totals


def _as_bytes(counts: Sequence[int]) -> bytes:
    numbers = array("I", counts)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def read_counts(stream: BinaryIO, rows: int) -> list[int]:
    """Return the counts of the next `rows` rows. Raises Corrupt "token_counts" when there are fewer."""
    data = stream.read(rows * _COUNT_BYTES)
    if len(data) != rows * _COUNT_BYTES:
        raise _other_counts("fewer", "少")
    numbers = array("I", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def check_read_up(stream: BinaryIO) -> None:
    """Raise Corrupt "token_counts" when the file has more rows than were read."""
    if stream.read(1):
        raise _other_counts("more", "多")


def _other_counts(en: str, zh: str) -> Corrupt:
    return Corrupt(
        f"the file of token counts has {en} rows than the corpus",
        f"词元计数文件的行数比语料{zh}",
        hint=("Count the tokens of this corpus again.", "请重新统计该语料的词元。"),
        code="token_counts",
    )


@dataclass(frozen=True)
class TextSample:
    """Which documents train a tokenizer and which are held out, by a seeded hash of their text.

    characters: of the whole corpus. train, held_out: how many characters each part should have, about; the two parts
    never share a text.
    """

    seed: str
    characters: int
    train: int
    held_out: int

    def texts(self, corpus: CorpusFiles, part: Literal["train", "held_out"]) -> Iterator[str]:
        """Yield the texts of a part, in the order of the corpus."""
        held_from = HASH_SPACE - self._limit(self.held_out)
        train_to = min(self._limit(self.train), held_from)
        for batch in read_batches(corpus, ("id", "source", "text", "text_digest")):
            for text, key in zip(batch.column("text"), batch.column("text_digest").to_pylist(), strict=True):
                place = draw(self.seed, "tokenizer", key)
                if place >= held_from if part == "held_out" else place < train_to:
                    yield text.as_py()

    def _limit(self, characters: int) -> int:
        return min(characters * HASH_SPACE // max(self.characters, 1), HASH_SPACE)


#: Pieces that no merge crosses: a run of Han; a single digit; letters of other scripts with the space before them;
#: punctuation with the line ends after it; line ends; spaces. So 2023 is four tokens and "中国GDP增长" three pieces.
#: Digits alone: numbers of any length have one reading. Letters beside Han: Chinese puts no space between the two.
PIECES = r"\p{Han}+|\p{N}| ?(?:(?!\p{Han})[\p{L}\p{M}])+| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


@dataclass(frozen=True)
class Training:
    """Parameters of a byte-level BPE.

    vocabulary: special tokens and the 256 bytes included; below 65,500 tokens fit 16 bits. max_token_bytes: longest
    token, so that a slogan repeated all over the web does not become one. max_characters: training stops before the
    text that would pass it; it takes about 150 bytes of memory and 4 microseconds a character (measured on statutes,
    manuals and dialogues), so a larger sample is a choice.
    """

    vocabulary: int = 64_000
    special_tokens: tuple[str, ...] = (END_OF_DOCUMENT,)
    min_frequency: int = 2
    max_token_bytes: int = 48
    max_characters: int = 20_000_000


def train_tokenizer(texts: Iterable[str], training: Training, progress: Callable[[int, int | None], None]) -> bytes:
    """Return the tokenizer.json of a byte-level BPE trained on `texts`; equal texts give equal bytes.

    No normaliser: what is decoded is what was encoded, byte for byte. `progress` counts characters.
    Raises Invalid "vocabulary_small" below the alphabet, "special_token_twice", "no_text" for an empty stream.
    Source: Sennrich et al. 2016 over bytes (Radford et al. 2019); differs in: the pieces, see `PIECES`.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    _check_training(training)
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PIECES), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=training.vocabulary,
        min_frequency=training.min_frequency,
        special_tokens=list(training.special_tokens),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=training.max_token_bytes,
        show_progress=False,
    )
    taken = _Taken(training.max_characters, progress)
    tokenizer.train_from_iterator(text_batches(taken.of(texts)), trainer)
    if not taken.characters:
        raise Invalid(
            "there was no text to train on",
            "没有可用于训练的文本",
            hint=("Choose a larger sample.", "请加大抽样量。"),
            code="no_text",
        )
    return (tokenizer.to_str(pretty=False) + "\n").encode("utf-8")


@dataclass
class _Taken:
    """Passes texts on until one would exceed the limit."""

    limit: int
    progress: Progress
    characters: int = 0

    def of(self, texts: Iterable[str]) -> Iterator[str]:
        for text in texts:
            if self.characters + len(text) > self.limit:
                return
            self.characters += len(text)
            yield text
            self.progress(self.characters, None)


def _check_training(training: Training) -> None:
    least = 256 + len(training.special_tokens)
    if training.vocabulary < least:
        raise Invalid(
            f"a byte-level vocabulary has at least {least} tokens, {training.vocabulary} were asked for",
            f"字节级词表至少有 {least} 个词元，而要求的是 {training.vocabulary} 个",
            hint=("Ask for 8,000 or more; 32,000 to 128,000 is usual.", "请至少取 8000；通常为 32000 至 128000。"),
            code="vocabulary_small",
        )
    if len(set(training.special_tokens)) != len(training.special_tokens) or "" in training.special_tokens:
        raise Invalid(
            "a special token is empty or stands twice",
            "特殊词元为空或重复",
            hint=("Name each one once.", "每个特殊词元只写一次。"),
            code="special_token_twice",
        )


#: Classes of characters for the fertility report, in this order; every other character is "other".
_CLASSES = (
    ("han", "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"),
    ("kana_hangul", "\u3041-\u30ff\u31f0-\u31ff\u1100-\u11ff\uac00-\ud7af"),
    ("latin", "A-Za-z\u00c0-\u024f\uff21-\uff3a\uff41-\uff5a"),
    ("digit", "0-9\uff10-\uff19"),
    ("space", r"\s"),
)
_RUNS = re.compile("|".join(f"(?P<{name}>[{characters}]+)" for name, characters in _CLASSES))
_OTHER = len(_CLASSES)
_SPACE = next(at for at, (name, _) in enumerate(_CLASSES) if name == "space")
CLASS_NAMES = (*(name for name, _ in _CLASSES), "other")


@dataclass(frozen=True)
class Fertility:
    """How much text a token holds: (k characters, n tokens) in all, by kind of character, by script of the document.

    A token counts for the kind of its first character that is no space. broken_tokens: those that hold only a part
    of a character; many of them mean that the vocabulary lacks common characters.
    """

    documents: int
    total: Rate
    bytes: int
    broken_tokens: int
    by_characters: dict[str, Rate]
    by_document: dict[str, Rate]


def measure_fertility(tokenizer: CorpusTokenizer, texts: Iterable[str]) -> Fertility:
    """Return how many characters a token holds on `texts`, which the tokenizer should not have been trained on."""
    seen, tokens = [0] * len(CLASS_NAMES), [0] * len(CLASS_NAMES)
    by_document: Counter[tuple[str, int]] = Counter()
    documents = broken = size = 0
    for lot in text_batches(texts):
        for text, spans in zip(lot, tokenizer.spans(lot), strict=True):
            classes = _classes(text)
            for at in range(len(CLASS_NAMES)):
                seen[at] += classes.count(at)
            for start, end in spans:
                tokens[_class_of(classes, start, end)] += 1
            broken += _broken(spans)
            script = script_of(text)
            by_document.update({(script, 0): len(text), (script, 1): len(spans)})
            documents += 1
            size += len(text.encode("utf-8"))
    return Fertility(
        documents=documents,
        total=Rate(k=sum(seen), n=sum(tokens)),
        bytes=size,
        broken_tokens=broken,
        by_characters={name: Rate(k=k, n=n) for name, k, n in zip(CLASS_NAMES, seen, tokens, strict=True) if k or n},
        by_document={
            name: Rate(k=by_document[name, 0], n=by_document[name, 1])
            for name in sorted({script for script, _ in by_document})
        },
    )


def _classes(text: str) -> bytearray:
    """Return the class of every character."""
    classes = bytearray([_OTHER]) * len(text)
    for found in _RUNS.finditer(text):
        kind = bytes([CLASS_NAMES.index(str(found.lastgroup))])
        classes[found.start() : found.end()] = kind * (found.end() - found.start())
    return classes


def _class_of(classes: bytearray, start: int, end: int) -> int:
    for at in range(start, end):
        if classes[at] != _SPACE:
            return classes[at]
    return _SPACE


def _broken(spans: Sequence[tuple[int, int]]) -> int:
    """Return how many tokens share a character with a neighbour."""
    shared: list[Any] = [False] * (len(spans) + 1)
    for at in range(1, len(spans)):
        shared[at] = spans[at][0] < spans[at - 1][1]
    return sum(1 for at in range(len(spans)) if shared[at] or shared[at + 1])
