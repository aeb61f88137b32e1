"""Verbs and queries: declared once, called from every face.

A verb turns artifacts into artifacts, runs as a job and leaves one log entry. `mode="job"` bodies run in a child
process without a database; `mode="inline"` bodies run inside the caller's transaction in under 100 ms;
`mode="flow"` bodies run in the parent and call other verbs. A query only reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from quanheng.core.inputs import Input, Secret, aside, marked
from quanheng.errors import NotFound, Text
from quanheng.store import JSON

if TYPE_CHECKING:
    from quanheng.core.session import Session

Mode = Literal["job", "inline", "flow"]
#: What an actor may be allowed to do; roles are sets of these (core/permission.py).
#: "self": what everybody who is active may do about their own account, whatever their roles.
Permission = Literal["read", "build", "review", "annotate", "operate", "audit", "own", "self"]
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Verb:
    """One verb: its name `noun.verb`, input model, mode, version, permission and body."""

    name: str
    input: type[Input]
    mode: Mode
    cache: bool
    version: int
    permission: Permission
    help: Text
    body: Callable[..., Any]
    makes: tuple[str, ...]
    prepare: Callable[[Session, Any], Any] | None
    scope: Literal["project", "workspace"]
    reuse: Callable[[Any], bool] | None = None
    there: Callable[[Mapping[str, Any], Mapping[str, Any]], Text | None] | None = None

    @property
    def reference(self) -> str:
        """Return "module:function", by which a child process finds the body."""
        return f"{self.body.__module__}:{self.body.__qualname__}"


@dataclass(frozen=True)
class Query:
    """One query: a permission-checked read, never logged, never a job."""

    name: str
    input: type[Input]
    permission: Permission
    help: Text
    body: Callable[..., Any]
    scope: Literal["project", "workspace"]


VERBS: dict[str, Verb] = {}
QUERIES: dict[str, Query] = {}


def verb(
    name: str,
    *,
    help: tuple[str, str],
    permission: Permission,
    mode: Mode = "job",
    cache: bool = False,
    version: int = 1,
    makes: tuple[str, ...] = (),
    prepare: Callable[[Session, Any], Any] | None = None,
    scope: Literal["project", "workspace"] = "project",
    reuse: Callable[[Any], bool] | None = None,
    there: Callable[[Mapping[str, Any], Mapping[str, Any]], Text | None] | None = None,
) -> Callable[[F], F]:
    """Register a function as the verb `name`; its second parameter's annotation is the input model.

    cache: only cacheable verbs are found by key; such a body must depend on its inputs and parameters alone.
    version: raise it when the output for the same input changes. makes: the kinds it leaves.
    reuse: says of an output's model whether a later call may take it; None takes all.
    there: says what a caller must know who gets an earlier answer, from the fields marked `Aside` of the call that made
    it and of this one.
    prepare: runs in the parent with the database before the key is computed and returns the completed input.
    """

    def add(function: F) -> F:
        if name in VERBS or name in QUERIES:
            raise ValueError(f"{name} is registered twice")
        input_ = _input_of(function)
        if mode != "inline" and any(marked(input_, Secret)):
            raise ValueError(f"{name}: only an inline verb may take a secret")
        VERBS[name] = Verb(
            name,
            input_,
            mode,
            cache,
            version,
            permission,
            Text(*help),
            function,
            makes,
            prepare,
            scope,
            reuse,
            there,
        )
        return function

    return add


def query(
    name: str,
    *,
    help: tuple[str, str],
    permission: Permission = "read",
    scope: Literal["project", "workspace"] = "project",
) -> Callable[[F], F]:
    """Register a function as the query `name`; its second parameter's annotation is the input model."""

    def add(function: F) -> F:
        if name in VERBS or name in QUERIES:
            raise ValueError(f"{name} is registered twice")
        QUERIES[name] = Query(name, _input_of(function), permission, Text(*help), function, scope)
        return function

    return add


def _input_of(function: Callable[..., Any]) -> type[Input]:
    names = list(function.__annotations__)
    annotation = function.__annotations__[names[1]]
    if isinstance(annotation, str):
        annotation = function.__globals__[annotation]
    if not issubclass(annotation, Input):
        raise TypeError(f"{function.__qualname__}: the second parameter must be an Input")
    return annotation  # type: ignore[no-any-return]


#: Where verbs and queries live. Wings are found by name, so that core imports none of them.
_WINGS = ("compute", "data", "models", "scenarios", "oversight")
_CORE = (
    "verbs",
    "access_verbs",
    "account_verbs",
    "queries",
    "log_queries",
    "artifact_queries",
    "job_queries",
    "file_verbs",
    "maintenance",
    "flow_plan",
    "project_queries",
    "save",
)
_loaded = False


def load() -> None:
    """Import every module that declares verbs or queries; a second call does nothing."""
    global _loaded
    if _loaded:
        return
    for name in _CORE:
        import_module(f"quanheng.core.{name}")
    for wing in _WINGS:
        for part in ("verbs", "queries", "page_queries"):
            if find_spec(f"quanheng.{wing}") and find_spec(f"quanheng.{wing}.{part}"):
                import_module(f"quanheng.{wing}.{part}")
    _loaded = True


@cache
def nouns() -> frozenset[str]:
    """Return the nouns that verbs and queries are about."""
    load()
    return frozenset(name.split(".")[0] for name in (*VERBS, *QUERIES))


def find_verb(name: str) -> Verb:
    """Return the verb `name`; NotFound names the nearest ones."""
    load()
    if name in VERBS:
        return VERBS[name]
    raise _unknown(name, VERBS)


def find_query(name: str) -> Query:
    """Return the query `name`; NotFound names the nearest ones."""
    load()
    if name in QUERIES:
        return QUERIES[name]
    raise _unknown(name, QUERIES)


def _unknown(name: str, known: Mapping[str, object]) -> NotFound:
    from difflib import get_close_matches

    noun, _, action = name.partition(".")
    same = sorted(other for other in known if other.startswith(noun + ".") or other.endswith("." + action))
    near = get_close_matches(name, known, n=3, cutoff=0.6) or same[:5]
    if near:
        return NotFound(
            f"there is no verb {name!r}",
            f"没有名为 {name!r} 的操作",
            hint=("Did you mean: " + ", ".join(near), "是否想用：" + "、".join(near)),
            code="unknown_verb",
        )
    return NotFound(
        f"there is no verb {name!r}",
        f"没有名为 {name!r} 的操作",
        hint=("List them: quanheng --help", "查看全部操作：quanheng --help"),
        code="unknown_verb",
    )


def made_by(verb: Verb, params: Mapping[str, JSON], inputs: list[tuple[str, str]]) -> dict[str, JSON]:
    """Return the derivation that stands in every output: verb, version, params, inputs by role."""
    beside = aside(verb.input)
    return {
        "verb": verb.name,
        "version": verb.version,
        "params": {name: value for name, value in params.items() if name not in beside},
        "inputs": [{"role": role, "digest": digest} for role, digest in inputs],
    }
