"""Screens made for one answer: an artifact's page, its lineage as a tree, the log, the settings, a verification."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from quanheng.cli.answer import cell, digest_text, print_pairs, print_rows, utc_time
from quanheng.cli.text import clean
from quanheng.core.labels import label, state
from quanheng.core.sizes import size_text
from quanheng.kinds.counting import counted

if TYPE_CHECKING:
    from quanheng.cli.caller import Caller
    from quanheng.store.verify import Verification

Data = Mapping[str, Any]
#: Of a long list of files, inputs or the like the page of an artifact shows so many.
FIRST = 10


def artifact(caller: Caller, data: Data) -> None:
    """Write the page of an artifact: head, made by, inputs, config, layers, and whether something was withdrawn."""
    made = data["made_by"]
    entry = "—" if data["entry"] is None else f"{data['entry']}"
    head = {
        "kind": data["kind"],
        "names": list(data["names"]),
        "made_by": f"{made['verb'].replace('.', ' ')} (v{made['version']})",
        "job": data["job"],
        "entry": entry,
    }
    caller.print(f"{label('digest', caller.language)}  {data['digest']}")
    if data["withdrawn"] is not None:
        caller.tell(f"WITHDRAWN: {data['withdrawn']}", f"已撤回：{data['withdrawn']}")
    for digest in data.get("withdrawn_ancestors", []):
        caller.tell(
            f"made from the withdrawn {digest_text(caller, digest)}",
            f"由已撤回的制品产生：{digest_text(caller, digest)}",
        )
    print_pairs(caller, head)
    _part(caller, "params", made["params"])
    if made["inputs"]:
        caller.print("\n" + label("inputs", caller.language))
        print_rows(caller, made["inputs"], 2, most=FIRST)
    _part(caller, "config", data["config"])
    if data["layers"]:
        total = size_text(data["size"])
        caller.print(f"\n{label('layers', caller.language)} ({len(data['layers'])}, {total})")
        rows = [{"title": x["title"], "size": size_text(x["size"]), "digest": x["digest"]} for x in data["layers"]]
        print_rows(caller, rows, 2, most=FIRST)


def _part(caller: Caller, name: str, data: Data) -> None:
    if data:
        caller.print("\n" + label(name, caller.language))
        print_pairs(caller, data, 2, raw=True, most=FIRST)


def lineage(caller: Caller, data: Data) -> None:
    """Write the walk as a tree; what was written before is named, not repeated."""
    below: dict[str, list[Data]] = {}
    for step in data["steps"]:
        below.setdefault(step["near"], []).append(step)
    caller.print(digest_text(caller, data["digest"]))
    if not data["steps"]:
        caller.tell("  (nothing)", "  （没有）")
    seen: set[str] = {data["digest"]}
    # An own stack, since a lineage may be deeper than Python's: (step, prefix, is the last of its siblings).
    stack = _branches(below, data["digest"], "")
    while stack:
        step, prefix, last = stack.pop()
        digest = step["digest"]
        again = digest in seen and digest in below
        mark = caller.say(("  (shown above)", "  （见上）")) if again else ""
        role = clean(step["role"])
        caller.print(f"{prefix}{'└─ ' if last else '├─ '}{role}  {step['kind']}  {digest_text(caller, digest)}{mark}")
        if digest not in seen:
            seen.add(digest)
            stack += _branches(below, digest, prefix + ("   " if last else "│  "))


def _branches(below: Mapping[str, list[Data]], digest: str, prefix: str) -> list[tuple[Data, str, bool]]:
    """Return the steps next to `digest`, the first one last, as a stack wants them."""
    steps = below.get(digest, [])
    return [(step, prefix, place == len(steps) - 1) for place, step in enumerate(steps)][::-1]


def _outcome(caller: Caller, outcome: str, code: str) -> str:
    """Return an outcome as a word, with the error's code where that says more."""
    word = state(outcome, caller.language)
    return f"{word} ({code})" if code not in ("", outcome) else word


def log(caller: Caller, data: Data) -> None:
    """Write the newest entries, one line each, and the head of the log."""
    rows = [
        {
            "index": entry["index"],
            "time": utc_time(entry["time"]),
            "verb": entry["verb"].replace(".", " "),
            "outcome": _outcome(caller, entry["outcome"], entry["code"]),
            "outputs": entry["outputs"]["count"] or "",
        }
        for entry in data["entries"]
    ]
    print_rows(caller, rows)
    caller.print()
    n = data["size"]
    caller.tell(f"{counted(n, 'entries')}, origin {data['origin']}", f"共 {n:,} 条，来源 {data['origin']}")
    caller.print(f"{label('root', caller.language)}  {data['root']}")


def _path(caller: Caller, path: list[str]) -> None:
    caller.print(label("proof_path", caller.language))
    for node in path:
        caller.print("  " + node)
    if not path:
        caller.tell("  (empty)", "  （空）")


def proof(caller: Caller, data: Data) -> None:
    """Write an entry and the hashes that lead from it to the root."""
    caller.tell(f"Entry {data['index']} of {data['size']}, counted from 0",
                f"第 {data['index']} 条（从 0 起计，共 {data['size']} 条）")  # fmt: skip
    print_pairs(caller, data["entry"], 2)
    caller.print(f"{label('root', caller.language)}  {data['root']}")
    _path(caller, data["path"])


def consistency(caller: Caller, data: Data) -> None:
    """Write the two heads and the hashes that lead from the earlier to the present one."""
    was, now = data["first"], data["size"]
    caller.tell(f"Roots of the first {was} and of all {now} entries; the proof shows that the log only grew:",
                f"前 {was} 条与全部 {now} 条的根哈希如下；证明路径可核验其间只增未改：")  # fmt: skip
    caller.print(f"  {was}  {data['first_root']}")
    caller.print(f"  {now}  {data['root']}")
    _path(caller, data["path"])


def jobs(caller: Caller, data: Data) -> None:
    """Write the jobs, one line each, and how to go on."""
    print_rows(caller, [
        {
            "id": row["id"],
            "verb": row["verb"].replace(".", " "),
            "state": _state(caller, row),
            "utc": utc_time(row["created"])[5:16],  # 32 digits of the id leave no room for more
        }
        for row in data["rows"]
    ])  # fmt: skip
    _more(caller, "job list", data)


def _more(caller: Caller, command: str, data: Data) -> None:
    """Say how to see the next page, when there is one."""
    if data["next"]:
        command = f"quanheng {command} --after {data['next']}"
        caller.tell(f"More: {command}", f"还有更多：{command}")


def _state(caller: Caller, row: Data) -> str:
    """Return a job's state with its error's code, or how far it is."""
    word = _outcome(caller, row["state"], row["error"]["code"] if row["error"] else "")
    running = row["state"] == "running" and row["total"]
    return f"{word} {100 * row['done'] // row['total']} %" if running else word


def keys(caller: Caller, rows: list[Data]) -> None:
    """Write the keys one below the other: a fingerprint is compared digit by digit."""
    for number, row in enumerate(rows):
        if number:
            caller.print()
        print_pairs(caller, {key: value for key, value in row.items() if value})


def job(caller: Caller, data: Data) -> None:
    """Write one job, its error with its hint."""
    shown = {**data, "state": state(data["state"], caller.language), "verb": data["verb"].replace(".", " ")}
    done, total = shown.pop("done"), shown.pop("total")
    shown["progress"] = f"{done}/{total}" if total else None
    error = shown.pop("error")
    shown.pop("kinds", None)
    shown["cancelling"] = shown.get("cancelling") or None
    print_pairs(caller, {key: value for key, value in shown.items() if value not in (None, "", [])})
    if error:
        caller.print(f"{label('error', caller.language)}  {caller.say((error['en'], error['zh']))} ({error['code']})")
        if error["hint"]:
            caller.print("  " + caller.say((error["hint"][0], error["hint"][1])))


def job_log(caller: Caller, data: Data) -> None:
    """Write a job's log as it is."""
    if not data["text"]:
        caller.tell("(this job wrote nothing)", "（该作业没有日志）")
    for line in data["text"].rstrip("\n").split("\n") if data["text"] else []:
        caller.print(line)


def names(caller: Caller, data: Data) -> None:
    """Write artifacts, one line each, and how to go on."""
    rows = [
        {
            "kind": row["kind"],
            "names": row["names"],
            "digest": row["digest"],
            "created": row["created"],
            "state": caller.say(("withdrawn", "已撤回")) if row["withdrawn"] else "",
        }
        for row in data["rows"]
    ]
    print_rows(caller, rows)
    _more(caller, "artifact list", data)


_ORIGINS = {"argument": "参数", "environment": "环境变量", "file": "quanheng.toml", "default": "默认值"}


def settings(caller: Caller, rows: list[Data]) -> None:
    """Write the settings with value and origin, each with its meaning below."""
    for row in rows:
        origin = row["origin"] if caller.language == "en" else _ORIGINS[row["origin"]]
        caller.print(f"{row['name']} = {cell(caller, row['value'])}  ({origin})")
        caller.print(f"    {caller.say((row['en'], row['zh']))}")


def flow(caller: Caller, data: Data) -> None:
    """Write a flow's parameters and its steps in order; without a name, the flows there are."""
    if "steps" not in data:
        for name in data["flows"]:
            caller.print(name)
        if not data["flows"]:
            caller.tell("(no flows are shipped)", "（没有自带的流程）")
        return
    caller.print(f"{label('name', caller.language)}  {data['name']}")
    _part(caller, "params", data["params"])
    caller.print("\n" + label("steps", caller.language))
    print_rows(caller, [{**step, "verb": step["verb"].replace(".", " ")} for step in data["steps"]], 2)


def flow_plan(caller: Caller, data: Data) -> None:
    """Write each step of a plan with its state, and where the flow would stop, why."""
    rows, errors = [], []
    for step in data["steps"]:
        rows.append(
            {"step": step["id"], "verb": step["verb"].replace(".", " "), "state": state(step["state"], caller.language)}
        )
        errors += [item["error"] for item in step["items"] if item["error"]]
    print_rows(caller, rows, 0)
    for error in errors[:1]:
        caller.print("\n" + caller.say((error["en"], error["zh"])))


def verification(caller: Caller, found: Verification) -> None:
    """Write every check of a bundle and the verdict."""
    from quanheng.store.verify import render

    if caller.json:
        caller.print_json(found.to_json())
    else:
        caller.out.write(render(found, caller.language))


def recipe_lint(caller: Caller, data: Data) -> None:
    """Write the steps of a recipe, and that it can be used: one that cannot is refused with what is wrong."""
    from quanheng.cli.answer import print_answer

    print_answer(caller, data, "recipe.lint")
    n = len(data["steps"])
    caller.print()
    caller.tell(f"this recipe can be used: {counted(n, 'steps')}", f"配方可用：{n} 步")


def _in(reference: str) -> Callable[[Caller, Data], None]:
    """Return the screen "module:function" of this package, loaded when it is shown."""

    def screen(caller: Caller, data: Data) -> None:
        module, _, function = reference.partition(":")
        getattr(import_module(f"quanheng.cli.{module}"), function)(caller, data)

    return screen


def _still_there(caller: Caller, workspace: Any, values: dict[str, Any], outputs: tuple[str, ...]) -> None:
    from quanheng.cli.takedown_words import still_there

    still_there(caller, workspace, values, outputs)


#: What is told after a verb, by its name.
AFTER: dict[str, Callable[[Caller, Any, dict[str, Any], tuple[str, ...]], None]] = {"corpus.takedown": _still_there}
SCREENS: dict[str, Callable[[Caller, Any], None]] = {
    "artifact.show": artifact,
    "artifact.list": names,
    "lineage.of": lineage,
    "log.list": log,
    "log.proof": proof,
    "log.consistency": consistency,
    "job.list": jobs,
    "key.list": keys,
    "job.show": job,
    "job.logs": job_log,
    "config.show": settings,
    "corpus.account": _in("corpus_words:account"),
    "corpus.analyze": _in("trial_words:analysis"),
    "corpus.diff": _in("corpus_words:diff"),
    "corpus.document": _in("document_words:document"),
    "corpus.duplicates": _in("document_words:duplicates"),
    "corpus.histogram": _in("trial_words:histogram"),
    "corpus.masked": _in("document_words:masked"),
    "corpus.plan": _in("trial_words:plan"),
    "corpus.review": _in("document_words:review"),
    "corpus.samples": _in("document_words:samples"),
    "lexicon.check": _in("lexicon_words:check"),
    "lexicon.match": _in("lexicon_words:match"),
    "recipe.lint": recipe_lint,
}
