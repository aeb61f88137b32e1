"""The index of commands is current, complete in both languages, and made from the types of the inputs."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import pytest

from quanheng.cli import index
from quanheng.cli.build_index import build
from quanheng.cli.commands import Branch, Leaf
from quanheng.cli.help import GLOBAL, UNIVERSAL
from quanheng.cli.language import WORDS
from quanheng.cli.tree import build as build_tree
from quanheng.core.describe import option_of, options_of
from quanheng.core.inputs import Input, Local, Secret, Takes, param
from quanheng.core.labels import LABELS, STATES

HAN = re.compile(r"[\u4e00-\u9fff]")


def test_the_index_is_current() -> None:
    assert index.PATH.read_text("utf-8") == build(), "run: make index"


class Everything(Input):
    """One field of each type."""

    text: str = param("a", "a text", "文本")
    maybe: str | None = param(None, "perhaps", "可无")
    number: int = param(3, "a number", "数", ge=1, le=9)
    switch: bool = param(True, "a switch", "开关")
    one: Literal["x", "y"] = param("x", "one of two", "二选一")
    several: list[Literal["x", "y"]] = param([], "some of two", "多选")
    pairs: dict[str, Any] = param({}, "pairs", "键值")
    file: Annotated[str, Local()] = param(..., "a file", "文件")
    into: Annotated[str, Local(reads=False)] = param(..., "a file to write", "要写入的文件")
    password: Annotated[str, Secret()] = param(..., "a password", "密码")
    corpus: Annotated[list[str], Takes("corpus")] = param(..., "corpora", "语料")


def test_types_come_from_annotations_and_marks() -> None:
    found = {name: option_of("t", name, field) for name, field in Everything.model_fields.items()}
    assert {name: (o.type, o.many, o.required, o.default) for name, o in found.items()} == {
        "text": ("text", False, False, "a"),
        "maybe": ("text", False, False, None),
        "number": ("int", False, False, 3),
        "switch": ("bool", False, False, True),
        "one": ("choice", False, False, "x"),
        "several": ("choice", True, False, []),
        "pairs": ("pairs", False, False, {}),
        "file": ("path", False, True, None),
        "into": ("output", False, True, None),
        "password": ("secret", False, True, None),
        "corpus": ("artifact", True, True, None),
    }
    assert found["several"].choices == ("x", "y")
    assert found["corpus"].kinds == ("corpus",)
    assert (found["number"].least, found["number"].most) == (1, 9)


class Untold(Input):
    """Lacks its Chinese help."""

    text: str = param("a", "a text", "")
    again: str = param("a", "taken", "已占用")


@pytest.mark.parametrize("name", list(Untold.model_fields))
def test_a_field_without_help_or_with_a_taken_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"lacks its English or Chinese help|has the name of an option"):
        option_of("t", name, Untold.model_fields[name])


def leaves(branch: Branch, words: str = "") -> list[tuple[str, Leaf]]:
    found = []
    for name, make in branch.makers.items():
        command = make()
        here = f"{words} {name}".strip()
        found += leaves(command, here) if isinstance(command, Branch) else [(here, command)]  # type: ignore[list-item]
    return found


def test_every_command_and_option_says_in_both_languages_what_it_does() -> None:
    all_leaves = leaves(build_tree("zh"))
    assert len(all_leaves) > 60
    for words, leaf in all_leaves:
        for text in (leaf.entry.help, *(option.help for option in leaf.entry.options)):
            assert text.en and not HAN.search(re.sub(r"（.*?）|\(.*?\)", "", text.en)), (words, text)
            assert HAN.search(text.zh), (words, text)
    for text in (*GLOBAL.values(), *UNIVERSAL.values(), *WORDS.values()):
        assert text.en and HAN.search(text.zh)
    for en, zh in (*LABELS.values(), *STATES.values()):
        assert en and HAN.search(zh)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_help_screen_fits_eighty_columns(language: str) -> None:
    import click

    from quanheng.cli.text import width

    for words, leaf in leaves(build_tree(language)):
        ctx = click.Context(leaf, info_name=words, parent=click.Context(click.Group("quanheng"), info_name="quanheng"))
        screen = leaf.get_help(ctx)
        assert max(width(line) for line in screen.split("\n")) <= 80, screen
        assert f"quanheng {words}" in screen


def test_every_verb_and_query_is_a_command() -> None:
    from quanheng.core import verb

    verb.load()
    words = {words for words, _ in leaves(build_tree("en"))}
    assert {name.replace(".", " ") for name in (*verb.VERBS, *verb.QUERIES)} <= words
    assert {"show", "verify", "fsck", "backup", "restore", "migrate", "demo", "job work", "log checkpoint"} <= words


def test_an_optional_file_that_an_input_begins_with_is_given_by_place() -> None:
    class First(Input):
        """Begins with a file."""

        file: Annotated[str | None, Local()] = param(None, "a file", "文件")
        other: Annotated[str | None, Local()] = param(None, "a file", "文件")

    class Second(Input):
        """Begins with something else."""

        text: str = param("a", "a text", "文本")
        file: Annotated[str | None, Local()] = param(None, "a file", "文件")

    assert [option.positional for option in options_of("a.b", First)] == [True, False]
    assert [option.positional for option in options_of("a.b", Second)] == [False, False]
