"""The report on an assessment as a file: what it shows is read from artifacts and from a signed checkpoint."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any, Literal

from quanheng import __version__
from quanheng.core.context import Loaded
from quanheng.core.session import Session
from quanheng.errors import Unavailable
from quanheng.kinds.oversight import Assessment
from quanheng.oversight.report import ReportContext

Format = Literal["html", "pdf", "docx"]
#: What a format needs beyond the core: the modules of the extra [report].
NEEDS: dict[Format, tuple[str, ...]] = {"html": (), "pdf": ("typst", "pylopdf_fonts_zh_cn"), "docx": ("docx",)}


def report_bytes(session: Session, name: str, language: str, format: Format, bundle_name: str = "bundle.zip") -> bytes:
    """Return the report on the assessment `name` as a file of this format, in `language` ("zh" or "en").

    The log does not change; its head is signed. `bundle_name` stands in the command that verifies the bundle. While
    nothing new is signed, the same bytes come back. Raises Unavailable (missing_extra) without the extra [report].
    """
    if not can_write(format):
        raise _missing_extra(format)
    assessment, context = report_context(session, name, bundle_name)
    if format == "pdf":
        from quanheng.oversight.report.pdf import render_pdf

        return render_pdf(assessment, context, language)
    if format == "docx":
        from quanheng.oversight.report.docx import render_docx

        return render_docx(assessment, context, language)
    from quanheng.oversight.report import render

    return render(assessment, context, language).encode("utf-8")


def can_write(format: Format) -> bool:
    """Return whether what a format needs is installed."""
    return all(find_spec(module) is not None for module in NEEDS[format])


def _missing_extra(format: Format) -> Unavailable:
    return Unavailable(
        f"a report as {format} needs the extra [report]",
        f"{format} 格式的报告需要安装附加组件 [report]",
        hint=("Run: pip install 'quanheng[report]'", "请运行：pip install 'quanheng[report]'"),
        code="missing_extra",
    )


def report_context(session: Session, name: str, bundle_name: str = "bundle.zip") -> tuple[Assessment, ReportContext]:
    """Return an assessment, and all that its report shows beside it."""
    from quanheng.core import keys, log
    from quanheng.core.artifacts import load
    from quanheng.core.models import Project
    from quanheng.kinds import Say
    from quanheng.oversight.report import Proof
    from quanheng.oversight.rules.packs import load as shipped_pack
    from quanheng.store import parse_signed

    loaded = load(session, name, "assessment")
    model = loaded.model
    assert isinstance(model, Assessment)  # noqa: S101 - the query's Takes has checked the kind
    found = _evidence(session, loaded)
    checkpoint = parse_signed(keys.note_for(session, log.size_with([loaded.digest]))).checkpoint
    seen = _witness(checkpoint.size)
    proof = Proof(
        entries=checkpoint.size,
        root=checkpoint.root.hex(),
        time=_utc(checkpoint.time),
        fingerprint=keys.current(session.workspace.folder).fingerprint,
        witness=Say(en=seen, zh=seen) if seen else None,
    )
    packs = found.get("rulepack", [])
    context = ReportContext(
        project=Project.objects.get(id=session.project_id).title,
        report_id=f"QH-{loaded.digest.removeprefix('sha256:')[:12]}",
        made_on=_utc(checkpoint.time),
        version=__version__,
        rulepack=packs[0].kind if packs else shipped_pack(),
        assessment_digest=loaded.digest,
        proof=proof,
        bundle_name=bundle_name,
        corpus=_first(found, "corpus"),
        sources=tuple(found.get("source", [])),
        samples=tuple(found.get("sample", [])),
        lexicon=_first(found, "lexicon"),
        banks=tuple(found.get("benchmark", [])),
        responses=tuple(found.get("responses", [])),
        model=_first(found, "model"),
        endpoint=_first(found, "endpoint"),
    )
    return model, context


def _utc(time: str | None) -> str:
    """Return a time of the log to the second, with its zone, "" for none."""
    return f"{time[:19].replace('T', ' ')} UTC" if time else ""


def _evidence(session: Session, loaded: Loaded) -> dict[str, list[Any]]:
    """Return the artifacts an assessment was computed from, by kind without version, in the order of its inputs."""
    from quanheng.core.artifacts import load_digest
    from quanheng.core.lineage import ancestors
    from quanheng.oversight.report import Held

    inputs = loaded.made_by["inputs"]
    direct = [str(item["digest"]) for item in inputs] if isinstance(inputs, list) else []  # type: ignore[index,call-overload]
    further = [step.digest for step in ancestors(loaded.digest)]
    found: dict[str, list[Any]] = {}
    for digest in dict.fromkeys([*direct, *further]):
        item = load_digest(session, digest)
        found.setdefault(item.kind.split("/")[0], []).append(Held(item.digest, item.model))
    return found


def _first(found: dict[str, list[Any]], kind: str) -> Any:
    items: Iterable[Any] = found.get(kind, [])
    return next(iter(items), None)


def _witness(size: int) -> str:
    """Return who outside has seen a checkpoint of at least this size, "" when nobody has."""
    from quanheng.core.models import Witness

    row = Witness.objects.filter(checkpoint__size__gte=size).order_by("witnessed_on").first()
    return f"{row.form} {row.witnessed_on.isoformat()}" if row else ""
