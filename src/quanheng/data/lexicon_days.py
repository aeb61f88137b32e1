"""The day on which terms of a keyword library count. Verbs are told it, or ask the clock once and record the answer.

An engine is given a date, never the clock: the same inputs and the same `as_of` give the same bytes on every day.
"""

from __future__ import annotations

from datetime import date

from quanheng.core import clock
from quanheng.core.inputs import param
from quanheng.errors import Invalid
from quanheng.kinds.recipes import Recipe

TODAY = "today"
#: The parameter of verbs and queries that look for terms.
AS_OF: str = param(
    "",
    "Day on which terms of the keyword library count, YYYY-MM-DD or today (UTC): those that had expired are not looked "
    "for. Left out, all are",
    "按哪一天判断词条是否有效：YYYY-MM-DD 或 today（当天，UTC），已过有效期的词不参与查找；不填则全部参与",
    pattern=r"^(|today|[0-9]{4}-[0-9]{2}-[0-9]{2})$",
)


def day_of(text: str, lexicon: str | None) -> str:
    """Return the day that `as_of` means, "" for none; what asks the clock is recorded as the date it gave.

    Raises Invalid "no_such_day", or "as_of_unused" where no lexicon is given for it.
    """
    if not text:
        return ""
    if not lexicon:
        raise _unused("no keyword library is given", "没有指定关键词库")
    if text == TODAY:
        return clock.now().date().isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise Invalid(
            f"there is no day {text}",
            f"没有 {text} 这一天",
            hint=("Write YYYY-MM-DD, or today.", "请写 YYYY-MM-DD 或 today。"),
            code="no_such_day",
        ) from error


def dated(recipe: Recipe, day: str) -> Recipe:
    """Return the recipe with this day in its steps that look for terms; the recipe itself where `day` is ""."""
    if not day:
        return recipe
    if all(step.use != "lexicon" for step in recipe.steps):
        raise _unused(f"the recipe {recipe.name} looks for no terms", f"配方 {recipe.name} 不查找词条")
    steps = tuple(
        step.model_copy(update={"params": {**step.params, "as_of": day}}) if step.use == "lexicon" else step
        for step in recipe.steps
    )
    return recipe.model_copy(update={"steps": steps})


def _unused(en: str, zh: str) -> Invalid:
    return Invalid(
        f"as_of says when terms count, but {en}",
        f"as_of 用于判断词条是否有效，但{zh}",
        hint=(
            "Name a keyword library with --lexicon, or leave as_of out.",
            "请用 --lexicon 指定关键词库，或不填 as_of。",
        ),
        code="as_of_unused",
    )
