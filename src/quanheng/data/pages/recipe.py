"""A recipe as pages show it: its steps in words, what each took of a corpus, and the recipe as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from quanheng.core import shown
from quanheng.core.pages import View
from quanheng.core.shown import Word
from quanheng.kinds.base import Say
from quanheng.kinds.corpora import Corpus, CorpusV2, FunnelStep
from quanheng.kinds.drop_reasons import reason_name
from quanheng.kinds.recipes import Recipe

#: What operators are called; one that is not here goes by its own name.
OPERATORS = {
    "common_characters": Say(en="Everyday characters", zh="常用字比例"),
    "decontaminate": Say(en="Test items looked for", zh="查找评测题目"),
    "deduplicate_exact": Say(en="Exact duplicates dropped", zh="去除完全重复"),
    "deduplicate_lines": Say(en="Boilerplate lines taken out", zh="去除重复套话行"),
    "deduplicate_near": Say(en="Copies and near duplicates dropped", zh="去除重复与近似重复"),
    "deduplicate_semantic": Say(en="Documents of the same meaning dropped", zh="去除语义重复"),
    "deduplicate_substring": Say(en="Repeated passages taken out", zh="去除重复段落"),
    "domain": Say(en="Domain", zh="领域"),
    "educational_value": Say(en="Educational value, by a model", zh="教育价值评分（模型）"),
    "extract": Say(en="Text of web pages", zh="提取网页正文"),
    "guard": Say(en="Risks, by a guard model", zh="风险判定（安全护栏模型）"),
    "language": Say(en="Language", zh="语种"),
    "length": Say(en="Length", zh="长度"),
    "lexicon": Say(en="Keywords looked for", zh="关键词查找"),
    "lines": Say(en="Lines", zh="行的统计"),
    "normalise": Say(en="Characters and blanks normalised", zh="规范字符与空白"),
    "perplexity": Say(en="Perplexity", zh="困惑度"),
    "personal_data": Say(en="Personal data masked", zh="遮盖个人信息"),
    "quality_classifier": Say(en="Quality score", zh="质量评分"),
    "repair_mojibake": Say(en="Wrong encodings mended", zh="修复乱码"),
    "repetition": Say(en="Repetition", zh="重复比例"),
    "risk_classifier": Say(en="Risk score", zh="风险评分"),
    "script": Say(en="Script", zh="文字"),
    "symbols": Say(en="Symbols and digits", zh="符号与数字"),
}
#: What the asset of an operator is called.
ASSETS = {
    "benchmarks": Say(en="test sets", zh="测试题库"),
    "classifier": Say(en="a classifier", zh="分类模型"),
    "domain_classifier": Say(en="a domain classifier", zh="领域分类模型"),
    "embedder": Say(en="an embedding model", zh="嵌入模型"),
    "guard": Say(en="the endpoint of a guard model", zh="安全护栏模型的端点"),
    "key": Say(en="a key", zh="密钥"),
    "language_model": Say(en="a language model", zh="语种模型"),
    "lexicon": Say(en="a keyword library", zh="关键词库"),
    "ngram_model": Say(en="an n-gram model", zh="n 元模型"),
    "scorer": Say(en="an endpoint that scores", zh="评分模型的端点"),
}


def operator_name(view: View, name: str) -> str:
    """Return what an operator is called."""
    known = OPERATORS.get(name)
    return view.say(known.en, known.zh) if known else name


def asset_name(view: View, role: str) -> str:
    """Return what the asset of an operator is called."""
    known = ASSETS.get(role)
    return view.say(known.en, known.zh) if known else role


def said_params(params: Mapping[str, Any]) -> str:
    """Return the parameters of a step in one line; a list as its length where it is long, empty ones not at all."""
    found = []
    for name, value in params.items():
        if isinstance(value, list | tuple):
            text = ", ".join(map(str, value)) if len(value) <= 3 else f"({len(value)})"
        elif isinstance(value, dict):
            text = ", ".join(f"{key}: {item}" for key, item in value.items())
        else:
            text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        if text:
            found.append(f"{name} = {text}")
    return "; ".join(found)


def recipe_of(view: View, model: Corpus) -> dict[str, Any]:
    """Return the recipe of a corpus: title, steps in words with what each took, and where its file is."""
    assert isinstance(model.recipe, Recipe)  # noqa: S101 - asked for those only
    recipe = model.recipe
    taken = {place: index for index, place in funnel_places(model).items()}
    skipped = set(model.skipped) if isinstance(model, CorpusV2) else set()
    rows = [_step(view, model, place, taken.get(place), place in skipped) for place in range(len(recipe.steps))]
    lang = "zh" if view.language == "zh" else "en"
    asked = urlencode({"corpus": view.artifact.digest})
    return {
        "name": recipe.name,
        "title": shown.quote(getattr(recipe.title, lang), f"/recipe/title/{lang}"),
        "rows": rows,
        "skipped": list(dict.fromkeys(row["what"] for row in rows if row["skipped"])),
        "labels": ", ".join(recipe.labels),
        "file": f"/p/{view.project}/get/recipe/export?{asked}",
    }


def _step(view: View, model: Corpus, place: int, index: int | None, skipped: bool) -> dict[str, Any]:
    step, at = model.recipe.steps[place], f"/recipe/steps/{place}"  # type: ignore[union-attr]  # recipe_of has asked
    row = {"step": place + 1, "skipped": skipped, "optional": step.optional, "does": _does(view, step)}
    if step.use:
        row |= {"what": operator_name(view, step.use), "name": step.use, "how": said_params(step.params), "code": True}
    else:
        name = reason_name(step.reason or "")
        field = "drop" if step.drop is not None else "review"
        said = shown.quote(getattr(step, field), f"{at}/{field}", tag="code")
        row |= {"what": _as_title(view.say(name.en, name.zh)), "name": "", "how": said}
    return {**row, "took": _took(view, model.funnel[index], index) if index is not None else ""}


def _as_title(text: str) -> str:
    return text[:1].upper() + text[1:]


def _does(view: View, step: Any) -> Word | None:
    """Return what a judge does with what its condition holds of, None for an operator."""
    if step.use:
        return None
    return (
        Word(view.say("drops", "剔除"), "no") if step.drop is not None else Word(view.say("lists", "列入复核"), "wait")
    )


def _took(view: View, step: FunnelStep, index: int) -> Any:
    """Return how many documents a step took, or, where it only edits, how many characters."""
    from django.utils.html import format_html

    at = f"/funnel/{index}"
    fewer = step.characters_before - step.characters_after
    if step.documents_before != step.documents_after:
        n = shown.count(step.documents_before - step.documents_after, f"{at}/documents_before - {at}/documents_after")
        return format_html(view.say("−{} documents", "−{} 条", n), n)
    if not fewer:
        return view.say("nothing", "无")
    n = shown.count(
        abs(fewer),
        f"{at}/characters_{'before' if fewer > 0 else 'after'} - {at}/characters_{'after' if fewer > 0 else 'before'}",
    )
    return format_html(view.say("{}{} characters", "{}{} 字", n), "−" if fewer > 0 else "+", n)


def funnel_places(model: Corpus) -> dict[int, int]:
    """Return by place in the funnel the place of the recipe's step that it tells of, for steps of a recipe."""
    if not isinstance(model.recipe, Recipe):
        return {}
    found: dict[int, int] = {}
    next_ = 1
    for place, step in enumerate(model.recipe.steps):
        told = _told(step)
        if next_ < len(model.funnel) and told and _same(told, model.funnel[next_]):
            found[next_] = place
            next_ += 1
    return found


def _told(step: Any) -> tuple[str, str | None] | None:
    """Return how a funnel tells of a step: its word, and the reason where that says more; None for a silent one."""
    from quanheng.data.corpus.operator import CorpusStep, Editor, operators

    if step.use is None:
        return ("drop", step.reason) if step.drop is not None else None
    if step.use in ("personal_data", "lexicon"):
        return ("mask" if step.use == "personal_data" else "filter", None)
    made = operators().get(step.use)
    if made is None:
        return None
    if issubclass(made, CorpusStep):
        return "deduplicate", None
    return ("edit", step.use) if issubclass(made, Editor) else None


def _same(told: tuple[str, str | None], step: FunnelStep) -> bool:
    return told[0] == step.step and (told[1] is None or told[1] == step.reason)


def linted(view: View, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of a recipe as `recipe.lint` answers them, in words, with the columns each gives."""
    rows = []
    for step in found["steps"]:
        reason = step["reason"] or {"en": "", "zh": ""}
        told = operator_name(view, step["use"]) if step["use"] else _as_title(view.say(reason["en"], reason["zh"]))
        rows.append(
            {
                "step": step["step"],
                "what": told,
                "name": step["use"] or "",
                "does": _lint_does(view, step),
                "how": step["drop"] or step["review"] or said_params(step["params"]),
                "code": True,
                "columns": list(step["columns"]),
                "needs": _needs(view, step["needs"], step["optional"]),
                "needs_all": step["needs_all"],
            }
        )
    return rows


def _lint_does(view: View, step: Mapping[str, Any]) -> Word | None:
    if step["use"]:
        return None
    return Word(view.say("drops", "剔除"), "no") if step["drop"] else Word(view.say("lists", "列入复核"), "wait")


def _needs(view: View, roles: Sequence[str], optional: bool) -> str:
    """Return what a step reads beside the text, "" for nothing."""
    if not roles:
        return ""
    names = view.say(", ", "、").join(asset_name(view, role) for role in roles)
    if optional:
        return view.say(f"with {names}, if given", f"如提供{names}")
    return view.say(
        f"may use {names}" if roles == ["key"] else f"needs {names}",
        f"可用{names}" if roles == ["key"] else f"需要{names}",
    )
