"""Store, log, names, withdrawal and collection against a model of plain dicts, in any order Hypothesis finds."""

from __future__ import annotations

import datetime as dt
import itertools
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from databases import Templates, close_open
from evidence import item, register
from quanheng.core import clock
from quanheng.core.collect import collect
from quanheng.core.fsck import fsck
from quanheng.errors import Conflict, Forbidden
from quanheng.store import sha256_digest

EXAMPLES = 150 if os.environ.get("QUANHENG_PROMISES") == "full" else 15
DAY_H = 24
contents = st.sampled_from([b"one", b"two", b"three", b"four" * 1000])
slugs = st.sampled_from(["a", "b", "c"])


class WorkspaceMachine(RuleBasedStateMachine):
    """The workspace and what must be true of it."""

    templates: Templates
    base: Path
    database: str
    counter = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.place = self.templates.place(self.database, self.base / f"w{next(self.counter)}")
        self.workspace: Any = self.place.open()
        self.now = dt.datetime.now(dt.UTC)
        clock.set_clock(lambda: self.now)
        self.entries = 1
        self.artifacts: dict[str, tuple[bytes, ...]] = {}  # in force, with their contents
        self.withdrawn: set[str] = set()
        self.names: dict[str, str] = {}
        self.brought: dict[bytes, dt.datetime] = {}  # contents that are there, and when they were last brought
        self.made = itertools.count()

    def teardown(self) -> None:
        self.workspace = self.place.open()
        assert fsck(self.workspace).problems == []
        close_open()
        self.templates.remove(self.place)

    def _used(self, content: bytes) -> bool:
        return any(content in held for held in self.artifacts.values())

    @rule(content=contents)
    def put(self, content: bytes) -> None:
        self.workspace.put(content)
        self.brought[content] = self.now

    @rule(held=st.lists(contents, max_size=3, unique=True), slug=st.none() | slugs, data=st.data())
    def register(self, held: list[bytes], slug: str | None, data: st.DataObject) -> None:
        inputs = data.draw(st.lists(st.sampled_from(sorted(self.artifacts)), max_size=2)) if self.artifacts else []
        pieces = [(f"{number}", content) for number, content in enumerate(held)]
        digest = register(
            self.workspace, f"made {next(self.made)}", pieces, [("from", d) for d in inputs], as_name=slug or ""
        )
        self.artifacts[digest] = tuple(held)
        self.brought.update(dict.fromkeys(held, self.now))
        self.entries += 1
        if slug:
            self.names[slug] = digest

    @rule(content=contents)
    def register_without_bringing(self, content: bytes) -> None:
        layer = {"digest": sha256_digest(content), "size": len(content), "media_type": "text/plain", "title": "t"}
        made = item(f"made {next(self.made)}", [layer])
        self.entries += 1  # one entry, done or failed
        if content in self.brought:
            self.artifacts[self.workspace.artifact.register_many(items=[made]).digest] = (content,)
            self.brought[content] = self.now
            return
        with pytest.raises((Conflict, Forbidden)):
            self.workspace.artifact.register_many(items=[made])

    @precondition(lambda self: self.artifacts)
    @rule(slug=slugs, data=st.data())
    def name(self, slug: str, data: st.DataObject) -> None:
        digest = data.draw(st.sampled_from(sorted(self.artifacts)))
        self.workspace.name.set(artifact=digest, name=slug)
        self.names[slug] = digest
        self.entries += 1

    @precondition(lambda self: self.artifacts)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        digest = data.draw(st.sampled_from(sorted(self.artifacts)))
        self.workspace.artifact.withdraw(artifact=digest, reason="not wanted")
        held = self.artifacts.pop(digest)
        self.withdrawn.add(digest)
        self.entries += 1
        for content in held:
            if not self._used(content):
                self.brought.pop(content, None)

    @precondition(lambda self: self.withdrawn)
    @rule(data=st.data())
    def use_what_was_withdrawn(self, data: st.DataObject) -> None:
        digest = data.draw(st.sampled_from(sorted(self.withdrawn)))
        with pytest.raises(Conflict):
            self.workspace.name.set(artifact=digest, name="a")

    @rule(hours=st.sampled_from([-5, 1, 23, 25, 1000]))
    def turn_the_clock(self, hours: int) -> None:
        self.now += dt.timedelta(hours=hours)

    def collect(self) -> None:
        cutoff = self.now - dt.timedelta(hours=DAY_H)
        gone = [c for c, at in self.brought.items() if at < cutoff and not self._used(c) and not self._young(c, cutoff)]
        assert collect(self.workspace).layers == len(gone)
        for content in gone:
            del self.brought[content]

    @rule()
    def collect_now(self) -> None:
        self.collect()

    @rule()
    def collect_some_days_later(self) -> None:
        self.now += dt.timedelta(days=3)
        self.collect()

    def _young(self, content: bytes, cutoff: dt.datetime) -> bool:
        """The file's own age is real time, whatever the clock of the test says."""
        return bool(self.workspace.objects.modified_at(sha256_digest(content)) >= cutoff.timestamp())

    @rule()
    def sign(self) -> None:
        self.workspace.checkpoint.sign()

    @rule()
    def reopen(self) -> None:
        self.workspace = self.place.open()
        clock.set_clock(lambda: self.now)

    @invariant()
    def the_log_has_one_entry_per_verb(self) -> None:
        assert self.workspace.log.list(limit=1)["size"] == self.entries

    @invariant()
    def the_store_holds_what_was_brought_and_not_collected(self) -> None:
        assert set(self.workspace.objects.iterate()) == {sha256_digest(content) for content in self.brought}

    @invariant()
    def names_and_artifacts_are_those_of_the_model(self) -> None:
        rows = {row["digest"]: row for row in self.workspace.artifact.list(limit=1000)["rows"]}
        rows = {digest: row for digest, row in rows.items() if row["kind"] != "key/v1"}
        assert {d for d, row in rows.items() if not row["withdrawn"]} == set(self.artifacts)
        assert {d for d, row in rows.items() if row["withdrawn"]} == self.withdrawn
        assert {slug: d for d, row in rows.items() for slug in row["names"]} == self.names


def test_the_workspace_behaves_like_its_model(
    templates: Templates, tmp_path_factory: pytest.TempPathFactory, database: str
) -> None:
    attributes = {"templates": templates, "base": tmp_path_factory.mktemp("machine"), "database": database}
    machine = type("Machine", (WorkspaceMachine,), attributes)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES if database == "sqlite" else max(EXAMPLES // 3, 5),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
