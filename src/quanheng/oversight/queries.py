"""What the oversight wing can show: an assessment as a report, and as an evidence bundle."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from quanheng import __version__
from quanheng.core.context import Loaded
from quanheng.core.inputs import Input, Local, Takes, param
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.errors import Unavailable
from quanheng.kinds.oversight import Assessment


class AssessmentShow(Input):
    """Input of assessment.show."""

    assessment: Annotated[str, Takes("assessment")] = param(..., "Assessment", "评估")


class AssessmentReport(AssessmentShow):
    """Input of assessment.report."""

    to: Annotated[str, Local(reads=False)] = param(..., "HTML file to write", "要写入的 HTML 文件")
    language: Literal["zh", "en"] = param("zh", "zh or en", "zh 或 en")


class AssessmentBundle(AssessmentShow):
    """Input of assessment.bundle."""

    to: Annotated[str, Local(reads=False)] = param(..., "Zip file to write", "要写入的 zip 文件")
    sealed: bool = param(
        False, "Digests, counts, verdicts and proofs only, no contents", "只含摘要、计数、结论与证明，不含内容"
    )


@query("assessment.show", help=("Show the verdict of each rule", "查看每条规则的结论"))
def assessment_show(session: Session, inp: AssessmentShow) -> Any:
    """Return the overall verdict, the tally and one row per rule."""
    from quanheng.core.artifacts import load

    loaded = load(session, inp.assessment, "assessment")
    model = loaded.model
    assert isinstance(model, Assessment)  # noqa: S101 - Takes has checked the kind
    return {
        "digest": loaded.digest,
        "overall": model.overall,
        "tally": model.tally.model_dump(mode="json"),
        "self_drawn": model.self_drawn,
        "results": [result.model_dump(mode="json") for result in model.results],
    }


@query("assessment.report", help=("Write an assessment as a printable page", "把评估写成可打印的报告"))
def assessment_report(session: Session, inp: AssessmentReport) -> Any:
    """Write the report and return its path and size. The log does not change; its head is signed."""
    data = report_html(session, inp.assessment, inp.language).encode("utf-8")
    write_file(Path(inp.to), data)
    return {"path": inp.to, "bytes": len(data)}


@query(
    "assessment.bundle",
    help=(
        "Write the evidence bundle of an assessment; without --sealed it holds all contents, raw sources too",
        "导出评估的证明材料包；不加 --sealed 时含全部内容，包括未遮盖的原始来源",
    ),
)
def assessment_bundle(session: Session, inp: AssessmentBundle) -> Any:
    """Write the bundle with the report inside and return path, size, fingerprint and root."""
    from quanheng.core.artifacts import load
    from quanheng.core.bundles import export_bundle

    digest = load(session, inp.assessment, "assessment").digest
    reports = {
        f"report.{language}.html": report_html(session, digest, language, bundle_name=Path(inp.to).name).encode("utf-8")
        for language in ("zh", "en")
    }
    made = export_bundle(session, [digest], Path(inp.to), mode="sealed" if inp.sealed else "open", extra=reports)
    return {
        "path": inp.to,
        "bytes": made.size_bytes,
        "artifacts": made.artifacts,
        "entries": made.entries,
        "fingerprint": made.fingerprint,
        "log_size": made.log_size,
        "root": made.root,
    }


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; Unavailable says what the system refused."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Unavailable(
            f"{path} cannot be written: {error.strerror}",
            f"无法写入 {path}：{error.strerror}",
            hint=("Check the folder and the free space.", "请检查文件夹权限与剩余空间。"),
            code="not_written",
        ) from error


def report_html(session: Session, name: str, language: str, bundle_name: str = "bundle.zip") -> str:
    """Return the report of an assessment: everything in it comes from artifacts and from a signed checkpoint."""
    from quanheng.core import keys, log
    from quanheng.core.artifacts import load
    from quanheng.core.models import Project
    from quanheng.kinds import Say
    from quanheng.oversight.report import Proof, ReportContext, render
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
    return render(model, context, language)


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
