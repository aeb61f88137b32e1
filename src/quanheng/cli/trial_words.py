"""`quanheng corpus analyze`, `plan` and `histogram`: what a build would do and cost, how long documents are.

Everything that the answer of `analyze` holds beside (all quantiles, bins, documents of every condition): --json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from quanheng.cli.answer import cell
from quanheng.cli.caller import Caller
from quanheng.cli.text import clip, pairs, table
from quanheng.core.sizes import size_text
from quanheng.kinds.code_words import NOTES, code_word, with_code
from quanheng.kinds.counting import counted

Data = Mapping[str, Any]
#: Documents shown on each side of the condition that is tried.
MOST_SHOWN = 3
#: Values of a column of words that are shown, the most frequent first.
MOST_VALUES = 6
_QUANTILES: Mapping[int, tuple[str, str]] = {
    0: ("min", "最小"),
    5: ("5 %", "5 %"),
    50: ("median", "中位数"),
    95: ("95 %", "95 %"),
    100: ("max", "最大"),
}
_DOES = {"drop": ("drop", "剔除"), "review": ("review", "列入复核")}
_PLAN: Mapping[str, tuple[str, str]] = {
    "bytes": ("size of the sources", "来源大小"),
    "sampled": ("of these, built to measure", "其中试构建"),
    "documents": ("documents expected to stay", "预计保留（条）"),
    "cpu_s": ("processor time, all in all", "处理器时间合计"),
    "start_s": ("start-up of each process", "每个进程启动"),
    "memory_bytes": ("memory of one process, at most", "单个进程内存峰值"),
    "corpus_bytes": ("size of the corpus", "语料大小"),
    "work_bytes": ("disk while building, --keep final", "构建期间磁盘（--keep final）"),
    "work_stages_bytes": ("disk while building, --keep stages", "构建期间磁盘（--keep stages）"),
    "work_all_bytes": ("disk while building, --keep all", "构建期间磁盘（--keep all）"),
    "left_bytes": ("disk afterwards, --keep final", "构建后磁盘（--keep final）"),
}
_HOUR_S = 3600
#: Columns of a line that is not on a terminal: no condition is longer.
_ENDLESS = 10_000


def analysis(caller: Caller, answer: Data) -> None:
    """Write the analysis: the condition that was tried, with documents; one line per condition, one per column."""
    n, broken = answer["documents"], answer["broken_rows"]
    caller.tell(f"Sample: {counted(n, 'documents')}", f"样本：{n:,} 条")
    if broken:
        caller.tell(f"Rows that could not be read: {broken:,}", f"读不出的行：{broken:,}")
    if answer["tried"]:
        _tried(caller, answer["tried"])
    _conditions(caller, answer["judges"])
    _numbers(caller, [column for column in answer["columns"] if column.get("quantiles")])
    _words(caller, [column for column in answer["columns"] if column.get("values") and column["name"] not in NOTES])
    caller.print()
    caller.tell(
        "All quantiles, histograms, and documents of every condition: --json",
        "全部分位数、直方图和各条件的示例文档：--json",
    )


def _tried(caller: Caller, tried: Data) -> None:
    caller.print()
    share = _share(tried["k"], tried["n"])
    caller.tell(f"Tried: {tried['expression']}", f"试算条件：{tried['expression']}")
    caller.tell(f"  holds for {share}", f"  符合 {share}")
    for side, title in (("taken", ("It holds:", "符合：")), ("left", ("It does not hold:", "不符合："))):
        if tried[side]:
            caller.print("  " + caller.say(title))
        for one in tried[side][:MOST_SHOWN]:
            values = ", ".join(f"{name}={_plain(cell(caller, value))}" for name, value in one["values"].items())
            _line(caller, "    " + "  ".join(filter(None, (values, cell(caller, one["excerpt"])))))


def _conditions(caller: Caller, judges: Sequence[Data]) -> None:
    """Write one line per condition; on a terminal a long condition goes on below itself, since it is to be read."""
    from quanheng.kinds.drop_reasons import reason_name

    if not judges:
        return
    caller.print()
    caller.tell("Conditions of the recipe, each on the whole sample", "配方的各个条件（均按全部样本计）")
    head = [caller.say(one) for one in (("step", "步骤"), ("does", "处理"), ("holds for", "符合"))]
    left = table(head, [(f"{x['step']}", caller.say(_DOES[x["does"]]), _share(x["k"], x["n"])) for x in judges])
    right = [caller.say(("condition", "条件"))]
    for one in judges:
        said = reason_name(one["reason"] or "")
        right.append(one["expression"] + (caller.say((f" ({said.en})", f"（{said.zh}）")) if one["reason"] else ""))
    for line in pairs(zip(left, right, strict=True), caller.columns if caller.on_terminal else _ENDLESS, most=60):
        caller.print(line)


def _numbers(caller: Caller, columns: Sequence[Data]) -> None:
    rows = []
    for column in columns:
        at = dict(column["quantiles"])
        rows.append((column["name"], *(_plain(at[share]) for share in _QUANTILES), _meaning(caller, column["name"])))
    head = (("column", "列"), *_QUANTILES.values(), ("what it says", "含义"))
    _table(caller, ("Columns of numbers", "数值列"), head, rows)


def _meaning(caller: Caller, column: str) -> str:
    """Return what a column says, "" for one of an operator that somebody else brought."""
    said = code_word("column", column)
    return caller.say((said.en, said.zh)) if said else ""


def _words(caller: Caller, columns: Sequence[Data]) -> None:
    rows = []
    for column in columns:
        values = column["values"]
        shown = [f"{_value(caller, column, value)} {n:,}" for value, n in values[:MOST_VALUES]]
        said = caller.say((", ", "、")).join([*shown, *(["…"] if len(values) > MOST_VALUES else [])])
        rows.append((column["name"], _meaning(caller, column["name"]), cell(caller, said)))
    head = (("column", "列"), ("what it says", "含义"), ("most frequent values", "最常见的取值"))
    _table(caller, ("Columns of words", "文字列"), head, rows)


def _value(caller: Caller, column: Data, value: str) -> str:
    """Return a value of a column as its word; those that conditions are written with stand behind it."""
    if column["type"] == "bool":
        return cell(caller, value == "True")
    field = "script" if column["name"] == "language" else column["name"]
    return with_code(field, value, caller.language) if value else "—"


def _table(
    caller: Caller, title: tuple[str, str], head: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]]
) -> None:
    if rows:
        caller.print()
        caller.tell(*title)
        for line in table([caller.say(one) for one in head], rows):
            _line(caller, "  " + line)


def _line(caller: Caller, text: str) -> None:
    """Write one line; on a terminal no longer than it is wide."""
    caller.print(clip(text, caller.columns) if caller.on_terminal else text)


def _share(k: int, n: int) -> str:
    return f"{_percent(k, n)} ({k:,}/{n:,})" if n else "—"


def _percent(k: int, n: int) -> str:
    return f"{Decimal(k) * 100 / n:.2f} %"


def _plain(number: str) -> str:
    """Return a decimal text without the zeros at its end; another text as it is.

    >>> _plain("12.5000"), _plain("300.0000"), _plain("0.0000"), _plain("a.b0")
    ('12.5', '300', '0', 'a.b0')
    """
    return number.rstrip("0").rstrip(".") if number.partition(".")[2].isdigit() else number


def plan(caller: Caller, answer: Data) -> None:
    """Write what a build would cost, sizes and times in units that people read."""
    rows = []
    for name, words in _PLAN.items():
        value = answer[name]
        if name.endswith("_s"):
            said = _time(caller, value)
        else:
            said = f"{value:,}" if name == "documents" else size_text(value)
        rows.append((caller.say(words), said))
    for line in pairs(rows, caller.columns, indent=0, most=40):
        caller.print(line)
    caller.tell(
        "Measured now on this machine, on a sample, and carried forward by size.",
        "在本机对一份样本试构建测得，再按来源大小推算。",
    )


def _time(caller: Caller, seconds: float) -> str:
    """Return seconds of one processor; from an hour on as core hours."""
    if seconds >= _HOUR_S:
        hours = f"{seconds / _HOUR_S:,.1f}"
        return caller.say((f"{hours} core hours", f"{hours} 核时"))
    if seconds < 0.1:
        return caller.say(("less than 0.1 s", "不足 0.1 秒"))
    return caller.say((f"{seconds:,.1f} s", f"{seconds:,.1f} 秒"))


#: Cells of the bar of the longest row of a histogram.
_BAR = 24


def histogram(caller: Caller, answer: Data) -> None:
    """Write how long the documents of a corpus are, from the shortest to the longest, with quantiles."""
    n = answer["documents"]
    caller.tell(
        f"{counted(n, 'documents')}, {counted(answer['characters'], 'characters')}",
        f"{n:,} 条，共 {answer['characters']:,} 字",
    )
    bins = sorted(answer["bins"], key=lambda part: part["low"])
    highest = max((part["documents"] for part in bins), default=0)
    rows = [
        (
            f"{part['low']:,}" if part["low"] == part["high"] else f"{part['low']:,}–{part['high']:,}",
            f"{part['documents']:,}",
            _percent(part["documents"], n),
            f"{part['characters']:,}",
            "█" * -(-part["documents"] * _BAR // highest),
        )
        for part in bins
    ]
    head = (("length", "长度（字）"), ("documents", "条数"), ("share", "占比"), ("characters", "字数"), ("", ""))
    _table(caller, ("By length", "按长度"), head, rows)
    quantiles = sorted(answer["quantiles"], key=lambda part: Decimal(part["k"]) / part["n"])
    _table(
        caller,
        ("Quantiles: so many per cent of the documents are at most so long", "分位数：相应百分比的文档不超过此长度"),
        (("share", "比例"), ("characters", "字数")),
        [(_share_name(caller, part), f"{part['characters']:,}") for part in quantiles],
    )


def _share_name(caller: Caller, part: Data) -> str:
    share = 100 * part["k"] // part["n"]
    return caller.say({**_QUANTILES, 0: ("shortest", "最短"), 100: ("longest", "最长")}.get(share, (f"{share} %",) * 2))
