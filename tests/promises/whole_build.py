"""A whole build in a process of its own, to be killed: python whole_build.py WORK FILES.

FILES: a folder of folders, each a source. A file is a unit, so that a small corpus has many. Prints "begun" once units
run, and at the end the digest of all that the corpus is: its model and its layers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def write_sources(folder: Path, sources: int = 3, files: int = 4, documents: int = 60) -> Path:
    """Write sources of generated text; return their folder."""
    import json

    from build_texts import texts_of

    for number in range(sources):
        texts = texts_of(number, files * documents)
        own = folder / f"source-{number}"
        own.mkdir(parents=True)
        for file in range(files):
            lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts[file::files]]
            (own / f"{file}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def register(objects: Any, files: Path) -> list[Any]:
    """Return the folders in `files` as sources, stored."""
    from quanheng.data.corpus import SourceInput, scan_folder, store_files
    from quanheng.kinds.sources import Collection, Licence, Origin, Source
    from quanheng.store import canonical_json, sha256_digest

    sources = []
    for folder in sorted(files.iterdir()):
        stored = store_files(scan_folder(folder), objects, lambda done, total: None)
        model = Source(
            title=folder.name,
            origin=Origin(type="open", name="tests"),
            licence=Licence(found="", clear=False),
            collection=Collection(method="generated", has_record=False),
            files=stored.files,
            counts=stored.counts,
        )
        digest = sha256_digest(canonical_json(model.model_dump(mode="json")))
        sources.append(SourceInput(digest, model, {layer.title: layer for layer in stored.layers}))
    return sources


def made(work: Path, files: Path, keep: str = "final", progress: Any = lambda done, total: None) -> str:
    """Return digest and documents of the corpus by web-zh of the sources in `files`; store and cache lie in `work`."""
    from quanheng.data.corpus import build, run_here, shipped_recipe, units
    from quanheng.store import Cache, LocalObjects, canonical_json, sha256_digest

    units.UNIT_FILES = 1
    objects = LocalObjects(work / "objects")
    recipe, cache = shipped_recipe("web-zh"), Cache(work / "cache", objects)
    sources = register(objects, files)
    found = build(sources, recipe, objects, cache, progress, run_here, keep=keep)  # type: ignore[arg-type]
    said = [found.model.model_dump(mode="json"), [[layer.title, layer.digest] for layer in found.layers]]
    return f"{sha256_digest(canonical_json(said))} {found.model.totals.documents}"


def progress(done: int, total: int | None) -> None:
    """Say when units begin to run."""
    if done == 0:
        print("begun", flush=True)


if __name__ == "__main__":
    print(made(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:], progress=progress), flush=True)
