"""Takedowns that a new build of the same sources would undo, and how a build heeds them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from quanheng.core.artifacts import rows, withdrawn_among
from quanheng.core.context import JobContext, Loaded
from quanheng.core.inputs import Takes
from quanheng.core.lineage import ancestors, descendants
from quanheng.core.resolve import PREFIX_LENGTH, find_artifact
from quanheng.core.session import Session
from quanheng.errors import Invalid, Text
from quanheng.kinds.corpora import CorpusV3
from quanheng.kinds.counting import counted

if TYPE_CHECKING:
    from quanheng.data.corpus import CorpusResult, SourceInput
    from quanheng.data.corpus.taken_down import Down


def not_heeded(session: Session, sources: Sequence[str], given: Sequence[str]) -> list[str]:
    """Return the corpora that some of these sources went into and from which documents were taken down since.

    Those `given` are left out, and those whose lists they took over; of the others, so are those whose list another
    took over. Each is told by its name, or the beginning of its digest. What was withdrawn has no list.
    """
    found = [find_artifact(session, text, Takes("source")) for text in sources]
    made = {step.digest for source in found for step in descendants(source, project=session.project_id)}
    taken = {digest for digest, (_, config) in rows(sorted(made)).items() if _has_list(config)}
    heeded = [find_artifact(session, text, Takes("corpus")) for text in given]
    known = {*heeded, *(step.digest for digest in heeded for step in ancestors(digest))}
    left = taken - known - set(withdrawn_among(taken))
    left -= {step.digest for digest in left for step in ancestors(digest)}
    names = session_names(session, sorted(left))
    return sorted(f"corpus:{names[digest][-1]}" if names[digest] else digest[:PREFIX_LENGTH] for digest in left)


def _has_list(config: bytes) -> bool:
    """Return whether a config is of a corpus with a list of what was taken down."""
    made_by = json.loads(config).get("made_by") or {}
    roles = {item["role"] for item in made_by.get("inputs", ())}
    return made_by.get("verb") == "corpus.takedown" or (made_by.get("verb") == "corpus.build" and "taken_down" in roles)


def warnings(corpora: Sequence[str]) -> tuple[Text, ...]:
    """Return what to know of a build that heeds none of these takedowns; no line is long, a terminal cuts it."""
    ways = " ".join(f"--taken-down {one}" for one in corpora)
    told = (
        Text(
            "documents taken down before may be back: their sources are built again",
            "此前下架的文档可能再次出现：这次用了相同的来源",
        ),
        Text(f"to leave them out, add: {ways}", f"如需排除，请加上：{ways}"),
    )
    return told if corpora else ()


def lists_of(corpora: Sequence[Loaded]) -> Down:
    """Return what was taken down from corpora; Invalid "no_takedown" for one from which nothing was."""
    from quanheng.data.corpus.taken_down import Down

    found = Down()
    for loaded in corpora:
        down = Down.of(loaded.layers, loaded.open_layer)
        if not (down.documents or down.sources):
            raise Invalid(
                f"no document was taken down from the corpus {loaded.digest}",
                f"语料 {loaded.digest} 没有下架过文档",
                hint=(
                    "Give the corpus that the takedown made, not the one before: quanheng lineage of CORPUS",
                    "请给出下架后生成的新语料，而不是下架前的旧语料；可查看：quanheng lineage of 语料",
                ),
                code="no_takedown",
            )
        found.update(down)
    return found


def without(ctx: JobContext, made: CorpusResult, sources: Sequence[SourceInput], down: Down) -> CorpusResult:
    """Return a corpus that was just built without what was taken down before."""
    from quanheng.data.corpus.takedown import take_down

    digests = {layer.title: layer.digest for layer in made.layers}
    model, layers, taken = take_down(
        made.model,
        made.layers,
        lambda title: ctx.objects.open(digests[title]),
        down,
        ctx.objects,
        [source.model for source in sources],
        lambda done, total: None,
    )
    assert isinstance(model, CorpusV3)  # noqa: S101 - a takedown leaves a corpus of the same kind
    ctx.log(
        f"{counted(len(taken.ids), 'documents')} taken down before left out; {counted(taken.emptied, 'excerpts')} "
        "elsewhere removed",
        f"已排除此前下架的文档 {len(taken.ids):,} 篇；另清除其他各处的摘录 {taken.emptied:,} 条",
    )
    tell_copies(ctx, taken.copies)
    return replace(made, model=model, layers=layers)


def tell_copies(ctx: JobContext, copies: int) -> None:
    """Say that what was taken down may still be read in copies that stay, where there are some."""
    if copies:
        ctx.log(
            f"dropped copies that are named: {copies:,}; their originals stay, and the text with them",
            f"符合条件而此前已因重复剔除的 {copies:,} 篇：与之重复的文档仍保留，正文仍在语料中",
        )
        ctx.log(
            "to take it down, name the originals too: quanheng corpus duplicates",
            "如需一并下架，请同时指明所保留的文档：quanheng corpus duplicates",
        )


def session_names(session: Session, digests: Sequence[str]) -> dict[str, list[str]]:
    """Return the names that artifacts have in the session's project, by digest, oldest first."""
    from quanheng.core.models import Name

    found: dict[str, list[str]] = defaultdict(list)
    for low in range(0, len(digests), 500):
        part = digests[low : low + 500]
        named = Name.objects.filter(project_id=session.project_id, artifact__digest__in=part).order_by("id")
        for digest, slug in named.values_list("artifact__digest", "slug"):
            found[digest].append(slug)
    return found
