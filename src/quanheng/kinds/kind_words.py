"""Words for people: the names of kinds in Chinese, and why a field does not fit its model, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Kinds as GLOSSARY.md calls them, without version.
KIND_WORDS: Mapping[str, str] = {
    "*": "制品",
    "assessment": "评估",
    "benchmark": "测试题库",
    "classifier": "分类模型",
    "corpus": "训练数据",
    "endpoint": "端点",
    "export": "导出",
    "files": "文件",
    "key": "密钥",
    "lexicon": "关键词库",
    "mix": "配比",
    "model": "模型",
    "ngram_model": "n 元模型",
    "responses": "回答",
    "rulepack": "规则包",
    "sample": "样本",
    "sample_commitment": "抽样承诺",
    "source": "来源",
    "tokenizer": "分词器",
    "verdicts": "判定结论",
}
#: What pydantic's error types mean, in English and Chinese, with the limits it tells of (its `ctx`).
_REASONS: Mapping[str, tuple[str, str]] = {
    "missing": ("it is missing", "缺少这一项"),
    "extra_forbidden": ("there is no such field", "没有这一项"),
    "json_invalid": ("it is not JSON", "不是有效的 JSON"),
    "int_parsing": ("it should be a whole number", "应为整数"),
    "int_type": ("it should be a whole number", "应为整数"),
    "int_from_float": ("it should be a whole number", "应为整数"),
    "bool_parsing": ("it should be true or false", "应为 true 或 false"),
    "bool_type": ("it should be true or false", "应为 true 或 false"),
    "string_type": ("it should be a text", "应为文本"),
    "list_type": ("it should be a list", "应为列表"),
    "tuple_type": ("it should be a list", "应为列表"),
    "dict_type": ("it should hold names with values", "应为键值对"),
    "model_type": ("it should hold names with values", "应为键值对"),
    "model_attributes_type": ("it should hold names with values", "应为键值对"),
    "string_pattern_mismatch": ("its form is wrong: it should match {pattern}", "格式不对，应符合 {pattern}"),
    "string_too_short": ("at least {min_length} characters", "不得少于 {min_length} 个字符"),
    "string_too_long": ("at most {max_length} characters", "不得超过 {max_length} 个字符"),
    "too_short": ("at least {min_length} of them", "不得少于 {min_length} 项"),
    "too_long": ("at most {max_length} of them", "不得超过 {max_length} 项"),
    "greater_than": ("it should be greater than {gt}", "应大于 {gt}"),
    "greater_than_equal": ("it should be {ge} or more", "不得小于 {ge}"),
    "less_than": ("it should be less than {lt}", "应小于 {lt}"),
    "less_than_equal": ("it should be {le} or less", "不得大于 {le}"),
    "literal_error": ("it should be one of {expected}", "不是允许的取值，可用：{expected}"),
    "enum": ("it should be one of {expected}", "不是允许的取值，可用：{expected}"),
}
#: What fits the patterns that people meet, in words. The empty text fits some of them too, which nobody needs told.
_FORMS: Mapping[str, tuple[str, str]] = {
    "[a-z0-9][a-z0-9._-]{0,99}": (
        "it may have lower-case letters a to z, digits and . _ - only, beginning with a letter or digit, at most 100",
        "只能用小写字母 a 至 z、数字和 . _ -，以字母或数字开头，最多 100 个字符",
    ),
    "[A-Za-z0-9][A-Za-z0-9._-]{0,99}": (
        "it may have letters a to z, digits and . _ - only, beginning with a letter or digit, at most 100",
        "只能用英文字母、数字和 . _ -，以字母或数字开头，最多 100 个字符",
    ),
    "[a-z][a-z0-9_]{0,59}": (
        "it should be a code such as near_duplicate: lower-case letters, digits and _, at most 60",
        "应为英文代码，如 near_duplicate（小写字母、数字和 _，以字母开头，最多 60 个字符）",
    ),
    "[a-z][a-z0-9_.-]{0,99}": (
        "it should be the name of an operator such as deduplicate_near: lower-case letters, digits and _ . -",
        "应为算子名称，如 deduplicate_near（小写字母、数字和 _ . -，以字母开头）",
    ),
    "[a-z0-9-]{0,60}": (
        "it may have lower-case letters a to z, digits and - only, at most 60",
        "只能用小写字母 a 至 z、数字和 -，最多 60 个字符",
    ),
    "[a-z0-9-]{1,60}": (
        "it should be a name such as web-zh: lower-case letters a to z, digits and -, at most 60; a TOML file of your "
        "own goes into file",
        "应为 web-zh 这样的名称：小写字母 a 至 z、数字和 -，最多 60 个字符；自己的 TOML 文件请填在 file",
    ),
    "[a-z0-9_]{0,40}": (
        "it should be a code such as mobile: lower-case letters, digits and _, at most 40",
        "应为英文代码，如 mobile（小写字母、数字和 _，最多 40 个字符）",
    ),
    r"[A-E]\.[0-9]+(\.[a-z])?": (
        "it should be the code of a risk such as A.1.f",
        "应为风险编号，如 A.1.f",
    ),
    r"-?(0|[1-9][0-9]*)(\.[0-9]+)?": ("it should be a number such as 0.85", "应为数，如 0.85"),
    "sha256:[0-9a-f]{64}": (
        "it should be a digest: sha256: and 64 digits 0-9 a-f",
        "应为摘要：sha256: 加 64 位十六进制数字",
    ),
    "[0-9a-f]{32,128}": ("it should be 32 to 128 digits 0-9 a-f", "应为 32 至 128 位十六进制数字（0-9、a-f）"),
    "[a-z]{2,3}(-[A-Za-z0-9]{2,8})*": (
        "it should be the code of a language such as zh, zh-Hant or en",
        "应为语言代码，如 zh、zh-Hant、en",
    ),
    r"\S": ("it should not be blank", "不能为空白"),
}

#: What the models themselves say of a wrong value, by how the sentence ends.
_SENTENCES = {
    "a question belongs to one risk or to one aspect": "每题须填 risk 或 aspect 其中一项，且只填一项",
    "a clear licence has an SPDX identifier or a LicenseRef, not NOASSERTION": (
        "许可明确时应写 SPDX 标识或 LicenseRef，不能写 NOASSERTION"
    ),
    "a term of mode combine has with_terms": "方式为 combine（组合词）的词须填写 with_terms",
    "two rules have the same id": "有两条规则编号相同",
    "a step has one of use, drop, review": "每一步须写 use、drop、review 之一，且只写一个",
    "a reason stands beside drop or review, and only there": (
        "写 drop 或 review 时须同时写 reason（原因），写 use 时不写"
    ),
    "threshold must be above 0 and at most 1": "threshold 应大于 0、不大于 1",
    "a floor, and only that": "这类规则须有 floor，且不能有 test",
    "a test, and only that": "这类规则须有 test，且不能有 floor",
}
#: How patterns of a day begin.
_DAYS = ("[0-9]{4}-", r"\d{4}-")
#: Sentences of ours that stand in artifacts: where nobody gave anything, and how a sample is drawn.
_SAID = {
    "nothing found": "未查到",
    "not recorded": "未记录",
    "simple random sample without replacement": "简单随机抽样，不放回",
}


def kind_word(kind: str) -> str:
    """Return what a kind, with or without its version, is called in Chinese; an unknown one by its own name.

    >>> kind_word("endpoint/v1")
    '端点'
    """
    name = kind.split("/", maxsplit=1)[0]
    return KIND_WORDS.get(name, name)


def _is_day(item: Mapping[str, Any]) -> bool:
    """Return whether a field does not fit the pattern of a day."""
    return _pattern(item).lstrip("^(|").removeprefix("today|").startswith(_DAYS)


def _pattern(item: Mapping[str, Any]) -> str:
    return str(dict(item.get("ctx", {})).get("pattern", ""))


def _form(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return in words what fits the pattern that a field does not, None where there are none or no pattern."""
    inner = _pattern(item).removeprefix("^").removesuffix("$")
    return _FORMS.get(inner) or _FORMS.get(inner.removeprefix("(").removesuffix(")?"))


def _known(item: Mapping[str, Any], at: int) -> str:
    """Return what an error type means, "" for one without words; at: 0 English, 1 Chinese."""
    if not (known := _REASONS.get(item["type"])):
        return ""
    limits = dict(item.get("ctx", {}))
    if "expected" in limits and at:  # pydantic lists the choices in English: 'a', 'b' or 'c'
        limits["expected"] = str(limits["expected"]).replace("' or '", "'、'").replace("', '", "'、'")
    return known[at].format(**limits)


def reason_en(item: Mapping[str, Any]) -> str:
    """Return in English what is wrong with one field; what has no words here says what pydantic says."""
    if _is_day(item):
        return "it should be a day, such as 2026-12-31"
    if form := _form(item):
        return form[0]
    return _known(item, 0) or str(item["msg"]).removeprefix("Value error, ")


def reason(item: Mapping[str, Any]) -> str:
    """Return in Chinese what is wrong with one field; `item` is one of pydantic's `ValidationError.errors()`."""
    if _is_day(item):
        return "应为日期，如 2026-12-31"
    if told := dict(item.get("ctx", {})).get("zh"):  # what our own checks say brings its Chinese along
        return str(told)
    if form := _form(item):
        return form[1]
    if known := _known(item, 1):
        return known
    said = next((zh for en, zh in _SENTENCES.items() if item["msg"].endswith(en)), "")
    return said or f"取值有误（{item['msg']}）"


def said_zh(text: str) -> str:
    """Return what an artifact says, a sentence of ours in Chinese."""
    return _SAID.get(text, text)
