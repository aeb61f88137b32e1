"""Numbers of artifacts, read where a page says they stand and counted again from the rows that they sum up.

With json, pyarrow and scipy alone: nothing of what makes the pages is asked.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Artifacts:
    """Configs and layers of every artifact of an open workspace, as plain JSON and bytes."""

    def __init__(self, workspace: Any) -> None:
        from quanheng.core.models import Artifact, Name

        self.workspace = workspace
        self.configs: dict[str, Any] = {}
        self.layers: dict[str, dict[str, str]] = {}
        self.kinds: dict[str, str] = {}
        for row in Artifact.objects.all():
            self.kinds[row.digest] = row.kind
            self.configs[row.digest] = json.loads(bytes(row.config))
            layers = json.loads(bytes(row.manifest))["layers"]
            titled = [layer for layer in layers if "annotations" in layer]  # the empty layer has none
            self.layers[row.digest] = {
                layer["annotations"]["org.opencontainers.image.title"]: layer["digest"] for layer in titled
            }
        named = Name.objects.values_list("kind", "slug", "artifact__digest")
        self.names = {f"{kind}:{slug}": digest for kind, slug, digest in named}

    def rows(self, digest: str, layer: str) -> list[bytes]:
        """Return the lines of a layer."""
        with self.workspace.open_layer(self.layers[digest][layer]) as stream:
            return list(stream)


def _in_row(row: dict[str, Any], path: str) -> Any:
    """Return what stands in a row under a name, or under names and numbers joined by slashes."""
    value: Any = row
    for key in path.split("/"):
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


class Places:
    """Looks up places, and counts again what configs tell of rows."""

    def __init__(self, artifacts: Artifacts) -> None:
        self.artifacts = artifacts
        self._tables: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._alone: dict[tuple[str, str], dict[str, Any]] = {}
        #: What corpus.analyze answers to the form on the page.
        self.analysis: dict[str, Any] = {}
        self.recounted: Counter[str] = Counter()

    def number(self, place: str, digest: str) -> int:
        """Return the integer at a place."""
        total, sign = 0, "+"
        for part in place.split(" "):
            if part in ("+", "-", "*"):
                sign = part
            elif DIGEST.fullmatch(part):
                digest = part
            else:
                value = self._one(part, digest)
                total = total + value if sign == "+" else total - value if sign == "-" else total * value
                sign = "+"
        return total

    def text(self, place: str, digest: str) -> str:
        """Return the text at a place."""
        *before, part = place.split(" ")
        digest = before[0] if before else digest
        if part.startswith("/"):
            return str(self._config(part, digest))
        if part.startswith("analysis#"):
            return str(self._of_answer(part))
        if "#" not in part:
            return b"".join(self.artifacts.rows(digest, part)).decode()
        found = self._rows(part, digest)
        assert len(found) == 1, (place, len(found))
        value = _in_row(found[0], part.partition("#")[2])
        return "；".join(value) if isinstance(value, list) else str(value)

    def _one(self, part: str, digest: str) -> int:
        if part.startswith("/"):
            return self._at_pointer(part, digest)
        if part.startswith("analysis#"):
            return int(self._of_answer(part))
        if part.startswith("diff/"):
            return self._differing(part, digest)
        if part.startswith("terms/"):
            return self._other_terms(part, digest)
        rows, what = self._rows(part, digest), part.partition("#")[2]
        if not what:
            return len(rows)
        if what == "sum(characters)":
            return sum(row["characters"] for row in rows)
        if found := re.fullmatch(r"quantile\((\d+)/(\d+)\)", what):
            sizes = sorted(row["characters"] for row in rows)
            return sizes[max(1, -(-len(sizes) * int(found[1]) // int(found[2]))) - 1]
        if found := re.fullmatch(r"masked\((\w+)\)", what):
            pairs = [pair.split(" ") for row in rows for pair in row["reason"].split(", ")]
            return sum(int(n) for type_, n in pairs if type_ == found[1])
        assert len(rows) == 1, part
        return int(_in_row(rows[0], what))

    def _of_answer(self, part: str) -> Any:
        value: Any = self.analysis
        for key in part.partition("#")[2].split("/")[1:]:
            value = value[int(key)] if isinstance(value, list) else value[key]
        return value

    def _differing(self, part: str, digest: str) -> int:
        """Return how many texts two corpora share, or one of them has alone of a source, by counting their texts."""
        other, _, pointer = part.removeprefix("diff/").partition("#/")
        what, _, source = pointer.partition("/")
        texts = {
            role: Counter(r["text"] for r in self.table(d, "data/*"))
            for role, d in (("first", digest), ("second", other))
        }
        if what == "both":
            return (texts["first"] & texts["second"]).total()
        role = what.removeprefix("only_")
        rest = texts[role] - texts["second" if role == "first" else "first"]
        return sum(
            rest[row["text"]] > 0
            for row in self.table(digest if role == "first" else other, "data/*")
            if row["source"] == source
        )

    def _other_terms(self, part: str, digest: str) -> int:
        """Return how many terms of a lexicon are added, removed or changed against another: "terms/DIGEST#/added"."""
        earlier, _, what = part.removeprefix("terms/").partition("#/")
        one, other = ({row["term"]: row for row in self.table(d, "terms.jsonl")} for d in (earlier, digest))
        shared = one.keys() & other.keys()
        sizes = {
            "added": len(other.keys() - shared),
            "removed": len(one.keys() - shared),
            "changed": sum(one[term] != other[term] for term in shared),
        }
        return sizes[what]

    def _at_pointer(self, part: str, digest: str) -> int:
        pointer, _, conditions = part.partition("?")
        value = self._config(pointer, digest)
        if conditions:
            wanted = [pair.split("=") for pair in conditions.split("&")]
            return sum(all(json.dumps(item[k]).strip('"') == unquote(v) for k, v in wanted) for item in value)
        found = value if isinstance(value, int) else len(value)
        again = recount(self, digest, pointer)
        if again is not None:
            assert again == found, (digest, pointer, "the rows say", again, "the config says", found)
            self.recounted[re.sub(r"\d+|[A-Z]\.\d\.\w", "…", pointer)] += 1
        return found

    def _config(self, pointer: str, digest: str) -> Any:
        value: Any = self.artifacts.configs[digest]
        for part in pointer.split("/")[1:]:
            if isinstance(value, list):
                value = value[int(part)]
            elif part not in value and isinstance(value, dict):
                return 0  # a group that no row belongs to has no count
            else:
                value = value[part]
        return value

    def _rows(self, part: str, digest: str) -> list[dict[str, Any]]:
        place = part.partition("#")[0]
        layer, _, conditions = place.partition("?")
        if layer == "read":
            return [self._read(dict(pair.split("=") for pair in conditions.split("&")), digest)]
        if found := re.fullmatch(r"(.+\.jsonl)/(\d+)", layer):
            return [self.table(digest, found[1])[int(found[2])]]
        rows = self.table(digest, layer)
        for pair in conditions.split("&") if conditions else ():
            name, value = pair.split("=")
            wanted = unquote(value)
            if edges := re.fullmatch(r"(\d+)\.\.(\d+)", wanted):
                rows = [row for row in rows if int(edges[1]) <= row[name] <= int(edges[2])]
            elif days := re.fullmatch(r"(\d{4}-\d\d-\d\d)?\.\.(\d{4}-\d\d-\d\d)", wanted):
                rows = [row for row in rows if row[name] and (days[1] or "") <= row[name] <= days[2]]
            elif wanted.startswith("*") and wanted.endswith("*"):
                rows = [row for row in rows if wanted[1:-1].lower() in row[name].lower()]
            else:
                rows = [row for row in rows if row.get(name) == wanted]
        return rows

    def table(self, digest: str, layer: str) -> list[dict[str, Any]]:
        """Return all rows of a JSONL layer, or of the Parquet layers of a folder ("data/*")."""
        if (digest, layer) not in self._tables:
            if layer.endswith("/*"):
                rows = [row for title in self._titles(digest, layer[:-1]) for row in self._parquet(digest, title)]
            else:
                rows = [json.loads(line) for line in self.artifacts.rows(digest, layer)]
            self._tables[digest, layer] = rows
        return self._tables[digest, layer]

    def _titles(self, digest: str, folder: str) -> list[str]:
        return sorted(title for title in self.artifacts.layers[digest] if title.startswith(folder))

    def _parquet(self, digest: str, title: str) -> list[dict[str, Any]]:
        import pyarrow.parquet as pq

        with self.artifacts.workspace.open_layer(self.artifacts.layers[digest][title]) as stream:
            rows = pq.read_table(stream).to_pylist()
        return [{**row, **({"characters": len(row["text"])} if "text" in row else {})} for row in rows]

    def _read(self, where: dict[str, str], digest: str) -> dict[str, Any]:
        """Return a line of a source, as text and its length; only what the test's own sources need."""
        file, row = unquote(where["file"]), unquote(where["row"])
        lines = b"".join(self.artifacts.rows(digest, file)).decode().split("\n")
        line = lines[int(row) - 1]
        if file.endswith(".jsonl"):
            try:
                line = json.loads(line)["text"]
            except ValueError:
                return {"row": row, "text": line}
        shown = re.sub(r"1\d{10}", "〔手机号〕", line)
        shown = re.sub(r"[a-z0-9]+@example\.com", "〔电子邮箱〕", shown)
        return {"row": row, "text": shown, "characters": len(line)}

    def entry(self, digest: str) -> int:
        """Return the number of the log entry whose outputs hold an artifact."""
        from quanheng.core import log

        for index, data in log.entries():
            if digest in json.loads(data)["outputs"].get("digests", ()):
                return index
        raise AssertionError(f"no entry is about {digest}")


def recount(places: Places, digest: str, pointer: str) -> int | None:
    """Return a number of a config, counted again from rows; None where it is no sum of rows but a fact."""
    kind = places.artifacts.kinds[digest].split("/")[0]
    for pattern, count in RECOUNTS.get(kind, ()):
        if found := re.fullmatch(pattern, pointer):
            return count(places, digest, *found.groups())
    return None


def _assessed(places: Places, digest: str, index: str, part: str) -> int | None:
    total = places.artifacts.configs[digest]["results"][int(index)][part]
    return sum(_counted(places, counted) for counted in total["counts"]) if total else None


def _counted(places: Places, counted: dict[str, Any]) -> int:
    """Return one count of an assessment, counted again."""
    if counted["pointer"] is not None:
        return places.number(counted["pointer"], counted["artifact"])
    rows = places.table(counted["artifact"], counted["layer"])
    return sum(all(row.get(name) == value for name, value in counted["where"].items()) for row in rows)


def _tally(places: Places, digest: str, name: str) -> int:
    results = places.artifacts.configs[digest]["results"]
    if name in ("below_recommended", "thin_margin"):
        return sum(
            result["verdict"] == "conforms" and name in {note["code"] for note in result["notes"]} for result in results
        )
    return sum(result["verdict"] == name for result in results)


def _needed(places: Places, digest: str, index: str) -> int | None:
    """Return how much is missing, by what the result says of n; None for needs that are no such difference."""
    result = places.artifacts.configs[digest]["results"][int(index)]
    notes = {note["code"] for note in result["notes"]}
    if result["need"]["code"] == "licence":
        configs = [places.artifacts.configs[other] for other in result["computed_from"]]
        return sum("licence" in c and c["origin"]["type"] == "open" and not c["licence"]["clear"] for c in configs)
    if result["need"]["code"] not in ("review", "ask") or "items_without_verdict" in notes:
        return None
    if result["n"] is None:
        return int(result["recommended"]["min_n"])
    if "too_few" in notes:
        return int(result["test"]["min_n"]) - int(result["n"]["value"])
    return int(result["n"]["value"]) if "judge_not_validated" in notes else None


def _drop(places: Places, digest: str, index: str, reason: str) -> int:
    source = places.artifacts.configs[digest]["per_source"][int(index)]["source"]
    rows = places.table(digest, "decisions/*")
    return sum(row["decision"] == "drop" and row["reason"] == reason and row["source"] == source for row in rows)


def _of_source(places: Places, digest: str, index: str, what: str) -> int:
    source = places.artifacts.configs[digest]["per_source"][int(index)]["source"]
    kept = [row for row in places.table(digest, "data/*") if row["source"] == source]
    dropped = [r for r in places.table(digest, "decisions/*") if r["decision"] == "drop" and r["source"] == source]
    broken = [row for row in places.table(digest, "rejected.jsonl") if row["source"] == source]
    return {
        "documents_kept": len(kept),
        "documents_read": len(kept) + len(dropped),
        "characters_kept": sum(row["characters"] for row in kept),
        "bytes_kept": sum(len(row["text"].encode()) for row in kept),
        "broken_rows": len(broken),
    }[what]


def _found_in(places: Places, digest: str, index: str, field: str, reason: str, unit: str) -> int:
    """Return how much of a source was edited or listed for a reason, by decisions, lists and the texts themselves."""
    if field == "reviewed":
        ids = {row["id"] for row in places.table(digest, "filter.jsonl") if reason in row["reasons"]}
    else:
        rows = [row for row in places.table(digest, "decisions/*") if row["decision"] in ("mask", "edit")]
        ids = {row["id"] for row in rows if reason in {span[4] for span in json.loads(row["spans"] or "[]")}}
    source = places.artifacts.configs[digest]["per_source"][int(index)]["source"]
    kept = [row["text"] for row in places.table(digest, "data/*") if row["id"] in ids and row["source"] == source]
    return {"documents": len(kept), "characters": sum(map(len, kept)), "bytes": len("".join(kept).encode())}[unit]


def _screened(places: Places, digest: str, index: str) -> int | None:
    """Return the documents of a source that came to the keyword step: those kept, and those dropped from there on."""
    config = places.artifacts.configs[digest]
    uses = [step["use"] for step in config["recipe"]["steps"]]
    if "lexicon" not in uses or uses.index("lexicon") in config["skipped"]:
        return 0
    later = {step["reason"] for step in config["recipe"]["steps"][uses.index("lexicon") :] if step["drop"]}
    later |= {"duplicate", "near_duplicate", "repeated_line", "repeated_passage", "taken_down"}
    kept = _of_source(places, digest, index, "documents_kept")
    return kept + sum(_drop(places, digest, index, reason) for reason in later)


def _funnel(places: Places, digest: str, index: str, side: str) -> int:
    """Return the documents before or after a step, by counting decisions from the kept ones upwards."""
    steps = places.artifacts.configs[digest]["funnel"]
    rows = places.table(digest, "decisions/*")
    left = len(places.table(digest, "data/*"))
    for number in reversed(range(int(index) + (side == "after"), len(steps))):
        step = steps[number]
        if step["step"] == "read":
            left += len(places.table(digest, "rejected.jsonl"))
        elif step["reason"]:
            reasons = {step["reason"]}
            if step["reason"] == "near_duplicate" and all(other["reason"] != "duplicate" for other in steps):
                reasons.add("duplicate")  # the step that finds near copies finds equal ones too
            left += sum(row["decision"] == "drop" and row["reason"] in reasons for row in rows)
    return left


def _masked(places: Places, digest: str, type_: str) -> int:
    reasons = [row["reason"] for row in places.table(digest, "decisions/*") if row["decision"] == "mask"]
    pairs = [part.split(" ") for reason in reasons for part in reason.split(", ")]
    return sum(int(n) for name, n in pairs if name == type_)


def _hits(places: Places, digest: str, risk: str) -> int:
    return sum(row["risks"].get(risk, 0) for row in places.table(digest, "filter.jsonl"))


def _flag(places: Places, digest: str, *flags: str) -> int:
    return sum(bool(set(flags) & set(row["flags"])) for row in places.table(digest, "data/*"))


Count = Callable[..., "int | None"]


def rows_of(layer: str, **fields: Any) -> Count:
    """Return a count of the rows of a layer with these fields; a group of the pattern is the value of `_`."""

    def count(places: Places, digest: str, *groups: str) -> int:
        wanted = {name: groups[0] if value == "_" else value for name, value in fields.items()}
        rows = places.table(digest, layer)
        return sum(all(row.get(name) == value for name, value in wanted.items()) for row in rows)

    return count


def size_of(**what: Any) -> Count:
    """Return the number of files of a source, or the bytes in them."""

    def count(places: Places, digest: str) -> int:
        titles = [title for title in places.artifacts.layers[digest] if title != "licence/found"]
        return sum(len(b"".join(places.artifacts.rows(digest, title))) if what["bytes"] else 1 for title in titles)

    return count


def _of_layer(places: Places, digest: str, index: str) -> int:
    title = places.artifacts.configs[digest]["files"][int(index)]["title"]
    return len(b"".join(places.artifacts.rows(digest, title)))


def _exported(places: Places, digest: str, split: str, what: str) -> int | None:
    """Return the documents or characters in the Parquet files of a split; None for another form."""
    titles = [title for title in places.artifacts.layers[digest] if title.startswith(f"data/{split}-")]
    if not titles:
        return None
    rows = [row for title in titles for row in places._parquet(digest, title)]
    return len(rows) if what == "documents" else sum(len(row["text"]) for row in rows)


def _of_group(places: Places, digest: str, index: str, what: str) -> int:
    """Return the documents of a group, or the tokens in them, by the source of every row of the corpus."""
    import numpy as np

    sources = places.artifacts.configs[digest]["groups"][int(index)]["sources"]
    rows = places.table(places.artifacts.names["corpus:demo"], "data/*")
    tokens = np.frombuffer(b"".join(places.artifacts.rows(digest, "counts.u32")), "<u4").tolist()
    own = [n for row, n in zip(rows, tokens, strict=True) if row["source"] in sources]
    return len(own) if what == "documents" else sum(own)


def _vocabulary(places: Places, digest: str) -> int:
    told = json.loads(b"".join(places.artifacts.rows(digest, "tokenizer.json")))
    return len({*told["model"]["vocab"], *(token["content"] for token in told["added_tokens"])})


def _file_of(places: Places, digest: str, index: str) -> int:
    name = places.artifacts.configs[digest]["files"][int(index)]["name"]
    return len(b"".join(places.artifacts.rows(digest, name)))


RECOUNTS: dict[str, tuple[tuple[str, Count], ...]] = {
    "export": (
        (r"/(?=documents|characters)(?P<what>\w+)/(\w+)", lambda p, d, what, split: _exported(p, d, split, what)),
        (r"/files/(\d+)/size", _file_of),
        (r"/files", lambda places, digest: len(places.artifacts.layers[digest])),
    ),
    "mix": (
        (r"/groups/(\d+)/(documents|available)", _of_group),
        (r"/planned", lambda p, d: sum(group["planned"] for group in p.artifacts.configs[d]["groups"])),
    ),
    "tokenizer": ((r"/vocabulary", _vocabulary),),
    "assessment": (
        (r"/results/(\d+)/([kn])/value", _assessed),
        (r"/tally/(\w+)", _tally),
        (r"/results/(\d+)/need/amount", _needed),
    ),
    "verdicts": (
        (r"/n", rows_of("verdicts.jsonl")),
        (r"/counts/(\w+)", rows_of("verdicts.jsonl", verdict="_")),
    ),
    "responses": (
        (r"/asked", rows_of("responses.jsonl")),
        (r"/cut", rows_of("responses.jsonl", finish_reason="length")),
        (r"/failed", lambda places, digest: sum(bool(r["error"]) for r in places.table(digest, "responses.jsonl"))),
    ),
    "benchmark": (
        (r"/items", rows_of("items.jsonl")),
        (r"/per_risk/(.+)", rows_of("items.jsonl", risk="_")),
        (r"/per_aspect/(.+)", rows_of("items.jsonl", aspect="_")),
    ),
    "lexicon": (
        (r"/terms", rows_of("terms.jsonl")),
        (r"/per_risk/(.+)", rows_of("terms.jsonl", risk="_")),
    ),
    "sample": ((r"/n", rows_of("items.jsonl")),),
    "source": (
        (r"/counts/files", size_of(bytes=False)),
        (r"/counts/bytes", size_of(bytes=True)),
        (r"/files/(\d+)/size", _of_layer),
    ),
    "corpus": (
        (r"/totals/documents|/filtered/documents", rows_of("data/*")),
        (r"/totals/characters", lambda p, d: sum(row["characters"] for row in p.table(d, "data/*"))),
        (r"/funnel/(\d+)/documents_(before|after)", _funnel),
        (r"/per_source/(\d+)/dropped/(\w+)", _drop),
        (r"/per_source/(\d+)/(documents_kept|documents_read|characters_kept|bytes_kept|broken_rows)", _of_source),
        (r"/per_source/(\d+)/dropped_amounts/(\w+)/documents", _drop),
        (r"/per_source/(\d+)/(edited|reviewed)/(\w+)/(documents|characters|bytes)", _found_in),
        (r"/per_source/(\d+)/screened", _screened),
        (r"/personal_data/(\w+)", _masked),
        (r"/masked_documents", lambda p, d: _flag(p, d, "masked")),
        (r"/language/(.+)", _flag),
        (r"/filtered/per_risk/(.+)", _hits),
        (r"/filtered/documents_hit", rows_of("filter.jsonl")),
        (r"/filtered/documents_for_review", rows_of("filter.jsonl", mode="review")),
        (r"/filtered/lexicon_hits", lambda p, d: sum(len(row["spans"]) for row in p.table(d, "filter.jsonl"))),
    ),
}
