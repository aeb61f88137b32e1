"""Checks of the log: entries, their jobs, the outputs they name, and the Merkle tree above them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from quanheng.core import log
from quanheng.core.database import is_sqlite
from quanheng.core.fsck.report import Findings, Progress
from quanheng.core.snapshot import as_stored, bytes_of, select, select_in, text_of
from quanheng.errors import QuanhengError
from quanheng.store import JSON, is_digest, merkle, parse_canonical

BATCH = 1000
FIELDS = frozenset("v time verb version actor_id project job outcome code params_digest inputs outputs".split())
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_JOB_COLUMNS = "verb state actor_id project_id params_digest inputs outputs error name again".split()


@dataclass
class Call:
    """What the entry and the job of a verb say together; `params_digest` covers parameters, name and nonce."""

    params_digest: str
    name: str
    again: str


@dataclass
class LogFacts:
    """What later checks need to know of the log."""

    size: int = 0
    origin: str = ""
    times: dict[int, str] = field(default_factory=dict)  # entry times at the sizes of checkpoints
    withdrawals: dict[str, Call] = field(default_factory=dict)  # by the withdrawn artifact
    calls: dict[str, Call] = field(default_factory=dict)  # of witness.add, by job


@dataclass
class _Row:
    """A log entry's row with its job's row; `job` is None when the job is missing."""

    index: int
    entry: bytes
    job_id: str
    job: dict[str, str] | None
    version: int | None
    has_outputs: bool


def check_log(findings: Findings, checkpoint_sizes: set[int], progress: Progress) -> LogFacts:
    """Check head, entries, jobs and tree; return what later checks need."""
    facts = _head(findings)
    last_time = ""
    for low in range(0, facts.size, BATCH):
        rows = _rows(low, min(low + BATCH, facts.size))
        for index in sorted(set(range(low, min(low + BATCH, facts.size))) - {row.index for row in rows}):
            findings.problem("entry_missing", f"log entry {index}", "it is not there", "缺失")
        known: list[tuple[_Row, dict[str, Any], list[str]]] = []
        for row in rows:
            value = _entry(findings, row)
            if value is None:
                continue
            last_time = _check_time(findings, row, value, last_time)
            if row.index + 1 in checkpoint_sizes:
                facts.times[row.index + 1] = last_time
            known.append((row, value, _check_job(findings, row, value)))
            _remember(facts, row, value)
        _check_outputs(findings, known)
        progress(min(low + BATCH, facts.size), facts.size)
    if facts.size:
        _check_head_time(findings, last_time)
    _check_strays(findings, facts.size)
    _check_tree(findings, facts.size)
    findings.counts["entries"] = facts.size
    return facts


def _head(findings: Findings) -> LogFacts:
    rows = select(f"SELECT size, {as_stored('origin')} FROM qh_core_loghead WHERE id = 1")
    if rows:
        return LogFacts(size=rows[0][0], origin=text_of(rows[0][1]))
    findings.problem("log_head_missing", "log head", "it is not there", "缺失")
    last = select('SELECT MAX("index") FROM qh_core_logentry')[0][0]
    return LogFacts(size=0 if last is None else last + 1)


def _check_head_time(findings: Findings, last_time: str) -> None:
    for (raw,) in select(f"SELECT {as_stored('time')} FROM qh_core_loghead WHERE id = 1"):
        time = text_of(raw)
        if time != last_time:
            findings.problem(
                "log_head", "log head", f"its time is {time}, the last entry's {last_time}",
                f"时间为 {time}，而最后一条为 {last_time}",
            )  # fmt: skip


def _rows(low: int, high: int) -> list[_Row]:
    columns = ", ".join(as_stored("j." + name) for name in _JOB_COLUMNS)
    found = select(
        f'SELECT l."index", l.entry, {as_stored("l.job_id")}, j.version, j.id IS NULL, j.outputs IS NOT NULL, {columns}'
        ' FROM qh_core_logentry l LEFT JOIN qh_core_job j ON j.id = l.job_id WHERE l."index" >= %s AND l."index" < %s'
        ' ORDER BY l."index"',
        [low, high],
    )
    rows = []
    for index, entry, job_id, version, missing, has_outputs, *texts in found:
        job = None if missing else dict(zip(_JOB_COLUMNS, map(text_of, texts), strict=True))
        rows.append(_Row(index, bytes_of(entry), text_of(job_id), job, version, bool(has_outputs)))
    return rows


def _entry(findings: Findings, row: _Row) -> dict[str, Any] | None:
    what = f"log entry {row.index}"
    try:
        value: Any = parse_canonical(row.entry, what)
    except QuanhengError as error:
        findings.problem("entry_form", what, error.text.en, error.text.zh)
        return None
    if not isinstance(value, dict) or set(value) != FIELDS or value["v"] != log.VERSION:
        findings.problem("entry_form", what, "its fields are not those of an entry", "字段与存证格式不符")
        return None
    return value


def _check_time(findings: Findings, row: _Row, value: dict[str, Any], last: str) -> str:
    time = str(value["time"])
    if not _TIME.fullmatch(time) or time < last:
        findings.problem(
            "entry_time", f"log entry {row.index}", f"its time {time} lies before {last}", f"时间 {time} 早于 {last}"
        )
        return last
    return time


def _check_job(findings: Findings, row: _Row, value: dict[str, Any]) -> list[str]:
    """Compare an entry with its job; return the outputs that both name."""
    what = f"job {row.job_id}"
    if row.job is None:
        findings.problem(
            "job_missing", what, f"log entry {row.index} names it", f"存证第 {row.index} 条引用了它，但它不存在"
        )
        return []
    job = row.job
    pairs = {
        "id": (value["job"], row.job_id),
        "verb": (value["verb"], job["verb"]),
        "version": (value["version"], row.version),
        "state": (value["outcome"], job["state"]),
        "actor": (value["actor_id"], job["actor_id"]),
        "project": (value["project"] or "", job["project_id"]),
        "params_digest": (value["params_digest"], job["params_digest"]),
        "inputs": (_pairs(value["inputs"]), _loaded(job["inputs"])),
        "code": (value["code"], _error_code(job["error"])),
    }
    wrong = [name for name, (said, found) in pairs.items() if said != found]
    outputs = _outputs(value["outputs"], row)
    if outputs is None:
        wrong.append("outputs")
    if wrong:
        fields = ", ".join(wrong)
        findings.problem(
            "job_differs", what, f"it differs from log entry {row.index} in: {fields}",
            f"与存证第 {row.index} 条不一致：{fields}",
        )  # fmt: skip
    return outputs or []


def _pairs(inputs: Any) -> Any:
    try:
        return [[item["role"], item["digest"]] for item in inputs]
    except (TypeError, KeyError):
        return None


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _error_code(text: str) -> object:
    value = _loaded(text) if text else {"code": ""}
    return value.get("code") if isinstance(value, dict) else None


def _outputs(said: Any, row: _Row) -> list[str] | None:
    """Return the digests that an entry sums up; None when the sum, or the job's list, is another."""
    if not isinstance(said, dict) or row.job is None:
        return None
    listed = said.get("digests")
    if (listed is None) != row.has_outputs:
        return None
    digests = listed if listed is not None else _loaded(row.job["outputs"])
    if not isinstance(digests, list) or not all(isinstance(digest, str) and is_digest(digest) for digest in digests):
        return None
    return digests if log.summarise(digests) == said else None


def _remember(facts: LogFacts, row: _Row, value: dict[str, Any]) -> None:
    if value["outcome"] != "done" or row.job is None:
        return
    call = Call(str(value["params_digest"]), row.job["name"], row.job["again"])
    if value["verb"] == "artifact.withdraw":
        for _, digest in _pairs(value["inputs"]) or []:
            facts.withdrawals[digest] = call
    elif value["verb"] == "witness.add":
        facts.calls[row.job_id] = call


def _check_outputs(findings: Findings, known: Sequence[tuple[_Row, dict[str, Any], list[str]]]) -> None:
    """Compare outputs with the artifacts that are there, the job that brought each, and the projects they lie in."""
    wanted = {digest for _, _, outputs in known for digest in outputs}
    placed: dict[str, set[str]] = {}
    sql = (
        f"SELECT a.digest, {as_stored('p.project_id')} FROM qh_core_artifact a"
        " LEFT JOIN qh_core_placement p ON p.artifact_id = a.id WHERE a.digest IN ({marks})"
    )
    for digest, project in select_in(sql, sorted(wanted)):
        placed.setdefault(digest, set()).add(text_of(project))
    by_job = {row.job_id: (row.index, str(value["project"] or ""), set(outs)) for row, value, outs in known}
    for row, value, outputs in known:
        for digest in outputs:
            if digest not in placed:
                findings.problem(
                    "artifact_missing", f"artifact {digest}", f"log entry {row.index} names it, but its row is gone",
                    f"存证第 {row.index} 条记有它，但记录已不存在",
                )  # fmt: skip
            elif str(value["project"] or "") not in placed[digest]:
                findings.problem(
                    "placement", f"artifact {digest}", f"it is not in the project of log entry {row.index}",
                    f"不在存证第 {row.index} 条所属的项目中",
                )  # fmt: skip
    _check_origins(findings, by_job)


def _check_origins(findings: Findings, by_job: dict[str, tuple[int, str, set[str]]]) -> None:
    """Check that each artifact and placement names a job whose entry has it among its outputs."""
    sql = f"SELECT a.job_id, {as_stored('a.digest')}, NULL FROM qh_core_artifact a WHERE a.job_id IN ({{marks}})"
    placements = (
        f"SELECT p.job_id, {as_stored('a.digest')}, {as_stored('p.project_id')} FROM qh_core_placement p"
        " LEFT JOIN qh_core_artifact a ON a.id = p.artifact_id WHERE p.job_id IN ({marks})"
    )
    for query in (sql, placements):
        for job, raw, project in select_in(query, sorted(by_job)):
            index, entry_project, outputs = by_job[job]
            digest = text_of(raw)
            if digest not in outputs or (project is not None and text_of(project) != entry_project):
                findings.problem(
                    "origin", f"artifact {digest}", f"job {job} did not leave it there (log entry {index})",
                    f"作业 {job} 并未在此产生它（存证第 {index} 条）",
                )  # fmt: skip


def _check_strays(findings: Findings, size: int) -> None:
    """Find rows that the walk along the log does not meet."""
    for (index,) in select('SELECT "index" FROM qh_core_logentry WHERE "index" < 0 OR "index" >= %s', [size]):
        findings.problem("entry_stray", f"log entry {index}", "the log has no such index", "存证中不应有此序号")
    ended = select(
        f"SELECT {as_stored('j.id')}, {as_stored('j.state')} FROM qh_core_job j"
        " LEFT JOIN qh_core_logentry l ON l.job_id = j.id"
        " WHERE l.job_id IS NULL AND j.state NOT IN ('queued', 'running')"
    )
    for job, state in ended:
        findings.problem(
            "job_without_entry", f"job {text_of(job)}", f"it is {text_of(state)} but the log has no entry of it",
            f"状态为 {text_of(state)}，但没有对应的存证",
        )  # fmt: skip
    for table, title in (("artifact", "a.digest"), ("placement", "a.digest")):
        joined = "" if table == "artifact" else "JOIN qh_core_placement p ON p.artifact_id = a.id"
        job = "a.job_id" if table == "artifact" else "p.job_id"
        for (digest,) in select(
            f"SELECT {as_stored(title)} FROM qh_core_artifact a {joined}"
            f" LEFT JOIN qh_core_logentry l ON l.job_id = {job} WHERE l.job_id IS NULL"
        ):
            findings.problem(
                "origin", f"artifact {text_of(digest)}", f"its {table} row names a job without an entry",
                f"其 {table} 记录所指的作业没有存证",
            )  # fmt: skip
    _check_guards(findings)


def _check_guards(findings: Findings) -> None:
    """Check that the triggers which keep the log append-only are there."""
    sqlite = is_sqlite()
    names = {
        row[0]
        for row in select(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            if sqlite
            else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
        )
    }
    endings = ("no_update", "no_delete") if sqlite else ("append_only",)
    for table in ("qh_core_logentry", "qh_core_lognode"):
        for ending in endings:
            if f"{table}_{ending}" not in names:
                findings.problem(
                    "guard_missing", f"trigger {table}_{ending}", "the log can be changed without it",
                    "缺少它，存证可能被改写",
                )  # fmt: skip


def _check_tree(findings: Findings, size: int) -> None:
    """Recompute every node from its children, and the leaves from the entries."""
    level = 0
    while size >> level:
        for low in range(0, size >> level, BATCH):
            high = min(low + BATCH, size >> level)
            _check_nodes(findings, level, _nodes(level, low, high), _expected(level, low, high), range(low, high))
        level += 1
    stray = 'SELECT level, "index" FROM qh_core_lognode WHERE level < 0 OR level >= %s OR "index" < 0'
    found = select(stray, [level])
    for at in range(level):
        found += select(
            'SELECT level, "index" FROM qh_core_lognode WHERE level = %s AND "index" >= %s', [at, size >> at]
        )
    for at, index in found:
        findings.problem("node_stray", _node(at, index), "the tree has no such node", "哈希树中不应有此节点")


def _check_nodes(
    findings: Findings, level: int, stored: dict[int, bytes], expected: dict[int, bytes], indexes: range
) -> None:
    for index in indexes:
        if index not in stored:
            findings.problem("node_missing", _node(level, index), "it is not there", "缺失")
        elif index in expected and stored[index] != expected[index]:
            what = _node(level, index) if level else f"log entry {index}"
            en = "it differs from its leaf in the tree" if level == 0 else "it is not the hash of its children"
            zh = "与哈希树中的叶子不一致" if level == 0 else "与其子节点的哈希不一致"
            findings.problem("entry_leaf" if level == 0 else "node_hash", what, en, zh)


def _node(level: JSON, index: JSON) -> str:
    return f"log node (level {level}, index {index})"


def _nodes(level: int, low: int, high: int) -> dict[int, bytes]:
    rows = select(
        'SELECT "index", hash FROM qh_core_lognode WHERE level = %s AND "index" >= %s AND "index" < %s',
        [level, low, high],
    )
    return {index: bytes_of(data) for index, data in rows}


def _expected(level: int, low: int, high: int) -> dict[int, bytes]:
    """Return what nodes [low, high) of a level must be, as far as their children, or entries, are there."""
    if level == 0:
        rows = select('SELECT "index", entry FROM qh_core_logentry WHERE "index" >= %s AND "index" < %s', [low, high])
        return {index: merkle.leaf_hash(bytes_of(entry)) for index, entry in rows}
    below = _nodes(level - 1, 2 * low, 2 * high)
    return {
        index: merkle.node_hash(below[2 * index], below[2 * index + 1])
        for index in range(low, high)
        if 2 * index in below and 2 * index + 1 in below
    }
