"""Who calls, from where, and how to answer: the state that every command gets."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from quanheng.cli import language as lang
from quanheng.cli.text import clean
from quanheng.errors import Invalid, NotFound, Text

if TYPE_CHECKING:
    from quanheng.core.runner import Listener
    from quanheng.core.workspace import Workspace


@dataclass
class Caller:
    """The global options, and where output goes. Data goes to `out`, everything about it to `err`."""

    language: str = "zh"
    workspace: str | None = None
    project: str = "main"
    token: str | None = None
    json: bool = False
    debug: bool = False
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)

    def say(self, text: Text | tuple[str, str]) -> str:
        """Return the sentence in the caller's language."""
        return Text(*text).say(self.language)

    def print(self, text: str = "") -> None:
        """Write a line of the answer."""
        self.out.write(clean(text) + "\n")

    def tell(self, en: str, zh: str) -> None:
        """Write a line of the answer for a person; nothing with --json."""
        if not self.json:
            self.print(self.say((en, zh)))

    def note(self, en: str, zh: str) -> None:
        """Write a line beside the answer (standard error)."""
        self.err.write(clean(self.say((en, zh))) + "\n")
        self.err.flush()

    def print_json(self, value: Any) -> None:
        """Write plain data as JSON."""
        self.out.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")

    @property
    def columns(self) -> int:
        """Return how wide the terminal is; 80 when there is none."""
        import shutil

        return max(shutil.get_terminal_size((80, 24)).columns, 40)

    @property
    def on_terminal(self) -> bool:
        """Return whether the answer is read on a terminal."""
        return self.out.isatty()

    def folder(self) -> Path:
        """Return the workspace's folder; NotFound says how to name or make one."""
        folder = lang.workspace_folder(self.workspace)
        if folder is None:
            raise NotFound(
                "there is no workspace here: neither this folder nor one above it has a quanheng.toml",
                "这里没有工作区：当前文件夹及其上级都没有 quanheng.toml",
                hint=(
                    "Make one in an empty folder: quanheng -w FOLDER migrate. Or name one with -w.",
                    "可在空文件夹中新建：quanheng -w 文件夹 migrate；或用 -w 指定已有的工作区。",
                ),
                code="no_workspace",
            )
        return folder

    @contextlib.contextmanager
    def open(self, *, create: bool = False) -> Iterator[Workspace]:
        """Yield the workspace, open, as the caller's actor in the caller's project; closed afterwards."""
        from quanheng.core.workspace import open as open_workspace

        workspace = open_workspace(self.folder(), create=create, token=self.token, project=self.project)
        try:
            yield workspace
        finally:
            workspace.close()

    def listener(self) -> contextlib.AbstractContextManager[Listener]:
        """Return what hears a job's events: bars on a terminal, lines otherwise, nothing for a program."""
        from quanheng.cli.progress import bars, lines, nothing

        if self.err.isatty():
            return bars(self)
        return nothing() if self.json else lines(self)


def usage(en: str, zh: str, command: str = "") -> Invalid:
    """Return the error of a command line that cannot be understood."""
    see = f"quanheng {command} --help".replace("  ", " ")
    return Invalid(en, zh, hint=(f"See: {see}", f"用法见：{see}"), code="usage")
