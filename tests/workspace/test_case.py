"""Cases in a real workspace: opening, moving, clocks, permissions, and two callers at once."""

from __future__ import annotations

import datetime as dt
import json
import threading
from typing import Any

import pytest

from databases import Place
from quanheng.core import clock
from quanheng.errors import Conflict, Forbidden, Invalid, NotFound, QuanhengError


def open_filing(workspace: Any) -> str:
    return str(workspace.case.open(type="algorithm_filing", title="问答服务").value["case"])


def set_day(text: str) -> None:
    """Hold the clock at a moment of Beijing time."""
    moment = dt.datetime.fromisoformat(text + "+08:00").astimezone(dt.UTC)
    clock.set_clock(lambda: moment)


def entries(workspace: Any) -> list[Any]:
    return list(workspace.log.list(limit=100)["entries"])


def test_a_filing_from_start_to_cancellation(workspace: Any) -> None:
    set_day("2025-09-01T09:00")
    case = open_filing(workspace)
    before = len(entries(workspace))
    for day, move, note in [
        ("2025-09-25T09:00", "start_service", ""),
        ("2025-10-14T09:00", "submit", ""),
        ("2025-10-30T09:00", "file", "网信算备000000000000000000号"),
        ("2026-02-02T09:00", "change", "服务形式变更"),
        ("2026-02-05T09:00", "submit_change", ""),
        ("2026-02-06T09:00", "accept_change", ""),
        ("2026-05-04T09:00", "end_service", ""),
        ("2026-05-08T09:00", "cancel", ""),
    ]:
        set_day(day)
        workspace.case.move(case=case, transition=move, note=note)
    shown = workspace.case.show(case=case)
    assert shown["state"] == "cancelled" and shown["final"] and shown["next"] == [] and shown["step"] == 8
    assert shown["state_title"]["zh"] == "已注销备案"
    clocks = {c["clock"]: c for c in shown["clocks"]}
    assert {name: c["used_days"] for name, c in clocks.items()} == {
        "file_in_time": 13,
        "authority_answer": 12,
        "change_in_time": 3,
        "cancel_in_time": 4,
    }
    assert clocks["file_in_time"]["overdue"] and clocks["file_in_time"]["overdue_days"] == 3  # no holidays loaded
    assert clocks["file_in_time"]["due"] == "2025-10-09" and not clocks["file_in_time"]["holidays_loaded"]
    assert [e["note"] for e in shown["events"]][2] == "网信算备000000000000000000号"
    assert len(entries(workspace)) == before + 8
    assert "网信算备" not in json.dumps(entries(workspace), ensure_ascii=False)  # no free text in the log


def test_the_setting_holidays_moves_the_due_date(place: Place) -> None:
    (place.folder / "days.toml").write_text(
        "holidays = [" + ", ".join(f"2025-10-0{d}" for d in range(1, 9)) + "]\nworkdays = [2025-09-28, 2025-10-11]\n",
        "utf-8",
    )
    workspace = place.open(holidays="days.toml")  # relative to the workspace
    set_day("2025-09-25T09:00")
    case = open_filing(workspace)
    workspace.case.move(case=case, transition="start_service")
    reading = workspace.case.show(case=case)["clocks"][0]
    assert reading["due"] == "2025-10-15" and reading["holidays_loaded"]
    (place.folder / "days.toml").write_text("holidays = 7", "utf-8")
    with pytest.raises(Invalid, match=r"days\.toml cannot be used"):
        workspace.case.show(case=case)


def test_what_may_not_be_done_changes_nothing(workspace: Any) -> None:
    case = open_filing(workspace)
    before = workspace.case.show(case=case)
    refusals: list[tuple[type[QuanhengError], str, dict[str, Any]]] = [
        (Conflict, "transition_not_open", {"transition": "file", "note": "x"}),
        (NotFound, "no_such_transition", {"transition": "fly"}),
        (Invalid, "note_needed", {"transition": "drop"}),
        (Conflict, "case_moved_on", {"transition": "submit", "step": 3}),
    ]
    for error, code, data in refusals:
        with pytest.raises(error) as caught:
            workspace.case.move(case=case, **data)
        assert caught.value.code == code
        assert entries(workspace)[0]["outcome"] == "failed" and entries(workspace)[0]["code"] == code
    assert workspace.case.show(case=case) == before
    with pytest.raises(NotFound, match="no type of case 'nothing'"):
        workspace.case.open(type="nothing", title="x")
    with pytest.raises(NotFound, match="no case 'x' in this project"):
        workspace.case.show(case="x")


def test_a_case_belongs_to_its_project(workspace: Any) -> None:
    case = open_filing(workspace)
    workspace.project.create(slug="other")
    with pytest.raises(NotFound):
        workspace.call("case.show", case=case, project="other")
    with pytest.raises(NotFound):
        workspace.call("case.move", case=case, transition="submit", project="other")
    assert workspace.call("case.list", project="other")["rows"] == []
    assert [row["case"] for row in workspace.case.list()["rows"]] == [case]


def test_a_transition_asks_for_its_own_permission(workspace: Any) -> None:
    from quanheng.core import call
    from quanheng.core.session import token_session

    case = open_filing(workspace)
    workspace.user.create(label="bao")
    workspace.member.grant(label="bao", role="builder")
    secret = workspace.token.create(label="bao", scopes=["read", "build", "operate"]).value["token"]
    session = token_session(workspace, secret)
    shown = call.ask(session, "case.show", {"case": case})
    assert {t["transition"]: t["allowed"] for t in shown["next"]} == {
        "start_service": False,  # operate
        "submit": True,  # build
        "drop": False,
    }
    assert "需要 operate 权限" in shown["next"][0]["reason"]["zh"]
    with pytest.raises(Forbidden, match="it needs the permission operate"):
        call.call(session, "case.move", {"case": case, "transition": "start_service"})
    assert entries(workspace)[0]["outcome"] == "denied"
    assert call.call(session, "case.move", {"case": case, "transition": "submit"}).value["to"] == "submitted"


def test_a_clock_that_was_set_back_keeps_the_order_of_events(workspace: Any) -> None:
    set_day("2026-07-01T09:00")
    case = open_filing(workspace)
    workspace.case.move(case=case, transition="start_service")
    set_day("2020-01-01T09:00")
    workspace.case.move(case=case, transition="submit")
    shown = workspace.case.show(case=case)
    moments = [shown["opened"], *(event["at"] for event in shown["events"])]
    assert moments == sorted(moments)
    assert all(c["used_days"] == 0 for c in shown["clocks"])


def test_many_callers_at_once_take_each_step_once(workspace: Any) -> None:
    """Eight threads submit the same case from the same step: one wins, seven are told that it has moved on."""
    from quanheng.core import call, database

    case = open_filing(workspace)
    outcomes: list[str] = []
    gate = threading.Barrier(8)

    def move() -> None:
        try:
            gate.wait()
            call.call(workspace.session, "case.move", {"case": case, "transition": "submit", "step": 0})
            outcomes.append("done")
        except Conflict as error:
            outcomes.append(error.code)
        finally:
            database.unbind()

    threads = [threading.Thread(target=move) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["case_moved_on"] * 7 + ["done"]
    shown = workspace.case.show(case=case)
    assert shown["step"] == 1 and len(shown["events"]) == 1
    assert sum(e["verb"] == "case.move" for e in entries(workspace)) == 8


def test_a_case_of_a_type_or_state_that_this_release_lacks(workspace: Any) -> None:
    from quanheng.core.models import Case

    case = open_filing(workspace)
    Case.objects.filter(id=case).update(state="gone")
    with pytest.raises(Conflict, match="does not have in this release"):
        workspace.case.show(case=case)
    Case.objects.filter(id=case).update(type="gone")
    with pytest.raises(NotFound, match="no type of case 'gone'"):
        workspace.case.show(case=case)


def test_types_are_shown_with_states_and_transitions(workspace: Any) -> None:
    shown = {t["name"]: t for t in workspace.case.types()}
    assert shown["algorithm_filing"]["transition"][0]["permission"] == "operate"
    assert json.loads(json.dumps(shown)) == shown  # plain data
