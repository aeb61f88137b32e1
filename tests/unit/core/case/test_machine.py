"""How cases move: a state machine over random valid types against a plain model, and each refusal."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from core.case.case_types import case_types, small
from core.case.counting import count
from quanheng.core.case.calendar import Calendar
from quanheng.core.case.clocks import Entry, readings
from quanheng.core.case.definition import CaseType, parse_type
from quanheng.core.case.machine import check_note, check_step, find_transition, known_state, open_transitions
from quanheng.errors import Conflict, Invalid, NotFound


class Cases(RuleBasedStateMachine):
    """Cases of one random type, opened and moved while time goes on; the model is a table of ways and a list."""

    @initialize(case_type=case_types(), hours=st.integers(0, 200))
    def begin(self, case_type: CaseType, hours: int) -> None:
        self.type = case_type
        self.now = dt.datetime(2026, 2, 1, tzinfo=dt.UTC) + dt.timedelta(hours=hours)
        self.ways = {(s, t.name): t.to for t in case_type.transitions for s in t.sources}
        self.cases: list[list[Entry]] = []

    @rule()
    def open_one(self) -> None:
        if len(self.cases) < 3:
            self.cases.append([Entry(self.now, self.type.first)])

    @rule(hours=st.sampled_from([1, 7, 8, 23, 24, 48, 72, 240]))
    def wait(self, hours: int) -> None:
        self.now += dt.timedelta(hours=hours)

    @rule(pick=st.randoms(use_true_random=False), any_name=st.integers(0, 12))
    def try_any_transition(self, pick, any_name: int) -> None:  # type: ignore[no-untyped-def]
        if not self.cases:
            return
        case = pick.choice(self.cases)
        name, state = f"t{any_name}", case[-1].state
        target = self.ways.get((state, name))
        if target is not None:
            assert find_transition(self.type, state, name).to == target
            case.append(Entry(self.now, target))
            return
        exists = any(known == name for _, known in self.ways)
        with pytest.raises(Conflict if exists else NotFound):
            find_transition(self.type, state, name)

    @rule(pick=st.randoms(use_true_random=False))
    def move_on(self, pick) -> None:  # type: ignore[no-untyped-def]
        living = [case for case in self.cases if case[-1].state not in self.type.final]
        if living:
            case = pick.choice(living)
            names = [name for state, name in self.ways if state == case[-1].state]
            case.append(Entry(self.now, find_transition(self.type, case[-1].state, pick.choice(names)).to))

    @invariant()
    def open_transitions_are_those_of_the_model(self) -> None:
        for case in getattr(self, "cases", []):
            state = case[-1].state
            names = {t.name for t in open_transitions(self.type, state)}
            assert names == {name for source, name in self.ways if source == state}
            assert bool(names) == (state not in self.type.final)

    @invariant()
    def clocks_are_those_of_the_slow_counter(self) -> None:
        for case in getattr(self, "cases", []):
            found = readings(self.type, case, self.now, Calendar())
            for clock in self.type.clocks:
                mine = [(r.used_days, r.paused_days, r.due, r.overdue_days) for r in found if r.clock == clock]
                slow = count(self.type, clock, case, self.now, Calendar())
                assert mine == [(s.used, s.paused, s.due, s.over) for s in slow]


Cases.TestCase.settings = settings(max_examples=25, stateful_step_count=20)
TestCases = Cases.TestCase


def test_each_refusal_says_what_is_possible() -> None:
    case_type = parse_type("small", small())
    with pytest.raises(Conflict, match="back is not possible from the state a") as caught:
        find_transition(case_type, "a", "back")
    assert caught.value.code == "transition_not_open" and "go, end" in str(caught.value)
    with pytest.raises(NotFound, match="has no transition 'fly'"):
        find_transition(case_type, "a", "fly")
    with pytest.raises(Conflict, match="nothing, the case is closed") as closed:
        find_transition(case_type, "z", "go")
    assert "事项已办结" in closed.value.say("zh")
    with pytest.raises(Conflict, match="does not have in this release"):
        known_state(case_type, "gone")


def test_a_note_that_is_needed_is_asked_for() -> None:
    case_type = parse_type("small", small())
    back = find_transition(case_type, "b", "back")
    with pytest.raises(Invalid, match="back needs a note"):
        check_note(back, "  ")
    check_note(back, "材料不全")
    check_note(find_transition(case_type, "a", "go"), "")


def test_a_caller_who_saw_another_step_is_refused() -> None:
    check_step(3, None)
    check_step(3, 3)
    with pytest.raises(Conflict, match="at step 3, you saw step 2"):
        check_step(3, 2)
