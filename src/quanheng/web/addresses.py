"""Addresses of pages, and of the form of a verb with some of its fields filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.http import urlencode

PROJECT = r"p/(?P<project>[a-z0-9][a-z0-9._-]{0,99})"


def project_path(project: str, *parts: str) -> str:
    """Return the address of a page of a project; its home page without parts.

    >>> project_path("main"), project_path("main", "jobs", "8f3c")
    ('/p/main/', '/p/main/jobs/8f3c')
    """
    return f"/p/{project}/" + "/".join(parts)


def form_path(project: str, verb: str, data: Mapping[str, str | Sequence[str]] | None = None) -> str:
    """Return the address of a verb's form.

    >>> form_path("main", "sample.draw", {"commitment": "x y"})
    '/p/main/do/sample/draw?commitment=x+y'
    """
    place = project_path(project, "do", *verb.split("."))
    return f"{place}?{urlencode(data, doseq=True)}" if data else place


def step_path(project: str, verb: str, data: Mapping[str, str | Sequence[str]]) -> str:
    """Return where one does a suggested step: the verb's form, or the page on which a query is asked."""
    if verb == "flow.run":
        return project_path(project, "flows", str(data.get("flow", "")))
    if verb == "job.list":
        return project_path(project, "jobs") + "?" + urlencode(data)
    if verb.startswith("checkpoint."):
        return project_path(project, "log")
    if verb == "account.password":
        return "/account"
    return form_path(project, verb, data)
