"""Takes pictures of every page of a workspace: `make screenshots`. They are for looking at; a few stand in README.

Usage: python docs/screenshots.py WORKSPACE FOLDER
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import browsing

#: Name, address (names of artifacts are resolved by the server), and what else to do before the picture.
PAGES = (
    ("home", "/p/main/"),
    ("assessment", "/p/main/a/assessment:demo"),
    ("rule", "/p/main/a/assessment:demo?tab=rules&rule=ASS-REF-01"),
    ("assessment-risks", "/p/main/a/assessment:demo?tab=risks"),
    ("assessment-lineage", "/p/main/a/assessment:demo?tab=lineage"),
    ("corpus", "/p/main/a/corpus:demo"),
    ("corpus-samples", "/p/main/a/corpus:demo?tab=samples"),
    ("corpus-lengths", "/p/main/a/corpus:demo?tab=lengths"),
    ("corpus-duplicates", "/p/main/a/corpus:demo?tab=duplicates"),
    ("corpus-personal", "/p/main/a/corpus:demo?tab=personal"),
    ("corpus-review", "/p/main/a/corpus:demo?tab=review"),
    ("corpus-compare", "/p/main/a/corpus:demo?tab=compare"),
    ("source", "/p/main/a/source:peoples-daily-199801"),
    ("source-try", "/p/main/a/source:peoples-daily-199801?tab=try&run=1&attempt=characters+%3E+200"),
    ("source-recipe", "/p/main/a/source:peoples-daily-199801?tab=try&edit=1"),
    ("responses", "/p/main/a/responses:must-refuse"),
    ("artifacts", "/p/main/artifacts"),
    ("flow", "/p/main/flows/filing"),
    ("jobs", "/p/main/jobs"),
    ("log", "/p/main/log"),
    ("log-entry", "/p/main/log/3"),
    ("form", "/p/main/do/source/register"),
    ("verbs", "/p/main/do"),
    ("wing-data", "/p/main/w/data"),
    ("verify", "/verify"),
    ("projects", "/projects"),
    ("members", "/p/main/members"),
    ("users", "/users"),
    ("tokens", "/tokens"),
    ("settings", "/settings"),
    ("account", "/account"),
    ("error", "/nothing-here"),
)
#: Pages that README shows, as they stand in a window.
SHOWN = ("home", "assessment", "rule", "corpus", "flow")
IMAGES = Path(__file__).parent / "images"
#: Name, window, colours, browser language.
SHAPES: tuple[tuple[str, dict[str, int], Any, str], ...] = (
    ("zh", {"width": 1280, "height": 860}, "light", "zh-CN"),
    ("en", {"width": 1280, "height": 860}, "light", "en-US"),
    ("dark", {"width": 1280, "height": 860}, "dark", "zh-CN"),
    ("phone", {"width": 360, "height": 780}, "light", "zh-CN"),
)


def main() -> None:
    """Serve the workspace, take every picture, and stop the server."""
    workspace, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    server = subprocess.Popen(
        [sys.executable, "-m", "quanheng.cli.main", "-w", str(workspace), "--json", "serve", "--port", "8939"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout  # noqa: S101 - a pipe, as asked
        told = ""
        while not told.rstrip().endswith("}"):
            told += server.stdout.readline()
        _take(json.loads(told), folder)
    finally:
        server.terminate()
        server.wait()


def _take(told: dict[str, str], folder: Path) -> None:
    with browsing.browser() as running:
        first = browsing.Watched.open(running, told["url"])
        browsing.sign_in(first, told["link"])
        cookies = first.page.context.cookies()
        for shape, size, colours, language in SHAPES:
            watched = browsing.Watched.open(
                running, told["url"], viewport=size, color_scheme=colours, locale=language, device_scale_factor=1
            )
            watched.page.context.add_cookies(cookies)
            for name, address in PAGES:
                watched.page.goto(address)
                watched.page.wait_for_load_state("networkidle")
                watched.page.screenshot(path=str(folder / f"{name}.{shape}.png"), full_page=True)
                if name in SHOWN and shape == "zh":
                    watched.page.screenshot(path=str(IMAGES / f"{name}.zh.png"))
                sys.stdout.write(f"{name}.{shape}.png\n")


if __name__ == "__main__":
    main()
