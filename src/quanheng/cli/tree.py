"""The tree of commands: nouns from the index, root words from their modules. Each is made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import click

from quanheng.cli import index
from quanheng.cli.actions import act
from quanheng.cli.commands import Branch, Leaf, Root
from quanheng.cli.noun_words import about
from quanheng.cli.words import NOUN_WORDS, ROOT_WORDS, Word
from quanheng.errors import Text

ABOUT = Text(
    "Quanheng (权衡): from raw text to a filed, supervised AI service, with proof of every step",
    "权衡：从原始文本到完成备案、接受监管的人工智能服务，每一步都有凭证",
)
#: Nouns whose bare form means one of their queries; with True, also with words after it.
DEFAULTS: dict[str, tuple[str, bool]] = {"log": ("list", False), "config": ("show", False), "lineage": ("of", True)}
#: Nouns that stand among the root words in the first help screen.
AMONG_WORDS: dict[str, Text] = {
    "log": Text("Show the log (list, show, proof, consistency, checkpoint)", "查看存证（另有 show、proof 等）"),
    "lineage": Text("Show what an artifact was made from, as a tree", "以树形查看制品的血缘"),
    "config": Text("Show the settings and where each comes from", "查看设置及其来源"),
    "flow": Text("Run or show a flow", "运行或查看流程"),
}
_ORDER = ("demo", "serve", "show", "lineage", "log", "verify", "flow", "config", "migrate", "fsck", "backup", "restore")


def _leaf(word: Word, language: str, name: str) -> click.Command:
    return Leaf(word.entry, word.action, language, name)


def _noun(noun: str, language: str) -> Branch:
    commands = index.load().get(noun, {})
    words = {n: Word(c, act(c)) for n, c in commands.items()}
    words.update(NOUN_WORDS.get(noun, {}))
    makers: dict[str, Callable[[], click.Command]] = {
        name: partial(_leaf, word, language, name) for name, word in sorted(words.items())
    }
    default, takes_words = DEFAULTS.get(noun, ("", False))
    return Branch(noun, makers, AMONG_WORDS.get(noun) or about(noun), language, default, takes_words)


def build(language: str) -> Root:
    """Return the root of all commands, with help in this language."""
    nouns = sorted({*index.load(), *NOUN_WORDS})
    branches: Mapping[str, Callable[[], click.Command]] = {n: partial(_noun, n, language) for n in nouns}
    words: dict[str, Callable[[], click.Command]] = {
        name: partial(_leaf, word, language, name) for name, word in ROOT_WORDS.items()
    }
    words |= {name: branches[name] for name in AMONG_WORDS if name in branches}
    ordered = {name: words[name] for name in (*_ORDER, *words) if name in words}
    rest = {name: make for name, make in branches.items() if name not in ordered}
    return Root(ordered, rest, ABOUT, language)
