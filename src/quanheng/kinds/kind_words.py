"""Chinese words for what code says in English: the names of kinds, and why a field does not fit its model."""

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
#: What pydantic's error types mean, with the limits it tells of (its `ctx`).
_REASONS = {
    "missing": "缺少这一项",
    "extra_forbidden": "没有这一项",
    "json_invalid": "不是有效的 JSON",
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "int_from_float": "应为整数",
    "bool_parsing": "应为 true 或 false",
    "bool_type": "应为 true 或 false",
    "string_type": "应为文本",
    "list_type": "应为列表",
    "dict_type": "应为键值对",
    "model_type": "应为键值对",
    "model_attributes_type": "应为键值对",
    "tuple_type": "应为列表",
    "string_pattern_mismatch": "格式不对，应符合 {pattern}",
    "string_too_short": "不得少于 {min_length} 个字符",
    "string_too_long": "不得超过 {max_length} 个字符",
    "too_short": "不得少于 {min_length} 项",
    "too_long": "不得超过 {max_length} 项",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "不得小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "不得大于 {le}",
    "literal_error": "不是允许的取值，可用：{expected}",
    "enum": "不是允许的取值，可用：{expected}",
}

#: What the models themselves say of a wrong value, by how the sentence ends.
_SENTENCES = {
    "is not one of the 31 risks": "不在 31 类风险编号之中",
    "a question belongs to one risk or to one aspect": "每题须填 risk 或 aspect 其中一项，且只填一项",
    "a clear licence has an SPDX identifier or a LicenseRef, not NOASSERTION": (
        "许可明确时应写 SPDX 标识或 LicenseRef，不能写 NOASSERTION"
    ),
    "a term of mode combine has with_terms": "方式为 combine（组合词）的词须填写 with_terms",
    "two rules have the same id": "有两条规则编号相同",
    "a floor, and only that": "这类规则须有 floor，且不能有 test",
    "a test, and only that": "这类规则须有 test，且不能有 floor",
}
#: How patterns of a day begin.
_DAYS = ("[0-9]{4}-", r"\d{4}-")
#: What stands in an artifact where nobody gave anything.
_NOTHING = {"nothing found": "未查到", "not recorded": "未记录"}


def kind_word(kind: str) -> str:
    """Return what a kind, with or without its version, is called in Chinese; an unknown one by its own name.

    >>> kind_word("endpoint/v1")
    '端点'
    """
    name = kind.split("/", maxsplit=1)[0]
    return KIND_WORDS.get(name, name)


def _is_day(item: Mapping[str, Any]) -> bool:
    """Return whether a field does not fit the pattern of a day."""
    pattern = str(dict(item.get("ctx", {})).get("pattern", ""))
    return pattern.lstrip("^(|").removeprefix("today|").startswith(_DAYS)


def reason_en(item: Mapping[str, Any]) -> str:
    """Return in English what is wrong with one field: what pydantic says, but no pattern where a day is meant."""
    return "it should be a day, such as 2026-12-31" if _is_day(item) else str(item["msg"])


def reason(item: Mapping[str, Any]) -> str:
    """Return in Chinese what is wrong with one field; `item` is one of pydantic's `ValidationError.errors()`."""
    if _is_day(item):
        return "应为日期，如 2026-12-31"
    if told := dict(item.get("ctx", {})).get("zh"):  # what our own checks say brings its Chinese along
        return str(told)
    known = _REASONS.get(item["type"])
    if known:
        limits = dict(item.get("ctx", {}))
        if "expected" in limits:  # pydantic lists the choices in English: 'a', 'b' or 'c'
            limits["expected"] = str(limits["expected"]).replace("' or '", "'、'").replace("', '", "'、'")
        return known.format(**limits)
    said = next((zh for en, zh in _SENTENCES.items() if item["msg"].endswith(en)), "")
    return said or f"取值有误（{item['msg']}）"


def said_zh(text: str) -> str:
    """Return what an artifact says, with the words for "nobody gave anything" in Chinese."""
    return _NOTHING.get(text, text)
