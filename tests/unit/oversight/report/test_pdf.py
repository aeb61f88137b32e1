"""The PDF: archival, the same bytes everywhere, complete, in pinned fonts, and safe from the text it shows."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paper import HOSTILE, LITERAL, LONG, squeezed, whole, written_elsewhere

from quanheng.kinds.oversight import Assessment
from quanheng.kinds.sources import Licence
from quanheng.oversight.report import ReportContext, render_pdf
from quanheng.oversight.report.content import contents
from quanheng.oversight.report.pdf import _json
from quanheng.oversight.rules import Evidence, assess, load

pytest.importorskip("typst", reason="the extra [report] is not installed")
pypdf = pytest.importorskip("pypdf")

Report = tuple[Assessment, ReportContext]
LANGUAGES = ("zh", "en")
#: By name in the file, without the six letters of the subset: the pinned package, and what typst itself carries.
FONTS = {"NotoSansSC-Regular", "NotoSerifSC-Regular", "DejaVuSansMono"}


def read(data: bytes) -> Any:
    return pypdf.PdfReader(io.BytesIO(data))


def text_of(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in read(data).pages)


@pytest.mark.parametrize("language", LANGUAGES)
def test_same_bytes_here_and_elsewhere(report: Report, language: str, tmp_path: Path) -> None:
    made = render_pdf(*report, language)
    assert render_pdf(*report, language) == made
    for seed, zone in ((1, "Asia/Shanghai"), (2, "America/New_York")):
        assert written_elsewhere("render_pdf", language, seed=seed, zone=zone, folder=tmp_path) == made


def test_its_date_is_that_of_the_checkpoint(report: Report) -> None:
    assessment, context = report
    assert context.proof
    assert read(render_pdf(assessment, context)).metadata["/CreationDate"] == "D:20261123104200Z"
    as_logged = replace(context.proof, time="2026-11-23 10:42:00 UTC")
    assert render_pdf(assessment, replace(context, proof=as_logged)).count(b"20261123104200Z")
    for none in (None, replace(context.proof, time="soon")):
        made = read(render_pdf(assessment, replace(context, proof=none)))
        assert made.metadata["/CreationDate"] == "D:19800101000000Z"


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_says_that_it_is_archival_and_accessible(report: Report, language: str) -> None:
    found = read(render_pdf(*report, language))
    xmp = found.trailer["/Root"]["/Metadata"].get_data().decode()
    for name, value in (("pdfaid:part", "2"), ("pdfaid:conformance", "A"), ("pdfuaid:part", "1")):
        assert re.search(rf"{name}(?:>|=['\"]){value}\b", xmp), name
    root = found.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/StructTreeRoot"] and root["/OutputIntents"]
    assert root["/Lang"] == ("zh-CN" if language == "zh" else "en-GB")
    assert found.metadata.title == contents(*report, language).name
    assert not {"/AA", "/OpenAction", "/JavaScript", "/EmbeddedFiles"} & set(root) and "/Names" not in root


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_is_on_it(report: Report, language: str) -> None:
    assessment, context = report
    text = squeezed(text_of(render_pdf(assessment, context, language)))
    content = contents(assessment, context, language)
    for row in (row for family in content.families for row in family.rows):
        for said in (row.id, row.title, row.clause, row.measured, row.of, row.below, row.verdict.text, *row.reasons):
            assert squeezed(said) in text
    for step in content.steps:
        assert squeezed(step.action) in text and squeezed(step.effort) in text
    assert context.proof and context.assessment_digest
    whole = [source.digest for source in context.sources] + [bank.digest for bank in context.banks]
    for said in (context.proof.root, context.proof.fingerprint, context.report_id, context.assessment_digest, *whole):
        assert said in text
    assert squeezed(f"python -I -m quanheng.store.verify bundle.zip --key {context.proof.fingerprint}") in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_says_whose_it_is(report: Report, language: str) -> None:
    assessment, context = report
    assert context.proof
    pages = read(render_pdf(assessment, context, language)).pages
    for number, page in enumerate(pages, 1):
        text = squeezed(page.extract_text())
        of = f"第{number}/{len(pages)}页" if language == "zh" else f"page{number}of{len(pages)}"
        assert context.report_id in text and context.proof.root[:12] in text and of in text
    assert context.proof.root in squeezed(pages[0].extract_text())


@pytest.mark.parametrize("language", LANGUAGES)
def test_fonts_are_inside_and_pinned(report: Report, language: str) -> None:
    fonts = set()
    for page in read(render_pdf(*report, language)).pages:
        for font in (item.get_object() for item in page["/Resources"]["/Font"].values()):
            inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
            name = str(inner["/BaseFont"]).split("+")[-1].removesuffix("-Identity-H")
            assert "/FontFile3" in inner["/FontDescriptor"] or "/FontFile2" in inner["/FontDescriptor"], name
            fonts.add(name)
    assert fonts == FONTS


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("bold", [HOSTILE, LONG, "汉" * 300, "é" * 200, "\ue000\u0e01\u0627"])
def test_text_cannot_become_markup(language: str, bold: str) -> None:
    assessment, context = whole(name="n", bold=bold)
    text = squeezed(text_of(render_pdf(assessment, context, language)))
    if bold == HOSTILE:
        for said in (*LITERAL, "[U+0000]", "[U+1F600]", "[U+20BB7]", "[U+FEFF]", "[U+FFFE]"):
            assert text.count(squeezed(said)) >= 6, said
    elif bold.startswith(("W", "汉", "é")):
        assert text.count(bold) >= 3  # in a cell of their own; elsewhere other columns stand between the lines
    else:
        assert text.count("[U+E000][U+0E01][U+0627]") >= 6


def test_a_long_licence_text_is_cut_not_lost(report: Report) -> None:
    assessment, context = report
    found = "此许可由来不明，" + "须逐条核对原文。" * 40
    source = context.sources[0].kind.model_copy(update={"licence": Licence(found=found, clear=False)})
    held = replace(context.sources[0], kind=source)
    text = squeezed(text_of(render_pdf(assessment, replace(context, sources=(held,)))))
    assert found[:40] in text and found[:130] not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_project_still_makes_one(language: str) -> None:
    pack = load()
    context = ReportContext(project="p", report_id="r", made_on="2026-11-23", version="0", rulepack=pack)
    text = squeezed(text_of(render_pdf(assess(pack, Evidence()), context, language)))
    assert ("尚未签名存证。" if language == "zh" else "Notyetunderasignedcheckpoint.") in text


def test_reasons_longer_than_a_sheet_go_on_over_the_page(report: Report) -> None:
    assessment, context = report
    line = {"en": "because " * 80, "zh": "因为" * 200}
    many = tuple(assessment.results[0].details) + tuple(
        type(assessment.results[0].details[0]).model_validate({k: f"{n} {v}" for k, v in line.items()})
        for n in range(60)
    )
    results = (assessment.results[0].model_copy(update={"details": many}), *assessment.results[1:])
    text = squeezed(text_of(render_pdf(assessment.model_copy(update={"results": results}), context, "zh")))
    assert all(f"·{n}因为" in text for n in range(60))


def test_what_the_template_gets_is_plain(report: Report) -> None:
    data = json.loads(_json(contents(*report, "zh")))
    assert data["is"] == "Content" and data["verdict"]["word"] == "不符合" and data["words"]["rule"] == "规则"
    assert [family["title"] for family in data["families"]] == ["训练数据", "抽检与测试", "关键词库与测试题库"]
