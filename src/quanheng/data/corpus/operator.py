"""The contract of the engine's operators: Tagger, Editor, CorpusStep over batches of documents, and their registry.

A **Tagger** adds columns and never touches the text. An **Editor** replaces spans of the text and says what each was.
A *Judge* is no class: it is an expression over columns in the recipe (`expression.py`) that keeps, drops or lists for
review. A **CorpusStep** needs all documents: `sketch` runs per unit, `resolve` once over all sketches.

An operator is a plugin: a class registered here, or one that an installed package names in the entry-point group
`quanheng.operators`. Its identity is name + version + digest of parameters and assets, and is part of every cache key.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, NamedTuple, Protocol, TypeVar, get_args

from pydantic import ValidationError

from quanheng.data.corpus.batch import Batch, Codes, Column, Gives, arrow_types
from quanheng.errors import Invalid
from quanheng.kinds.base import DecimalText, Model, Say
from quanheng.kinds.kind_words import reason, reason_en
from quanheng.store import canonical_json, sha256_digest

if TYPE_CHECKING:
    import numpy as np

    from quanheng.data.corpus.asking import Answers

__all__ = [
    "ENTRY_POINTS",
    "Asset",
    "Batch",
    "Codes",
    "Column",
    "CorpusStep",
    "Edited",
    "Editor",
    "Gives",
    "Known",
    "Operator",
    "Params",
    "Replaced",
    "Sketch",
    "Tagger",
    "Texts",
    "Verdict",
    "arrow_types",
    "make",
    "operator",
    "operators",
    "unknown",
]

ENTRY_POINTS = "quanheng.operators"
#: The operators that ship, by the module that registers them: one is imported when a recipe names it.
_SHIPPED = {
    "ask": ("educational_value", "guard"),
    "basic": ("length", "normalise", "script", "symbols"),
    "decontaminate": ("decontaminate",),
    "deduplicate": ("deduplicate_exact", "deduplicate_lines", "deduplicate_near", "deduplicate_substring"),
    "extract": ("extract", "repair_mojibake"),
    "personal_data": ("personal_data",),
    "quality": (
        "common_characters",
        "domain",
        "language",
        "lines",
        "perplexity",
        "quality_classifier",
        "repetition",
    ),
    "review": ("lexicon", "risk_classifier"),
    "semantic": ("deduplicate_semantic",),
}


class Params(Model):
    """The base of an operator's parameters: frozen, and an unknown name is an error. No floats: `DecimalText`."""


@dataclass(frozen=True)
class Asset:
    """A layer of an artifact that an operator reads: a lexicon's terms, a classifier's weights, an endpoint.

    `answers`: what the endpoint has answered before; None where there is no cache that lasts.
    """

    digest: str
    open: Callable[[], BinaryIO]
    answers: Answers | None = None


class Operator:
    """What every operator has. A subclass sets the class variables and is registered with `@operator`.

    `assets`: names of the assets it may read, such as ("lexicon",); `needs`: those it cannot do without. `aside`:
    parameters that say how the work is done and never what comes of it: no part of its identity.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    help: ClassVar[Say]
    Params: ClassVar[type[Params]] = Params
    assets: ClassVar[tuple[str, ...]] = ()
    aside: ClassVar[frozenset[str]] = frozenset()
    #: Of one that asks a service: questions that got no readable answer, in this process so far.
    unread: int = 0

    def __init__(self, params: Any, assets: Mapping[str, Asset]) -> None:
        self.params = params
        self.given = assets

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the assets that it cannot do without; a subclass whose parameters decide says which."""
        return self.assets

    @property
    def id(self) -> str:
        """Return name/version:digest of parameters, without those that are `aside`, and assets."""
        said = {
            "params": self.params.model_dump(mode="json", exclude=set(self.aside)),
            "assets": {name: asset.digest for name, asset in sorted(self.given.items())},
        }
        return f"{self.name}/{self.version}:{sha256_digest(canonical_json(said))[7:23]}"


class Tagger(Operator):
    """Adds columns. `reviews`: whether they tell of risky content, which the account of a corpus counts apart."""

    gives: ClassVar[Gives] = ()
    reviews: ClassVar[bool] = False

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return a value per document for each column of `gives`."""
        raise NotImplementedError


class Replaced(NamedTuple):
    """A span [start, end) of the text before, what stands there now, and what it was ("mobile", "boilerplate")."""

    start: int
    end: int
    new: str
    what: str


class Edited(NamedTuple):
    """What an editor made of one document. `spans`: in order, without overlap; () when the text is made anew."""

    text: str
    spans: tuple[Replaced, ...] = ()


class Editor(Operator):
    """Replaces spans. What it did is kept: (place in the new text, old length, new length, what), never the old text.

    `gives`: columns it may add beside, e.g. counts.
    """

    gives: ClassVar[Gives] = ()

    def edit(self, batch: Batch) -> tuple[Sequence[Edited | None], Mapping[str, Column]]:
        """Return for each document what became of it, None when nothing changed; and the columns of `gives`."""
        raise NotImplementedError


class Sketch(Protocol):
    """What a corpus step's `sketch` left of one unit.

    `rank`: documents of a lower rank stay where there is a choice (clear licence first, then order of the sources).
    """

    rank: int
    rows: int

    def column(self, name: str) -> np.ndarray[Any, Any]:
        """Return a column, one value a document; mapped from disk, so it costs no memory to hold.

        Of a column of a type that ends in "[*]": the values of all documents, one after the other.
        """
        ...


#: Reads texts of a unit by row number: texts(unit, rows) → one text per row, in the order asked.
Texts = Callable[[int, Sequence[int]], list[str]]


class Verdict(NamedTuple):
    """What a corpus step says of one document: drop it (start = -1), or take out [start, end) of its text.

    `of`: (unit, row) of the document that it repeats, (-1, -1) when there is none. `measure`: e.g. Jaccard, 0 to 1.
    """

    row: int
    start: int
    end: int
    reason: str
    of: tuple[int, int]
    measure: float


class Known(NamedTuple):
    """What an earlier resolution found on the first `units` in the order of preference; they were the first then too.

    `verdicts` yields the verdicts on each of them in that order, with units numbered as they are now.
    """

    units: int
    verdicts: Callable[[], Iterator[list[Verdict]]]


class CorpusStep(Operator):
    """A step that needs all documents: per unit a sketch, then one resolution over all of them.

    `sketch_columns`: names and numpy types of what `sketch` returns; a name may hold several values a document when
    its type ends in "[k]", e.g. ("bands", "uint64[16]") is an array of shape (n, 16). With "[*]" each document has as
    many as it has: `sketch` returns a `quanheng.text.shingles.Packed`.

    `reads_texts`: whether `resolve` asks for texts; of a step that does not, rows need not be kept for it.
    `continues`: whether a verdict depends on nothing behind the document in the order of preference (rank, unit, row);
    such a step has `resume`, and documents that are added behind cost only themselves. `whole`: whether it takes out
    whole documents only, never parts, and asks for no text of one that an earlier resolution took out. `by_source`:
    whether a verdict depends on documents of its own source (its rank) alone; each source is then resolved by itself.
    """

    sketch_columns: Gives
    #: The word for what it takes out, as funnel and decisions call it.
    reason: ClassVar[str] = "duplicate"
    reads_texts: ClassVar[bool] = True
    continues: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    by_source: ClassVar[bool] = False

    def sketch(self, batch: Batch) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the sketch of the documents of a batch."""
        raise NotImplementedError

    def resolve(
        self, sketches: Sequence[Sketch], texts: Texts, scratch: Path, progress: Callable[[int, int | None], None]
    ) -> Iterator[list[Verdict]]:
        """Yield the verdicts on each unit, in order, each list by row. Memory is bounded; `scratch` is a folder."""
        raise NotImplementedError

    def resume(
        self,
        known: Known,
        sketches: Sequence[Sketch],
        texts: Texts,
        scratch: Path,
        progress: Callable[[int, int | None], None],
    ) -> Iterator[list[Verdict]]:
        """Yield what `resolve` would, without asking again what is known."""
        raise NotImplementedError


O = TypeVar("O", bound=type[Operator])  # noqa: E741 - an operator class
_REGISTRY: dict[str, type[Operator]] = {}


def operator(cls: O) -> O:
    """Register an operator class and return it; used as a class decorator."""
    if _REGISTRY.get(cls.name, cls).__qualname__ != cls.__qualname__:
        raise ValueError(f"operator {cls.name} is registered twice")
    _REGISTRY[cls.name] = cls
    return cls


@cache
def operators() -> Mapping[str, type[Operator]]:
    """Return all operators by name: those that ship and those of installed packages."""
    for module in _SHIPPED:
        _import(module)
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        operator(point.load())
    return dict(sorted(_REGISTRY.items()))


def _import(module: str) -> None:
    import_module(f"quanheng.data.corpus.operators.{module}")


def _operator(name: str) -> type[Operator]:
    """Return the operator `name`; of those that ship no others are imported than stand in its module."""
    for module, names in _SHIPPED.items():
        if name in names:
            _import(module)
            return _REGISTRY[name]
    known = operators()
    if name not in known:
        raise unknown("there is no operator", "没有算子", name, known)
    return known[name]


def make(name: str, params: Mapping[str, Any], assets: Mapping[str, Asset]) -> Operator:
    """Return the operator `name` with its parameters checked.

    Raises Invalid "unknown_word" naming the nearest right one, or "bad_parameter" for a wrong value.
    """
    cls = _operator(name)
    for key in params:
        if key not in cls.Params.model_fields:
            raise unknown(
                f"the operator {name} has no parameter", f"算子 {name} 没有参数", key, cls.Params.model_fields
            )
    try:
        checked = cls.Params.model_validate_json(canonical_json(_as_text(cls.Params, params)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))  # none where the parameters do not go together
        raise Invalid(
            f"{name}: {where + ': ' if where else ''}{reason_en(first)}",
            f"算子 {name} 的参数{f' {where} ' if where else ''}不合要求：{reason(first)}",
            hint=(cls.help.en, cls.help.zh),
            code="bad_parameter",
        ) from error
    return cls(checked, {role: assets[role] for role in cls.assets if role in assets})


def _as_text(model: type[Params], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with a whole number as text where a decimal is asked for: 1 is as good as "1"."""
    decimal = get_args(DecimalText)[1]
    return {
        key: str(value) if type(value) is int and decimal in model.model_fields[key].metadata else value
        for key, value in params.items()
    }


def unknown(en: str, zh: str, name: str, known: Mapping[str, Any]) -> Invalid:
    """Return the error for a word that nobody knows, naming the nearest that somebody does, where one is near.

    `en`, `zh`: what there is not, up to the word: "the operator length has no parameter".
    """
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    every = ", ".join(known)
    return Invalid(
        f"{en} {name[:80]!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
        f"{zh} {name[:80]!r}" + (f"，是否想写 {near[0]!r}？" if near else ""),
        hint=(f"There are: {every}", f"现有：{every}") if known else ("There are none.", "这里一个也没有。"),
        code="unknown_word",
    )
