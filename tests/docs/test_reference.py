"""The reference pages are current and complete, links lead somewhere, and commands in the documents exist."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from quanheng import errors
from quanheng.cli.help import GLOBAL, UNIVERSAL
from quanheng.cli.index import Command, load
from quanheng.cli.words import NOUN_WORDS, ROOT_WORDS
from quanheng.core.settings import SETTINGS

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
SOURCE = ROOT / "src" / "quanheng"
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
#: Errors without a hint: a program that calls the engines gets them, or they are a row of a longer list of findings.
WITHOUT_HINT = {
    "call.py", "context.py", "executors.py", "jobs.py", "layers.py", "bundle_checks.py", "canonical_zip.py",
    "resolution.py", "segments.py",
}  # fmt: skip


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_build", REFERENCE / "build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def documents() -> list[Path]:
    told = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True
    )
    if told.returncode == 0 and told.stdout:
        return [ROOT / line for line in told.stdout.splitlines() if (ROOT / line).exists()]
    return [p for p in ROOT.rglob("*.md") if not any(part.startswith(".") for part in p.relative_to(ROOT).parts)]


@pytest.mark.parametrize("page", ["errors.md", "settings.md", "commands.md"])
def test_the_page_is_current(build: ModuleType, page: str) -> None:
    written = (REFERENCE / page).read_text("utf-8")
    assert written == build.pages()[page], f"{page} is old; run: python docs/reference/build.py"


def literal_codes() -> Iterator[tuple[str, str]]:
    """Yield (code, place) of every `code="…"` of a raised error, found without the builder: by its text."""
    names = "|".join(errors.CLASSES)
    for path in SOURCE.rglob("*.py"):
        text = path.read_text("utf-8")
        for match in re.finditer(rf"\b(?:{names})\(", text):
            end, depth = match.end(), 1
            while depth and end < len(text):
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            for code in re.findall(r'\bcode="([a-z_0-9]+)"', text[match.end() : end]):
                yield code, path.name


def test_every_error_code_is_there(build: ModuleType) -> None:
    page = (REFERENCE / "errors.md").read_text("utf-8")
    found = list(literal_codes())
    assert len(found) > 150
    assert [item for item in found if f"| `{item[0]}` |" not in page] == []
    for name, cls in errors.CLASSES.items():
        assert f"| [`{name}`](#{name.lower()}) | {cls.exit_code} | {cls.status} |" in page


def test_every_class_is_in_the_tree() -> None:
    tree = ast.parse((SOURCE / "errors.py").read_text("utf-8"))
    bases = {n.name: {ast.unparse(b) for b in n.bases} for n in tree.body if isinstance(n, ast.ClassDef)}
    assert {n for n, b in bases.items() if b & {"QuanhengError", "Exception"}} == set(errors.CLASSES)


def test_every_error_says_what_to_do(build: ModuleType) -> None:
    bare = []
    for (_, code), told in build.Reader(SOURCE).errors().items():
        assert told.sentences, code
        for zh, en in [*told.sentences, *told.hints]:
            assert re.search("[\u4e00-\u9fff]", zh) or not re.search("[a-z]{2} [a-z]{2}", en), (code, zh)
            assert not re.search("[\u4e00-\u9fff]", en), (code, en)
        bare += [f"{place} {code}" for place in told.without_hint if code != "cancelled"]
    assert [place for place in bare if Path(place.split(":")[0]).name not in WITHOUT_HINT] == []


def test_the_builder_refuses_a_code_it_cannot_read(build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("raise Invalid('a', '甲', code=name + '_wrong')\n", "utf-8")
    with pytest.raises(build.Unreadable):
        build.Reader(tmp_path).errors()


def test_the_builder_reads_texts(build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        "FILE = 'x.toml'\nhint = ('Do ' + what, '去做' + what)\n"
        "raise Invalid(f'{FILE}: {a}{b} wrong', f'{FILE}：{a}{b} 有误', hint=hint, code='c1' if a else 'c2')\n",
        "utf-8",
    )
    found = build.Reader(tmp_path).errors()
    assert sorted(found) == [("Invalid", "c1"), ("Invalid", "c2")]
    assert found["Invalid", "c1"].sentences == [("x.toml：… 有误", "x.toml: … wrong")]
    assert found["Invalid", "c1"].hints == [("去做…", "Do …")]


def test_every_setting_and_variable_is_there(build: ModuleType) -> None:
    page = (REFERENCE / "settings.md").read_text("utf-8")
    for item in SETTINGS:
        assert f"| `{item.name}` | `QUANHENG_{item.name.upper()}`" in page
        assert item.help.zh in page and item.help.en in page
    known = {f"QUANHENG_{item.name.upper()}" for item in SETTINGS} | set(build.VARIABLES)
    read = {name for p in SOURCE.rglob("*.py") for name in re.findall(r"QUANHENG_[A-Z_]+\b", p.read_text("utf-8"))}
    assert {name for name in read if not name.endswith("_")} <= known


def command_of(words: list[str]) -> Command | None:
    """Return the command that a command line begins with."""
    known: dict[tuple[str, ...], Command] = {(name,): word.entry for name, word in ROOT_WORDS.items()}
    for noun, actions in load().items():
        known |= {(noun, action): command for action, command in actions.items()}
    for noun, more in NOUN_WORDS.items():
        known |= {(noun, action): word.entry for action, word in more.items()}
    for short in ("log list", "config show", "lineage of"):
        noun, action = short.split()
        known[(noun,)] = known[noun, action]
    return known.get(tuple(words[:2])) or known.get(tuple(words[:1]))


def test_every_command_is_there() -> None:
    page = (REFERENCE / "commands.md").read_text("utf-8")
    names = [*ROOT_WORDS, *(f"{n} {a}" for n, actions in load().items() for a in actions)]
    names += [f"{noun} {action}" for noun, more in NOUN_WORDS.items() for action in more]
    for name in names:
        assert f"| `quanheng {name}` |" in page
    assert page.count("\n| `quanheng ") == len(set(names))


def test_relative_links_resolve() -> None:
    broken = []
    found = 0
    for page in documents():
        text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
        for match in LINK.finditer(text):
            target = (match.group(1) or match.group(2)).partition("#")
            if re.match(r"[a-z]+:", target[0]):
                continue
            found += 1
            place = (page.parent / target[0]).resolve() if target[0] else page
            anchors = re.findall(r"^#+ (.+)$", place.read_text("utf-8"), re.MULTILINE) if place.suffix == ".md" else []
            slugs = {re.sub(r"[^\w\- ]", "", a.lower()).replace(" ", "-") for a in anchors}
            if not place.exists() or (target[2] and target[2] not in slugs):
                broken.append(f"{page.relative_to(ROOT)}: {match.group(0)}")
    assert found > 20
    assert broken == []


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Yield (document, words) of every command line of ours in a code block or in back quotes."""
    for page in documents():
        if page.is_relative_to(REFERENCE) or page.name == "STYLE.md":
            continue
        text = page.read_text("utf-8")
        lines = [line for block in FENCE.findall(text) for line in block.splitlines()]
        lines += re.findall(r"`((?:quanheng|qh|make) [^`\n]+)`", FENCE.sub("", text))
        for line in (raw.strip().removeprefix("$ ") for raw in lines):
            if re.match(r"(quanheng|qh|make) [a-z-]", line):
                yield page.name, shlex.split(line.partition(" #")[0])


def test_commands_in_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    seen = 0
    for page, words in command_lines():
        seen += 1
        told = f"{page}: {' '.join(words)}"
        if words[0] == "make":
            assert words[1] in targets, told
            continue
        rest = [w for w in words[1:] if w != "NOUN"]
        if rest[0].startswith("-"):
            rest = rest[2:] if rest[0] in ("-w", "--workspace", "--project", "--lang", "--token") else rest[1:]
        if not rest or "--help" in rest or "=" in words:
            continue
        command = command_of(rest)
        assert command is not None, told
        known = {"help", *GLOBAL, *UNIVERSAL, *(option.flag[2:] for option in command.options)}
        for word in rest:
            if word.startswith("--"):
                assert word[2:].partition("=")[0] in known, told
    assert seen > 15
