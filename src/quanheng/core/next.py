"""What to do next: each wing suggests steps, and whoever asks sees the five that matter most and that they may do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from quanheng.core import permission
from quanheng.core.session import Session
from quanheng.errors import Text

#: So many steps are shown at most; a longer list is not read.
SHOWN = 5


@dataclass(frozen=True)
class Step:
    """One thing to do: a verb (or query), why, how much work it is, and what is already known of its input.

    data: by field, as text; a list where the field takes many.
    order: smaller stands first: 0 something is broken or overdue, 10 the chain stands still, 20 it gets better,
    30 good housekeeping.
    """

    verb: str
    text: Text
    effort: Text | None = None
    data: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    order: int = 20


Suggest = Callable[[Session], Iterable[Step]]
_SUGGESTIONS: list[Suggest] = []


def suggests(function: Suggest) -> Suggest:
    """Register a function that looks at a project and yields steps; used as a decorator in a wing's queries."""
    _SUGGESTIONS.append(function)
    return function


def steps(session: Session, limit: int = SHOWN) -> list[Step]:
    """Return the steps that the session may do, the most urgent first; each verb with the same input once."""
    from quanheng.core.verb import QUERIES, VERBS, load

    load()
    found: dict[tuple[str, str], Step] = {}
    allowed: dict[str, bool] = {}
    for suggest in _SUGGESTIONS:
        for step in suggest(session):
            known = VERBS.get(step.verb) or QUERIES[step.verb]
            if step.verb not in allowed:
                allowed[step.verb] = permission.decide(session, known.permission, step.verb).allowed
            if allowed[step.verb]:
                found.setdefault((step.verb, step.text.en), step)
    return sorted(found.values(), key=lambda step: step.order)[:limit]
