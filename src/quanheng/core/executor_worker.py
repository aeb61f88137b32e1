"""The remote end of the Slurm executor: `python -m quanheng.core.executor_worker FOLDER NUMBER`.

Reads `items/NUMBER.json` in FOLDER, calls the function it names on each item, and leaves `answers/NUMBER.json`, whole
or not at all. Needs no workspace, no database and no settings.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

from quanheng.core.executors.functions import call, task_failed
from quanheng.store import JSON, _disk


def answer(reference: str, items: list[JSON]) -> bytes:
    """Return the answers as JSON: one [ok, value] for each item, up to the first that is an error."""
    answers: list[str] = []
    try:
        for item in items:
            found = call(reference, item)
            answers.append(json.dumps(found))
            if not found[0]:
                break
    except Exception as error:  # told where somebody reads it; running it again would not help
        traceback.print_exc()
        told = "".join(traceback.format_exception(error))
        answers.append(json.dumps((False, task_failed(told).to_json())))
    return f"[{','.join(answers)}]".encode()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there as a whole and durable, or not there."""
    handle, temporary = _disk.open_temporary(path.parent)
    try:
        _disk.write_all(handle, data)
        _disk.fsync(handle)
    finally:
        os.close(handle)
    _disk.replace(temporary, path)
    _disk.fsync_folder(path.parent)


def main(folder: str, number: str) -> None:
    """Work on one piece."""
    given = json.loads((Path(folder) / "items" / f"{number}.json").read_bytes())
    write_whole(Path(folder) / "answers" / f"{number}.json", answer(given["function"], given["items"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
