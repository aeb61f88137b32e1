"""One function that exports a corpus, or a mix of it, in any of the formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from quanheng.data.corpus.export.folder import WorkingFolder, working_folder
from quanheng.data.corpus.export.huggingface import front_matter
from quanheng.data.corpus.export.megatron import IndexedWriter
from quanheng.data.corpus.export.record import ExportRecord, SourceCount
from quanheng.data.corpus.export.shuffle import mixed_batches
from quanheng.data.corpus.export.tables import (
    PART_BYTES,
    Counts,
    JsonLinesWriter,
    PartsWriter,
    RowWriter,
    Split,
    by_split,
    exported,
)
from quanheng.data.corpus.export_rows import CorpusFiles, Progress, read_batches
from quanheng.data.corpus.mix import MixChoice, check_same_corpus
from quanheng.data.corpus.tokens import END_OF_DOCUMENT, CorpusTokenizer
from quanheng.errors import Invalid
from quanheng.kinds.counting import counted

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["parquet", "jsonl.zst", "huggingface", "megatron"]
#: Writes more files into the folder before it is sealed; is told what was counted.
Extra = Callable[[WorkingFolder, ExportRecord], None]


@dataclass(frozen=True)
class ExportOptions:
    """What a format needs beside the rows.

    split: a validation split, for every format; "megatron" and "jsonl.zst" then write one file per split.
    mix: export a mix instead of the whole corpus. tokenizer, end_of_document: for "megatron" alone.
    title: heading of the README of "huggingface". part_bytes: text in a Parquet part, in bytes.
    """

    split: Split | None = None
    mix: MixChoice | None = None
    tokenizer: CorpusTokenizer | None = None
    end_of_document: str = END_OF_DOCUMENT
    title: str = "corpus"
    part_bytes: int = PART_BYTES


def export_corpus(
    corpus: CorpusFiles, format: Format, target: Path, options: ExportOptions, progress: Progress
) -> ExportRecord:
    """Return what was written into the new folder `target`; the same input gives the same bytes.

    The folder has the data files, export.json and SHA256SUMS, and appears whole or not at all. `progress` counts
    documents of the corpus. Memory: a row group of the corpus and of each split; for a mix also one bucket of 64 MiB.

    Raises Conflict "target_not_empty" or "export_running", Invalid "tokenizer_missing", "unknown_token", "bad_split",
    "other_corpus" for a mix of another corpus, "empty_export" when no document is written, and what `read_batches`
    raises.
    """
    return export_with(corpus, format, target, options, progress, _readme(format, options))


def export_with(
    corpus: CorpusFiles, format: Format, target: Path, options: ExportOptions, progress: Progress, extra: Extra
) -> ExportRecord:
    """Return what was written, as `export_corpus` does; `extra` adds files before the folder is sealed."""
    check_options(format, options)
    if options.mix is not None:
        check_same_corpus(options.mix.plan, corpus)
    progress(0, corpus.documents)
    with working_folder(target) as folder:
        counts = {"train": Counts(), "validation": Counts()} if options.split else {"train": Counts()}
        with folder.scratch() as scratch:
            writers = _Writers(format, options, folder, scratch)
            for batch in _rows(corpus, options.mix, scratch, lambda done: progress(done, corpus.documents)):
                for split, rows in by_split(exported(batch, corpus), options.split):
                    counts[split].add(rows)
                    writers.of(split).add(rows)
            tokens = writers.finish()
        record = _record(corpus, format, options, counts, tokens, folder)
        extra(folder, record)
        folder.write("export.json", record.to_bytes())
    progress(corpus.documents, corpus.documents)
    return record


def check_options(format: Format, options: ExportOptions) -> None:
    """Raise Invalid for options that do not fit the format."""
    if format == "megatron":
        if options.tokenizer is None:
            raise Invalid(
                "the format megatron needs a tokenizer",
                "megatron 格式需要分词器",
                hint=(
                    "Name one with --tokenizer; to make one: quanheng tokenizer train",
                    "请用 --tokenizer 指定；还没有时先训练：quanheng tokenizer train",
                ),
                code="tokenizer_missing",
            )
        options.tokenizer.token_id(options.end_of_document)
    if options.split is not None:
        share = options.split.validation
        if not 0 < share.k < share.n:
            raise Invalid(
                f"a validation split of {share.k}/{share.n} leaves one part empty",
                f"验证集占比 {share.k}/{share.n} 会使其中一部分为空",
                hint=("Give a share between 0 and 1, as 1/100.", "请给出 0 与 1 之间的占比，如 1/100。"),
                code="bad_split",
            )


def _rows(
    corpus: CorpusFiles, mix: MixChoice | None, scratch: Path, report: Callable[[int], None]
) -> Iterable[pa.RecordBatch]:
    if mix is not None:
        yield from mixed_batches(mix, corpus, scratch, report)
        return
    done = 0
    for batch in read_batches(corpus):
        yield batch
        done += batch.num_rows
        report(done)


class _Writers:
    """The writer of each split, opened when its first row comes."""

    def __init__(self, format: Format, options: ExportOptions, folder: WorkingFolder, scratch: Path) -> None:
        self._format, self._options, self._folder, self._scratch = format, options, folder, scratch
        self._open: dict[str, RowWriter] = {}

    def of(self, split: str) -> RowWriter:
        """Return the writer of a split."""
        if split not in self._open:
            self._open[split] = self._new(split)
        return self._open[split]

    def _new(self, split: str) -> RowWriter:
        options, folder = self._options, self._folder
        named = split if options.split is not None else "part"
        if self._format == "huggingface":
            pattern = f"data/{split}-{{number:05d}}-of-{{parts:05d}}.parquet"
            return PartsWriter(folder, pattern, part_bytes=options.part_bytes)
        if self._format == "parquet":
            return PartsWriter(folder, f"data/{named}-{{number:05d}}.parquet", part_bytes=options.part_bytes)
        if self._format == "jsonl.zst":
            return JsonLinesWriter(folder, f"{split if options.split is not None else 'documents'}.jsonl.zst")
        assert options.tokenizer is not None  # noqa: S101  # check_options was called
        prefix = f"{split}_text_document" if options.split is not None else "text_document"
        end = options.tokenizer.token_id(options.end_of_document)
        return IndexedWriter(folder, prefix, options.tokenizer, end, self._scratch)

    def finish(self) -> dict[str, int]:
        """Finish all; return tokens by split, end-of-document tokens included, where there are any."""
        for writer in self._open.values():
            writer.finish()
        return {
            split: writer.tokens for split, writer in sorted(self._open.items()) if isinstance(writer, IndexedWriter)
        }


def _record(
    corpus: CorpusFiles,
    format: Format,
    options: ExportOptions,
    counts: Mapping[str, Counts],
    tokens: Mapping[str, int],
    folder: WorkingFolder,
) -> ExportRecord:
    documents = {split: count.documents.total() for split, count in counts.items()}
    if not any(documents.values()):
        raise Invalid(
            "no document would be exported",
            "没有可导出的文档",
            hint=("Check the mix: every budget is smaller than a document.", "请检查配比：各分组预算都不足一篇文档。"),
            code="empty_export",
        )
    return ExportRecord(
        corpus=corpus.digest,
        format=format,
        documents=documents,
        characters={split: count.characters.total() for split, count in counts.items()},
        sources=tuple(
            SourceCount(
                digest=digest,
                title=source.title,
                licence=source.licence.spdx,
                documents=sum(count.documents[digest] for count in counts.values()),
                characters=sum(count.characters[digest] for count in counts.values()),
            )
            for digest, source in corpus.sources.items()
        ),
        files=tuple(sorted(folder.files)),
        split=options.split,
        mix=options.mix.plan.to_json() if options.mix is not None else None,
        tokenizer=options.tokenizer.digest if format == "megatron" and options.tokenizer is not None else None,
        tokens=dict(tokens),
    )


def _readme(format: Format, options: ExportOptions) -> Extra:
    def write(folder: WorkingFolder, record: ExportRecord) -> None:
        if format == "huggingface":
            head = front_matter(record, options.title, languages=("zh",))
            folder.write("README.md", f"{head}\n# {options.title}\n\n{_about(record)}".encode())

    return write


def _about(record: ExportRecord) -> str:
    lines = [
        f"{counted(record.total_documents, 'documents')}, "
        f"{counted(sum(record.characters.values()), 'characters')}, from the corpus "
        f"`{record.corpus}`.",
        "",
        f"文档 {record.total_documents:,} 篇，{sum(record.characters.values()):,} 字，来自语料 `{record.corpus}`。",
        "",
        "Checksums / 校验：`sha256sum -c SHA256SUMS`",
        "",
    ]
    return "\n".join(lines)
