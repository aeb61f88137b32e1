"""What the oversight wing can show: an assessment as a report, and as an evidence bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from quanheng.core.inputs import Input, Local, Takes, param
from quanheng.core.save import write_file
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.kinds.oversight import Assessment
from quanheng.oversight import next_steps  # noqa: F401 - registers what the wing suggests to do next
from quanheng.oversight import source_queries as _sources  # noqa: F401 - its query is registered with these


class AssessmentShow(Input):
    """Input of assessment.show."""

    assessment: Annotated[str, Takes("assessment")] = param(..., "Assessment", "评估")


class AssessmentReport(AssessmentShow):
    """Input of assessment.report."""

    to: Annotated[str, Local(reads=False)] = param(..., "File to write", "要写入的文件")
    language: Literal["zh", "en"] = param("zh", "zh or en", "zh 或 en")
    format: Literal["html", "pdf", "docx"] = param(
        "html",
        "html, pdf (PDF/A) or docx; the last two need the extra [report]",
        "html、pdf（PDF/A）或 docx；后两种需安装附加组件 [report]",
    )


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


@query("assessment.report", help=("Write an assessment as a page, PDF/A or DOCX", "把评估写成网页、PDF/A 或 DOCX 报告"))
def assessment_report(session: Session, inp: AssessmentReport) -> Any:
    """Write the report and return its path and size. The log does not change; its head is signed."""
    from quanheng.oversight.documents import report_bytes

    data = report_bytes(session, inp.assessment, inp.language, inp.format)
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
    from quanheng.oversight.documents import report_bytes

    digest = load(session, inp.assessment, "assessment").digest
    reports = {
        f"report.{language}.html": report_bytes(session, digest, language, "html", bundle_name=Path(inp.to).name)
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
