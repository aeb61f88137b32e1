"""The table of rules: value and n, the interval against its threshold, the verdict, and why."""

from __future__ import annotations

from quanheng.kinds.oversight import Floor, Result, Rule, Threshold
from quanheng.oversight.report.figures import interval, share_bar, stock_bar, tone
from quanheng.oversight.report.html import Html, el, join
from quanheng.oversight.report.words import Tongue, number, percent

FAMILIES = ("COR", "ASS", "BNK")


def rules_table(rules: dict[str, Rule], results: tuple[Result, ...], tongue: Tongue) -> Html:
    """Return every result as a row, under the family of its rule."""
    bodies = []
    families = [*FAMILIES, *sorted({_family(r) for r in results} - set(FAMILIES))]
    for family in families:
        rows = [_row(rules[r.rule], r, tongue) for r in results if _family(r) == family]
        if rows:
            key = f"family_{family}" if family in FAMILIES else "family_other"
            head = el("tr", el("th", tongue(key), colspan=4, scope="rowgroup"), class_="family")
            bodies.append(el("tbody", head, rows))
    heads = [el("th", tongue(key), scope="col") for key in ("rule", "measured", "interval", "verdict")]
    columns = el("colgroup", [el("col", class_=f"c{i}") for i in range(1, 5)])
    return el("table", columns, el("thead", el("tr", heads)), bodies, class_="rules")


def verdict_mark(result: Result, tongue: Tongue) -> Html:
    """Return the verdict as a word with a mark: colour alone says nothing."""
    mark = {"conforms": "ok", "fails": "no", "pending": "wait", "not_applicable": "na"}[result.verdict]
    return el("span", tongue(result.verdict), class_=f"v {mark}")


def _family(result: Result) -> str:
    return result.rule.split("-", 1)[0]


def _row(rule: Rule, result: Result, tongue: Tongue) -> Html:
    """Return the row of one rule, and a second one with the reasons, which needs the width."""
    reasons = _reasons(result, tongue)
    title = el(
        "td",
        el("span", tongue.say(rule.title), class_="rt"),
        el("span", f"{rule.clause} · {tongue.say(rule.threshold)}", class_="cl"),
        el("span", rule.id, class_="id"),
        rowspan=2 if reasons else None,
        class_="what",
    )
    first = el(
        "tr",
        title,
        el("td", _measured(result), class_="num"),
        el("td", _figure(rule, result, tongue), class_="fig"),
        el("td", verdict_mark(result, tongue), _tags(rule, result, tongue), class_="vd"),
        id=rule.id,
        class_="has-more" if reasons else None,
    )
    return join([first, el("tr", el("td", reasons, colspan=3), class_="more") if reasons else None])


def _measured(result: Result) -> Html:
    """Return the share on one line and k of n below; a count alone when there is no share."""
    if result.k is None:
        return el("span", "—", class_="big")
    if result.n is None or result.value is None:
        return el("span", number(result.k.value), class_="big")
    return el(
        "span",
        el("span", percent(result.value), class_="big"),
        el("span", f"{number(result.k.value)} / {number(result.n.value)}", class_="kn"),
    )


def _figure(rule: Rule, result: Result, tongue: Tongue) -> Html | None:
    threshold = rule.test
    if isinstance(result.recommended, Floor):
        return stock_bar(result, result.recommended, tongue)
    if not isinstance(threshold, Threshold):
        return None
    drawn = interval(result, threshold, tongue)
    if drawn or result.value is None:
        return _with_bound(drawn, result, tongue) if drawn else None
    exhaustive = el("span", tongue("exhaustive"), class_="cl")
    return el("span", share_bar(float(result.value), class_=tone(result)), exhaustive)


def _with_bound(drawn: Html, result: Result, tongue: Tongue) -> Html:
    if result.bound is None:
        return drawn
    side = tongue(result.bound.side)
    return el("span", drawn, el("span", f"{side} {percent(result.bound.value)}", class_="bound"))


def _reasons(result: Result, tongue: Tongue) -> Html | None:
    """Return notes and details as short lines; what only repeats the tag beside the verdict is left out."""
    hidden = {"thin_margin", "below_recommended", "missing_evidence"}
    notes = [note.zh if tongue.zh else note.en for note in result.notes if note.code not in hidden]
    lines = [*notes, *(tongue.say(detail) for detail in result.details)]
    return el("ul", [el("li", line) for line in dict.fromkeys(lines)], class_="why") if lines else None


def _tags(rule: Rule, result: Result, tongue: Tongue) -> list[Html]:
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
    return [el("span", tag, class_="tag") for tag in tags]
