"""False drops: what the shipped recipes drop from real text, drawn by reason, and what a reader said of it.

    python -m bench.quality_drops --draw FOLDER     write what is to be read: texts.jsonl and pairs.jsonl, shuffled

What has a verdict is not drawn again. `python -m bench.quality` counts the verdicts (quality_reading.py).

CRITERION was written down before anything was read. Texts are drawn kind by kind in turn, by seed, until a reason has
`WANTED` or nothing is left, so that no kind with many texts stands for all. Only what a recipe truly drops counts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from fractions import Fraction
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from bench import quality_books, quality_texts
from bench.timing import RESULTS
from quanheng.data.corpus import SourceInput, build, scan_folder, store_files
from quanheng.data.corpus.build import AssetInput
from quanheng.data.corpus.recipe import shipped_recipe
from quanheng.kinds.sources import Collection, Licence, Origin, Source
from quanheng.store import LocalObjects, MemoryCache, canonical_json, sha256_digest
from quanheng.text.normalise import normalise
from quanheng.text.script import count_letters

SEED = "drops-1"
WANTED = 200
#: Kept texts among those read: this share of the dropped ones.
CONTROLS = 0.2
HEAD, TAIL = 260, 80
MOST_COMPARED, MOST_CHANGES = 3_000, 6
#: Reasons that name another document, judged as pairs.
PAIRS = ("duplicate", "near_duplicate")
#: Kinds that the recipe of dialogues is for: only their near-duplicates say something of it.
TALK = ("dialogues", "short reviews", "citizens' letters", "questions of test banks", "short questions")
#: What a lower `min_han` would keep, drawn apart so that a proposal is tested on texts that did not suggest it.
LOWER_HAN = Fraction(3, 20)
LOW_HAN = "web-zh not_chinese (Han above 0.15)"
#: All near-duplicates of dialogues that a threshold of 0.85 would keep.
LEAST_ALIKE = "dialogue-zh near_duplicate (below 0.85)"
KEPT = ("kept", "books-zh kept")
VERDICTS = RESULTS / "quality_verdicts.json"
CRITERION = (
    "Would a person who builds a Chinese pre-training corpus want this text as it stands? "
    "good: natural Chinese that can be read and says something, a sentence, a comment, a question with its answers, "
    "an article, a page most of whose explanations are Chinese; short is no fault where the words say something on "
    "their own. "
    "bad: another language or a page left untranslated, wrongly decoded, a bare term or a bare list of names, a word "
    "that says nothing on its own, runs of digits or signs, the same words over and over, keys struck at random. "
    "unsure: half of one and half of the other."
)
#: Topics of the public word lists, and the risk (GB/T 45654) that each stands for here.
_LEXICON = {
    "色情词库": "A.1.f",
    "色情类型": "A.1.f",
    "涉枪涉爆": "A.1.f",
    "暴恐词库": "A.1.d",
    "贪腐词库": "A.1.h",
    "广告类型": "A.3.e",
}


class Doc(NamedTuple):
    """A text, its kind, and what a recipe did with it: a reason, or "" when it was kept.

    `other`: the text of the document that it repeats. `measure`: how alike they are.
    """

    text: str
    kind: str
    reason: str = ""
    other: str = ""
    measure: str = ""


def _map(name: str, items: Sequence[Any]) -> Iterator[Any]:
    module, function = name.split(":")
    run = getattr(import_module(module), function)
    return (run(item) for item in items)


def _source(kind: str, texts: Sequence[str], folder: Path, objects: LocalObjects) -> SourceInput:
    folder.mkdir()
    lines = "\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in texts)
    (folder / "texts.jsonl").write_text(lines, "utf-8")
    stored = store_files(scan_folder(folder), objects, lambda done, total: None)
    model = Source(
        title=kind,
        origin=Origin(type="open", name="benchmark"),
        licence=Licence(found="for measuring only", spdx="CC0-1.0", clear=True),
        collection=Collection(method="generated", has_record=False),
        files=stored.files,
        counts=stored.counts,
    )
    digest = sha256_digest(canonical_json(model.model_dump(mode="json")))
    return SourceInput(digest, model, {layer.title: layer for layer in stored.layers})


def outcome(recipe: str, kinds: Mapping[str, list[str]], assets: Mapping[str, bytes] | None = None) -> list[Doc]:
    """Return every document that the recipe kept or dropped, with its reason, in order."""
    with tempfile.TemporaryDirectory() as scratch:
        objects = LocalObjects(Path(scratch, "objects"))
        sources, names = [], {}
        for number, (kind, texts) in enumerate(kinds.items()):
            sources.append(_source(kind, texts, Path(scratch, str(number)), objects))
            names[sources[-1].digest[7:19]] = kind
        given = {
            role: AssetInput(sha256_digest(data), objects.put_bytes(data).digest)
            for role, data in (assets or {}).items()
        }
        made = build(
            sources, shipped_recipe(recipe), objects, MemoryCache(), lambda done, total: None, _map, assets=given
        )

        def at(id: str) -> tuple[str, int]:
            source, _, row = id.split("-")
            return names[source], int(row) - 1

        found: dict[tuple[str, int], Doc] = {}
        for row in _rows(made.layers, objects, "data/"):
            kind, place = at(row["id"])
            found[kind, place] = Doc(kinds[kind][place], kind)
        for row in _rows(made.layers, objects, "decisions/"):
            if row["decision"] == "drop":
                kind, place = at(row["id"])
                other = ""
                if row["of"]:
                    of_kind, of_place = at(row["of"])
                    other = kinds[of_kind][of_place]
                found[kind, place] = Doc(kinds[kind][place], kind, row["reason"], other, row["measure"])
    order = ((kind, place) for kind, texts in kinds.items() for place in range(len(texts)))
    return [found[one] for one in order if one in found]


def _rows(layers: Sequence[Any], objects: LocalObjects, folder: str) -> Iterator[dict[str, Any]]:
    from pyarrow import parquet

    for layer in layers:
        if layer.title.startswith(folder):
            with objects.open(layer.digest) as stream:
                yield from parquet.read_table(stream).to_pylist()


def benchmarks() -> list[tuple[str, str]]:
    """Return id and text of the items of the benchmarks, each a question with its options."""
    kinds = quality_texts.documents()
    return [(f"{kind} {n}", text) for kind in quality_texts.BENCHMARKS for n, text in enumerate(kinds[kind])]


def lexicon() -> bytes:
    """Return the public word lists as the rows of a lexicon."""
    rows = dict[str, str]()
    for name, risk in _LEXICON.items():
        text = (quality_texts.DATA / "oversight/lexicon" / f"{name}.txt").read_text("utf-8-sig")
        rows |= {term: risk for line in text.split("\n") if len(term := line.strip().rstrip(",，")) > 1}
    lines = [json.dumps({"term": term, "risk": risk}, ensure_ascii=False) for term, risk in rows.items()]
    return "\n".join(lines).encode() + b"\n"


@cache
def dropped() -> list[tuple[str, Doc]]:
    """Return (recipe and reason, or "kept", document) of all that was read, each pool in the order of the files.

    web-zh without benchmarks on everything, with them on what is no benchmark, for the reason "contaminated" alone;
    strict-compliance with the public word lists, for the two reasons that no other recipe has; books-zh on books.
    """
    kinds = quality_texts.documents()
    found = [("web-zh " + doc.reason if doc.reason else "kept", doc) for doc in outcome("web-zh", kinds)]
    found += [(LOW_HAN, doc) for reason, doc in found if reason == "web-zh not_chinese" and _some_han(doc.text)]
    others = {kind: texts for kind, texts in kinds.items() if kind not in quality_texts.BENCHMARKS}
    items = "".join(json.dumps({"id": id, "text": text}, ensure_ascii=False) + "\n" for id, text in benchmarks())
    for doc in outcome("web-zh", others, {"benchmarks": items.encode()}):
        if doc.reason == "contaminated":
            found.append(("web-zh contaminated", doc))
    for doc in outcome("strict-compliance", others, {"lexicon": lexicon()}):
        if doc.reason in ("risky", "personal_data"):
            found.append((f"strict-compliance {doc.reason}", doc))
    for doc in outcome("dialogue-zh", kinds):
        if doc.reason in ("mostly_symbols", "repetitive", "too_short", "too_long"):
            found.append((f"dialogue-zh {doc.reason}", doc))
        if doc.reason == "near_duplicate" and doc.kind in TALK:
            found.append(("dialogue-zh near_duplicate", doc))
            if float(doc.measure) < 0.85:
                found.append((LEAST_ALIKE, doc))
    statutes = {kind: kinds[kind] for kind in ("statutes", "articles of statutes")}
    for doc in outcome("law-zh", statutes):
        if doc.reason in ("too_short", "not_chinese"):
            found.append((f"law-zh {doc.reason}", doc))
    return found + list(_books(items.encode()))


def _books(items: bytes) -> Iterator[tuple[str, Doc]]:
    kinds = quality_books.documents()
    for doc in outcome("books-zh", kinds):
        yield f"books-zh {doc.reason or 'kept'}", doc
    others = {kind: texts for kind, texts in kinds.items() if kind != "passages of examinations"}
    for doc in outcome("books-zh", others, {"benchmarks": items}):
        if doc.reason == "contaminated":
            yield "books-zh contaminated", doc


def _some_han(text: str) -> bool:
    letters = count_letters(normalise(text))
    return letters.han > LOWER_HAN * letters.letters


def digest(*texts: str) -> str:
    """Return the name of a text, or of a pair, in the reader's file."""
    return "-".join(hashlib.sha256(text.encode()).hexdigest()[:12] for text in texts)


@cache
def reading() -> dict[str, Any]:
    """Return the file of verdicts; in it digests that share a verdict stand in one line."""
    return json.loads(VERDICTS.read_text("utf-8"))  # type: ignore[no-any-return]


def flat(said: Mapping[str, str]) -> dict[str, str]:
    """Return the verdict of each digest."""
    return {id: verdict for verdict, ids in said.items() for id in ids.split()}


def read_of(reason: str) -> list[str]:
    """Return the digests that were read of a reason, those of later draws last."""
    row = reading()["drawn"].get(reason, {})
    return [*row.get("read", "").split(), *row.get("later", "").split()]


@cache
def drawn() -> dict[str, list[Doc]]:
    """Return what is to be read of each reason and, as controls, of what books-zh keeps, without copies."""
    pools: dict[str, dict[str, dict[str, Doc]]] = defaultdict(lambda: defaultdict(dict))
    for reason, doc in dropped():
        pools[reason][doc.kind].setdefault(digest(doc.text, doc.other) if is_pair(reason) else digest(doc.text), doc)
    found = {}
    for reason, kinds in pools.items():
        if reason not in KEPT:
            known = {*read_of(reason), *(read_of("web-zh not_chinese") if reason == LOW_HAN else ())}
            counted = read_of(reason) if reason == LOW_HAN else [id for docs in kinds.values() for id in docs]
            have = sum(id in known for id in counted)
            fresh = {kind: {id: docs[id] for id in docs if id not in known} for kind, docs in kinds.items()}
            found[reason] = _in_turn(reason, fresh, WANTED - have)
    texts = {digest(doc.text) for reason, docs in found.items() if not is_pair(reason) for doc in docs}
    found[KEPT[1]] = _in_turn(KEPT[1], pools[KEPT[1]], round(CONTROLS * len(texts)))
    return found


def is_pair(reason: str) -> bool:
    """Return whether a reason names another document."""
    return any(word in PAIRS for word in reason.split())


def _in_turn(reason: str, kinds: Mapping[str, Mapping[str, Doc]], wanted: int) -> list[Doc]:
    """Return documents of every kind in turn until there are so many; within a kind in a seeded order."""
    queues = []
    for kind in sorted(kinds):
        docs = list(kinds[kind].values())
        random.Random(f"{SEED} {reason} {kind}").shuffle(docs)
        queues.append(docs)
    found = list[Doc]()
    while len(found) < wanted and any(queues):
        for queue in queues:
            if queue and len(found) < wanted:
                found.append(queue.pop())
    return found


def shown(text: str) -> str:
    """Return what the reader sees of a text: all of a short one, else its beginning and its end."""
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]} […{len(text) - HEAD - TAIL}…] {text[-TAIL:]}"


def shown_pair(text: str, other: str) -> str:
    """Return what the reader sees of a pair: the beginning of the one, and what the other has in its place."""
    changes = []
    blocks = SequenceMatcher(None, text[:MOST_COMPARED], other[:MOST_COMPARED], autojunk=False).get_opcodes()
    for tag, a, b, c, d in blocks:
        if tag != "equal":
            changes.append(f"…{text[max(0, a - 12) : a]}【{_cut(text[a:b])}→{_cut(other[c:d])}】{text[b : b + 8]}…")
    more = f" (+{len(changes) - MOST_CHANGES} changes)" if len(changes) > MOST_CHANGES else ""
    return f"{text[:120]} ({len(text)}, {len(other)}) " + " ".join(changes[:MOST_CHANGES]) + more


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:40]}…{text[-15:]}"


def _to_read() -> tuple[dict[str, str], dict[str, str]]:
    """Return what the reader is shown of texts and of pairs, by digest; not what has a verdict."""
    texts, pairs = dict[str, str](), dict[str, str]()
    for reason, docs in drawn().items():
        for doc in docs:
            if is_pair(reason):
                pairs[digest(doc.text, doc.other)] = shown_pair(doc.text, doc.other)
            else:
                texts[digest(doc.text)] = shown(doc.text)
    known = flat(reading()["texts"]) | flat(reading()["pairs"])
    return {id: text for id, text in texts.items() if id not in known}, {
        id: text for id, text in pairs.items() if id not in known
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Write what is to be read."""
    parser = argparse.ArgumentParser(description="false drops of the shipped recipes")
    parser.add_argument("--draw", type=Path, required=True, help="a folder for texts.jsonl and pairs.jsonl")
    folder = parser.parse_args(arguments).draw
    texts, pairs = _to_read()
    for name, found in (("texts", texts), ("pairs", pairs)):
        rows = [json.dumps({"id": id, "text": found[id]}, ensure_ascii=False) + "\n" for id in sorted(found)]
        (folder / f"{name}.jsonl").write_text("".join(rows), "utf-8")


if __name__ == "__main__":
    main()
