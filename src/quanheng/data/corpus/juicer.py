"""Recipes of Data-Juicer (YAML, version 1) as ours: each operator mapped, approximated with the difference, or refused.

An operator is *mapped* when the same documents go or the same text changes, *approximated* when the difference can be
said, and *refused* by name otherwise. Data-Juicer's defaults are those of release 1.6.1; its own documentation is the
source of what each operator does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from quanheng.errors import Invalid
from quanheng.kinds.base import Say
from quanheng.kinds.recipes import Recipe, Step

How = Literal["mapped", "approximated", "refused"]
#: A recipe is written by a person.
MOST_BYTES = 256 * 1024


@dataclass(frozen=True)
class Note:
    """What became of one operator of the other recipe."""

    operator: str
    how: How
    difference: Say = Say(en="", zh="")  # noqa: RUF009 - frozen


@dataclass
class _Made:
    """The recipe so far."""

    steps: list[Step] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def use(self, name: str, **params: Any) -> None:
        """Add an operator, once where it has no parameters."""
        step = Step(use=name, params=params)
        if params or step not in self.steps:
            self.steps.append(step)

    def judge(self, expression: str, reason: str) -> None:
        """Add a judge that drops."""
        if expression:
            self.steps.append(Step(drop=expression, reason=reason))


@dataclass(frozen=True)
class Imported:
    """Our recipe, and a note per operator of the other, in its order."""

    recipe: Recipe
    notes: tuple[Note, ...]

    @property
    def refused(self) -> tuple[str, ...]:
        """Return the operators that have no place in ours."""
        return tuple(note.operator for note in self.notes if note.how == "refused")


Params = Mapping[str, Any]
_Maker = Callable[[_Made, Params], Note | None]


def _number(value: Any) -> str:
    """Return a number of YAML as an expression has it."""
    try:
        return format(Decimal(str(value)).normalize(), "f")
    except ArithmeticError as error:
        raise _bad(f"{str(value)[:80]!r} is no number", f"{str(value)[:80]!r} 不是数字") from error


def _between(column: str, params: Params, low: str, high: str, *, least: Any = None, most: Any = None) -> str:
    """Return the condition under which Data-Juicer drops: outside [low, high]."""
    parts = []
    if (bottom := params.get(low, least)) is not None:
        parts.append(f"{column} < {_number(bottom)}")
    if (top := params.get(high, most)) is not None and Decimal(_number(top)) < Decimal(10**12):
        parts.append(f"{column} > {_number(top)}")
    return " or ".join(parts)


def _length(made: _Made, params: Params) -> None:
    made.use("length")
    made.judge(_between("characters", params, "min_len", "max_len", least=10), "too_short")


def _special(made: _Made, params: Params) -> Note:
    made.use("symbols")
    made.judge(_between("symbol_share", params, "min_ratio", "max_ratio", least=0, most=0.25), "mostly_symbols")
    return _about(
        "special_characters_filter",
        "it counts digits and blanks as special, symbol_share does not; the threshold is taken over",
        "其特殊字符包括数字和空白，symbol_share 不包括；阈值照搬",
    )


def _alphanumeric(made: _Made, params: Params) -> Note:
    made.use("symbols")
    least = Decimal(_number(params.get("min_ratio", "0.25")))
    made.judge(f"symbol_share > {format(1 - least, 'f')}", "mostly_symbols")
    return _about(
        "alphanumeric_filter",
        "the share of letters and digits is taken as 1 less the share of symbols; max_ratio is not asked",
        "以 1 减去符号比例代替字母与数字的比例；不检查 max_ratio",
    )


def _repetition(made: _Made, params: Params) -> Note:
    made.use("repetition")
    made.judge(f"repetition > {_number(params.get('max_ratio', '0.5'))}", "repetitive")
    size = params.get("rep_len", 10)
    return _about(
        "character_repetition_filter",
        f"pieces are of 8 characters, not {size}, of the first 20,000; only texts of 64 characters or more are asked",
        f"片段长 8 字而非 {size} 字，只看前 2 万字，且只检查不少于 64 字的文本",
    )


def _language(made: _Made, params: Params) -> Note:
    lang = params.get("lang", "")
    if lang not in ("zh", ["zh"], ""):
        return Note("language_id_score_filter", "refused")
    made.use("script")
    made.judge("script == 'other'", "not_chinese")
    return _about(
        "language_id_score_filter",
        "the script rule decides in place of fastText's score: short comments stay",
        "由文字规则判定，不用 fastText 得分：短评不会丢失",
    )


def _line_length(made: _Made, params: Params) -> None:
    made.use("lines")
    made.judge(_between("mean_line_length", params, "min_len", "max_len", least=10), "list_like")


def _personal(made: _Made, params: Params) -> Note:
    made.use("personal_data")
    return _about(
        "personal data (clean_email, clean_ip, pii_redaction)",
        "more types are found, also beside Han and in full-width digits; the placeholder is 〔手机号〕 and the like",
        "识别的类型更多，汉字相邻与全角写法也能识别；占位符为〔手机号〕等",
    )


def _email(made: _Made, params: Params) -> Note:
    made.use("personal_data", types=["email"])
    return _about("clean_email_mapper", "the placeholder is 〔电子邮箱〕", "占位符为〔电子邮箱〕")


def _ip(made: _Made, params: Params) -> Note:
    made.use("personal_data", types=["ipv4", "ipv6"])
    return _about("clean_ip_mapper", "the placeholder is 〔IP地址〕", "占位符为〔IP地址〕")


def _normalise(made: _Made, params: Params) -> Note:
    made.use("normalise")
    return _about(
        "fix_unicode_mapper, whitespace_normalization_mapper",
        "NFC, LF and no invisible characters; blanks inside of a line stay as they are",
        "统一为 NFC 与 LF、去除不可见字符；行内空白保持原样",
    )


def _punctuation(made: _Made, params: Params) -> Note:
    made.use("normalise", punctuation="chinese")
    return _about(
        "punctuation_normalization_mapper",
        "marks between Han become full-width; Data-Juicer makes full-width marks half-width",
        "汉字之间的标点改为全角；Data-Juicer 则把全角标点改为半角",
    )


def _simplify(made: _Made, params: Params) -> Note | None:
    if params.get("mode", "s2t") not in ("t2s", "tw2s", "hk2s", "tw2sp"):
        return Note("chinese_convert_mapper", "refused")
    made.use("normalise", form="simplified")
    return None


def _html(made: _Made, params: Params) -> Note:
    made.use("extract")
    return _about("clean_html_mapper", "the main text is taken, not all text", "只取正文，而非全部文字")


def _exact(made: _Made, params: Params) -> Note | None:
    folds = bool(params.get("lowercase") or params.get("ignore_non_character"))
    made.use("deduplicate_exact", **({"view": "folded"} if folds else {}))
    if not folds:
        return None
    return _about(
        "document_deduplicator", "width, punctuation and blanks are also set aside", "同时忽略全半角、标点和空白"
    )


def _minhash(made: _Made, params: Params) -> Note:
    threshold = _number(params.get("jaccard_threshold", "0.7"))
    made.use("deduplicate_near", threshold=threshold)
    how = params.get("tokenization", "space")
    return _about(
        "document_minhash_deduplicator",
        f"5-character pieces in place of tokenization {how!r}; every pair is checked, so none goes by an estimate",
        f"以连续五字为单位，而非 {how!r} 切分；每对都精确验证，不凭估计剔除",
    )


def _lexicon(made: _Made, params: Params) -> Note:
    made.steps.append(Step(use="lexicon", optional=True))
    made.steps.append(Step(review="for_review", reason="risk_terms"))
    return _about(
        "flagged_words_filter",
        "words come from a lexicon that you give, and a document with hits is listed for review, not dropped",
        "词语来自所提供的关键词库；命中的文档列入待复核，不直接剔除",
    )


def _perplexity(made: _Made, params: Params) -> Note:
    made.steps.append(Step(use="perplexity", optional=True))
    made.judge(f"perplexity > {_number(params.get('max_ppl', 1500))}", "high_perplexity")
    return _about(
        "perplexity_filter",
        "perplexity is of a model that you give, per character; the threshold means something else there",
        "困惑度由所提供的模型按字计算，阈值的含义不同，须重新确定",
    )


def _about(operator: str, en: str, zh: str) -> Note:
    return Note(operator, "approximated", Say(en=en, zh=zh))


_MAKERS: dict[str, _Maker] = {
    "text_length_filter": _length,
    "special_characters_filter": _special,
    "alphanumeric_filter": _alphanumeric,
    "character_repetition_filter": _repetition,
    "language_id_score_filter": _language,
    "average_line_length_filter": _line_length,
    "flagged_words_filter": _lexicon,
    "perplexity_filter": _perplexity,
    "pii_redaction_mapper": _personal,
    "clean_email_mapper": _email,
    "clean_ip_mapper": _ip,
    "fix_unicode_mapper": _normalise,
    "whitespace_normalization_mapper": _normalise,
    "punctuation_normalization_mapper": _punctuation,
    "chinese_convert_mapper": _simplify,
    "clean_html_mapper": _html,
    "document_deduplicator": _exact,
    "ray_document_deduplicator": _exact,
    "document_minhash_deduplicator": _minhash,
    "ray_bts_minhash_deduplicator": _minhash,
}


def import_recipe(text: str, name: str) -> Imported:
    """Return the recipe of a Data-Juicer YAML as ours, named `name`, with a note per operator.

    Raises Invalid "bad_recipe" for what is no such YAML, and "nothing_mapped" when no operator has a place in ours.
    """
    made = _Made()
    for operator, params in _operators(text):
        maker = _MAKERS.get(operator)
        note = maker(made, params) if maker else Note(operator, "refused")
        how, said = (note.how, note.difference) if note else ("mapped", Say(en="", zh=""))
        made.notes.append(Note(operator, how, said))
    if not made.steps:
        names = ", ".join(note.operator for note in made.notes)
        raise Invalid(
            f"none of its operators has a place in our recipes: {names[:500]}",
            f"其中没有可以对应的算子：{names[:500]}",
            hint=(
                "Write a recipe by hand; `quanheng recipe list` shows operators.",
                "请手写配方；算子见 quanheng recipe list",
            ),
            code="nothing_mapped",
        )
    title = Say(en=f"{name}, from Data-Juicer", zh=f"{name}（由 Data-Juicer 配方转换）")
    return Imported(Recipe(name=name, title=title, steps=tuple(made.steps)), tuple(made.notes))


def _operators(text: str) -> list[tuple[str, Params]]:
    """Return name and parameters of each operator in the list `process`."""
    import yaml

    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise _bad(f"it is larger than {MOST_BYTES} bytes", f"大于 {MOST_BYTES} 字节")
    try:
        # No aliases: a few lines could otherwise mean gigabytes.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise _bad("it has aliases (*name)", "含有别名引用（*name）")
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        en, zh = _fault(text, error)
        raise _bad(f"it is not YAML: {en}", f"不是有效的 YAML：{zh}") from error
    process = data.get("process") if isinstance(data, dict) else None
    if not isinstance(process, list):
        raise _bad("it has no list `process`", "缺少 process 列表")
    found: list[tuple[str, Params]] = []
    for item in process:
        if isinstance(item, str):
            found.append((item, {}))
        elif isinstance(item, dict) and len(item) == 1:
            [(operator, params)] = item.items()
            found.append((str(operator), params if isinstance(params, dict) else {}))
        else:
            raise _bad(
                f"an entry of `process` is no operator: {str(item)[:80]}", f"process 中有一项不是算子：{str(item)[:80]}"
            )
    return found


#: What PyYAML says of the faults that people make, as it begins, in Chinese.
_FAULTS = {
    "found character '\\t'": "用了制表符，YAML 的缩进只能用空格",
    "mapping values are not allowed here": "这里不能再写冒号：可能是缩进不对，或文本须加引号",
    "could not find expected ':'": "键的后面缺少冒号",
    "expected <block end>": "缩进与上文不一致",
    "expected ',' or": "括号没有闭合，或缺少逗号",
    "found unexpected end of stream": "引号没有闭合",
}


def _fault(text: str, error: Exception) -> tuple[str, str]:
    """Return where a text is no YAML, what is wrong, and the line, in English and Chinese."""
    said, mark = str(getattr(error, "problem", None) or error)[:200], getattr(error, "problem_mark", None)
    zh = next((zh for en, zh in _FAULTS.items() if said.startswith(en)), f"写法不对（{said}）")
    if mark is None:
        return said, zh
    row, column = mark.line + 1, mark.column + 1
    line = next(iter(text.split("\n")[mark.line : row]), "").strip()[:80]
    return (
        f"line {row}, column {column}: {said}; the line is: {line}",
        f"第 {row} 行第 {column} 列：{zh}；该行为：{line}",
    )


def recipe_text(recipe: Recipe) -> str:
    """Return a recipe as TOML, which `recipe.parse_recipe` reads back to the same recipe."""
    lines = [
        f"name = {_toml(recipe.name)}",
        f"title = {{ en = {_toml(recipe.title.en)}, zh = {_toml(recipe.title.zh)} }}",
    ]
    if recipe.labels:
        lines.append(f"labels = {_toml(list(recipe.labels))}")
    lines += [f"{name} = {getattr(recipe, name)}" for name in ("shard_bytes", "row_group_rows")]
    for step in recipe.steps:
        lines += ["", "[[steps]]"]
        said = {"use": step.use, "drop": step.drop, "review": step.review, "reason": step.reason, **step.params}
        lines += [f"{name} = {_toml(value)}" for name, value in said.items() if value is not None]
        lines += ["optional = true"] if step.optional else []
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    import json

    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    # A basic string of TOML has the escapes of JSON, but for the solidus, which JSON need not escape, and DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _bad(en: str, zh: str) -> Invalid:
    return Invalid(
        f"this is no recipe of Data-Juicer: {en}",
        f"不是有效的 Data-Juicer 配方：{zh}",
        hint=("Its YAML has a list `process` of operators.", "其 YAML 中应有 process 列表，逐项列出算子。"),
        code="bad_recipe",
    )
