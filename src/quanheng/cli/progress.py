"""How far a job is: bars on a terminal (rich), plain lines in a file or a pipe. Always on standard error."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from quanheng.cli import index
from quanheng.cli.text import clean, clip

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from quanheng.cli.caller import Caller

Hear = Callable[[str, Mapping[str, Any]], None]
#: A plain line at each tenth of the work, or every so many seconds when nobody knows how much there is.
EVERY_S = 5.0


def title_of(name: str, language: str) -> str:
    """Return a verb as people know it: `corpus build` and what it does."""
    command = index.find(name)
    words = name.replace(".", " ")
    return f"{words} · {command.help.say(language)}" if command else words


def step_title(verb: str, step: str, language: str) -> str:
    """Return a step of a flow as its verb, its id where that says more than the verb, and what the verb does."""
    words = verb.replace(".", " ")
    mark = "" if step in words.split() else f" ({step})"
    return words + mark + title_of(verb, language).removeprefix(words)


def seconds(value: float, language: str) -> str:
    """Return a duration: 3.2 s, 4 min 10 s.

    >>> seconds(250, "en")
    '4 min 10 s'
    """
    if value < 60:
        return f"{value:.1f} s" if language == "en" else f"{value:.1f} 秒"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if language == "en" else f"{minutes} 分 {rest} 秒"


@contextlib.contextmanager
def nothing() -> Iterator[Hear]:
    """Yield a listener that is silent."""
    yield lambda event, data: None


class _Steps:
    """Which step of a flow is running, and when it began."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.place = ""
        self.verb = ""
        self.began = time.monotonic()

    def begin(self, data: Mapping[str, Any]) -> str:
        """Return the heading of the step that begins."""
        self.place = f"[{data['number']}/{data['of']}] "
        self.verb = str(data["verb"])
        return self.place + step_title(self.verb, str(data["step"]), self.caller.language)

    def start(self, verb: str) -> None:
        """Note that a job begins."""
        self.began = time.monotonic()
        self.verb = verb

    def cached(self, data: Mapping[str, Any]) -> str:
        """Return what is said of a step that was there before; nothing outside a flow."""
        return self.caller.say(("already there, nothing was run", "已有，不再执行")) if self.place else ""


class _Lines(_Steps):
    def __init__(self, caller: Caller) -> None:
        super().__init__(caller)
        self._last_tenth, self._last_time = 0, time.monotonic()

    def hear(self, event: str, data: Mapping[str, Any]) -> None:
        say = {"step": self.begin, "cached": self.cached, "log": self._log, "progress": self._progress}
        if event == "start":
            self.start(str(data["verb"]))
            self._last_tenth, self._last_time = 0, time.monotonic()
        text = say[event](data) if event in say else ""
        if text:
            self.caller.err.write(clean(text) + "\n")
            self.caller.err.flush()

    def _log(self, data: Mapping[str, Any]) -> str:
        return "  " + self.caller.say((data["en"], data["zh"]))

    def _progress(self, data: Mapping[str, Any]) -> str:
        done, total = data["done"], data["total"]
        name = self.verb.replace(".", " ")
        if total:
            tenth = 10 * done // total
            if tenth <= self._last_tenth:
                return ""
            self._last_tenth = tenth
            return f"  {name}  {tenth * 10:3d} %  {done:,} / {total:,}"
        if time.monotonic() - self._last_time < EVERY_S:
            return ""
        self._last_time = time.monotonic()
        return f"  {name}  {done:,}"


@contextlib.contextmanager
def lines(caller: Caller) -> Iterator[Hear]:
    """Yield a listener that writes plain lines, at most one per tenth of the work or per five seconds."""
    yield _Lines(caller).hear


class _Bars(_Steps):
    def __init__(self, caller: Caller, progress: Progress) -> None:
        super().__init__(caller)
        self._progress = progress
        self._task: TaskID | None = None

    def hear(self, event: str, data: Mapping[str, Any]) -> None:
        if event == "step":
            self._above(self.begin(data))
        elif event == "start" and data["verb"] != "flow.run":
            self.start(str(data["verb"]))
            self._task = self._progress.add_task(self.verb.replace(".", " "), total=None)
        elif event == "progress" and self._task is not None:
            self._progress.update(self._task, completed=data["done"], total=data["total"] or None)
        elif event == "log":
            self._above("  " + self.caller.say((data["en"], data["zh"])))
        elif event == "cached":
            self._above("  ✓ " + self.cached(data) if self.place else "")
        elif event == "end" and self._task is not None:
            self._end()

    def _above(self, text: str) -> None:
        if text:
            self._progress.console.print(clip(clean(text), self.caller.columns), markup=False, highlight=False)

    def _end(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
        if self.place:
            self._above(f"  ✓ {seconds(time.monotonic() - self.began, self.caller.language)}")


@contextlib.contextmanager
def bars(caller: Caller) -> Iterator[Hear]:
    """Yield a listener that draws bars, one per running job; finished steps stay as lines."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(file=caller.err)
    columns = (
        TextColumn("  {task.description}", markup=False),
        BarColumn(24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as progress:
        yield _Bars(caller, progress).hear


@contextlib.contextmanager
def counter(caller: Caller, en: str, zh: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yield a `progress(done, total)` for work that is not a job, shown in the same way."""
    with caller.listener() as hear:
        hear("log", {"en": en, "zh": zh}) if caller.err.isatty() else None
        hear("start", {"verb": en if caller.language == "en" else zh})
        try:
            yield lambda done, total: hear("progress", {"done": done, "total": total})
        finally:
            hear("end", {})
