"""Random valid types of cases, and a small one to spoil on purpose."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from quanheng.core.case.definition import CaseType, parse_type

SAY = {"en": "x", "zh": "某"}

SMALL: dict[str, Any] = {
    "name": "small",
    "title": SAY,
    "basis": "《某规定》第一条",
    "first": "a",
    "final": ["z"],
    "states": {"a": SAY, "b": SAY, "z": SAY},
    "transition": [
        {"name": "go", "title": SAY, "from": ["a"], "to": "b", "permission": "build"},
        {"name": "back", "title": SAY, "from": ["b"], "to": "a", "permission": "read", "needs_note": True},
        {"name": "end", "title": SAY, "from": ["a", "b"], "to": "z", "permission": "own"},
    ],
    "clock": [
        {
            "name": "c",
            "title": SAY,
            "starts": ["a"],
            "pauses": ["b"],
            "stops": ["z"],
            "limit": {"days": 3, "unit": "working"},
            "basis": "《某规定》第二条",
        }
    ],
}


def small() -> dict[str, Any]:
    """Return a fresh copy of SMALL."""
    return copy.deepcopy(SMALL)


@st.composite
def clocks(draw: st.DrawFn, number: int, living: list[str], states: list[str]) -> dict[str, Any]:
    """Draw one clock: every state starts it, pauses it, stops it, or does nothing."""
    starts = draw(st.lists(st.sampled_from(living), min_size=1, max_size=2, unique=True))
    roles = {s: draw(st.sampled_from(["none", "pauses", "stops"])) for s in states if s not in starts}
    return {
        "name": f"clock{number}",
        "title": SAY,
        "starts": starts,
        "pauses": [s for s, role in roles.items() if role == "pauses"],
        "stops": [s for s, role in roles.items() if role == "stops"],
        "limit": {"days": draw(st.integers(1, 12)), "unit": draw(st.sampled_from(["calendar", "working"]))},
        "basis": "《某规定》",
    }


@st.composite
def case_types(draw: st.DrawFn) -> CaseType:
    """Draw a type that the checker takes: a tree of states from the first one, some ways more, some clocks."""
    living = [f"s{i}" for i in range(draw(st.integers(1, 5)))]
    final = [f"end{i}" for i in range(draw(st.integers(1, 2)))]
    states = living + final
    ways: list[tuple[list[str], str]] = []
    for number, state in enumerate(states[1:], 1):  # every state is reached from one before it that is not final
        ways.append(([draw(st.sampled_from(living[: min(number, len(living))]))], state))
    for state in living:
        extra = draw(st.lists(st.sampled_from(states), max_size=2))
        leaving = {s for sources, _ in ways for s in sources}
        if state not in leaving and not extra:
            extra = [draw(st.sampled_from(states))]
        ways += [([state], to) for to in extra]
    transitions = [
        {
            "name": f"t{number}",
            "title": SAY,
            "from": sources,
            "to": to,
            "permission": "read",
            "needs_note": draw(st.booleans()),
        }
        for number, (sources, to) in enumerate(ways)
    ]
    drawn = [draw(clocks(number, living, states)) for number in range(draw(st.integers(0, 3)))]
    return parse_type(
        "drawn",
        {
            "name": "drawn",
            "title": SAY,
            "basis": "《某规定》",
            "first": living[0],
            "final": final,
            "states": {s: SAY for s in states},
            "transition": transitions,
            "clock": drawn,
        },
    )
