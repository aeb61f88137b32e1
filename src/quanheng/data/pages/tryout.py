"""Trying a recipe on a sample of a source: its steps checked, scores drawn, what each condition would take."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from quanheng.core import shown
from quanheng.core.call import ask
from quanheng.core.inputs import Takes, marker
from quanheng.core.offered import titled
from quanheng.core.pages import View
from quanheng.core.shown import Word
from quanheng.core.sizes import size_text
from quanheng.data.corpus_verbs import RecipeAssets
from quanheng.data.pages.corpus import number_of
from quanheng.data.pages.recipe import asset_name, linted, operator_name
from quanheng.errors import QuanhengError
from quanheng.kinds.code_words import NOTES, code_word
from quanheng.kinds.drop_reasons import reason_name

#: Sizes of the sample that can be chosen: more say more and take longer.
SIZES = (200, 1000, 2000, 10_000)
FIRST_SIZE = 1000
#: So many artifacts of a kind are offered, the newest.
OFFERED = 50
#: The drawing of a column: width of a bar's field, height of the highest bar, fields at least.
FIELD, HEIGHT, FIELDS = 15, 70, 22
#: Quantiles told beside a drawing, in per cent.
TOLD = (1, 5, 50, 95, 99)
#: Characters of a document beside a condition, and how many stand on each side.
WIDTH, BESIDE = 120, 4
#: What steps may read or ask, one artifact each.
ROLES = ("lexicon", "classifier", "domain_classifier", "ngram_model", "scorer", "guard", "embedder")
#: What the address of a place calls the answers that are on the page.
ANALYSIS, PLAN = "analysis", "plan"


@dataclass(frozen=True)
class Asked:
    """What the form asks for."""

    recipe: str
    toml: str
    documents: int
    seed: int
    attempt: str
    assets: Mapping[str, str]  # digests by role

    def of(self) -> dict[str, Any]:
        """Return the recipe, as queries take it."""
        return {"toml": self.toml} if self.toml else {"recipe": self.recipe}


def tried(view: View) -> dict[str, Any]:
    """Return the form, the steps of the recipe, and, where they were asked for, the analysis and the estimate."""
    recipes = ask(view.session, "recipe.list", {})["recipes"]
    asked = _asked(view, [row["name"] for row in recipes])
    wanted = set(asked.assets)
    found: dict[str, Any] = {
        "asked": asked,
        "recipes": [
            {**row, "title": view.say(row["en"], row["zh"]), "on": row["name"] == asked.recipe} for row in recipes
        ],
        "sizes": [{"n": n, "on": n == asked.documents} for n in SIZES],
        "edit": bool(asked.toml) or "edit" in view.query,
        "toml": asked.toml or _toml(asked.recipe),
        "post": bool(asked.toml) or "edit" in view.query,
        "build": f"/p/{view.project}/do/corpus/build",
    }
    try:
        checked = ask(view.session, "recipe.lint", asked.of())
        found |= _checked(view, checked)
        wanted = {role for step in checked["steps"] for role in step["needs"]}
        asked = replace(asked, assets={role: one for role, one in asked.assets.items() if role in wanted})
        if "run" in view.query:
            found["analysis"] = _analysis(view, asked)
        if "plan" in view.query:
            found["plan"] = _plan(view, asked)
    except QuanhengError as error:  # shown beside the form, so that what was typed stays
        found["error"] = error
    found["assets"] = [_asset(view, role, asked.assets.get(role, "")) for role in ROLES if role in wanted]
    return found


def _checked(view: View, checked: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe that was found right: its title and its steps in words."""
    return {
        "title": view.say(checked["title"]["en"], checked["title"]["zh"]),
        "name": checked["name"],
        "steps": linted(view, checked),
        "labels": ", ".join(checked["labels"]),
    }


def _asked(view: View, names: Sequence[str]) -> Asked:
    recipe = view.query.get("recipe", "")
    size = number_of(view.query.get("documents", ""))
    return Asked(
        recipe if recipe in names else names[0] if "web-zh" not in names else "web-zh",
        view.query.get("_text.file", "").replace("\r\n", "\n").strip(),
        size if size in SIZES else FIRST_SIZE,
        number_of(view.query.get("seed", "")),
        view.query.get("attempt", "").strip(),
        {role: view.query[role] for role in ROLES if view.query.get(role)},
    )


def _toml(name: str) -> str:
    from quanheng.data.corpus import shipped

    return shipped()[name].read_text("utf-8")


def _asset(view: View, role: str, chosen: str) -> dict[str, Any]:
    """Return the artifacts that may be given for a role, with the one that is."""
    takes, name = marker(RecipeAssets.model_fields[role]), asset_name(view, role)
    name = re.sub(r"^(an?|the) ", "", name)
    assert isinstance(takes, Takes)  # noqa: S101 - so is each of ROLES declared
    rows = [row for kind in takes.kinds for row in titled(_newest(view, kind))]
    return {
        "role": role,
        "name": name[:1].upper() + name[1:],
        "choices": [
            {
                "digest": row["digest"],
                "title": " · ".join(
                    [*([row["title"]] if row["title"] else []), *row["names"][:1], row["digest"][7:19]]
                ),
                "on": row["digest"] == chosen,
            }
            for row in rows
        ],
    }


def _newest(view: View, kind: str) -> list[dict[str, Any]]:
    rows = ask(view.session, "artifact.list", {"kind": kind, "limit": OFFERED})["rows"]
    return [row for row in rows if not row["withdrawn"]]


def _data(view: View, asked: Asked) -> dict[str, Any]:
    return {"sources": [view.artifact.digest], "seed": asked.seed, **asked.of(), **asked.assets}


def _analysis(view: View, asked: Asked) -> dict[str, Any]:
    """Return the answer of corpus.analyze in words and drawings."""
    data = {**_data(view, asked), "documents": asked.documents, "attempt": asked.attempt}
    found = ask(view.session, "corpus.analyze", data)
    limits = _limits([*found["judges"], *([found["tried"]] if found["tried"] else [])])
    columns = [
        _column(view, place, column, limits, found["documents"]) for place, column in enumerate(found["columns"])
    ]
    return {
        "n": shown.count(found["documents"], f"{ANALYSIS}#/documents"),
        "broken": shown.count(found["broken_rows"], f"{ANALYSIS}#/broken_rows") if found["broken_rows"] else "",
        "attempt": _judge(view, found["tried"], "/tried") if found["tried"] else None,
        "judges": [_judge(view, judge, f"/judges/{place}") for place, judge in enumerate(found["judges"])],
        "width": max([FIELDS, *(len(column["bars"]) for column in columns)]) * FIELD,
        "numbers": [column for column in columns if column["bars"] and column["decides"]],
        "others": [column for column in columns if column["bars"] and not column["decides"]],
        "words": [column for column in columns if column["values"] and column["name"] not in NOTES],
    }


def _judge(view: View, judge: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Return what a condition takes of the sample, with documents on both sides."""
    place = f"{ANALYSIS}#{at}"
    reason = reason_name(judge["reason"]) if judge["reason"] else None
    k, n = judge["k"], judge["n"]
    drops = judge["does"] == "drop"
    does = Word(view.say("drops", "剔除"), "no") if drops else Word(view.say("lists", "列入复核"), "wait")
    return {
        "step": judge["step"],
        "title": view.say(reason.en, reason.zh) if reason else view.say("The condition to try", "试算的条件"),
        "does": does if reason else Word("", "na"),
        "expression": judge["expression"],
        "k": shown.count(k, f"{place}/k"),
        "n": shown.count(n, f"{place}/n"),
        "share": shown.share(k, n, f"{place}/k", f"{place}/n", places=1),
        "taken": [_document(view, row, f"{place}/taken/{i}") for i, row in enumerate(judge["taken"][:BESIDE])],
        "left": [_document(view, row, f"{place}/left/{i}") for i, row in enumerate(judge["left"][:BESIDE])],
        "open": at == "/tried",
    }


def _word(view: View, field: str, code: str) -> str:
    """Return what a code is called, "" where it has no word."""
    if code in ("True", "False"):
        return view.say("yes", "是") if code == "True" else view.say("no", "否")
    said = code_word(field, code)
    return view.say(said.en, said.zh) if said else ""


def _document(view: View, row: Mapping[str, Any], place: str) -> dict[str, Any]:
    values = [
        {"name": _word(view, "column", name) or name, "value": shown.quote(plain(value), f"{place}/values/{name}")}
        for name, value in row["values"].items()
        if name != "text"
    ]
    return {"text": shown.passage(row["excerpt"], f"{place}/excerpt", width=WIDTH), "values": values}


def plain(value: Any) -> str:
    """Return a value of a column as a text, a number without needless zeros.

    >>> plain("54.0000"), plain("0.2500"), plain(7), plain("zh-Hans"), plain(None)
    ('54', '0.25', '7', 'zh-Hans', '—')
    """
    if value is None:
        return "—"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    return f"{number.normalize():f}" if number.is_finite() else str(value)


def _limits(judges: Sequence[Mapping[str, Any]]) -> dict[str, list[Decimal]]:
    """Return by column the numbers that conditions compare it with, for the marks of its drawing."""
    found: dict[str, list[Decimal]] = {}
    for judge in judges:
        for node in ast.walk(ast.parse(judge["expression"].strip(), mode="eval")):
            if not isinstance(node, ast.Compare):
                continue
            for name, other in ((node.left, node.comparators[0]), (node.comparators[0], node.left)):
                if isinstance(name, ast.Name) and (value := _number(other)) is not None:
                    found.setdefault(name.id, []).append(value)
    return {name: sorted(set(values)) for name, values in found.items()}


def _number(node: ast.expr) -> Decimal | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return Decimal(repr(node.value))
    return None


def _column(
    view: View, place: int, column: Mapping[str, Any], limits: Mapping[str, Sequence[Decimal]], n: int
) -> dict[str, Any]:
    """Return one column: bars with the thresholds marked and quantiles, or its most frequent values."""
    at = f"{ANALYSIS}#/columns/{place}"
    bins = [(Decimal(low), Decimal(high), k) for low, high, k in column.get("bins", ())]
    highest = max((k for _, _, k in bins), default=0)
    quantiles = {share: (i, value) for i, (share, value) in enumerate(column.get("quantiles", ()))}
    return {
        "name": column["name"],
        "word": _word(view, "column", column["name"]),
        "bars": [_bar(i, k, highest) for i, (_, _, k) in enumerate(bins)],
        "ticks": _ticks(bins),
        "marks": _marks(bins, limits.get(column["name"], ())),
        "decides": column["name"] in limits,
        "quantiles": [
            {
                "name": view.say("median", "中位数")
                if share == 50
                else view.say(f"{share} % at most", f"{share}% 不超过"),
                "value": shown.quote(plain(quantiles[share][1]), f"{at}/quantiles/{quantiles[share][0]}/1"),
            }
            for share in TOLD
            if share in quantiles
        ],
        "values": [
            {
                "word": _word(view, column["name"], str(value)),
                "value": shown.quote(value, f"{at}/values/{i}/0"),
                "k": shown.count(k, f"{at}/values/{i}/1"),
                "share": shown.share(k, n, f"{at}/values/{i}/1", f"{ANALYSIS}#/documents", places=1),
            }
            for i, (value, k) in enumerate(column.get("values", ()))
        ],
        "table": [
            {"range": f"{plain(low)}–{plain(high)}", "k": shown.count(k, f"{at}/bins/{i}/2")}
            for i, (low, high, k) in enumerate(bins)
        ],
    }


def _bar(place: int, k: int, highest: int) -> dict[str, str]:
    height = max(1.0, k / highest * HEIGHT) if k else 0.0
    return {"x": str(place * FIELD), "y": f"{HEIGHT - height:.1f}", "height": f"{height:.1f}"}


def _ticks(bins: Sequence[tuple[Decimal, Decimal, int]]) -> list[dict[str, str]]:
    """Return the edges that are written under the bars: the first, some between, the last."""
    if not bins:
        return []
    edges = [low for low, _, _ in bins] + [bins[-1][1]]
    wanted = sorted({0, len(bins) // 3, 2 * len(bins) // 3, len(bins)})
    return [
        {
            "x": str(at * FIELD),
            "text": _short(edges[at]),
            "anchor": "start" if at == 0 else "end" if at == len(bins) else "middle",
        }
        for at in wanted
    ]


def _short(value: Decimal) -> str:
    """Return a number of an axis in few digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def _marks(bins: Sequence[tuple[Decimal, Decimal, int]], limits: Sequence[Decimal]) -> list[dict[str, str]]:
    """Return where thresholds stand among the bars; of those at one place each is written below the one before."""
    marks = [mark for limit in limits if (mark := _mark(bins, limit))]
    places = [mark["x"] for mark in marks]
    return [{**mark, "y": str(8 + 10 * places[:i].count(mark["x"]))} for i, mark in enumerate(marks)]


def _mark(bins: Sequence[tuple[Decimal, Decimal, int]], limit: Decimal) -> dict[str, str] | None:
    """Return where a threshold stands among the bars, at the edge where it lies beyond; None without bars."""
    if not bins:
        return None
    x, beyond = Decimal(0), limit < bins[0][0] or limit > bins[-1][1]
    if limit > bins[-1][1]:
        x = Decimal(len(bins))
    for place, (low, high, _) in enumerate(bins):
        if low <= limit <= high:
            x = place + ((limit - low) / (high - low) if high > low else Decimal("0.5"))
            break
    near_end = x * 2 > len(bins)
    return {
        "x": f"{x * FIELD:.1f}",
        "text": ("→ " if beyond and near_end else "← " if beyond else "") + plain(limit),
        "anchor": "end" if near_end else "start",
        "at": f"{x * FIELD + (-3 if near_end else 3):.1f}",
    }


def _plan(view: View, asked: Asked) -> dict[str, Any]:
    """Return the answer of corpus.plan: measured now, so that it differs a little each time."""
    found = ask(view.session, "corpus.plan", _data(view, asked))
    names = {
        "bytes": ("bytes of the source", "来源（字节）"),
        "sampled": ("of them built to measure", "其中试构建（字节）"),
        "documents": ("documents kept, about", "预计保留（条）"),
        "memory_bytes": ("memory of one process at most (bytes)", "单进程内存峰值（字节）"),
        "corpus_bytes": ("corpus on disk (bytes)", "语料占用磁盘（字节）"),
        "work_bytes": ("disk while building, corpus included (bytes)", "构建期间占用磁盘（字节，含语料）"),
        "work_stages_bytes": ("the same, rows after each segment kept", "同上，另留每段之后的全部行"),
        "work_all_bytes": ("the same, everything kept", "同上，全部保留"),
        "left_bytes": ("disk afterwards, corpus included (bytes)", "构建后占用磁盘（字节，含语料）"),
    }
    rows = [
        (
            view.say(*names[name]),
            shown.count(int(found[name]), f"{PLAN}#/{name}"),
            "" if name == "documents" else size_text(int(found[name])),
        )
        for name in names
    ]
    seconds = [
        ("cpu_s", ("processor time (s)", "处理器时间（秒）")),
        ("start_s", ("start-up of each process (s)", "每个进程的启动时间（秒）")),
    ]
    return {
        "rows": rows
        + [(view.say(*pair), shown.quote(str(found[name]), f"{PLAN}#/{name}"), "") for name, pair in seconds],
        "questions": [
            {
                "step": row["step"],
                "name": operator_name(view, row["use"]),
                "asset": asset_name(view, row["role"]),
                "documents": shown.count(row["documents"], f"{PLAN}#/questions/{place}/documents"),
                "at_most": shown.count(row["at_most"], f"{PLAN}#/questions/{place}/at_most"),
            }
            for place, row in enumerate(found["questions"])
        ],
    }
