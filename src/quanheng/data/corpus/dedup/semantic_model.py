"""Vectors of texts: the mean of the static vectors of their tokens, as Model2Vec has them; numpy and no network.

A model is a folder with model.safetensors (a vector for each token), tokenizer.json (of Hugging Face) and, perhaps,
config.json; operators read it as one zip of these. Nothing in it is executed.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from quanheng.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from numpy.typing import NDArray

TENSORS, TOKENIZER = "model.safetensors", "tokenizer.json"
#: What an artifact of such a model may hold beside these; only the two are read.
MEMBERS = (TENSORS, TOKENIZER)
MOST_BYTES = 2 * 1024**3
MOST_WIDTH = 4096
_HEAD = 8
_MOST_HEADER = 1024 * 1024
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "U8": "u1"}
#: Names under which the token vectors stand: those of Model2Vec and of sentence-transformers' StaticEmbedding.
_VECTORS = ("embeddings", "embedding.weight")


class StaticModel:
    """The vectors of a vocabulary; `width` is how many numbers each has."""

    def __init__(self, stream: BinaryIO) -> None:
        """Read the zip of a model. Raises Invalid "bad_embedder", Unavailable "missing_extra" without tokenizers."""
        try:
            with zipfile.ZipFile(stream) as archive:
                names = archive.namelist()
                missing = [name for name in MEMBERS if name not in names]
                if missing:
                    raise _bad(f"it has no {missing[0]}", f"缺少 {missing[0]}")
                if sum(archive.getinfo(name).file_size for name in MEMBERS) > MOST_BYTES:
                    raise _bad("it is larger than 2 GiB", "大于 2 GiB")
                tensors, tokens = read_tensors(archive.read(TENSORS)), archive.read(TOKENIZER)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, RuntimeError) as error:
            raise _bad("it is no zip that can be read", "不是可读取的 ZIP") from error
        found = [tensors[name] for name in _VECTORS if name in tensors]
        if not found or found[0].ndim != 2 or not 1 <= found[0].shape[1] <= MOST_WIDTH:
            raise _bad(f"{TENSORS} has no matrix {_VECTORS[0]}", f"{TENSORS} 中没有矩阵 {_VECTORS[0]}")
        self._vectors = found[0]
        self._tokenizer, self._unknown = _tokenizer(tokens)
        self._mapping, self._weights = self._beside(tensors)
        self.width = int(self._vectors.shape[1])

    def _beside(self, tensors: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return for each token the row of its vector and its weight."""
        count = self._tokenizer.get_vocab_size(with_added_tokens=True)
        rows = tensors.get("mapping", np.arange(count))
        weights = tensors.get("weights", np.ones(count))
        good = rows.ndim == weights.ndim == 1 and min(len(rows), len(weights)) >= count
        if not good or (count and not 0 <= int(rows[:count].min()) <= int(rows[:count].max()) < len(self._vectors)):
            raise _bad(f"{TOKENIZER} has {count} tokens, and not each has a vector", f"{count} 个词元并非都有向量")
        mapping, weighted = rows[:count].astype(np.int64), weights[:count].astype(np.float64)
        if not (np.isfinite(weighted).all() and np.isfinite(self._vectors).all()):
            raise _bad("it has a number that is not finite", "含有非有限数值")
        return mapping, weighted

    def embed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the vector of each text, shape (len(texts), width); zeros for one without a token that is known."""
        found = np.zeros((len(texts), self.width))
        for row, coded in enumerate(self._tokenizer.encode_batch(list(texts), add_special_tokens=False)):
            ids = np.array([token for token in coded.ids if token != self._unknown], np.int64)
            if len(ids):
                # Each token once, times how often it stands there: long texts repeat most of theirs.
                ids, times = np.unique(ids, return_counts=True)
                weights = self._weights[ids] * times
                vectors = self._vectors[self._mapping[ids]].astype(np.float64)
                found[row] = (vectors * weights[:, None]).sum(axis=0) / times.sum()
        return found


def read_tensors(data: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of a safetensors file by name; Invalid "bad_embedder" for anything else.

    Source: the format's README: 8 bytes length, a JSON header {name: {dtype, shape, data_offsets}}, the numbers.
    """
    try:
        length = int.from_bytes(data[:_HEAD], "little")
        if not 0 < length <= min(_MOST_HEADER, len(data) - _HEAD):
            raise ValueError("the header has another length")
        body = memoryview(data)[_HEAD + length :]
        found = {}
        for name, said in json.loads(data[_HEAD : _HEAD + length]).items():
            if name == "__metadata__":
                continue
            start, end = said["data_offsets"]
            if not 0 <= start <= end <= len(body):
                raise ValueError("a tensor lies outside of the file")
            found[name] = _numbers(body[start:end], said["dtype"]).reshape(said["shape"])
        return found
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _bad(f"{TENSORS} is no safetensors file: {error}", f"{TENSORS} 不是 safetensors 文件：{error}") from error


def _numbers(data: memoryview, kind: str) -> NDArray[Any]:
    if kind == "BF16":
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(data, _TYPES[kind])


def _tokenizer(data: bytes) -> tuple[Any, int | None]:
    """Return the tokenizer, cutting nothing off, and its number for what it does not know."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise Unavailable(
            "texts cannot be cut into tokens: the package tokenizers is not installed",
            "无法分词：未安装 tokenizers",
            hint=("Install quanheng[data].", "请安装 quanheng[data]。"),
            code="missing_extra",
        ) from error
    try:
        text = data.decode("utf-8")
        made = Tokenizer.from_str(text)
        model = json.loads(text)["model"]
    except Exception as error:  # the package raises plain Exception
        raise _bad(f"{TOKENIZER} cannot be read: {error}", f"无法读取 {TOKENIZER}：{error}") from error
    made.no_truncation()
    made.no_padding()
    unknown = model.get("unk_token")
    return made, made.token_to_id(unknown) if isinstance(unknown, str) else model.get("unk_id")


def _bad(en: str, zh: str) -> Invalid:
    return Invalid(
        f"this is no model of static vectors: {en[:300]}",
        f"不是有效的静态向量模型：{zh[:300]}",
        hint=(
            f"Give a folder as Model2Vec saves it: {TENSORS} and {TOKENIZER}.",
            f"请提供 Model2Vec 保存的文件夹，含 {TENSORS} 与 {TOKENIZER}。",
        ),
        code="bad_embedder",
    )
