"""Keyword libraries: in and out as JSONL or XLSX, and the admission test on ordinary texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from quanheng.core.artifacts import load
from quanheng.core.context import Draft, JobContext, Loaded
from quanheng.core.inputs import Input, Local, Takes, param
from quanheng.core.layer_rows import layer_rows
from quanheng.core.resolve import local_path
from quanheng.core.save import read_file, write_file
from quanheng.core.session import Session
from quanheng.core.verb import query, verb
from quanheng.errors import Invalid
from quanheng.kinds.data import Admission, Corpus, Lexicon, LexiconTerm
from quanheng.store import Layer, canonical_json

if TYPE_CHECKING:
    from quanheng.data.corpus.lexicon_sheet import Sheet

JSONL = "application/jsonl"
TERMS = "terms.jsonl"
EVIDENCE = "admission.jsonl"
#: Rows that are told when a sheet cannot be registered.
SHOWN = 3


class LexiconRegister(Input):
    """Input of lexicon.register."""

    file: Annotated[str, Local()] = param(
        ...,
        "JSONL or XLSX file: term, risk, mode, category, weight, partners, exceptions, expires, note",
        "JSONL 或 XLSX 文件：词语、风险、用法、类别、权重、组合词、白名单、失效日期、备注",
    )
    title: str = param(..., "Title", "标题")
    version: str = param("1", "Version", "版本")
    owner: str = param(..., "Who answers for it", "责任人或责任部门")
    note: str = param("", "Note", "备注")


@verb(
    "lexicon.register",
    version=2,
    permission="build",
    cache=True,
    makes=("lexicon/v2",),
    help=("Register a keyword library", "登记关键词库"),
)
def lexicon_register(ctx: JobContext, inp: LexiconRegister) -> Draft:
    """Leave the terms of the file as a keyword library; a doubled term or an unknown risk is an error."""
    from quanheng.data.corpus.terms import lexicon_of, read_term_file

    path = local_path(inp.file)
    if path.suffix.lower() == ".xlsx":
        sheet = _sheet(path)
        if sheet.bad:
            raise _bad_rows(inp.file, sheet)
        terms = list(sheet.terms)
    else:
        terms = read_term_file(path)
    model, rows = lexicon_of(terms, title=inp.title, version=inp.version, owner=inp.owner, note=inp.note)
    stored = ctx.objects.put_bytes(rows)
    return Draft(model, (Layer(stored.digest, stored.size, JSONL, TERMS),))


def _sheet(path: Path) -> Sheet:
    from quanheng.data.corpus.lexicon_sheet import MAX_BYTES, read_sheet

    return read_sheet(read_file(path, MAX_BYTES))


def _bad_rows(file: str, sheet: Sheet) -> Invalid:
    some = "; ".join(f"{bad.row}: {bad.reason}" for bad in sheet.bad[:SHOWN])
    return Invalid(
        f"{len(sheet.bad)} rows of {file} are no terms: {some}",
        f"{file} 中有 {len(sheet.bad)} 行不可用：{some}",
        hint=(
            "Get them back with reasons to put them right: quanheng lexicon bad_rows FILE --to bad.xlsx",
            "取回这些行并附原因，以便改正：quanheng lexicon bad_rows 文件 --to bad.xlsx",
        ),
        code="bad_rows",
    )


class LexiconCheck(Input):
    """Input of lexicon.check."""

    file: Annotated[str, Local()] = param(..., "XLSX file of terms", "词表（XLSX 文件）")


class LexiconBadRows(LexiconCheck):
    """Input of lexicon.bad_rows."""

    to: Annotated[str, Local(reads=False)] = param(..., "XLSX file to write", "要写入的 XLSX 文件")
    format: Literal["xlsx"] = param("xlsx", "Format: xlsx", "格式：xlsx")


@query("lexicon.check", help=("Check a sheet of terms", "检查词表"))
def lexicon_check(session: Session, inp: LexiconCheck) -> Any:
    """Return how many rows are terms, and the rows that are not, each with its reason."""
    sheet = _sheet(local_path(inp.file))
    return {"terms": len(sheet.terms), "rows": [{"row": bad.row, "reason": bad.reason} for bad in sheet.bad]}


@query(
    "lexicon.bad_rows",
    help=("Hand back the rows of a sheet that are no terms, each with its reason", "退回词表中不可用的行，每行附原因"),
)
def lexicon_bad_rows(session: Session, inp: LexiconBadRows) -> Any:
    """Write the bad rows as a sheet to be put right, and return its path and how many there are."""
    from quanheng.data.corpus.lexicon_sheet import write_bad_rows

    sheet = _sheet(local_path(inp.file))
    data = write_bad_rows(sheet.bad)
    write_file(Path(inp.to), data)
    return {"path": inp.to, "bytes": len(data), "rows": len(sheet.bad)}


class LexiconSheet(Input):
    """Input of lexicon.sheet."""

    lexicon: Annotated[str, Takes("lexicon")] = param(..., "Keyword library", "关键词库")
    to: Annotated[str, Local(reads=False)] = param(..., "XLSX file to write", "要写入的 XLSX 文件")
    format: Literal["xlsx"] = param("xlsx", "Format: xlsx", "格式：xlsx")


@query("lexicon.sheet", help=("Write a keyword library as XLSX", "把关键词库写成 XLSX"))
def lexicon_sheet(session: Session, inp: LexiconSheet) -> Any:
    """Write the terms as a sheet that lexicon.register reads, and return its path and size."""
    from quanheng.data.corpus.lexicon_sheet import write_sheet

    terms = list(layer_rows(load(session, inp.lexicon, "lexicon"), TERMS, LexiconTerm))
    data = write_sheet(terms)
    write_file(Path(inp.to), data)
    return {"path": inp.to, "bytes": len(data), "terms": len(terms)}


class LexiconAdmit(Input):
    """Input of lexicon.admit."""

    lexicon: Annotated[str, Takes("lexicon")] = param(..., "Keyword library to test", "待检验的关键词库")
    corpus: Annotated[str, Takes("corpus")] = param(
        ..., "Corpus of ordinary texts, in which hits are false", "由正常文本组成的语料，其中的命中都是误报"
    )


@verb(
    "lexicon.admit",
    permission="build",
    cache=True,
    makes=("lexicon/v2",),
    help=(
        "Test a keyword library on ordinary texts: a term in over 0.01 % of them loses its mode, with evidence",
        "用正常文本做入库检验：命中超过万分之一的词改为组合词或仅计数，并留证据",
    ),
)
def lexicon_admit(ctx: JobContext, inp: LexiconAdmit) -> Draft:
    """Leave the library as it is admitted; layer admission.jsonl holds k of n, bound and excerpts for every term."""
    from quanheng.data.corpus.admission import admit
    from quanheng.data.corpus.terms import lexicon_of

    lexicon, corpus = ctx.one("lexicon"), ctx.one("corpus")
    model = lexicon.model
    assert isinstance(model, Lexicon)  # noqa: S101 - Takes has checked the kind
    found = admit(list(layer_rows(lexicon, TERMS, LexiconTerm)), _texts(ctx, corpus))
    made, rows = lexicon_of(
        found.terms,
        title=model.title,
        version=model.version,
        owner=model.owner,
        note=model.note,
        admission=Admission(corpus=corpus.digest, documents=found.documents, limit=found.limit, demoted=found.demoted),
    )
    with ctx.objects.writer() as out:
        for line in found.evidence:
            out.write(canonical_json(line.model_dump(mode="json")) + b"\n")
    stored = ctx.objects.put_bytes(rows)
    layers = (
        Layer(stored.digest, stored.size, JSONL, TERMS),
        Layer(out.result.digest, out.result.size, JSONL, EVIDENCE),
    )
    return Draft(made, layers)


def _texts(ctx: JobContext, corpus: Loaded) -> Iterator[str]:
    from quanheng.data.corpus import parquet_rows

    assert isinstance(corpus.model, Corpus)  # noqa: S101 - Takes has checked the kind
    done = 0
    for shard in corpus.model.shards:
        with corpus.open_layer(shard.title) as stream:
            for (text,) in parquet_rows(stream, ["text"]):
                yield str(text)
        done += shard.documents
        ctx.progress(done, corpus.model.totals.documents)
