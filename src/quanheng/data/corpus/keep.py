"""What a build keeps of what lies between its steps, and how much disk it has taken at the worst moment.

| kept after the build                                                    | final | stages | all |
|---|---|---|---|
| corpus; final rows of each unit, what it dropped, broken rows, sketches | yes   | yes    | yes |
| rows after each segment                                                 | no    | yes    | yes |
| verdicts of the corpus steps on each unit                               | no    | no     | yes |

"final" is what makes new files cheap: of old units nothing is read but their sketches and what the corpus is made of.
What the merge counted is kept under each of them: some thousand bytes, and no text (`continued.py`).
"stages" also lets a recipe that was changed in a later step begin there. While a build runs, "final" lets the rows of
a unit go as soon as those after the next segment are stored. Rows that a later resolution will ask for, and that cannot
be had from the final rows, are kept whatever was asked (`letting_go`).

What is kept never decides what a corpus is: an object that is gone is made again when it is needed. What stays has an
entry of its own in the cache, for collection sees no other (`hold`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, get_args

from quanheng.data.corpus.operator import CorpusStep, Editor
from quanheng.data.corpus.recipe import Plan
from quanheng.errors import Conflict, QuanhengError, Unavailable
from quanheng.store import LocalObjects, cache_key
from quanheng.store.cache import CacheLike

Keep = Literal["final", "stages", "all"]
KEEPS: tuple[Keep, ...] = get_args(Keep)
#: Lets objects go; they may be there a while longer.
Release = Callable[[Sequence[str]], None]


class Changed(Exception):
    """Rows of a segment were made again, and hold other documents than those that were resolved."""

    def __init__(self, segment: int) -> None:
        super().__init__(segment)
        self.segment = segment


def unsettled() -> Conflict:
    """Return the error of a build whose rows are others whenever they are made again."""
    return Conflict(
        "documents that were made again differ from before, time after time: a model or service that a step asks "
        "answers otherwise each time",
        "重新生成的文档一再与之前不一致：某个步骤调用的模型或服务每次给出的结果不同",
        hint=(
            "Build again with --keep stages: what is made then stays, and is not made another time.",
            "请用 --keep stages 重新构建：生成的中间结果会保留，不必再次生成。",
        ),
        code="rows_changed",
    )


def full(error: QuanhengError) -> Unavailable:
    """Return the error of a full disk with what can be done about a build."""
    hint = (
        "Free some space and build again: what is finished is not repeated. `quanheng corpus plan` foretells the disk "
        "that a build takes, and --keep final takes the least.",
        "请释放空间后重新构建，已完成的部分不会重复。quanheng corpus plan 可预估构建所需磁盘，--keep final 占用最少。",
    )
    return Unavailable(error.text.en, error.text.zh, hint=hint, code="disk_full")


def held(cache: CacheLike, digest: str) -> bool:
    """Return whether an object was held; if so it is as young as a new one."""
    return cache.get(cache_key({"keep": "rows", "rows": digest})) is not None


def hold(cache: CacheLike, digests: Iterable[str]) -> None:
    """Give each of these objects an entry in the cache that names it, or make its entry young again."""
    for digest in digests:
        if not held(cache, digest):
            cache.set(cache_key({"keep": "rows", "rows": digest}), digest)


def letting_go(made: Plan) -> list[bool | None]:
    """Return for each segment but the last whether its rows can go; None: yes, and their texts are in the final rows.

    A resolution that reads texts has them from the final rows when no step after it edits or drops.
    """
    found: list[bool | None] = []
    for number, segment in enumerate(made.segments[:-1]):
        step = segment.corpus.operator if segment.corpus else None
        assert isinstance(step, CorpusStep)  # noqa: S101 - such a step ends every segment but the last
        after = [ready for later in made.segments[number + 1 :] for ready in (*later.steps, later.corpus) if ready]
        changed = any(isinstance(ready.operator, Editor | CorpusStep) or ready.step.drop is not None for ready in after)
        in_final = step.continues and step.whole and not changed
        found.append(True if not step.reads_texts else None if in_final else False)
    return found


class Ledger:
    """Bytes of the objects that a build added: now, and at the worst moment, for each way of keeping.

    Objects that are let go under some ways of keeping are really let go when `keep` is one of them. An object counts
    once, and not at all when it was there before the build.
    """

    def __init__(self, objects: LocalObjects, keep: Keep, release: Release | None = None) -> None:
        self.keep = keep
        self.now: dict[Keep, int] = dict.fromkeys(KEEPS, 0)
        self.peaks: dict[Keep, int] = dict.fromkeys(KEEPS, 0)
        self._objects = objects
        self._release = release or self._delete
        self._sizes: dict[str, int] = {}
        self._gone: dict[str, frozenset[Keep]] = {}

    def _delete(self, digests: Sequence[str]) -> None:
        for digest in digests:
            self._objects.delete(digest)

    def add(self, digests: Iterable[str]) -> None:
        """Count objects that were stored now."""
        for digest in digests:
            under = self._gone.pop(digest, None)
            if under is None and digest in self._sizes:
                continue
            size = self._sizes.get(digest)
            if size is None:
                size = self._sizes[digest] = self._objects.size(digest) if self._objects.exists(digest) else 0
            self._count(size, KEEPS if under is None else under)

    def lent(self, size: int) -> None:
        """Count bytes that lie in a scratch folder now, and are gone soon."""
        for keep in KEEPS:
            self.peaks[keep] = max(self.peaks[keep], self.now[keep] + size)

    def let_go(self, digests: Sequence[str], *under: Keep) -> None:
        """Let objects go where what is kept is one of `under`."""
        for digest in digests:
            if digest not in self._gone and digest in self._sizes:
                self._count(-self._sizes[digest], under)
                self._gone[digest] = frozenset(under)
        if self.keep in under and digests:
            self._release(digests)

    def _count(self, size: int, under: Iterable[Keep]) -> None:
        for keep in under:
            self.now[keep] += size
            self.peaks[keep] = max(self.peaks[keep], self.now[keep])


class Users:
    """How many units still need the rows of each digest: equal files have equal rows."""

    def __init__(self, digests: Iterable[str]) -> None:
        self._left = Counter(digests)

    def done(self, digest: str) -> bool:
        """Note that one unit needs it no more; return whether none does."""
        self._left[digest] -= 1
        return self._left[digest] <= 0
