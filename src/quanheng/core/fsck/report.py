"""What a check of the workspace finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from quanheng.errors import Text
from quanheng.store import JSON

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, or worth knowing: a stable code, the object or row, and a sentence in both languages."""

    code: str
    what: str
    en: str
    zh: str

    @property
    def text(self) -> Text:
        """Return the sentence in both languages."""
        return Text(self.en, self.zh)

    def to_json(self) -> dict[str, JSON]:
        """Return the problem as plain data."""
        return {"code": self.code, "what": self.what, "en": self.en, "zh": self.zh}


@dataclass(frozen=True)
class Report:
    """What fsck found: problems (something differs from what it must be), notes (nothing is wrong), and counts.

    repaired: problems of rebuilt indexes, which are gone now.
    """

    problems: Sequence[Problem]
    notes: Sequence[Problem]
    repaired: Sequence[Problem]
    counts: dict[str, int]
    root: str

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.problems

    def to_json(self) -> dict[str, JSON]:
        """Return the report as plain data."""
        return {
            "ok": self.ok,
            "problems": [item.to_json() for item in self.problems],
            "notes": [item.to_json() for item in self.notes],
            "repaired": [item.to_json() for item in self.repaired],
            "counts": dict(self.counts),
            "root": self.root,
        }


#: How the words with which an object or row is named read in Chinese; longer ones first.
_WORDS = (
    ("external layer ", "外部数据层 "),
    ("temporary files", "临时文件"),
    ("database file", "数据库文件"),
    ("object store", "对象仓库"),
    ("signing keys", "签名密钥"),
    ("log entry ", "存证条目 "),
    ("log node ", "存证节点 "),
    ("log head", "存证头记录"),
    ("checkpoint ", "检查点 "),
    ("artifact ", "制品 "),
    ("trigger ", "触发器 "),
    ("witness ", "见证 "),
    ("object ", "对象 "),
    ("layer ", "数据层 "),
    ("name ", "名称 "),
    ("job ", "作业 "),
    ("key ", "密钥 "),
)


def _in_chinese(what: str) -> str:
    for english, chinese in _WORDS:
        if what.startswith(english):
            return chinese + what.removeprefix(english)
    return what


@dataclass
class Findings:
    """Collects what the checks find."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    #: Artifacts whose manifest is sound and whose edges or layer uses differ from it, by row id.
    to_rebuild: set[int] = field(default_factory=set)

    def problem(self, code: str, what: str, en: str, zh: str) -> None:
        """Keep something that is wrong."""
        self.problems.append(Problem(code, what, f"{what}: {en}", f"{_in_chinese(what)}：{zh}"))

    def note(self, code: str, what: str, en: str, zh: str) -> None:
        """Keep something worth knowing that is not wrong."""
        self.notes.append(Problem(code, what, f"{what}: {en}", f"{_in_chinese(what)}：{zh}"))

    def count(self, name: str, number: int = 1) -> None:
        """Add to a count."""
        self.counts[name] = self.counts.get(name, 0) + number
