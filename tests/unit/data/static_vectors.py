"""A small model of static vectors made here: words of some topics, those of one topic close to each other."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from typing import Any

import numpy as np

TOPICS = {
    "health": "医院 医生 患者 治疗 药物 病房 诊断 健康",
    "law": "法律 法院 法规 诉讼 判决 律师 合同 责任",
    "space": "火箭 卫星 轨道 发射 宇航 太空 飞船 月球",
    "food": "面条 米饭 饺子 豆腐 厨师 餐馆 味道 蔬菜",
}
WORDS = [word for words in TOPICS.values() for word in words.split()]


def tensors(**arrays: np.ndarray[Any, Any]) -> bytes:
    """Return arrays as a safetensors file."""
    names = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64"}
    head: dict[str, Any] = {}
    body = b""
    for name, array in arrays.items():
        data = np.ascontiguousarray(array).tobytes()
        place = [len(body), len(body) + len(data)]
        head[name] = {"dtype": names[str(array.dtype)], "shape": list(array.shape), "data_offsets": place}
        body += data
    said = json.dumps(head).encode()
    return struct.pack("<Q", len(said)) + said + body


def tokenizer(words: list[str] = WORDS) -> bytes:
    """Return a tokenizer.json whose tokens are these words, cut at blanks."""
    vocabulary = {word: number for number, word in enumerate(["[UNK]", *words])}
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": {"type": "Whitespace"},
            "post_processor": None,
            "decoder": None,
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
        }
    ).encode()


def vectors(width: int = 16, seed: int = 1) -> np.ndarray[Any, Any]:
    """Return a vector for "[UNK]" and each word: that of its topic and a little of its own."""
    made = np.random.default_rng(seed)
    rows = [np.full(width, 9.0)]  # were the unknown token used, everything would look alike
    for words in TOPICS.values():
        topic = made.normal(size=width)
        rows += [topic + 0.2 * made.normal(size=width) for _ in words.split()]
    return np.array(rows, np.float32)


def model(**arrays: np.ndarray[Any, Any]) -> bytes:
    """Return the zip that operators read."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("model.safetensors", tensors(**(arrays or {"embeddings": vectors()})))
        archive.writestr("tokenizer.json", tokenizer())
    return target.getvalue()
