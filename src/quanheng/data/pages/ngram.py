"""The page of an n-gram model: how surprised it is by text like its own, and what it learned from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html

from quanheng.core import shown
from quanheng.core.pages import Bar, View, bar, tab
from quanheng.data.page_item_queries import input_of
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


@tab("ngram_model", "about", title=("About it", "概况"), template="data/ngram.html")
def ngram_facts(view: View) -> Mapping[str, Any]:
    """Return what the model holds, what it learned from by licence, and how it did on the texts held out."""
    model = view.artifact.model
    assert isinstance(model, NgramModel)  # noqa: S101 - registered for this kind
    whole = shown.total(f"/licences/{name}" for name in model.licences)
    n = sum(model.licences.values())
    return {
        "from": view.artifact.digest,
        "corpus": input_of(view.artifact, "corpus"),
        "order": shown.count(model.order, "/order"),
        "ngrams": shown.count(model.ngrams, "/ngrams"),
        "learned": shown.count(model.learned_from, "/learned_from"),
        "learned_characters": shown.count(model.learned_characters, "/learned_characters"),
        "held_out": shown.count(model.held_out, "/held_out"),
        "held_out_characters": shown.count(model.held_out_characters, "/held_out_characters"),
        "measures": [
            {
                "name": view.say(*name),
                "value": shown.quote(found.value, f"/{field}/value"),
                "ends": [
                    shown.quote(end, f"/{field}/{side}")
                    for side, end in (("lower", found.lower), ("upper", found.upper))
                    if end is not None
                ],
            }
            for field, found, name in (
                ("perplexity", model.perplexity, ("perplexity", "困惑度")),
                ("bits_per_character", model.bits_per_character, ("bits per character", "每字比特数")),
            )
        ],
        "licences": [
            {
                "name": name if name != "NOASSERTION" else view.say("not clear", "不明"),
                "k": shown.count(k, f"/licences/{name}"),
                "share": shown.share(k, n, f"/licences/{name}", whole, places=1),
            }
            for name, k in sorted(model.licences.items(), key=lambda item: (-item[1], item[0]))
        ],
    }
