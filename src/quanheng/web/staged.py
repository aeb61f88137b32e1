"""Files that a form brings: staged before the verb is called, and kept when something else is wrong with the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from django.http import HttpRequest

from quanheng.core import staging
from quanheng.core.session import Session
from quanheng.errors import Invalid, QuanhengError, Text
from quanheng.web.form_fields import Field, Given


def stage(request: HttpRequest, session: Session, given: Given, part: str = "") -> dict[str, str]:
    """Return by field what the browser brought, as `upload:…`, and note it in `given` for the next try.

    part: only the fields of this part of the form.
    """
    start = f"_file.{part}." if part else "_file."
    found = {}
    for key in request.FILES:
        if key.startswith(start):
            brought = [file for file in request.FILES.getlist(key) if file.name]
            texts = [staging.stage(session, file.name or "", file.size or 0, file.chunks()) for file in brought]
            if texts:
                found[key.removeprefix(start)] = staging.together(texts)
                given.put(key.replace("_file.", "_staged.", 1), staging.together(texts))
    return found


def stage_texts(session: Session, given: Given) -> None:
    """Stage what was typed in place of a file: `_text.file` with its name `_name.file`; noted in `given`."""
    for key in [key for key in given.names() if key.startswith("_text.") and given.text(key).strip()]:
        field = key.removeprefix("_text.")
        data = given.text(key).replace("\r\n", "\n").encode("utf-8")
        text = staging.stage(session, given.text(f"_name.{field}") or field, len(data), [data])
        given.put(f"_staged.{field}", text)


def with_staged(session: Session, item: Field) -> Field:
    """Return the field with the names of what was uploaded for it; without it where it is not there any more."""
    if not item.staged:
        return item
    ids = [part for part in item.staged.removeprefix(staging.PREFIX).split(",") if part]
    try:
        return replace(item, staged_names=tuple(staging.find(session, one).name for one in ids))
    except QuanhengError:
        return replace(item, staged="")


def unreadable(labels: Mapping[str, Text], problems: Mapping[str, Text]) -> Invalid:
    """Return the error of a form with fields that nobody can read. labels: what those fields are called."""
    told = Invalid(
        "some fields cannot be used: " + ", ".join(text.en for text in labels.values()),
        "有填写项无法使用：" + "、".join(text.zh for text in labels.values()),
        hint=("What is wrong stands beside each field.", "问题写在各填写项旁边。"),
        code="bad_input",
    )
    told.fields = dict(problems)
    return told
