"""Keyword libraries: in and out as JSONL or XLSX, and the admission test on ordinary texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from quanheng.kinds.base import Model
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.counting import counted
from quanheng.kinds.lexicons import Admission, Lexicon, LexiconTerm, LexiconV3
from quanheng.store import Layer, canonical_json

if TYPE_CHECKING:
    from quanheng.data.corpus.terms import BadRow, ReadTerms

JSONL = "application/jsonl"
TERMS = "terms.jsonl"
EVIDENCE = "admission.jsonl"
BAD_ROWS = "bad_rows.jsonl"
#: Rows that are told when a sheet cannot be registered.
SHOWN = 3


class LeftOut(Model):
    """One line of a lexicon's bad_rows.jsonl."""

    row: int
    cells: dict[str, str]
    reason: str
    reason_en: str = ""


class LexiconRegister(Input):
    """Input of lexicon.register."""

    file: Annotated[str, Local()] = param(
        ...,
        "JSONL or XLSX file: term, risk, mode, category, weight, partners, exceptions, added, expires, owner, note",
        "JSONL 或 XLSX 文件：词语、风险、方式、类别、权重、组合词、白名单、入库日期、有效期、责任人、备注",
    )
    title: str = param(..., "Title", "标题")
    version: str = param("1", "Version", "版本")
    owner: str = param(..., "Who answers for it", "责任人或责任部门")
    note: str = param("", "Note", "备注")
    replaces: Annotated[str | None, Takes("lexicon")] = param(
        None, "Keyword library of which this is a new version", "上一版关键词库（本次为其新版本）"
    )
    bad_rows: Literal["refuse", "leave_out"] = param(
        "refuse",
        "What becomes of the file when some rows are no terms: refuse it, or leave those rows out and keep them aside",
        "有不可用的行时：refuse 整个文件不登记；leave_out 其余登记，不可用的行另存备查",
    )


@verb(
    "lexicon.register",
    version=3,
    permission="build",
    cache=True,
    makes=("lexicon/v3",),
    help=("Register a keyword library", "登记关键词库"),
)
def lexicon_register(ctx: JobContext, inp: LexiconRegister) -> Draft:
    """Leave the terms of the file as a keyword library, and with bad_rows="leave_out" the rows that are none."""
    from quanheng.data.corpus.terms import lexicon_of, read_term_file

    path = local_path(inp.file)
    found = _read(path)
    if found.bad and (inp.bad_rows == "refuse" or not found.terms):
        if path.suffix.lower() != ".xlsx" and not (found.terms and found.bad[1:]):
            read_term_file(path)  # says of the bad line what is wrong, and what a line looks like
        raise _bad_rows(path.name, found)
    if found.terms:
        ctx.log(
            f"{counted(len(found.terms), 'terms')} taken, {counted(len(found.bad), 'rows')} left out",
            f"登记 {len(found.terms)} 个词，另有 {len(found.bad)} 行未登记",
        )
    model, rows = lexicon_of(
        found.terms, title=inp.title, version=inp.version, owner=inp.owner, note=inp.note, bad_rows=len(found.bad)
    )
    layers = [_layer(ctx, TERMS, rows)]
    if found.bad:
        layers.append(_layer(ctx, BAD_ROWS, b"".join(canonical_json(bad._asdict()) + b"\n" for bad in found.bad)))
    return Draft(model, tuple(layers))


def _layer(ctx: JobContext, title: str, data: bytes) -> Layer:
    stored = ctx.objects.put_bytes(data)
    return Layer(stored.digest, stored.size, JSONL, title)


def _read(path: Path) -> ReadTerms:
    """Return the terms of a file and its bad rows: a sheet by its ending, else lines of JSON."""
    from quanheng.data.corpus.lexicon_sheet import MAX_BYTES, read_sheet
    from quanheng.data.corpus.terms import read_term_lines

    return read_sheet(read_file(path, MAX_BYTES)) if path.suffix.lower() == ".xlsx" else read_term_lines(path)


def _bad_rows(file: str, found: ReadTerms) -> Invalid:
    some = found.bad[:SHOWN]
    return Invalid(
        f"{counted(len(found.bad), 'rows')} of {file} cannot be used: "
        + "; ".join(f"{bad.row}: {bad.reason_en}" for bad in some),
        f"{file} 中有 {len(found.bad)} 行不可用：" + "；".join(f"第 {bad.row} 行：{bad.reason}" for bad in some),
        hint=(
            "Get them back with reasons to put them right: quanheng lexicon bad_rows FILE --to bad.xlsx; "
            "or register the others: --bad-rows leave_out",
            "取回这些行并附原因，以便改正：quanheng lexicon bad_rows 文件 --to bad.xlsx；"
            "或只登记其余各行：--bad-rows leave_out",
        ),
        code="bad_rows",
    )


class LexiconCheck(Input):
    """Input of lexicon.check."""

    file: Annotated[str, Local()] = param(..., "XLSX or JSONL file of terms", "词表（XLSX 或 JSONL 文件）")


class LexiconBadRows(LexiconCheck):
    """Input of lexicon.bad_rows."""

    to: Annotated[str, Local(reads=False)] = param(..., "XLSX file to write", "要写入的 XLSX 文件")
    format: Literal["xlsx"] = param("xlsx", "Format: xlsx", "格式：xlsx")


@query("lexicon.check", help=("Check a term list before it is registered", "登记前检查词表"))
def lexicon_check(session: Session, inp: LexiconCheck) -> Any:
    """Return how many rows are terms, and the rows that are not, each with its reason."""
    found = _read(local_path(inp.file))
    rows = [{"row": bad.row, "reason": {"en": bad.reason_en, "zh": bad.reason}} for bad in found.bad]
    return {"terms": len(found.terms), "rows": rows}


@query(
    "lexicon.bad_rows",
    help=("List the rows of a term list that cannot be used, each with its reason", "列出词表中不可用的行及原因"),
)
def lexicon_bad_rows(session: Session, inp: LexiconBadRows) -> Any:
    """Write the bad rows as a sheet to be put right, and return its path and how many there are."""
    return _written(inp.to, _read(local_path(inp.file)).bad)


def _written(to: str, bad: Sequence[BadRow]) -> Any:
    from quanheng.data.corpus.lexicon_sheet import write_bad_rows

    data = write_bad_rows(bad)
    write_file(Path(to), data)
    return {"path": to, "bytes": len(data), "rows": len(bad)}


class OfLexicon(Input):
    """Names a keyword library, and the sheet to write."""

    lexicon: Annotated[str, Takes("lexicon")] = param(..., "Keyword library", "关键词库")
    to: Annotated[str, Local(reads=False)] = param(..., "XLSX file to write", "要写入的 XLSX 文件")
    format: Literal["xlsx"] = param("xlsx", "Format: xlsx", "格式：xlsx")


class LexiconLeftOut(OfLexicon):
    """Input of lexicon.left_out."""


@query(
    "lexicon.left_out",
    help=(
        "List the rows left out when a keyword library was registered, each with its reason",
        "列出登记关键词库时未登记的行及原因",
    ),
)
def lexicon_left_out(session: Session, inp: LexiconLeftOut) -> Any:
    """Write those rows as a sheet to be put right, and return its path and how many there are."""
    from quanheng.data.corpus.terms import BadRow

    loaded = load(session, inp.lexicon, "lexicon")
    kept = isinstance(loaded.model, LexiconV3) and loaded.model.bad_rows
    rows = layer_rows(loaded, BAD_ROWS, LeftOut) if kept else ()
    return _written(inp.to, [BadRow(row.row, row.cells, row.reason, row.reason_en) for row in rows])


class LexiconSheet(OfLexicon):
    """Input of lexicon.sheet."""


@query("lexicon.sheet", help=("Write a keyword library as an Excel sheet (XLSX)", "把关键词库写成 Excel 表（XLSX）"))
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
    version=2,
    permission="build",
    cache=True,
    makes=("lexicon/v3",),
    help=(
        "Test a keyword library on ordinary texts: terms with too many false hits are restricted, with evidence",
        "用正常文本检验关键词库：误报过多的词改为组合词或仅计数，并留证据",
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
    evidence = Layer(out.result.digest, out.result.size, JSONL, EVIDENCE)
    return Draft(made, (_layer(ctx, TERMS, rows), evidence))


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
