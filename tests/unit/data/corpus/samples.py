"""Small files of every format, made here: what readers are tested and fuzzed with."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterable, Sequence

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def warc_record(
    url: str,
    body: bytes,
    *,
    content_type: str = "text/html; charset=utf-8",
    status: str = "200 OK",
    kind: str = "response",
    headers: str = "",
) -> bytes:
    """Return one record: an HTTP response, or for other kinds the body itself."""
    if kind == "response":
        body = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{headers}\r\n".encode() + body
        content_type = "application/http; msgtype=response"
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def page(text: str, head: str = "") -> str:
    return f"<html><head>{head}</head><body><article><h1>标题</h1><p>{text}</p></article></body></html>"


def zipped(parts: dict[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return target.getvalue()


def docx(body: str, before: str = "") -> bytes:
    xml = f'<?xml version="1.0" encoding="UTF-8"?>{before}<w:document {WORD}><w:body>{body}</w:body></w:document>'
    return zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": xml})


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def xlsx(*sheets: Iterable[Sequence[object]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, start=1):
        sheet = book.create_sheet(f"s{number}")
        for row in rows:
            sheet.append(list(row))
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def pdf(*pages: str, encrypted: bool = False) -> bytes:
    """Return a PDF with a line of Latin text on each page; no text for "" ."""
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number, text in enumerate(pages):
        font = "/Resources << /Font << /F1 3 0 R >> >> /MediaBox [0 0 300 300]"
        objects.append(f"<< /Type /Page /Parent 2 0 R {font} /Contents {5 + 2 * number} 0 R >>".encode())
        content = f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode() if text else b""
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    if encrypted:
        key = "00" * 32
        objects.append(f"<< /Filter /Standard /V 1 /R 2 /O <{key}> /U <{key}> /P -4 >>".encode())
    data = bytearray(b"%PDF-1.4\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    extra = f" /Encrypt {len(objects)} 0 R /ID [<00><00>]" if encrypted else ""
    data += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R{extra} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(data)


def parquet(columns: dict[str, list[object]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    return target.getvalue()


def seeds() -> dict[str, list[bytes]]:
    """Return whole files of each format."""
    import zstandard

    rows = [{"text": "好评" * 9, "url": "http://a.example/1"}, {"messages": [{"role": "user", "content": "问"}]}]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    web = page(
        "这家店的菜很好吃，下次再来。<table><tr><td>甲<td>乙<tr><td>一<td>二</table><ul><li>丙", "<meta charset=gbk>"
    )
    archive = warc_record("http://a.example/", page("正文正文正文").encode()) + warc_record(
        "http://b.example/", gzip.compress(web.encode()), headers="Content-Encoding: gzip\r\n"
    )
    table = 'id,text\n1,"甲,乙\n丙"\n2\n'.encode()
    text = "第一行\n\n第二行 ä¸­æ–‡\n浣犲ソ".encode()
    office = docx(
        paragraph("甲") + f"<w:tbl><w:tr><w:tc>{paragraph('乙')}</w:tc><w:tc>{paragraph('丙')}</w:tc></w:tr></w:tbl>"
    )
    return {
        "txt": [text, "第一行\n第二行".encode("gb18030"), "好".encode("utf-16"), gzip.compress(text)],
        "markdown": ["---\ntitle: 甲\n---\n# 乙\n丙".encode()],
        "jsonl": [lines, gzip.compress(lines), zstandard.compress(lines)],
        "csv": [table, table.replace(b",", b"\t"), zstandard.compress(table)],
        "html": [web.encode(), web.encode("gb18030"), gzip.compress(web.encode())],
        "warc": [archive, gzip.compress(archive[:400]) + gzip.compress(archive[400:])],
        "parquet": [parquet({"text": ["甲", None, "丙"], "url": ["u", "v", None]})],
        "xlsx": [xlsx([["id", "text"], [1, "甲"], [None, 2.5]])],
        "docx": [office],
        "pdf": [pdf("hello world", "page two")],
        "pack": [
            zipped({"a.txt": text, "b.jsonl": lines, "c.html": web}),
            zipped({"a.csv": table}, zipfile.ZIP_STORED),
        ],
    }
