"""Expressions of a recipe's judges over the columns of a batch: `characters < 4 or symbol_share > 0.5`.

Names of columns, numbers, texts in quotes; `< <= > >= == !=`, `in [...]`, `and or not`, `+ - * /`. Nothing else: no
calls, no attributes, so that a recipe from elsewhere can do no harm.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quanheng.data.corpus.arrow import to_arrow, to_numpy
from quanheng.data.corpus.operator import Batch, unknown
from quanheng.errors import Invalid

if TYPE_CHECKING:
    import numpy as np

#: An expression is a line of a recipe, not a program.
MOST_CHARACTERS = 500
_COMPARE = {ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal"}
_EQUAL = {ast.Eq: "equal", ast.NotEq: "not_equal"}
_ARITHMETIC = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}
_NUMBERS = ("int64", "float64")


class Expression:
    """A checked expression. `columns`: the columns it asks for, in order of appearance."""

    def __init__(self, text: str, types: Mapping[str, str]) -> None:
        """Raise Invalid "bad_expression" or "unknown_word" unless `text` is a condition over columns of `types`."""
        self.text = text
        self.columns: tuple[str, ...] = ()
        if len(text) > MOST_CHARACTERS:
            raise _bad(text[:80], f"longer than {MOST_CHARACTERS} characters", f"超过 {MOST_CHARACTERS} 个字符")
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise _bad(text, "it cannot be read", "无法解析") from error
        if self._type(self._tree, types) != "bool":
            raise _bad(text, "it is no condition", "它不是一个条件")

    def _type(self, node: ast.expr, types: Mapping[str, str]) -> str:
        """Return the type of a node: "bool", "number", "text" or "texts"."""
        if isinstance(node, ast.Name):
            return self._column(node.id, types)
        if isinstance(node, ast.Constant) and not isinstance(node.value, bool):
            if isinstance(node.value, int | float):
                return "number"
            if isinstance(node.value, str):
                return "text"
        if isinstance(node, ast.List) and node.elts and all(self._type(item, types) == "text" for item in node.elts):
            return "texts"
        if isinstance(node, ast.BoolOp):
            self._all(node.values, "bool", types)
            return "bool"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            wanted = "bool" if isinstance(node.op, ast.Not) else "number"
            self._all([node.operand], wanted, types)
            return wanted
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            self._all([node.left, node.right], "number", types)
            return "number"
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self._comparison(node, types)
        raise _bad(self.text, "it uses something that expressions do not have", "使用了表达式不支持的写法")

    def _comparison(self, node: ast.Compare, types: Mapping[str, str]) -> str:
        left, right = self._type(node.left, types), self._type(node.comparators[0], types)
        kind = type(node.ops[0])
        is_number = kind in _COMPARE and left == right == "number"
        is_equal = kind in _EQUAL and left == right and left in ("number", "text")
        is_member = kind is ast.In and left == "text" and right == "texts" and isinstance(node.comparators[0], ast.List)
        is_label = kind is ast.In and left == "text" and right == "texts" and isinstance(node.left, ast.Constant)
        if not (is_number or is_equal or is_member or is_label):
            raise _bad(self.text, "it compares things that cannot be compared", "比较的双方类型不符")
        return "bool"

    def _all(self, nodes: list[ast.expr], wanted: str, types: Mapping[str, str]) -> None:
        if any(self._type(node, types) != wanted for node in nodes):
            what = ("conditions", "条件") if wanted == "bool" else ("numbers", "数值")
            raise _bad(self.text, f"it joins things that are no {what[0]}", f"运算的对象不是{what[1]}")

    def _column(self, name: str, types: Mapping[str, str]) -> str:
        if name not in types:
            raise unknown("this step has no column", "此步骤没有列", name, types)
        if name not in self.columns:
            self.columns = (*self.columns, name)
        kind = types[name]
        return "number" if kind in _NUMBERS else {"bool": "bool", "string": "text", "strings": "texts"}[kind]

    def holds(self, batch: Batch) -> np.ndarray[Any, Any]:
        """Return for each document whether the condition holds. A division by zero makes it false."""
        import numpy as np

        value = _value(self._tree, batch)
        if not hasattr(value, "to_numpy"):  # a condition over constants only
            return np.full(len(batch), bool(value.as_py()) if hasattr(value, "as_py") else bool(value))
        return to_numpy(value.fill_null(_constant(False)))


def _value(node: ast.expr, batch: Batch) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(node, ast.Name):
        return batch.column(node.id)
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.List):
        return [item.value for item in node.elts if isinstance(item, ast.Constant)]
    if isinstance(node, ast.BoolOp):
        combine = pc.and_ if isinstance(node.op, ast.And) else pc.or_
        value = _value(node.values[0], batch)
        for item in node.values[1:]:
            value = combine(value, _value(item, batch))
        return value
    if isinstance(node, ast.UnaryOp):
        operand = _value(node.operand, batch)
        return pc.invert(operand) if isinstance(node.op, ast.Not) else pc.negate(operand)
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, batch), _value(node.right, batch)
        if isinstance(node.op, ast.Div):
            left, right = pc.cast(left, pa.float64()), pc.cast(right, pa.float64())
        return getattr(pc, _ARITHMETIC[type(node.op)])(left, right)
    if isinstance(node, ast.Compare):
        return _compared(node, batch)
    raise AssertionError(f"not checked: {ast.dump(node)}")


def _constant(value: Any) -> Any:
    """Return a constant as an Arrow scalar; `pyarrow.scalar` would import pandas."""
    import pyarrow as pa

    kinds = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    return to_arrow([value], kinds[type(value)])[0]


def _compared(node: ast.Compare, batch: Batch) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    right_node, kind = node.comparators[0], type(node.ops[0])
    if kind is not ast.In:
        name = _COMPARE.get(kind) or _EQUAL[kind]
        return getattr(pc, name)(_value(node.left, batch), _value(right_node, batch))
    if isinstance(right_node, ast.List):
        return pc.is_in(_value(node.left, batch), value_set=to_arrow(_value(right_node, batch), pa.string()))
    wanted = node.left.value if isinstance(node.left, ast.Constant) else ""
    return to_arrow([wanted in labels for labels in _value(right_node, batch).to_pylist()], pa.bool_())


def _bad(text: str, en: str, zh: str) -> Invalid:
    return Invalid(
        f"the expression {text!r}: {en}",
        f"表达式 {text!r}：{zh}",
        hint=(
            "Example: characters < 4 or symbol_share > 0.5",
            "示例：characters < 4 or symbol_share > 0.5",
        ),
        code="bad_expression",
    )
