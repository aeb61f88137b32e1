"""The rule packs that come with Quanheng, as data, and how to load one."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from quanheng.errors import Invalid, NotFound
from quanheng.kinds.kind_words import reason
from quanheng.kinds.oversight import RulePack

DEFAULT = "tc260-003-2024"


def shipped() -> tuple[str, ...]:
    """Return the ids of the rule packs that come with Quanheng, sorted."""
    return tuple(sorted(p.name.removesuffix(".json") for p in files(__name__).iterdir() if p.name.endswith(".json")))


def load(pack_id: str = DEFAULT) -> RulePack:
    """Return a shipped rule pack by id; NotFound names those there are."""
    if pack_id not in shipped():
        known = ", ".join(shipped())
        raise NotFound(
            f"rule pack {pack_id!r} does not come with Quanheng",
            f"没有随附规则包 {pack_id!r}",
            hint=(f"Use one of: {known}, or give a file.", f"可用：{known}，或给出文件路径。"),
            code="unknown_rulepack",
        )
    return parse(files(__name__).joinpath(f"{pack_id}.json").read_bytes(), f"{pack_id}.json")


def load_file(path: Path) -> RulePack:
    """Return the rule pack in the JSON file at `path`; Invalid says what is wrong with it, NotFound when absent."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(
            f"there is no rule pack at {path}",
            f"{path} 处没有规则包",
            hint=("Check the path, or use the id of a shipped pack.", "请检查路径，或使用随附规则包的编号。"),
            code="no_rulepack_file",
        ) from None
    return parse(data, path.name)


def parse(data: bytes, name: str) -> RulePack:
    """Return the rule pack in `data`; Invalid names the field that is wrong."""
    try:
        return RulePack.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "/".join(str(part) for part in first["loc"]) or "the top level"
        where_zh = where if first["loc"] else "顶层"
        raise Invalid(
            f"rule pack {name}: {where}: {first['msg']}",
            f"规则包 {name}：{where_zh}：{reason(first)}",
            hint=(
                "Compare it with a shipped pack; every rule has clause, measure, threshold, kind, force and basis.",
                "请对照随附规则包：每条规则都要有条款、指标、阈值、类型、力度和依据。",
            ),
            code="bad_rulepack",
        ) from error
