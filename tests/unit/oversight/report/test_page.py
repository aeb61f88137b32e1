"""The whole page: self-contained, well formed, escaped, in both languages, and the same bytes each time."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from quanheng.kinds.base import Say
from quanheng.kinds.oversight import Assessment
from quanheng.oversight.report import ReportContext, render
from quanheng.oversight.report.html import VOID
from quanheng.oversight.report.page import _css_string
from quanheng.oversight.rules import Evidence, assess, load

Report = tuple[Assessment, ReportContext]
LANGUAGES = ("zh", "en")


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order. Keeps text, ids, links and tags."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.style = ""
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID and not (tag == "path" and "path" in self.open):
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            if name == "id":
                self.ids.append(str(value))
            if name in ("href", "src"):
                self.links.append(str(value))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.text += data


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_needs_nothing_else(report: Report, language: str) -> None:
    page = Page(render(*report, language))
    assert "script" not in page.tags
    assert all(link == "data:," or link.startswith("#") for link in page.links)
    assert "url(" not in page.style
    assert "@import" not in page.style
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("language", LANGUAGES)
def test_titles_cannot_become_markup(hostile_report: Report, language: str) -> None:
    html = render(*hostile_report, language)
    assert "<script" not in html
    assert html.count("<style") == html.count("</style>") == 1
    page = Page(html)
    assert page.text.count("<script>alert(1)</script>") >= 6  # shown, as text
    assert "script" not in page.tags


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_is_on_the_page(report: Report, language: str) -> None:
    assessment, context = report
    text = Page(render(assessment, context, language)).text
    for rule in context.rulepack.rules:
        assert rule.id in text
        assert (rule.title.zh if language == "zh" else rule.title.en) in text
    assert context.proof
    for said in (context.proof.root, context.proof.fingerprint, context.report_id, "gemma-3-270m-q4_k_m", "1,204"):
        assert said in text
    assert "python -I -m quanheng.store.verify bundle.zip --key" in text


def test_a_redraw_stands_below_the_verdict(report: Report) -> None:
    assessment, context = report
    first = assessment.draws[0]
    again = first.model_copy(update={"draw_no": 3})
    redrawn = assessment.model_copy(update={"draws": (*assessment.draws, again)})
    for language, name in (("zh", "关键词抽检：3 次抽样"), ("en", "keyword check: 3 draws")):
        assert first.purpose == "keyword" and name in Page(render(redrawn, context, language)).text
        assert name not in Page(render(assessment, context, language)).text


def test_digests_on_the_page_name_artifacts(report: Report) -> None:
    assessment, context = report
    html = render(assessment, context, "zh")
    for source in context.sources:
        assert f'title="{source.digest}"' in html and f">{source.digest[:19]}<" in html


def test_chinese_page_says_the_plain_truth(report: Report) -> None:
    text = Page(render(*report, "zh")).text
    for said in (
        "不符合",
        "待补充",
        "未达推荐值",
        "统计裕度不足",
        "需 916",
        "有样本为自行抽取",
        "无外部见证",
        "条款号待核",
        "尚无人对照正式文本核对",
        "许可不明",
        "机器判定未经人工判定校验",
        "基座模型，未经指令微调",
        "还差 4,000 条，3 人约 7 小时（按每条 20 秒估算）",
        "内部底稿",
    ):
        assert said in text


def test_english_page_has_no_chinese_of_ours(report: Report) -> None:
    assessment, context = report
    bare = replace(context, sources=(), banks=(), project="Demo")
    text = Page(render(assessment, bare, "en")).text
    shown = [word for word in re.findall(r"[\u4e00-\u9fff]+", text) if not word.startswith("示例")]
    assert set(shown) <= {"未写明许可"}  # licence text as found


def test_checked_rule_pack_names_who_and_when(report: Report) -> None:
    assessment, context = report
    pack = context.rulepack.model_copy(update={"text_checked_by": "法务组", "text_checked_on": "2026-11-20"})
    text = Page(render(assessment, replace(context, rulepack=pack), "zh")).text
    assert "法务组，2026-11-20" in text
    assert "尚无人对照正式文本核对" not in text


def test_witness_is_named(report: Report) -> None:
    assessment, context = report
    assert context.proof
    proof = replace(context.proof, witness=Say(en="a time-stamp token", zh="时间戳"))
    text = Page(render(assessment, replace(context, proof=proof), "zh")).text
    assert "时间戳" in text
    assert "无外部见证" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_empty_project_still_makes_a_page(language: str) -> None:
    pack = load()
    context = ReportContext(project="p", report_id="r", made_on="2026-11-23", version="0", rulepack=pack)
    html = render(assess(pack, Evidence()), context, language)
    page = Page(html)
    assert ("尚未签名存证。" if language == "zh" else "Not yet under a signed checkpoint.") in page.text
    assert "有样本为自行抽取" not in page.text


def test_same_arguments_same_bytes(report: Report) -> None:
    assert render(*report, "zh") == render(*report, "zh")
    assert render(*report, "zh-Hans") == render(*report, "zh")


def test_page_footer_is_a_css_string() -> None:
    assert _css_string('a"</style>\\') == '"a\\22 \\3c /style\\3e \\5c "'
    assert _css_string("报告 QH-1 · a/b") == '"报告 QH-1 · a/b"'
