"""Writes index.json from the registered verbs and queries: `python -m quanheng.cli.build_index`.

The index is made when the code changes, not when a command starts: help and completion import no Django, no
pydantic and no wing. A test compares it with the code.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from quanheng.cli.index import PATH
from quanheng.core import describe


def build() -> str:
    """Return the text of the index for the verbs and queries as they are now."""
    commands = [asdict(command) for command in describe.commands().values()]
    return json.dumps({"commands": commands}, ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    """Write index.json."""
    PATH.write_text(build(), "utf-8")
    sys.stdout.write(f"{PATH.name}: {len(json.loads(PATH.read_text('utf-8'))['commands'])} commands\n")


if __name__ == "__main__":
    main()
