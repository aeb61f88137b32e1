"""The peers' default rules, written anew from their published thresholds, to compare with on Chinese text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec


def _words(text: str) -> list[str]:
    """Return the words of a text: by jieba where it is installed, as the peer does, else by characters."""
    cut = segmenter()
    if cut:
        return [word for word in cut(text) if word.strip()]
    return re.findall(r"[a-zA-Z0-9_]+|[^\sa-zA-Z0-9_]", text)


@cache
def segmenter() -> Callable[[str], list[str]] | None:
    if find_spec("jieba") is None:
        return None
    import logging
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba
    jieba.setLogLevel(logging.ERROR)
    cut: Callable[[str], list[str]] = jieba.lcut
    return cut


def gopher_repetition(text: str) -> str | None:
    """Return which of the Gopher repetition rules drops the text, at datatrove's defaults; None when none does.

    Source: Rae et al. 2021, table A1; thresholds as in datatrove 0.10.1; written anew for this comparison.
    """
    paragraphs = re.split(r"\n{2,}", text.strip())
    lines = re.split(r"\n+", text)
    for parts, count_limit, share_limit, name in (
        (paragraphs, 0.3, 0.2, "paragraphs"),
        (lines, 0.3, 0.2, "lines"),
    ):
        again = [part for part, n in Counter(parts).items() for _ in range(n - 1)]
        if len(again) / len(parts) > count_limit or sum(map(len, again)) / len(text) > share_limit:
            return f"repeated {name}"
    words = _words(text)
    for size, limit in ((2, 0.2), (3, 0.18), (4, 0.16)):
        counts = Counter(" ".join(words[at : at + size]) for at in range(len(words) - size + 1))
        if counts:
            gram, times = max(counts.items(), key=lambda item: (item[1], len(item[0])))
            if len(gram) * times / len(text) > limit:
                return f"most frequent {size} words"
    for size, limit in zip(range(5, 11), (0.15, 0.14, 0.13, 0.12, 0.11, 0.10), strict=True):
        seen, at, repeated = set[str](), 0, 0
        while at < len(words) - size + 1:
            gram = "".join(words[at : at + size])
            if gram in seen:
                repeated += len(gram)
                at += size
            else:
                seen.add(gram)
                at += 1
        if repeated / len(text) > limit:
            return f"repeated {size} words"
    return None


def gopher_quality(text: str) -> bool:
    """Return whether Gopher's quality rules drop it at datatrove's defaults: 50 words, mean word length 3 to 10."""
    words = [word for word in _words(text) if any(character.isalnum() for character in word)]
    return len(words) < 50 or not 3 <= sum(map(len, words)) / len(words) <= 10


def chinese_web_text(text: str) -> bool:
    """Return whether the length rules of ChineseWebText 2.0 drop it: 200 characters, lines of 10, 30 % Chinese."""
    lines = [line for line in text.split("\n") if line.strip()]
    han = sum("\u4e00" <= character <= "\u9fff" for character in text)
    return len(text) < 200 or sum(map(len, lines)) / len(lines) < 10 or han < 0.3 * len(text)
