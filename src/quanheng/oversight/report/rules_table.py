"""The table of rules: value and n, the interval against its threshold, the verdict, and why."""

from __future__ import annotations

from quanheng.kinds.oversight import Floor, Result, Rule, Threshold
from quanheng.oversight.report import drawings
from quanheng.oversight.report.blocks import Family, RuleRow, mark
from quanheng.oversight.report.drawings import TONES, Drawing
from quanheng.oversight.report.words import Tongue, number, percent

FAMILIES = ("COR", "ASS", "BNK")


def families(rules: dict[str, Rule], results: tuple[Result, ...], tongue: Tongue) -> tuple[Family, ...]:
    """Return every result as a row, under the family of its rule."""
    found = []
    for family in (*FAMILIES, *sorted({_family(r) for r in results} - set(FAMILIES))):
        rows = tuple(_row(rules[r.rule], r, tongue) for r in results if _family(r) == family)
        if rows:
            found.append(Family(tongue(f"family_{family}" if family in FAMILIES else "family_other"), rows))
    return tuple(found)


def heads(tongue: Tongue) -> tuple[str, ...]:
    """Return the heads of the table's four columns."""
    return tuple(tongue(key) for key in ("rule", "measured", "interval", "verdict"))


def _family(result: Result) -> str:
    return result.rule.split("-", 1)[0]


def _row(rule: Rule, result: Result, tongue: Tongue) -> RuleRow:
    measured, of = _measured(result)
    drawing, bar, below = _figure(rule, result, tongue)
    return RuleRow(
        id=rule.id,
        title=tongue.say(rule.title),
        clause=f"{rule.clause} · {tongue.say(rule.threshold)}",
        measured=measured,
        of=of,
        drawing=drawing,
        bar=bar,
        below=below,
        verdict=mark(tongue(result.verdict), TONES[result.verdict]),
        tone=drawings.tone(result),
        tags=_tags(rule, result, tongue),
        reasons=_reasons(result, tongue),
    )


def _measured(result: Result) -> tuple[str, str]:
    """Return the share, and k of n; a count alone when there is no share."""
    if result.k is None:
        return "—", ""
    if result.n is None or result.value is None:
        return number(result.k.value), ""
    return percent(result.value), f"{number(result.k.value)} / {number(result.n.value)}"


def _figure(rule: Rule, result: Result, tongue: Tongue) -> tuple[Drawing | None, float | None, str]:
    """Return the drawing or the bar of a result, and the line below it."""
    if isinstance(result.recommended, Floor):
        return drawings.stock(result, result.recommended, tongue), None, ""
    if not isinstance(rule.test, Threshold) or result.value is None:
        return None, None, ""
    drawn = drawings.interval(result, rule.test, tongue)
    if drawn is None or result.bound is None:
        return None, float(result.value), tongue("exhaustive")
    return drawn, None, f"{tongue(result.bound.side)} {percent(result.bound.value)}"


def _reasons(result: Result, tongue: Tongue) -> tuple[str, ...]:
    """Return notes and details as short lines; what only repeats the tag beside the verdict is left out."""
    hidden = {"thin_margin", "below_recommended", "missing_evidence"}
    notes = [note.zh if tongue.zh else note.en for note in result.notes if note.code not in hidden]
    return tuple(dict.fromkeys([*notes, *(tongue.say(detail) for detail in result.details)]))


def _tags(rule: Rule, result: Result, tongue: Tongue) -> tuple[str, ...]:
    tags = []
    if result.has("thin_margin"):
        tags.append(tongue("thin_margin"))
        if result.required_k is not None:
            at_most = rule.test is not None and rule.test.form == "at_most"
            tags.append(tongue("needs_at_most" if at_most else "needs", n=number(result.required_k)))
    if result.has("below_recommended"):
        tags.append(tongue("below_recommended"))
    if rule.force == "warn":
        tags.append(tongue("warn"))
    return tuple(tags)
