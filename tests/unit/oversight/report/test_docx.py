"""The Word document: the same bytes everywhere, complete, with Chinese fonts named, and it opens."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from paper import HOSTILE, LITERAL, LONG, squeezed, whole, written_elsewhere

from quanheng.kinds.oversight import Assessment
from quanheng.oversight.report import ReportContext, render_docx
from quanheng.oversight.report.content import contents
from quanheng.oversight.rules import Evidence, assess, load

docx = pytest.importorskip("docx", reason="the extra [report] is not installed")

Report = tuple[Assessment, ReportContext]
LANGUAGES = ("zh", "en")
SOFFICE = shutil.which("soffice")
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
HAN_FONTS = {"宋体", "黑体"}


def parts(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        assert zipped.testzip() is None
        return {name: zipped.read(name) for name in zipped.namelist()}


def text_of(data: bytes) -> str:
    """Return all text of the body, paragraph by paragraph."""
    body = ElementTree.fromstring(parts(data)["word/document.xml"])
    return "\n".join("".join(t.text or "" for t in p.iter(f"{W}t")) for p in body.iter(f"{W}p"))


def opened(data: bytes) -> Any:
    return docx.Document(io.BytesIO(data))


@pytest.mark.parametrize("language", LANGUAGES)
def test_same_bytes_here_and_elsewhere(report: Report, language: str, tmp_path: Path) -> None:
    made = render_docx(*report, language)
    assert render_docx(*report, language) == made
    for seed, zone in ((1, "Asia/Shanghai"), (2, "America/New_York")):
        assert written_elsewhere("render_docx", language, seed=seed, zone=zone, folder=tmp_path) == made


def test_no_clock_no_name_and_nothing_of_the_template(report: Report) -> None:
    made = render_docx(*report, "zh")
    with zipfile.ZipFile(io.BytesIO(made)) as zipped:
        names = zipped.namelist()
        assert {info.date_time for info in zipped.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert names == sorted(names) and names[0] == "[Content_Types].xml"
    assert not [name for name in names if re.search("thumbnail|customXml|stylesWithEffects|numbering|app.xml", name)]
    core = opened(made).core_properties
    assert core.created == core.modified == datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
    assert (core.author, core.last_modified_by, core.language, core.revision) == ("权衡", "权衡", "zh-CN", 1)
    assert opened(render_docx(*report, "en")).core_properties.language == "en-US"
    assert b"python-docx" not in made


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_is_in_it(report: Report, language: str) -> None:
    assessment, context = report
    text = text_of(render_docx(assessment, context, language))
    content = contents(assessment, context, language)
    for row in (row for family in content.families for row in family.rows):
        for said in (row.id, row.title, row.clause, row.measured, row.of, row.below, row.verdict.text, *row.reasons):
            assert said in text
    for step in content.steps:
        assert step.action in text and step.effort in text
    assert context.proof and context.assessment_digest
    for said in (context.proof.root, context.proof.fingerprint, context.report_id, context.assessment_digest):
        assert said in text
    assert f"python -I -m quanheng.store.verify bundle.zip --key {context.proof.fingerprint}" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_headings_are_headings(report: Report, language: str) -> None:
    made = opened(render_docx(*report, language))
    content = contents(*report, language)
    headings = [p.text for p in made.paragraphs if p.style.name == "Heading 1"]
    sections = [content.proof, *content.sections, content.digests]
    titles = [content.tongue(key) for key in ("next", "rules_title", "lineage")]
    assert headings == [*titles, *(section.title for section in sections)]
    assert [p.text for p in made.paragraphs if p.style.name == "Title"] == [content.tongue("title")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_chinese_fonts_are_named_everywhere(report: Report, language: str) -> None:
    data = parts(render_docx(*report, language))
    styles = ElementTree.fromstring(data["word/styles.xml"])
    named = {
        str(style.get(f"{W}styleId")): fonts.get(f"{W}eastAsia")
        for style in styles.iter(f"{W}style")
        if (fonts := style.find(f"{W}rPr/{W}rFonts")) is not None
    }
    assert set(named.values()) == HAN_FONTS
    assert named["Heading1"] == named["Title"] == "黑体" and named["Normal"] == "宋体"
    used = set()
    for name in ("word/document.xml", *(name for name in data if re.match(r"word/(header|footer)\d", name))):
        root = ElementTree.fromstring(data[name])
        used |= {str(style.get(f"{W}val")) for style in root.iter(f"{W}pStyle")}
        runs = list(root.iter(f"{W}r"))
        fonts = [run.find(f"{W}rPr/{W}rFonts") for run in runs]
        assert runs and all(font is not None and font.get(f"{W}eastAsia") in HAN_FONTS for font in fonts)
        assert all(font is not None and font.get(f"{W}ascii") for font in fonts)
    assert used and used <= set(named)


@pytest.mark.parametrize("language", LANGUAGES)
def test_heads_repeat_and_tables_fit(report: Report, language: str) -> None:
    made = opened(render_docx(*report, language))
    width = made.sections[0].page_width - made.sections[0].left_margin - made.sections[0].right_margin
    with_head = [table for table in made.tables if table._tbl.findall(f".//{W}tblHeader")]
    assert len(with_head) == 10
    for table in with_head:
        assert table._tbl.tr_lst[0].find(f"{W}trPr/{W}tblHeader") is not None
    for table in made.tables:
        columns = sum(int(column.get(f"{W}w")) for column in table._tbl.tblGrid.iter(f"{W}gridCol"))
        assert columns * 635 <= width + 5 * 635  # twips to EMU; rounding
        for row in table._tbl.tr_lst:
            assert sum(int(width.get(f"{W}w")) for width in row.iter(f"{W}tcW")) == columns


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_says_whose_it_is(report: Report, language: str) -> None:
    made = opened(render_docx(*report, language))
    context = report[1]
    assert context.proof
    for section in made.sections:
        assert round(section.page_width.mm) == 210 and round(section.page_height.mm) == 297
        for footer in (section.footer, section.first_page_footer):
            text = "".join(p.text for p in footer.paragraphs)
            assert context.report_id in text and context.proof.root[:12] in text
            fields = [field.get(f"{W}instr") for field in footer._element.iter(f"{W}fldSimple")]
            assert fields == [" PAGE ", " NUMPAGES "]
        assert context.proof.root in "".join(p.text for p in section.first_page_footer.paragraphs)


def test_drawings_say_what_they_show(report: Report) -> None:
    root = ElementTree.fromstring(parts(render_docx(*report, "zh"))["word/document.xml"])
    drawn = [str(item.get("descr")) for item in root.iter() if item.tag.endswith("}docPr")]
    rows = [row for family in contents(*report, "zh").families for row in family.rows]
    assert {row.drawing.alt for row in rows if row.drawing} <= set(drawn)
    assert all(drawn) and len(drawn) == len([i for i in root.iter() if i.tag.endswith("}inline")])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("bold", [HOSTILE, LONG, "汉" * 300, "\ue000\U000f0000"])
def test_text_cannot_become_markup(language: str, bold: str) -> None:
    made = render_docx(*whole(name="n", bold=bold), language)
    text = text_of(made)
    assert opened(made).core_properties.title
    if bold == HOSTILE:
        for said in (*LITERAL, "[U+0000]", "[U+FEFF]", "[U+FFFE]", "😀👩\u200d💻𠮷"):
            assert text.count(said) >= 6, said
    else:
        assert text.count(bold) >= 6


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_project_still_makes_one(language: str) -> None:
    pack = load()
    context = ReportContext(project="p", report_id="r", made_on="2026-11-23", version="0", rulepack=pack)
    made = render_docx(assess(pack, Evidence()), context, language)
    assert ("尚未签名存证。" if language == "zh" else "Not yet under a signed checkpoint.") in text_of(made)
    assert opened(made).core_properties.created == datetime(1980, 1, 1, tzinfo=UTC)


@pytest.mark.skipif(SOFFICE is None, reason="LibreOffice is not installed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_libreoffice_opens_it(report: Report, language: str, tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    assessment, context = report
    (tmp_path / "report.docx").write_bytes(render_docx(assessment, context, language))
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    line = [str(SOFFICE), profile, "--headless", "--convert-to", "pdf", "--outdir", str(tmp_path), "report.docx"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=180)
    assert (tmp_path / "report.pdf").exists(), done.stdout + done.stderr
    pages = [squeezed(page.extract_text()) for page in pypdf.PdfReader(tmp_path / "report.pdf").pages]
    content = contents(assessment, context, language)
    assert squeezed(content.verdict.word) in pages[0] and squeezed(content.verdict.said) in pages[0]
    for number, page in enumerate(pages, 1):
        of = content.tongue("page_of", page=str(number), pages=str(len(pages)))
        assert context.report_id in page and squeezed(of) in page
