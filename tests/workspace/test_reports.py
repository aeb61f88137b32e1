"""The report on an assessment in a workspace, in every format, by every face's way in."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from quanheng.errors import Unavailable
from quanheng.oversight import documents

PACK = "shipped:oversight/rules/packs/tc260-003-2024.json"


@pytest.fixture
def assessment(workspace: Any) -> str:
    """Return the digest of an assessment of nothing: every rule is pending."""
    pack = workspace.rulepack.register(file=PACK).digest
    made: str = workspace.assessment.run(rulepack=pack).digest
    return made


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_pdf_and_a_docx_are_written_and_repeat(
    workspace: Any, assessment: str, language: str, tmp_path: Path
) -> None:
    pypdf = pytest.importorskip("pypdf")
    docx = pytest.importorskip("docx")
    pytest.importorskip("typst")
    root = workspace.checkpoint.sign()["root"]
    for format in ("pdf", "docx"):
        first, second = (tmp_path / f"{name}.{format}" for name in "ab")
        for path in (first, second):
            told = workspace.call(
                "assessment.report", assessment=assessment, to=str(path), language=language, format=format
            )
            assert told == {"path": str(path), "bytes": path.stat().st_size}
        assert first.read_bytes() == second.read_bytes()
        assert first.read_bytes() == documents.report_bytes(workspace.session, assessment, language, format)  # type: ignore[arg-type]
    report_id = f"QH-{assessment.removeprefix('sha256:')[:12]}"
    pages = [page.extract_text() for page in pypdf.PdfReader(tmp_path / "a.pdf").pages]
    assert all(report_id in text for text in pages) and root in pages[0]
    made = docx.Document(io.BytesIO((tmp_path / "a.docx").read_bytes()))
    assert root in "".join(line.text for line in made.sections[0].first_page_footer.paragraphs)


def test_html_is_the_default(workspace: Any, assessment: str, tmp_path: Path) -> None:
    workspace.call("assessment.report", assessment=assessment, to=str(tmp_path / "r.html"))
    assert (tmp_path / "r.html").read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("format", ["pdf", "docx"])
def test_a_missing_extra_is_named(
    workspace: Any, assessment: str, format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "find_spec", lambda name: None)
    with pytest.raises(Unavailable) as caught:
        workspace.call("assessment.report", assessment=assessment, to=str(tmp_path / "r"), format=format)
    assert caught.value.code == "missing_extra" and "quanheng[report]" in str(caught.value)
    assert not (tmp_path / "r").exists()
    workspace.call("assessment.report", assessment=assessment, to=str(tmp_path / "r"), format="html")
