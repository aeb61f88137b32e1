"""Sources whose records and pages are not laid out as ours: which fields make the text, which is the address."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quanheng import errors

pytest.importorskip("pyarrow", reason="needs the extra [data]")
pytestmark = pytest.mark.databases("sqlite")

RECORD = {
    "meta": {"link": "https://a.example/1", "heading": "春分的茶园"},
    "body": [{"paragraph": "清早的山坡上起了一层薄雾，采茶的人已经背着竹篓上了山。"}],
}
PAGE = """<html><body><nav>首页 新闻 联系我们</nav><article><h1>茶园</h1>
<p>清早的山坡上起了一层薄雾，采茶的人已经背着竹篓上了山，直到日头高了才回来。</p></article></body></html>"""


def _rows(workspace: Any, corpus: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    made = workspace.load(f"corpus:{corpus}")
    rows = []
    for shard in made.model.shards:
        with workspace.open_layer(made.layer(shard.title).digest) as stream:
            rows += pq.read_table(stream).to_pylist()
    return rows


def test_text_of_several_fields_and_the_address_of_another(workspace: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(RECORD, ensure_ascii=False) + "\n", encoding="utf-8")
    workspace.source.register(
        path=str(path),
        title="t",
        text_fields=["meta.heading", "body.0.paragraph"],
        url_field="meta.link",
        as_name="a",
    )
    workspace.corpus.build(sources=["a"], recipe="web-zh", as_name="c")
    (row,) = _rows(workspace, "c")
    assert row["text"] == f"{RECORD['meta']['heading']}\n{RECORD['body'][0]['paragraph']}"  # type: ignore[call-overload,index]
    assert row["url"] == RECORD["meta"]["link"]  # type: ignore[index,call-overload]


@pytest.mark.parametrize(("extract", "has_navigation"), [("fast", False), ("all", True)])
def test_what_of_a_page_is_taken(workspace: Any, tmp_path: Path, extract: str, has_navigation: bool) -> None:
    (tmp_path / "a.html").write_text(PAGE, encoding="utf-8")
    workspace.source.register(path=str(tmp_path / "a.html"), title="t", extract=extract, as_name="a")
    workspace.corpus.build(sources=["a"], recipe="web-zh", as_name="c")
    (row,) = _rows(workspace, "c")
    assert "竹篓" in row["text"] and ("联系我们" in row["text"]) is has_navigation


def test_one_field_and_several_are_refused(workspace: Any, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(errors.Invalid) as caught:
        workspace.source.register(path=str(tmp_path / "a.jsonl"), title="t", text_field="a", text_fields=["b", "c"])
    assert caught.value.code == "two_text_fields" and caught.value.hint


@pytest.mark.parametrize(
    ("named", "absent"),
    [
        ({"text_fields": ["meta.heading", "body.0.paragraf"]}, ["body.0.paragraf"]),
        ({"text_fields": ["meta.heading"], "url_field": "meta.url"}, ["meta.url"]),
        ({"text_fields": ["meta.heading", "body.0.paragraph"], "url_field": "meta.link"}, []),
        ({"text_field": "heading"}, ["heading"]),
    ],
)
def test_a_field_that_no_record_has_is_told(
    workspace: Any, tmp_path: Path, named: dict[str, Any], absent: list[str]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f"{json.dumps(RECORD, ensure_ascii=False)}\n" * 5, encoding="utf-8")
    made = workspace.source.register(path=str(path), title="t", **named)
    logged = workspace.job.logs(id=made.job)["text"]
    assert [name for name in ("heading", "meta.url", "body.0.paragraf") if f"'{name}'" in logged] == absent
