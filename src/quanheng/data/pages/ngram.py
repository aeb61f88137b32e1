"""The page of an n-gram model: how surprised it is by text like its own."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html

from quanheng.core import shown
from quanheng.core.pages import Bar, View, bar
from quanheng.kinds.exports import NgramModel


@bar("ngram_model")
def ngram_bar(view: View) -> Bar:
    """Return the perplexity on the texts held out with its interval, and how many texts it learned from."""
    model, digest = view.artifact.model, view.artifact.digest
    assert isinstance(model, NgramModel)  # noqa: S101 - registered for this kind
    found = model.perplexity
    value = shown.quote(found.value, "/perplexity/value", digest)
    counts: list[tuple[str, str, Any]] = [
        (
            shown.count(model.order, "/order", digest),
            view.say("characters in the longest n-gram", "最长 n 元的字数"),
            "",
        ),
        (
            shown.count(model.learned_from, "/learned_from", digest),
            view.say("texts learned from", "训练文本（篇）"),
            "",
        ),
        (shown.count(model.held_out, "/held_out", digest), view.say("texts held out", "留出文本（篇）"), ""),
    ]
    said = []
    if found.lower is not None and found.upper is not None:
        ends = (
            shown.quote(end, f"/perplexity/{name}", digest)
            for end, name in ((found.lower, "lower"), (found.upper, "upper"))
        )
        said.append(
            format_html(
                view.say("Interval over texts, as on its card: {} to {}.", "按篇计算的区间（见说明卡）：{} 至 {}。"),
                *ends,
            )
        )
    word = format_html(view.say("perplexity {} on texts held out", "留出文本困惑度 {}"), value)
    return Bar(word, "na", tuple(counts), tuple(said))
