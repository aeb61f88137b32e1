"""Recipes: how a corpus is made, as a TOML file; checked against the operators before a byte is read.

    name = "mine"
    title = { en = "My texts", zh = "我的文本" }
    labels = ["script"]

    [[steps]]
    use = "length"                 # an operator; other keys are its parameters

    [[steps]]
    drop = "characters < 4"        # a judge over the columns of the steps before; `review` lists instead of dropping
    reason = "too_short"

A plan cuts the steps into segments: per-document steps, then at most one that needs all documents.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from quanheng.data.corpus.expression import Expression
from quanheng.data.corpus.operator import Asset, CorpusStep, Editor, Operator, Tagger, make, operators, unknown
from quanheng.data.corpus.token_counts import TOKENIZER
from quanheng.errors import Invalid, NotFound, system_said
from quanheng.kinds.kind_words import reason, reason_en
from quanheng.kinds.recipes import Recipe, Step
from quanheng.kinds.toml_words import TomlFault, parse_toml
from quanheng.store.canonical import MAX_INTEGER, canonical_json

SUFFIX = ".toml"
#: A recipe is written by a person.
MOST_BYTES = 256 * 1024
MOST_STEPS = 200
_STEP_KEYS = ("use", "drop", "review", "reason", "optional")

#: Columns that every batch has: facts about the source, the place of the document, its text.
BASE_COLUMNS: dict[str, str] = {
    "text": "string",
    "url": "string",
    "licence_clear": "bool",
    "region": "string",
    "origin": "string",
    # Of text recognised in pictures of pages that of the least sure page; 1 elsewhere.
    "ocr_confidence": "float64",
}


#: Assets in Chinese.
_ASSETS = {
    "benchmarks": "测试题库",
    "classifier": "分类模型",
    "domain_classifier": "领域分类模型",
    "embedder": "嵌入模型",
    "guard": "安全护栏模型",
    "lexicon": "关键词库",
    "ngram_model": " n 元模型",
    "scorer": "评分模型",
}


@dataclass(frozen=True)
class ReadyStep:
    """A step with its place in the recipe: an operator, or the expression of a judge."""

    place: int
    step: Step
    operator: Operator | None = None
    expression: Expression | None = None


@dataclass(frozen=True)
class Segment:
    """Steps that run on one unit alone, and the step that needs all documents after them, if there is one."""

    steps: tuple[ReadyStep, ...]
    corpus: ReadyStep | None = None


@dataclass(frozen=True)
class Plan:
    """A recipe made ready. `skipped`: places of optional steps without their asset; `types`: columns at the end."""

    recipe: Recipe
    segments: tuple[Segment, ...]
    skipped: tuple[int, ...]
    types: Mapping[str, str]

    @property
    def operators(self) -> tuple[tuple[int, Operator], ...]:
        """Return the operators in order, each with the place of its step."""
        ready = [step for segment in self.segments for step in (*segment.steps, segment.corpus) if step]
        return tuple((step.place, step.operator) for step in ready if step.operator)

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels of the recipe that its steps gave."""
        return tuple(label for label in self.recipe.labels if label in self.types)


@cache
def shipped() -> Mapping[str, Path]:
    """Return the recipes that ship, by name."""
    folder = Path(str(files("quanheng.data.corpus"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*" + SUFFIX))}


def shipped_recipe(name: str) -> Recipe:
    """Return a recipe that ships; Invalid "unknown_word" names the nearest."""
    if name not in shipped():
        raise unknown("there is no recipe", "没有自带配方", name, shipped())
    return read_recipe(shipped()[name])


def read_recipe(path: Path) -> Recipe:
    """Return the recipe in a TOML file. Raises NotFound, or Invalid as `parse_recipe` does."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _bad(f"the file is larger than {MOST_BYTES} bytes", f"文件大于 {MOST_BYTES} 字节")
        return parse_recipe(path.read_bytes())
    except FileNotFoundError as error:
        names = ", ".join(shipped())
        raise NotFound(
            f"there is no recipe {str(path)!r}",
            f"找不到配方 {str(path)!r}",
            hint=(f"Name a TOML file, or one of: {names}", f"请写 TOML 文件的路径，或以下之一：{names}"),
            code="no_such_recipe",
        ) from error
    except OSError as error:
        why = system_said(error)
        raise _bad(f"{path} cannot be read: {why.en}", f"无法读取 {path}：{why.zh}") from error


def parse_recipe(text: str | bytes) -> Recipe:
    """Return the recipe that a TOML text holds, as it is or in UTF-8.

    Raises Invalid "bad_recipe", or "unknown_word" naming the nearest right key. Operators and expressions are checked
    by `plan`.
    """
    try:
        # Numbers stay as written: a recipe is part of an artifact, which holds no floats.
        data = parse_toml(text, str)
    except TomlFault as error:
        raise _bad(f"it is not TOML: {error.text.en}", f"不是有效的 TOML：{error.text.zh}") from error
    _known("a recipe has no key", "配方中不能写", data, Recipe.model_fields)
    steps = data.get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise _bad("it has no [[steps]]", "缺少 [[steps]]")
    if len(steps) > MOST_STEPS:
        raise _bad(f"more than {MOST_STEPS} steps", f"步骤超过 {MOST_STEPS} 个")
    try:
        # Through JSON, since the model is strict: a TOML array becomes a tuple only there.
        made = [_step(place, step) for place, step in enumerate(steps)]
        return Recipe.model_validate_json(canonical_json(_as_written({**data, "steps": made})))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        en, zh = _place_in(first["loc"])
        raise _bad(f"{en}{reason_en(first)}", f"{zh}{reason(first)}") from error
    except (TypeError, ValueError) as error:
        raise _bad(str(error), str(error)) from error


def _as_written(value: Any) -> Any:
    """Return what an artifact cannot hold as text, as fractions are: days, and numbers that are too large."""
    if isinstance(value, dict):
        return {key: _as_written(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_written(item) for item in value]
    is_kept = isinstance(value, str) or (isinstance(value, int) and abs(value) <= MAX_INTEGER)
    return value if is_kept else str(value)


def _place_in(loc: Sequence[str | int]) -> tuple[str, str]:
    """Return where in a recipe something is wrong, in English and Chinese; steps count from 1, as in every list.

    >>> _place_in(("steps", 0, "reason")), _place_in(("steps", 1)), _place_in(())
    (('step 1: reason: ', '第 1 步：reason：'), ('step 2: ', '第 2 步：'), ('', ''))
    """
    step = isinstance(loc[1], int) and loc[0] == "steps" if len(loc) > 1 else False
    field = ".".join(map(str, loc[2:] if step else loc))
    en, zh = (f"step {int(loc[1]) + 1}: ", f"第 {int(loc[1]) + 1} 步：") if step else ("", "")
    return (f"{en}{field}: ", f"{zh}{field}：") if field else (en, zh)


def _step(place: int, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step as its model has it: whatever is no key of a step is a parameter of its operator."""
    if "use" not in data:
        try:
            _known("a step has no key", "步骤中不能写", data, dict.fromkeys(_STEP_KEYS))
        except Invalid as error:
            raise _of_step(place, error) from error
    own = {key: value for key, value in data.items() if key in _STEP_KEYS}
    params = {key: value for key, value in data.items() if key not in _STEP_KEYS}
    return {**own, "params": params} if params else own


def _known(en: str, zh: str, data: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for key in data:
        if key not in known:
            raise unknown(en, zh, key, known)


def plan(recipe: Recipe, assets: Mapping[str, Asset]) -> Plan:
    """Return the recipe made ready with the assets given: {"lexicon": ..., "classifier": ...}.

    Raises Invalid for an operator, parameter, column or expression that does not exist, "asset_missing" for a step
    that is not optional, and "asset_unused" for an asset that no step reads.
    """
    types, lost = dict(BASE_COLUMNS), set[str]()
    segments: list[Segment] = []
    ready: list[ReadyStep] = []
    skipped: list[int] = []
    used: set[str] = set()
    for place, step in enumerate(recipe.steps):
        try:
            made = _ready(place, step, assets, types, lost)
        except Invalid as error:
            raise _of_step(place, error) from error
        if made is None:
            skipped.append(place)
            continue
        used.update(made.operator.given if made.operator else ())
        if isinstance(made.operator, CorpusStep):
            segments.append(Segment(tuple(ready), made))
            ready = []
        else:
            ready.append(made)
    # The tokenizer is no step's: it counts, and changes nothing.
    _check_rest(recipe, types, lost, set(assets) - used - {TOKENIZER})
    # Also where nothing is left to do: the last segment takes the verdicts and hashes the texts.
    segments.append(Segment(tuple(ready)))
    return Plan(recipe, tuple(segments), tuple(skipped), types)


def _ready(
    place: int, step: Step, assets: Mapping[str, Asset], types: dict[str, str], lost: set[str]
) -> ReadyStep | None:
    """Return the step made ready, None when it is passed over; `types` and `lost` columns are brought up to date."""
    if step.use is None:
        text = step.drop if step.drop is not None else step.review or ""
        if _names(text) & lost:
            return None
        return ReadyStep(place, step, expression=Expression(text, types))
    made = make(step.use, step.params, assets)
    gives = made.gives if isinstance(made, Tagger | Editor) else ()
    missing = [role for role in made.needs if role not in assets]
    if missing and not step.optional:
        raise Invalid(
            f"{step.use} needs a {missing[0]}, and none is given",
            f"{step.use} 需要{_ASSETS.get(missing[0], f' {missing[0]}')}，但没有提供",
            hint=(
                f"Name one with --{missing[0].replace('_', '-')}, or write `optional = true` in the step.",
                f"请用 --{missing[0].replace('_', '-')} 指定，或在该步骤中写 optional = true。",
            ),
            code="asset_missing",
        )
    if missing:
        lost.update(name for name, _ in gives if name not in types)
        return None
    types.update(gives)
    lost.difference_update(name for name, _ in gives)
    return ReadyStep(place, step, operator=made)


def _of_step(place: int, error: Invalid) -> Invalid:
    """Return the error with the step that it is of, counted from 1."""
    said = (f"step {place + 1}: {error.text.en}", f"第 {place + 1} 步：{error.text.zh}")
    return Invalid(*said, hint=error.hint, code=error.code)


def _names(text: str) -> set[str]:
    try:
        return {node.id for node in ast.walk(ast.parse(text.strip(), mode="eval")) if isinstance(node, ast.Name)}
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return set()  # told by Expression


def _check_rest(recipe: Recipe, types: Mapping[str, str], lost: set[str], unused: set[str]) -> None:
    for label in recipe.labels:
        if label not in types and label not in lost:
            raise unknown("labels: this recipe has no column", "labels：此配方没有列", label, types)
    if unused:
        name = min(unused)
        takers = [op for op, cls in operators().items() if name in cls.assets]
        raise Invalid(
            f"no step of the recipe {recipe.name} reads the {name} that is given",
            f"配方 {recipe.name} 中没有步骤使用所提供的 {name}",
            hint=(
                f"Add a step that does ({', '.join(takers)}), or leave it out.",
                f"请加入会用到它的步骤（{'、'.join(takers)}），或不要提供。",
            ),
            code="asset_unused",
        )


def _bad(en: str, zh: str) -> Invalid:
    names = ", ".join(shipped())
    return Invalid(
        f"this is no recipe: {en}",
        f"不是有效的配方：{zh}",
        hint=(f"Recipes that ship show how: {names}", f"可参考自带的配方：{names}"),
        code="bad_recipe",
    )
