"""The pages of a keyword library: terms by filter, a text tried, admission, versions, uses; files with bad rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import Workbook, load_workbook
from recounting import Artifacts, Places
from test_numbers import Checker
from wing_demo import HOSTILE, Element, browser, member, page, parse

from databases import Templates, close_open
from quanheng.core import clock, worker

DAY = clock.now().date()
TERMS: list[dict[str, Any]] = [
    {
        "term": "刷单返利",
        "risk": "A.1.h",
        "expires": str(DAY - timedelta(days=1)),
        "owner": "反诈组",
        "added": "2025-01-01",
    },
    {"term": "裸聊", "risk": "A.1.f", "expires": str(DAY), "note": HOSTILE, "category": HOSTILE},
    {"term": "价格", "risk": "A.1.h", "mode": "combine", "with_terms": ["代考", HOSTILE], "unless": ["商品价格"]},
    {"term": "<b>咨询</b>", "risk": "A.1.h", "mode": "count", "expires": str(DAY + timedelta(days=31))},
]
TEXTS = ["有人发布刷单返利的信息，后来被公安机关查处。", "今天我们在图书馆讨论新规则，欢迎大家前来旁听。"]


def write(path: Path, terms: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(term, ensure_ascii=False) + "\n" for term in terms), "utf-8")
    return str(path)


@pytest.fixture(scope="module")
def library(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Yield a workspace with a library `w` in two versions and an admission test, and a corpus filtered with it."""
    from quanheng.web.configure import configure

    base = tmp_path_factory.mktemp("lexicons")
    workspace = templates.place("sqlite", base / "w").open()
    configure(workspace, hosts=["testserver"], secure=False, log=False)
    folder = base / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("\n".join(TEXTS) + "\n", "utf-8")
    workspace.source.register(path=str(folder), title="来源", document="line", as_name="s")
    workspace.corpus.build(sources=["s"], as_name="plain")
    file = write(base / "old.jsonl", [*TERMS[:3], {"term": "旧词", "risk": "A.1.h"}])
    workspace.lexicon.register(file=file, title=HOSTILE, owner=HOSTILE, version="1", as_name="old")
    file = write(base / "new.jsonl", [{**TERMS[0], "weight": 40}, *TERMS[1:]])
    workspace.lexicon.register(file=file, title=HOSTILE, owner=HOSTILE, version="2", replaces="old", as_name="new")
    workspace.lexicon.admit(lexicon="new", corpus="plain", as_name="w")
    workspace.corpus.build(sources=["s"], lexicon="w", as_of=str(DAY), as_name="c")
    workspace.project.create(slug="other", title="另一个项目")
    yield workspace
    close_open()


@pytest.fixture
def client(library: Any) -> Any:
    """Return a client signed in as the owner."""
    return browser(library)


def sent(client: Any, address: str, data: dict[str, str]) -> Element:
    """Return the page that answers a form."""
    response = client.post(address, data)
    assert response.status_code == 200
    return parse(response.content.decode())


def at(library: Any, name: str = "lexicon:w", query: str = "") -> str:
    return f"/p/main/a/{library.artifact.find(artifact=name)['digest']}{query}"


def said(element: Element) -> str:
    return " ".join(element.text.split())


def rows(tree: Element) -> list[str]:
    return [said(element) for element in tree.walk() if "data-row" in element.attributes]


def test_every_number_stands_in_the_artifact(library: Any, client: Any) -> None:
    checker, clients = Checker(Places(Artifacts(library))), (client, browser(library, "en"))
    old = library.artifact.find(artifact="lexicon:old")["digest"]
    queries = ["", "?tab=admission", "?tab=admission&which=", "?tab=versions", "?tab=uses", "?tab=match"]
    queries += [f"?tab=versions&other={old}&change={change}" for change in ("added", "removed", "changed")]
    filters = (
        "state=expired",
        "state=expiring",
        "state=in_force",
        "risk=A.1.h&mode=count",
        "text=%E5%8D%95",
        "owner=x",
    )
    queries += [f"?tab=terms&{one}" for one in (*filters, "risk=A.1.h&state=in_force", "text=%3Cb%3E&state=in_force")]
    for name in ("lexicon:w", "lexicon:old"):
        for query in queries:
            for one in clients:
                tree = page(one, at(library, name, query))
                assert checker.problems(tree) == [], (name, query)
    assert checker.checked["numbers"] > 200 and checker.checked["texts"] > 100


def test_terms_by_state_and_filter(library: Any, client: Any) -> None:
    tree = page(client, at(library))
    assert said(tree.find(class_="word")[0]) == "4 个词" and len(rows(tree)) == 4
    [bar] = tree.find("div", class_="counts")
    assert "1已过期" in said(bar) and "1一个月内到期" in said(bar)
    for query, term in (
        ("state=expired", "刷单返利"),
        ("state=expiring", "裸聊"),
        ("mode=combine", "价格"),
        ("text=%E8%AF%A2%3C", "<b>咨询</b>"),
        ("owner=%E5%8F%8D%E8%AF%88%E7%BB%84", "刷单返利"),
    ):
        found = rows(page(client, at(library, query="?tab=terms&" + query)))
        assert len(found) == 1 and term in found[0], query
    first = rows(tree)[0]
    assert "自 2025-01-01" in first and "已过期" in first and "责任人： 反诈组" in first and "1 / 2" in first
    assert "→ 仅计数" in first
    combined = rows(tree)[2]
    assert "代考" in combined and "商品价格" in combined and "长期" in combined
    nothing = page(client, at(library, query="?tab=terms&text=zzz"))
    assert "没有符合条件的词" in said(nothing)
    odd = page(client, at(library, query="?tab=terms&risk=%3Cscript%3E&mode=x&state=y&after=zz&text=" + "长" * 300))
    assert "没有符合条件的词" in said(odd)


def test_hostile_words_stay_words(library: Any, client: Any) -> None:
    for query in ("", "?tab=admission&which=", "?tab=versions", "?tab=uses"):
        raw = client.get(at(library, query=query)).content.decode()
        assert "<script>alert" not in raw and "<img src=x" not in raw and "<b>咨询" not in raw
    assert said(page(client, at(library)).find("h1")[0]) == HOSTILE


def test_a_text_is_tried_on_the_page(library: Any, client: Any) -> None:
    address = at(library, query="?tab=match")
    assert not rows(page(client, address))
    form = {"tab": "match", "text": "裸*聊，商品价格，<b>价格</b>，刷单返利", "as_of": str(DAY)}
    tree = sent(client, address, form)
    found = rows(tree)
    assert [
        ("裸*聊" in found[0]),
        ("插入符号" in found[0]),
        ("白名单" in found[1]),
        ("附近没有组合词" in found[2]),
    ] == [True] * 4
    assert len(found) == 3  # 刷单返利 had expired on that day
    assert "列入复核" in said(tree) and str(DAY) in said(tree) and "裸*聊" in tree.find("textarea")[0].text
    assert len(rows(sent(client, address, {**form, "as_of": ""}))) == 4
    wrong = sent(client, address, {**form, "as_of": "2026-02-30"})
    assert "没有 2026-02-30 这一天" in said(wrong) and "裸*聊" in wrong.find("textarea")[0].text


def test_evidence_says_what_became_and_why(library: Any, client: Any) -> None:
    tree = page(client, at(library, query="?tab=admission"))
    [row] = rows(tree)
    assert "刷单返利" in row and "列入复核 → 仅计数" in row and "没有组合词可以限定" in row and "被公安机关查处" in row
    every = rows(page(client, at(library, query="?tab=admission&which=")))
    assert len(every) == 4 and "仅计数，不设限值" in every[3] and "尚未证实" in every[1] and "尚未证实" not in every[3]
    untested = page(client, at(library, "lexicon:old", "?tab=admission"))
    [link] = untested.find("a", class_="main")[-1:]
    assert "/do/lexicon/admit?lexicon=sha256" in link.attributes["href"] and "没有做入库检验" in said(untested)


def test_versions_and_uses(library: Any, client: Any) -> None:
    old = library.artifact.find(artifact="lexicon:old")["digest"]
    tree = page(client, at(library, query=f"?tab=versions&other={old}&change=changed"))
    assert any("权重：10 → 40" in row for row in rows(tree)) and any(
        "方式：列入复核 → 仅计数" in row for row in rows(tree)
    )
    added = rows(page(client, at(library, query=f"?tab=versions&other={old}&change=added")))
    assert any("<b>咨询</b>" in row for row in added)
    first = page(client, at(library, "lexicon:old", "?tab=versions"))
    assert len(rows(first)) == 3 and "比较" in said(first)
    [use] = rows(page(client, at(library, query="?tab=uses")))
    assert str(DAY) in use and "3" in use
    assert "还没有训练数据用这一版过滤" in said(page(client, at(library, "lexicon:old", "?tab=uses")))


def test_what_can_be_done_leads_to_filled_forms(library: Any, client: Any) -> None:
    links = [a.attributes["href"] for a in page(client, at(library)).find("div", class_="verdict")[0].find("a")]
    [again] = [link for link in links if "/do/lexicon/register" in link]
    form = page(client, again)
    fields = {f.attributes["name"]: f.attributes.get("value", "") for f in form.find("input") if "name" in f.attributes}
    assert (fields["title"], fields["owner"], fields["version"]) == (HOSTILE, HOSTILE, "3")
    chosen = [option.attributes["value"] for option in form.find("option") if "selected" in option.attributes]
    assert "leave_out" in chosen and library.artifact.find(artifact="lexicon:w")["digest"] in chosen
    assert "data-upload" in form.find("form", class_="form")[0].attributes
    [sheet] = [link for link in links if "/get/lexicon/sheet" in link]
    response = client.get(sheet)
    book = load_workbook(BytesIO(b"".join(response.streaming_content)))
    assert [row[0].value for row in book.worksheets[0].iter_rows(min_row=2)] == [term["term"] for term in TERMS]


def test_a_sheet_is_uploaded_and_its_bad_rows_come_back(library: Any, client: Any) -> None:
    made, out = Workbook(), BytesIO()
    for row in (["词语", "风险"], ["自制枪支", "A.1.h"], ["！！", "A.1.h"], ["=1+1", "A.1.h"]):
        made.worksheets[0].append(row)
    made.save(out)
    given = {"title": "t", "owner": "o", "version": "1", "bad_rows": "leave_out"}
    file = SimpleUploadedFile("词表.xlsx", out.getvalue())
    response = client.post("/p/main/do/lexicon/register", {**given, "_file.file": file})
    assert response.status_code == 303 and "/jobs/" in response["Location"]
    assert worker.work(library, once=True) == 1
    job = page(client, response["Location"])
    [link] = [a.attributes["href"] for a in job.find("a") if "/a/sha256" in a.attributes["href"]]
    tree = page(client, link)
    assert "1 个词" in said(tree) and "2未登记的行" in said(tree)
    [left] = [a.attributes["href"] for a in tree.find("a") if "/get/lexicon/left_out" in a.attributes["href"]]
    answer = client.get(left)
    book = load_workbook(BytesIO(b"".join(answer.streaming_content))).worksheets[0]
    assert [row[1].value for row in book.iter_rows(min_row=2)] == [
        "词语只有标点或符号，会处处命中；应至少含一个文字、数字或表情",
        "词语：单元格是公式，请改为文本",
    ]


def test_who_may_not_see_it(library: Any) -> None:
    from django.test import Client

    address, digest = at(library), library.artifact.find(artifact="lexicon:w")["digest"]
    assert Client().get(address).status_code in (302, 401, 403)
    reader = browser(library, actor=member(library, "reviewer"))
    assert reader.get(f"/p/other/a/{digest}").status_code in (403, 404)
    assert reader.get(f"/p/other/get/lexicon/sheet?lexicon={digest}").status_code in (403, 404)
    assert browser(library).get(f"/p/other/a/{digest}").status_code == 404  # it is not in that project
    tree = page(reader, address)  # may look, and is offered nothing that it may not do
    links = [a.attributes["href"] for a in tree.find("div", class_="verdict")[0].find("a")]
    assert links and not [link for link in links if "/do/" in link]


def test_only_the_tab_that_tries_takes_a_form(library: Any, client: Any) -> None:
    assert client.post(at(library, query="?tab=terms"), {"text": "x"}).status_code == 405
