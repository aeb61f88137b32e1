"""What MCP hosts are told: results, answers and errors as structured content, with a short text for the model."""

from __future__ import annotations

import json
from typing import Any

from mcp_types import CallToolResult, TextContent

from quanheng.core.database import retry_locked
from quanheng.core.jobs import QUEUED, Result
from quanheng.errors import QuanhengError, Text

#: So much of an answer stands in the text beside the structured content, in characters; models read one or the other.
TEXT_LIMIT = 20_000


def plain(value: Any) -> Any:
    """Return a value as plain JSON data; what JSON has no word for becomes text."""
    return json.loads(json.dumps(value, ensure_ascii=False, default=str))


def dumped(value: Any) -> str:
    """Return plain data as compact JSON, with Chinese as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def answered(value: Any, language: str) -> CallToolResult:
    """Return what a query answered. Structured content is an object, so that anything else stands under `result`."""
    data = plain(value)
    text = dumped(data)
    if len(text) > TEXT_LIMIT:
        more = Text(
            f"(the first {TEXT_LIMIT} of {len(text)} characters; all of it is in the structured content)",
            f"（共 {len(text)} 个字符，这里只有前 {TEXT_LIMIT} 个；完整内容见结构化结果）",
        )
        text = f"{text[:TEXT_LIMIT]}\n{more.say(language)}"
    structured = data if isinstance(data, dict) else {"result": data}
    return CallToolResult(content=[TextContent(text=text)], structured_content=structured)


def done(name: str, result: Result, language: str) -> CallToolResult:
    """Return what a verb did: its job, the digests it left, whether they were there before, and its answer."""
    kinds = _kinds(result.outputs)
    outputs = [{"digest": digest, "kind": kinds[digest]} for digest in result.outputs]
    value = plain(dict(result.value))
    structured = {
        "job": result.job or None,
        "state": result.state,
        "cached": result.cached,
        "outputs": outputs,
        "value": value,
    }
    lines = [_first_line(name, result).say(language)]
    lines += [f"{item['kind']}  {item['digest']}" for item in outputs]
    lines += [dumped(value)] if value else []
    return CallToolResult(content=[TextContent(text="\n".join(lines))], structured_content=structured)


def _first_line(name: str, result: Result) -> Text:
    if result.state == QUEUED:
        return Text(
            f"Queued: job {result.job}; job_show tells how far it is",
            f"已排队：作业 {result.job}；用 job_show 查看进展",
        )
    if result.cached:
        return Text("Already there, nothing was run", "已有，不再执行")
    words = name.replace(".", " ")
    return Text(f"Done: {words}", f"已完成：{words}")


def _kinds(digests: tuple[str, ...]) -> dict[str, str]:
    """Return the kind of each of these artifacts."""
    from quanheng.core.models import Artifact

    if not digests:
        return {}
    rows = Artifact.objects.filter(digest__in=digests).values_list("digest", "kind")
    return retry_locked(lambda: dict(rows.all()))


def failed(error: QuanhengError, jobs: list[str], language: str) -> CallToolResult:
    """Return an error: code, message and hint in both languages, and the jobs that the call had begun."""
    words = Text(f"Error ({error.code}): ", f"错误（{error.code}）：").say(language) + error.text.say(language)
    if error.hint:
        words += "\n" + Text("Hint: ", "提示：").say(language) + error.hint.say(language)
    structured: dict[str, Any] = {"error": error.to_json()}
    if jobs:
        structured["jobs"] = jobs
    return CallToolResult(content=[TextContent(text=words)], structured_content=structured, is_error=True)
