"""What the tests of both paper formats share: hostile text, and a second process that writes the same report."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Literal

from quanheng.kinds.oversight import Assessment
from quanheng.oversight.report import ReportContext

HERE = Path(__file__).parent

#: Markup of Typst, of XML and of Word; characters nobody sees; signs no font has; a string without a place to break.
HOSTILE = (
    '#eval("1") *bold* _it_ $x^2$ `raw` @ref <label> \\ = head ]}) <w:p><w:t>in</w:t></w:p> ]]> &amp; "q" \' '
    "{pages} a\x00b\x0bc\x1bd\x7fe\u202ef\u200bg\ufeffh\ufffei\u2028j 😀👩\u200d💻𠮷 "
)
LONG = "W" * 300
#: What of it a reader must find again, whatever the format does with the rest.
LITERAL = (
    '#eval("1") *bold*',
    "$x^2$ `raw` @ref <label> \\ = head ]})",
    "<w:t>in</w:t>",
    "]]> &amp;",
    "{pages}",
    "[U+000B]",
    "[U+202E]",
)

SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
from paper import whole
from quanheng.oversight.report import {function}
sys.stdout.buffer.write({function}(*whole(), {language!r}))
"""


def whole(**said: Any) -> tuple[Assessment, ReportContext]:
    """Return what the fixture `report` is, `name` and `bold` standing in every free text."""
    spec = spec_from_file_location("oversight_kit", HERE.parent / "conftest.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # its annotations are looked up there
    spec.loader.exec_module(module)
    made: tuple[Assessment, ReportContext] = module.whole(module.Kit(), **said)
    return made


def written_elsewhere(
    function: Literal["render_pdf", "render_docx"], language: str, *, seed: int, zone: str, folder: Path
) -> bytes:
    """Return the report of `whole` as another process writes it: other hashes, time zone, home and place."""
    script = SCRIPT.format(folder=str(HERE), function=function, language=language)
    environment = {
        **os.environ,
        "PYTHONHASHSEED": str(seed),
        "TZ": zone,
        "HOME": str(folder),
        "LC_ALL": "C",
        "PYTHONUTF8": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=folder, capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def squeezed(text: str) -> str:
    """Return the text without any space: where lines end is not what is tested."""
    return "".join(text.split())
