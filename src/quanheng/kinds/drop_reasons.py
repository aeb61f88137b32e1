"""What the usual reasons for dropping, editing or listing a document are called. A recipe may use others."""

from __future__ import annotations

from quanheng.kinds.base import Say

REASONS: dict[str, Say] = {
    "too_short": Say(en="too short", zh="过短"),
    "too_long": Say(en="too long", zh="过长"),
    "mostly_symbols": Say(en="mostly symbols", zh="以符号为主"),
    "many_symbols": Say(en="too many symbols", zh="符号过多"),
    "many_digits": Say(en="too many digits", zh="数字过多"),
    "not_chinese": Say(en="not Chinese", zh="非中文"),
    "repetitive": Say(en="repetitive", zh="内容重复堆砌"),
    "rare_characters": Say(en="mostly rare characters", zh="生僻字过多"),
    "repeated_lines": Say(en="lines or paragraphs repeated", zh="行或段落重复"),
    "list_like": Say(en="mostly short lines or list items", zh="以短行或列表项为主"),
    "no_sentences": Say(en="hardly a whole sentence", zh="几乎没有完整句子"),
    "low_quality": Say(en="low quality score", zh="质量评分过低"),
    "low_educational_value": Say(en="little to learn from", zh="教育价值低"),
    "score_unread": Say(en="the model gave no score", zh="模型没有给出分数"),
    "high_perplexity": Say(en="unlike written Chinese (perplexity)", zh="不像通顺的中文（困惑度过高）"),
    "personal_data": Say(en="too much personal data", zh="个人信息过多"),
    "risky": Say(en="several risk terms", zh="多处命中风险词"),
    "risk_terms": Say(en="risk terms found", zh="命中风险词"),
    "risk_score": Say(en="high risk score", zh="风险评分偏高"),
    "guard_unsafe": Say(en="unsafe to the guard model", zh="安全护栏模型判为有风险"),
    "guard_unread": Say(en="the guard model gave no verdict", zh="安全护栏模型没有给出判定"),
    "unclear_source": Say(en="source without a clear licence", zh="来源许可不明"),
    "duplicate": Say(en="exact duplicate", zh="完全重复"),
    "near_duplicate": Say(en="near duplicate", zh="近似重复"),
    "semantic_duplicate": Say(en="same in meaning", zh="语义重复"),
    "repeated_line": Say(en="boilerplate lines", zh="重复套话行"),
    "repeated_passage": Say(en="repeated passages", zh="重复段落"),
    "contaminated": Say(en="holds test items", zh="含评测题目"),
    "taken_down": Say(en="taken down", zh="已按要求下架"),
    "normalise": Say(en="characters and blanks normalised", zh="规范字符与空白"),
}


def reason_name(reason: str) -> Say:
    """Return what a reason is called: its own word where nobody gave it a name."""
    return REASONS.get(reason) or Say(en=reason.replace("_", " "), zh=reason)
