"""In a real browser: no page is wider than the screen it is read on."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from quanheng.kinds.oversight import Assessment
from quanheng.oversight.report import ReportContext, render

CHROMIUM = shutil.which("chromium")
PROBE = """<body>{frames}<pre id=out></pre><script>onload = () => {{
for (const frame of document.querySelectorAll("iframe")) {{
  const root = frame.contentDocument.documentElement
  out.textContent += frame.src.slice(-7, -5) + " " + root.clientWidth + " " + root.scrollWidth + "\\n"
}}}}</script>"""


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_nothing_sticks_out(report: tuple[Assessment, ReportContext], tmp_path: Path) -> None:
    for language in ("zh", "en"):
        (tmp_path / f"report.{language}.html").write_text(render(*report, language), "utf-8")
    frames = "".join(
        f'<iframe src="report.{language}.html" style="border:0;width:{width}px;height:600px"></iframe>'
        for language in ("zh", "en")
        for width in (360, 400, 720, 1001, 1300)
    )
    (tmp_path / "probe.html").write_text(PROBE.format(frames=frames), "utf-8")
    arguments = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    arguments += [
        "--allow-file-access-from-files",
        "--hide-scrollbars",
        "--dump-dom",
        (tmp_path / "probe.html").as_uri(),
    ]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    measured = re.findall(r"(zh|en) (\d+) (\d+)", done.stdout)
    assert len(measured) == 10, done.stderr
    assert [line for line in measured if line[1] != line[2]] == []
