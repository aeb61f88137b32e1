"""The pages of samples and their commitments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from quanheng.core import shown
from quanheng.core.call import ask
from quanheng.core.pages import Action, Bar, View, bar, tab, title
from quanheng.data.pages.corpus import number_of
from quanheng.errors import Text
from quanheng.kinds.samples import Sample, SampleCommitment

ITEMS = 20
PURPOSES = {
    "manual": ("manual sample", "人工抽检"),
    "keyword": ("keyword check", "关键词抽检"),
    "classifier": ("classifier check", "分类模型抽检"),
    "source": ("source check", "来源核验"),
}


def _sample(view: View) -> Sample:
    assert isinstance(view.artifact.model, Sample)  # noqa: S101 - registered for this kind
    return view.artifact.model


@title("sample")
def sample_title(view: View) -> str:
    """Return what a sample is for."""
    return view.say(*PURPOSES[_sample(view).purpose])


@bar("sample")
def sample_bar(view: View) -> Bar:
    """Return how many were drawn of how many, and by whom."""
    model, digest = _sample(view), view.artifact.digest
    n = shown.count(model.n, "/n", digest)
    population = shown.count(model.population, "/population", digest)
    at = f"{digest} /n", f"{digest} /population"
    word = (
        view.say("Self-drawn", "自行抽取")
        if model.self_drawn
        else view.say("Drawn by another account", "由另一账号抽取")
    )
    said = (
        view.say(
            "The seed did not come from outside the team: drawing again until it suited cannot be ruled out.",
            "抽样随机数不来自建模团队之外，不能排除重复抽样直至满意。",
        )
        if model.self_drawn
        else view.say(
            "The seed hangs on a signed checkpoint and on a nonce of the one who drew.",
            "抽样种子取自已签名的检查点与抽取人的随机数。",
        ),
    )
    return Bar(
        word,
        "wait" if model.self_drawn else "ok",
        (
            (n, view.say("drawn", "抽取（条）"), ""),
            (population, view.say("population", "总体（条）"), ""),
            (shown.share(model.n, model.population, *at, places=1), view.say("share drawn", "抽样比例"), ""),
            (
                shown.count(model.draw_no, "/draw_no", digest),
                view.say("draw number", "第几次抽取"),
                "wait" if model.draw_no > 1 else "",
            ),
        ),
        said,
        (
            Action("verdicts.enter", Text("Enter verdicts", "录入复核结论"), {"subject": digest}, main=True),
            Action("verdicts.scan", Text("Look for keywords", "关键词抽检"), {"subject": digest}),
        ),
    )


@tab("sample", "items", title=("Items", "条目"), template="data/sample.html")
def sample_items(view: View) -> Mapping[str, Any]:
    """Return seed and checkpoint, and the items with their texts."""
    model, digest = _sample(view), view.artifact.digest
    after, source = number_of(view.query.get("after", "")), view.query.get("source", "")
    data = {"sample": digest, "source": source, "after": after, "limit": ITEMS}
    found = ask(view.session, "sample.items", data)
    base = {"tab": "items", **({"source": source} if source else {})}
    whole = view.query.get("whole", "")
    titles = {
        one: shown.quote(name, f"/per_source/{place}/title", found["corpus"])
        for place, (one, name) in enumerate(found["titles"].items())
    }
    rows = []
    for row in found["rows"]:
        place = shown.where("items.jsonl", id=row["id"])
        rows.append(
            {
                "id": row["id"],
                "index": shown.count(row["index"], place + "#index"),
                "title": titles.get(row["source"], row["source"]),
                "text": shown.passage(row["text"], place + "#text", width=0 if whole == row["id"] else shown.PASSAGE),
                "cut": len(row["text"]) > shown.PASSAGE and whole != row["id"],
                "whole": "?" + urlencode({**view.query, "whole": row["id"]}) + f"#{row['id']}",
            }
        )
    return {
        "from": digest,
        "seed": model.seed,
        "nonce": model.nonce or "",
        "checkpoint": shown.count(model.checkpoint.size, "/checkpoint/size") if model.checkpoint else "",
        "root": model.checkpoint.root if model.checkpoint else "",
        "rows": rows,
        "sources": [
            {"href": "?" + urlencode({"tab": "items", "source": one}), "title": name, "on": one == source}
            for one, name in titles.items()
        ],
        "all": {"href": "?tab=items", "on": not source},
        "before": "?" + urlencode({**base, "after": max(0, after - ITEMS)}) if after else "",
        "next": "?" + urlencode({**base, "after": found["next"]}) if found["next"] is not None else "",
    }


@title("sample_commitment")
def commitment_title(view: View) -> str:
    """Return what a commitment promises."""
    model = view.artifact.model
    assert isinstance(model, SampleCommitment)  # noqa: S101 - registered for this kind
    purpose = view.say(*PURPOSES[model.purpose])
    return view.say(f"Commitment: {purpose}", f"抽样承诺：{purpose}")


@bar("sample_commitment")
def commitment_bar(view: View) -> Bar:
    """Return what was promised."""
    model, digest = view.artifact.model, view.artifact.digest
    assert isinstance(model, SampleCommitment)  # noqa: S101 - registered for this kind
    return Bar(
        view.say("Promised", "已承诺"),
        "na",
        (
            (shown.count(model.n, "/n", digest), view.say("to draw", "将抽取（条）"), ""),
            (shown.count(model.population, "/population", digest), view.say("population", "总体（条）"), ""),
        ),
        (view.say("Simple random sample without replacement.", "简单随机抽样，不放回。"),),
        (Action("sample.draw", Text("Draw it", "抽取样本"), {"commitment": digest}, main=True),),
    )
