"""What every template knows: the language, who is signed in, the project, and where one can go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from quanheng import __version__
from quanheng.core.session import FIRST_PROJECT
from quanheng.errors import Text
from quanheng.web.signed_in import account_of


@dataclass(frozen=True)
class Place:
    """One item of the navigation."""

    href: str
    title: Text
    here: bool


def page(request: HttpRequest) -> Mapping[str, Any]:
    """Return what base.html needs, for any page."""
    language = getattr(request, "language", "zh")
    project = getattr(request, "project", "") or FIRST_PROJECT
    account = account_of(request)
    return {
        "lang": language,
        "other_lang": "en" if language == "zh" else "zh",
        "account": account.label if account else "",
        "project": project,
        "places": SimpleLazyObject(lambda: _places(request.path, project)),
        "version": __version__,
        "request_id": getattr(request, "quanheng_id", ""),
        "full_path": request.get_full_path(),
    }


def wings() -> list[tuple[str, Text]]:
    """Return the wings that are here, as (name, title), in the order of the measures."""
    found = [config for config in apps.get_app_configs() if hasattr(config, "wing_title")]
    return [(config.label.removeprefix("qh_"), config.wing_title) for config in found]


def _places(path: str, project: str) -> list[Place]:
    root = f"/p/{project}"
    items = [(f"{root}/", Text("Home", "首页"))]
    items += [(f"{root}/w/{name}", title) for name, title in wings()]
    items += [
        (f"{root}/jobs", Text("Jobs", "作业")),
        (f"{root}/log", Text("Log", "存证")),
        ("/verify", Text("Verify", "核验")),
    ]
    return [Place(href, title, path == href or (href != f"{root}/" and path.startswith(href))) for href, title in items]
