"""How long the documents of a corpus are, as its page shows it: a drawing, a table, quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quanheng.core import shown
from quanheng.core.call import ask
from quanheng.core.pages import View
from quanheng.core.shown import Shown

#: The drawing of lengths: width of a bar's field and height of the highest bar.
STEP, HEIGHT = 46, 140


def lengths(view: View) -> dict[str, Any]:
    """Return documents by length as bars and as a table, and the quantiles."""
    found = ask(view.session, "corpus.histogram", {"corpus": view.artifact.digest})
    n = found["documents"]
    highest = max((part["documents"] for part in found["bins"]), default=0)
    bins = []
    for place, part in enumerate(found["bins"]):
        height = part["documents"] / highest * HEIGHT if highest else 0
        where = shown.where("data/*", characters=f"{part['low']}..{part['high']}")
        bins.append(
            {
                "low": f"{part['low']:,}",
                "range": _range(part["low"], part["high"]),
                "documents": shown.count(part["documents"], where),
                "share": shown.share(part["documents"], n, where, "data/*"),
                "characters": shown.count(part["characters"], where + "#sum(characters)"),
                "x": place * STEP,
                "middle": place * STEP + STEP // 2 - 3,
                "y": f"{HEIGHT - height:.1f}",
                "height": f"{height:.1f}",
            }
        )
    return {
        "n": shown.count(n, "data/*"),
        "characters": shown.count(found["characters"], "data/*#sum(characters)"),
        "bins": bins,
        "width": len(bins) * STEP,
        "quantiles": [_quantile(view, part) for part in found["quantiles"]],
    }


def _range(low: int, high: int) -> Shown:
    """Return a range of lengths; it is ours, not measured."""
    text = f"{low:,}" if low == high else f"{low:,}–{high:,}"
    return Shown(text, f'<span class="range">{text}</span>')


QUANTILES = {
    (0, 1): ("shortest", "最短"),
    (1, 1): ("longest", "最长"),
    (50, 100): ("median", "中位数"),
}


def _quantile(view: View, part: Mapping[str, int]) -> dict[str, Any]:
    k, n = part["k"], part["n"]
    name = QUANTILES.get((k, n))
    words = view.say(*name) if name else view.say(f"{k} % are at most", f"{k}% 不超过")
    return {"name": words, "characters": shown.count(part["characters"], f"data/*#quantile({k}/{n})")}
