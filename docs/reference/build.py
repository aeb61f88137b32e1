"""Writes errors.md, settings.md and commands.md from the code: `python docs/reference/build.py`.

Errors are read from the syntax trees of `src`, settings from `core.settings`, commands from the command line's own
tree. `tests/docs/test_reference.py` fails when a page differs from what this script would write.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCE = FOLDER.parents[1] / "src" / "quanheng"
GAP = "…"
#: How the rest of the code passes on the code of an error that was raised elsewhere.
PASSED_ON = ("error.code", "found.code", "code or self.default_code", "str(data['code'])")
#: What is read from the environment and is no setting: it is secret, or it is needed before there is a workspace.
VARIABLES: Mapping[str, tuple[str, str]] = {
    "QUANHENG_WORKSPACE": ("工作区文件夹，等同于 `-w`", "Folder of the workspace, as `-w`"),
    "QUANHENG_TOKEN": ("访问令牌，等同于 `--token`", "Access token, as `--token`"),
    "QUANHENG_ENDPOINT_KEY": ("在线模型服务的密钥", "Key of the model service that is asked"),
    "QUANHENG_SCORER_KEY": ("评分模型服务的密钥；未设时用上一项", "Key of the scorer's service; else the one above"),
    "QUANHENG_GUARD_KEY": ("安全护栏模型服务的密钥；同上", "Key of the guard model's service; likewise"),
    "QUANHENG_EMBEDDER_KEY": ("嵌入模型服务的密钥；同上", "Key of the embedding model's service; likewise"),
    "QUANHENG_SERVED_HERE": ("程序自用：正在运行的本地模型", "Set by the program: local models that run now"),
}
#: Where the classes without a code of their own take their meaning from.
CLASS_MEANING: Mapping[str, tuple[str, str]] = {
    "QuanhengError": ("其他错误", "anything else"),
    "Invalid": ("给出的内容无法使用", "what was given cannot be used"),
    "NotFound": ("指名的东西不在这里", "what was named is not here"),
    "Conflict": ("与已有的内容冲突", "it clashes with what is here already"),
    "Forbidden": ("无权执行，并说明原因", "the actor may not do it; the reason says why"),
    "Unavailable": ("所需的东西目前无法使用，稍后可重试", "something needed cannot be used now; try again later"),
    "Corrupt": ("字节与其摘要或签名不符", "bytes differ from what their digest or signature promises"),
    "Cancelled": ("有人在完成之前停止了它", "somebody stopped it before it was done"),
}


@dataclass
class Told:
    """What is said with one code of one class: sentences and hints as (zh, en), where each `…` is filled in."""

    sentences: list[tuple[str, str]] = field(default_factory=list)
    hints: list[tuple[str, str]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    without_hint: list[str] = field(default_factory=list)


Found = dict[tuple[str, str], Told]


def _constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


class Unreadable(ValueError):
    """An error is raised in a way that this script cannot read."""


class Reader:
    """Reads errors out of the syntax trees of all modules under a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted(root.rglob("*.py"))}
        self.constants: dict[str, ast.expr] = {}
        self.hints: list[tuple[int, str, ast.Tuple]] = []

    def _enter(self, path: Path) -> None:
        """Make the constants and the named hints of one module known."""
        tree = self.trees[path]
        self.constants = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("quanheng."):
                module = self.root.joinpath(*str(node.module).split(".")[1:])
                known = dict(
                    _constants(self.trees.get(module.with_suffix(".py")) or self.trees[module / "__init__.py"])
                )
                self.constants |= {a.asname or a.name: known[a.name] for a in node.names if a.name in known}
        self.constants |= dict(_constants(tree))
        assigned = [
            node for node in ast.walk(tree) if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)
        ]
        self.hints = [(n.lineno, n.targets[0].id, n.value) for n in assigned if isinstance(n.targets[0], ast.Name)]

    def _hint(self, call: ast.Call) -> ast.Tuple | None:
        """Return the hint of a call; one given by name is the last tuple of that name above it."""
        value = next((k.value for k in call.keywords if k.arg == "hint"), None)
        if isinstance(value, ast.Name):
            above = [hint for line, name, hint in self.hints if name == value.id and line < call.lineno]
            return above[-1] if above else None
        return value if isinstance(value, ast.Tuple) else None

    def errors(self) -> Found:
        """Return everything that is said, by (class, code)."""
        from quanheng.errors import CLASSES

        found: Found = {}
        for path, tree in self.trees.items():
            where = path.relative_to(self.root).as_posix()
            self._enter(path)
            for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
                name = call.func.id if isinstance(call.func, ast.Name) else ""
                if name not in CLASSES:
                    continue
                for code in self._codes(call, CLASSES[name].default_code, where):
                    self._note(found.setdefault((name, code), Told()), call, where)
        return found

    def _note(self, told: Told, call: ast.Call, where: str) -> None:
        if len(call.args) >= 2:
            for pair in self._sentences(call):
                if pair not in told.sentences:
                    told.sentences.append(pair)
        hint = self._hint(call)
        if hint is not None:
            pair = (self.text(hint.elts[1]), self.text(hint.elts[0]))
            if pair not in told.hints:
                told.hints.append(pair)
        told.places.append(f"{where}:{call.lineno}")
        if not any(k.arg == "hint" for k in call.keywords):
            told.without_hint.append(f"{where}:{call.lineno}")

    def _sentences(self, call: ast.Call) -> list[tuple[str, str]]:
        en, zh = self.text(call.args[0]), self.text(call.args[1])
        return [(zh, en)] if en != GAP else [("（见给出的说明）", "(as told)")]

    def _codes(self, call: ast.Call, default: str, where: str) -> list[str]:
        value = next((k.value for k in call.keywords if k.arg == "code"), None)
        return [default] if value is None else self._values(value, f"{where}:{call.lineno}")

    def _values(self, value: ast.expr, where: str) -> list[str]:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return [value.value]
        if isinstance(value, ast.IfExp):
            return [*self._values(value.body, where), *self._values(value.orelse, where)]
        if isinstance(value, ast.Name) and value.id in self.constants:
            return self._values(self.constants[value.id], where)
        if ast.unparse(value) in PASSED_ON:
            return []
        raise Unreadable(f"{where}: the code {ast.unparse(value)} is no literal")

    def text(self, node: ast.expr) -> str:
        """Return a text with `…` for each part that is filled in."""
        return re.sub(f"{GAP}{{2,}}", GAP, self._text(node))

    def _text(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.JoinedStr):
            return "".join(self._part(part) for part in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.text(node.left) + self.text(node.right)
        if isinstance(node, ast.Name) and isinstance(self.constants.get(node.id), ast.Constant):
            return self.text(self.constants[node.id])
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            told = self.constants.get(node.value.id)
            if isinstance(told, ast.Call) and node.attr in ("en", "zh") and len(told.args) == 2:
                return self.text(told.args[("en", "zh").index(node.attr)])
        return GAP

    def _part(self, part: ast.expr) -> str:
        return self.text(part.value) if isinstance(part, ast.FormattedValue) else self.text(part)


def _cell(pairs: list[tuple[str, str]]) -> str:
    texts = [f"{zh}<br>{en}" for zh, en in pairs]
    return "<br>".join(texts).replace("|", "\\|").replace("\n", " ") or "—"


def _page(title_zh: str, title_en: str, lead: list[str], body: list[str]) -> str:
    made = "<!-- 由 docs/reference/build.py 生成，请勿手改。 Made by docs/reference/build.py; do not edit. -->"
    return "\n".join([f"# {title_zh} · {title_en}", "", made, "", *lead, "", *body]) + "\n"


def errors_page() -> str:
    """Return the page of every error class and code."""
    from quanheng.errors import CLASSES

    found = Reader(SOURCE).errors()
    lead = [
        "每个错误都说明要做什么、哪里不对、怎么办；中英文措辞可能改变，**代码不变**。`…` 处由程序填入。"
        "加 `--json` 时，错误以 JSON 给出。",
        "",
        "Each error says what was asked, what is wrong and what to do. Sentences may change, **codes do not**. "
        "Each `…` is filled in. With `--json` the error is JSON.",
    ]
    body = ["| class | exit | HTTP | 含义 | meaning |", "|---|---|---|---|---|"]
    for name, cls in CLASSES.items():
        zh, en = CLASS_MEANING[name]
        body.append(f"| [`{name}`](#{name.lower()}) | {cls.exit_code} | {cls.status} | {zh} | {en} |")
    for name, cls in CLASSES.items():
        body += ["", f"## {name}", "", f"exit {cls.exit_code} · HTTP {cls.status}", ""]
        body += ["| code | 含义 meaning | 怎么办 what to do |", "|---|---|---|"]
        for (owner, code), told in sorted(found.items()):
            if owner == name:
                body.append(f"| `{code}` | {_cell(told.sentences)} | {_cell(told.hints)} |")
    return _page("错误代码", "Errors", lead, body)


def settings_page() -> str:
    """Return the page of every setting."""
    from quanheng.core.settings import SETTINGS

    lead = [
        "次序：参数 > 环境变量 > 工作区的 `quanheng.toml` > 默认值。`quanheng config` 显示每项的值与来源。",
        "",
        "Order: argument > environment > `quanheng.toml` of the workspace > default. `quanheng config` shows each "
        "value and where it comes from.",
    ]
    body = ["| setting | environment | default | 说明 | meaning |", "|---|---|---|---|---|"]
    for item in SETTINGS:
        default = f"`{item.default}`" if item.default != "" else "（空 empty）"
        variable = f"`QUANHENG_{item.name.upper()}`" + ("（仅此处 only here）" if item.secret else "")
        body.append(f"| `{item.name}` | {variable} | {default} | {item.help.zh} | {item.help.en} |")
    body += ["", "## 只从环境变量读取 · Environment only", "", "| variable | 说明 | meaning |", "|---|---|---|"]
    body += [f"| `{name}` | {zh} | {en} |" for name, (zh, en) in VARIABLES.items()]
    return _page("设置", "Settings", lead, body)


def commands() -> dict[str, tuple[str, str]]:
    """Return every command as it is typed, with its line in Chinese and in English."""
    from quanheng.cli.index import load
    from quanheng.cli.words import NOUN_WORDS, ROOT_WORDS

    known = {name: (word.entry.help.zh, word.entry.help.en) for name, word in ROOT_WORDS.items()}
    for noun in sorted({*load(), *NOUN_WORDS}):
        actions = {action: command.help for action, command in load().get(noun, {}).items()}
        actions |= {action: word.entry.help for action, word in NOUN_WORDS.get(noun, {}).items()}
        known |= {f"{noun} {action}": (text.zh, text.en) for action, text in sorted(actions.items())}
    return known


def commands_page() -> str:
    """Return the page of every command."""
    from quanheng.cli.help import GLOBAL

    lead = [
        "`quanheng 对象 操作`；`qh` 是它的简写。每条命令加 `--help` 可看全部选项。",
        "",
        "`quanheng NOUN VERB`; `qh` for short. `--help` after any of them shows its options.",
    ]
    body = ["| command | 说明 | meaning |", "|---|---|---|"]
    body += [f"| `quanheng {name}` | {zh} | {en} |" for name, (zh, en) in commands().items()]
    body += ["", "## 处处可用的选项 · Options of every command", "", "| option | 说明 | meaning |", "|---|---|---|"]
    body += [f"| `--{name}` | {text.zh} | {text.en} |" for name, text in GLOBAL.items()]
    return _page("命令", "Commands", lead, body)


def pages() -> dict[str, str]:
    """Return the text of every page by its file name."""
    return {"errors.md": errors_page(), "settings.md": settings_page(), "commands.md": commands_page()}


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
        sys.stdout.write(f"{name}: {len(text.splitlines())} lines\n")


if __name__ == "__main__":
    main()
