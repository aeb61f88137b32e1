"""The arithmetic of an assessment, computed a second time from what lies in a bundle.

Every count that can be reached is counted again; values, exact bounds and verdicts must follow from the counts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Protocol

from quanheng.errors import NotFound, Text
from quanheng.store.canonical import JSON
from quanheng.store.exact_bound import exact_bound

KIND = "assessment/v1"
VERDICTS = ("conforms", "fails", "not_applicable", "pending")
#: Values are rounded to six decimals; a bound may also differ by what two ways of computing it differ in.
VALUE_UNIT = Decimal("0.000001")
BOUND_TOLERANCE = 2e-6


class Evidence(Protocol):
    """The way to what the counts were taken from."""

    def config(self, digest: str) -> JSON:
        """Return the config of an artifact; NotFound when there is no such artifact here."""
        ...

    def rows(self, digest: str, layer: str) -> Iterable[bytes] | Text:
        """Return the lines of a JSONL layer, or why they rightly cannot be read; NotFound when it does not exist."""
        ...


@dataclass(frozen=True)
class Problem:
    """What does not follow, and for which rule."""

    rule: str
    text: Text


@dataclass
class Finding:
    """What came out: the problems, how many counts were counted again, and why others were not."""

    problems: list[Problem] = field(default_factory=list)
    results: int = 0
    recomputed: int = 0
    not_recomputed: dict[Text, int] = field(default_factory=dict)


class _Wrong(Exception):
    """Something in one result does not follow; caught where the result is known."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.text = Text(en, zh)


@dataclass(frozen=True)
class _Count:
    rule: str
    artifact: str
    layer: str | None
    pointer: str | None
    where: dict[str, JSON]
    value: int


def check_assessment(config: JSON, evidence: Evidence) -> Finding:
    """Return what is wrong with the results of an assessment, and how much of it was computed again.

    config: the config of the assessment. Nothing is raised for a wrong assessment: every problem is in the finding.
    """
    finding = Finding()
    results = config.get("results") if isinstance(config, dict) else None
    if not isinstance(config, dict) or not isinstance(results, list):
        finding.problems.append(Problem("", Text("the assessment has no results", "评估没有结果列表")))
        return finding
    counts: list[_Count] = []
    for number, result in enumerate(results):
        name = str(result.get("rule", f"#{number}")) if isinstance(result, dict) else f"#{number}"
        try:
            counts += _check_result(name, _object(result))
        except _Wrong as wrong:
            finding.problems.append(Problem(name, wrong.text))
    finding.results = len(results)
    _check_sums(config, results, finding)
    _recount(counts, evidence, finding)
    return finding


def required_verdicts(form: str, num: int, den: int, min_n: int | None, k: int, n: int) -> tuple[str, ...]:
    """Return the verdicts that k of n allows under a threshold num/den; all of them for the form "none".

    At n = 0 nothing was measured. Below `min_n` it is pending, or fails when even the far end of the exact 95 %
    interval misses the threshold; otherwise the integers decide: k * den against num * n.
    """
    if form == "none":
        return VERDICTS
    if n == 0:
        return ("pending", "not_applicable")
    passes = k * den >= num * n if form == "at_least" else k * den <= num * n
    if min_n is None or n >= min_n:
        return ("conforms",) if passes else ("fails",)
    far = exact_bound(k, n, "upper" if form == "at_least" else "lower")
    misses = far < num / den if form == "at_least" else far > num / den
    return ("pending", "fails") if misses and not passes else ("pending",)


def overall_verdict(results: list[dict[str, JSON]]) -> str:
    """Return the verdict that the results add up to: a decisive failure fails, what is open leaves it pending.

    A failure that is not decisive leaves it pending too. Rules of force "warn" never count.
    """
    binding = [result for result in results if result.get("force") != "warn"]
    if any(result.get("verdict") == "fails" and result.get("decisive") is True for result in binding):
        return "fails"
    if any(result.get("verdict") in ("fails", "pending") for result in binding):
        return "pending"
    return "conforms" if any(result.get("verdict") == "conforms" for result in binding) else "not_applicable"


def _check_result(name: str, result: dict[str, JSON]) -> list[_Count]:
    """Return the counts of one result; _Wrong when its numbers or its verdict do not follow from them."""
    verdict = result.get("verdict")
    if verdict not in VERDICTS:
        raise _Wrong(f"{verdict!r} is not a verdict", f"{verdict!r} 不是结论")
    k, k_counts = _total(name, result.get("k"))
    n, n_counts = _total(name, result.get("n"))
    test = _object(result.get("test"))
    form, den = test.get("form"), _integer(test.get("den"))
    if form not in ("at_least", "at_most", "none") or den < 1:
        raise _Wrong(f"the test {form!r}/{den} is unknown", f"判定方式 {form!r}/{den} 未知")
    if k is not None and n is not None:
        _check_numbers(result, k, n)
    elif result.get("value") is not None or result.get("bound") is not None:
        raise _Wrong("it has a value or a bound without k and n", "没有 k 和 n 却有数值或置信限")
    if k is None or n is None:
        allowed = required_verdicts(str(form), 0, den, None, 0, 0)
    else:
        min_n = None if test.get("min_n") is None else _integer(test.get("min_n"))
        allowed = required_verdicts(str(form), _integer(test.get("num")), den, min_n, k, n)
    if verdict not in allowed:
        raise _Wrong(
            f"the verdict is {verdict}, but k = {k} of n = {n} gives {' or '.join(allowed)}",
            f"结论为 {verdict}，但 k = {k}、n = {n} 应得 {'或'.join(allowed)}",
        )
    return k_counts + n_counts


def _check_numbers(result: dict[str, JSON], k: int, n: int) -> None:
    value, bound = result.get("value"), result.get("bound")
    if n == 0:
        if value is not None or bound is not None:
            raise _Wrong("it has a value or a bound although n is 0", "n 为 0 却有数值或置信限")
        return
    if value is not None:
        expected = _rounded(Fraction(k, n))
        if _decimal(value) != expected:
            raise _Wrong(f"its value is {value}, but {k}/{n} = {expected}", f"数值为 {value}，但 {k}/{n} = {expected}")
    if bound is None:
        return
    stated = _object(bound)
    side = stated.get("side")
    if side not in ("lower", "upper") or stated.get("confidence") != "0.95" or k > n:
        raise _Wrong("its bound is not a one-sided 95 % bound on a share", "置信限不是比率的单侧95%置信限")
    exact = exact_bound(k, n, str(side))
    if abs(float(_decimal(stated.get("value"))) - exact) > BOUND_TOLERANCE:
        raise _Wrong(
            f"its {side} bound is {stated.get('value')}, the exact one of {k}/{n} is {exact:.6f}",
            f"{'下' if side == 'lower' else '上'}限为 {stated.get('value')}，{k}/{n} 的精确值为 {exact:.6f}",
        )


def _check_sums(config: dict[str, JSON], results: list[JSON], finding: Finding) -> None:
    """Compare the tally and the overall verdict with the results they sum up, where the assessment has them."""
    rows = [result for result in results if isinstance(result, dict)]
    tally = config.get("tally")
    if isinstance(tally, dict):
        for verdict in VERDICTS:
            found = sum(row.get("verdict") == verdict for row in rows)
            if tally.get(verdict) != found:
                text = Text(
                    f"the tally says {tally.get(verdict)} {verdict}, the results have {found}",
                    f"汇总中 {verdict} 为 {tally.get(verdict)}，结果中为 {found}",
                )
                finding.problems.append(Problem("", text))
    overall = config.get("overall")
    if overall is not None and overall != (follows := overall_verdict(rows)):
        text = Text(
            f"the overall verdict is {overall}, but {follows} follows from the results",
            f"总体结论为 {overall}，但由各项结果应得 {follows}",
        )
        finding.problems.append(Problem("", text))


def _total(rule: str, value: JSON) -> tuple[int | None, list[_Count]]:
    if value is None:
        return None, []
    total = _object(value)
    listed = total.get("counts")
    if not isinstance(listed, list):
        raise _Wrong("a number has no counts", "数字没有计数来源")
    counts = [_count(rule, item) for item in listed]
    number = _integer(total.get("value"))
    if sum(count.value for count in counts) != number:
        raise _Wrong(f"its counts do not add up to {number}", f"各项计数之和不等于 {number}")
    return number, counts


def _count(rule: str, value: JSON) -> _Count:
    item = _object(value)
    layer, pointer, where = item.get("layer"), item.get("pointer"), _object(item.get("where"))
    if isinstance(layer, str) == isinstance(pointer, str) or (pointer is not None and where):
        raise _Wrong("a count names neither rows nor a number of a config", "计数既未指明数据行，也未指明配置中的数字")
    return _Count(
        rule,
        str(item.get("artifact")),
        layer if isinstance(layer, str) else None,
        pointer if isinstance(pointer, str) else None,
        where,
        _integer(item.get("value")),
    )


def _recount(counts: list[_Count], evidence: Evidence, finding: Finding) -> None:
    """Count again whatever can be reached; each layer is read once for all its counts."""
    groups: dict[tuple[str, str | None], list[_Count]] = defaultdict(list)
    for count in counts:
        groups[count.artifact, count.layer].append(count)
    for (artifact, layer), group in groups.items():
        try:
            _compare(group, _numbers(evidence, artifact, layer, group), finding)
        except _Wrong as wrong:
            finding.problems.append(Problem(group[0].rule, wrong.text))
        except NotFound as error:
            finding.problems.append(Problem(group[0].rule, error.text))


def _numbers(evidence: Evidence, artifact: str, layer: str | None, group: list[_Count]) -> list[int] | Text:
    if layer is None:
        config = evidence.config(artifact)
        return [_number_at(config, count.pointer or "") for count in group]
    rows = evidence.rows(artifact, layer)
    return rows if isinstance(rows, Text) else _count_rows(rows, [count.where for count in group])


def _compare(counts: list[_Count], numbers: list[int] | Text, finding: Finding) -> None:
    if isinstance(numbers, Text):
        finding.not_recomputed[numbers] = finding.not_recomputed.get(numbers, 0) + len(counts)
        return
    finding.recomputed += len(counts)
    for count, number in zip(counts, numbers, strict=True):
        if number != count.value:
            place = count.layer if count.layer is not None else count.pointer
            text = Text(
                f"a count says {count.value}, but {place} of {count.artifact} gives {number}",
                f"计数为 {count.value}，但 {count.artifact} 的 {place} 得到 {number}",
            )
            finding.problems.append(Problem(count.rule, text))


def _count_rows(lines: Iterable[bytes], wheres: list[dict[str, JSON]]) -> list[int]:
    found = [0] * len(wheres)
    for number, row in enumerate(_rows(lines), 1):
        if not isinstance(row, dict):
            raise _Wrong(f"row {number} of a layer is not an object", f"数据层第 {number} 行不是对象")
        for index, where in enumerate(wheres):
            # 1 and true are different values in JSON, though Python calls them equal.
            found[index] += all(type(row.get(key)) is type(want) and row[key] == want for key, want in where.items())
    return found


def _rows(lines: Iterable[bytes]) -> Iterator[JSON]:
    try:
        for line in lines:
            yield json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _Wrong(f"a row of a layer is not JSON: {error}", f"数据层中有一行不是 JSON：{error}") from error


def _number_at(config: JSON, pointer: str) -> int:
    """Return the integer, or the length of the list or object, at a JSON pointer (RFC 6901)."""
    value = config
    if pointer and not pointer.startswith("/"):
        raise _Wrong(f"{pointer!r} is not a JSON pointer", f"{pointer!r} 不是 JSON 指针")
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise _Wrong(f"there is nothing at {pointer}", f"{pointer} 处没有内容")
    if isinstance(value, (list, dict)):
        return len(value)
    return _integer(value)


def _object(value: JSON) -> dict[str, JSON]:
    if not isinstance(value, dict):
        raise _Wrong("a part of the result is missing", "结果缺少一部分")
    return value


def _integer(value: JSON) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Wrong(f"{value!r} is not a count", f"{value!r} 不是计数")
    return value


def _decimal(value: JSON) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise _Wrong(f"{value!r} is not a decimal number", f"{value!r} 不是十进制数")
    return number


def _rounded(share: Fraction) -> Decimal:
    """Return the share to six decimals, halves to even; exact, since it never passes through a float."""
    return Decimal(round(share / Fraction(VALUE_UNIT))) * VALUE_UNIT
