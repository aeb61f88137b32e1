"""What follows `quanheng corpus takedown`: where the documents still are."""

from __future__ import annotations

from typing import Any

from quanheng.cli.answer import digest_text, print_rows
from quanheng.cli.caller import Caller


def still_there(caller: Caller, workspace: Any, values: dict[str, Any], outputs: tuple[str, ...]) -> None:
    """Write which artifacts may still hold what was taken down: the old version and what was made of it."""
    new = digest_text(caller, outputs[0]) if outputs else "NEW"
    found = workspace.call("corpus.uses", corpus=values["corpus"])
    rows = [row for row in found["rows"] if not row["withdrawn"] and row["digest"] not in outputs]
    old = digest_text(caller, found["digest"])
    caller.tell(
        f"The old version {old} and the sources still hold them. Made of it, and may hold them too: {len(rows):,}"
        if rows
        else f"The old version {old} and the sources still hold them; nothing else was made of it.",
        f"旧版本 {old} 和来源中仍有这些文档；由它产生、也可能含有的制品 {len(rows):,} 件："
        if rows
        else f"旧版本 {old} 和来源中仍有这些文档；没有由它产生的其他制品。",
    )
    if rows:
        shown = [{name: row[name] for name in ("kind", "names", "title", "digest")} for row in rows]
        print_rows(caller, shown)
    caller.tell(
        "To remove them: quanheng artifact withdraw NAME REASON. A build of the same sources leaves them out with "
        f"--taken-down {new}.",
        f"需要删除时：quanheng artifact withdraw 名称 原因。由原来源重新构建时，请加上 --taken-down {new}，"
        "以继续排除这些文档。",
    )
