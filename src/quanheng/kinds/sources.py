"""Where text came from: its origin, licence, collection record, and how it is read."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from quanheng.kinds.base import Count, Day, Kind, Model, Title, register_kind

#: BCP 47, as far as corpora need it: "zh", "zh-Hans", "en".
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]

#: 境内 / 境外 / 未知
Region = Literal["domestic", "overseas", "unknown"]
FileFormat = Literal[
    "txt",
    "jsonl",
    "csv",
    "parquet",
    "html",
    "pack",
    "xlsx",
    "warc",
    "pdf",
    "docx",
    "markdown",
    "png",
    "jpeg",
    "tiff",
    "webp",
]


class Origin(Model):
    """Where a source comes from. 开源 / 自采 / 商业 / 使用者输入."""

    type: Literal["open", "self_collected", "commercial", "user_input"]
    name: Title
    url: str | None = None
    version: str | None = None
    region: Region = "unknown"


class Licence(Model):
    """The licence as found. `clear` is false whenever a reader of `found` would have to guess."""

    spdx: str = "NOASSERTION"
    found: str
    clear: bool
    #: Title of the layer that holds the licence file or letter.
    evidence: str | None = None

    @model_validator(mode="after")
    def _clear_needs_a_name(self) -> Licence:
        if self.clear and self.spdx == "NOASSERTION":
            raise ValueError("a clear licence has an SPDX identifier or a LicenseRef, not NOASSERTION")
        return self


class Collection(Model):
    """How and when the text was collected. 采集记录."""

    method: str
    collected_on: Day | None = None
    note: str = ""
    has_record: bool


class SourceFile(Model):
    """One file of a source; `title` is the title of its layer."""

    title: Title
    format: FileFormat
    size: Count


class FileCounts(Model):
    """How many files, and their bytes; files inside a pack are counted one by one."""

    files: Count
    bytes: Count


class Reading(Model):
    """How to take documents out of the files.

    `text_field`: the column or JSON field with the text; None takes the first of the usual names.
    `document`: what one document is in txt and html files. `markup` "pku_tagged": words as "词/n", tags are taken off.
    `encoding`: None detects it per file.
    """

    text_field: str | None = None
    document: Literal["line", "file", "paragraph"] = "file"
    markup: Literal["plain", "pku_tagged"] = "plain"
    encoding: Literal["utf-8", "utf-16", "gb18030", "big5"] | None = None
    notes: str = ""
    #: Column or JSON field with the address of the document; None takes the first of the usual names.
    url_field: str | None = None
    #: Several fields that make up the text, joined by a line end; in place of `text_field`.
    text_fields: tuple[str, ...] = ()
    #: What of a page is taken: its main text fast, the same with more care, or all that is visible.
    extract: Literal["fast", "precise", "all"] = "fast"
    #: Text of pages that are pictures: left, recognised where a page has no text layer of use, or on every page.
    ocr: Literal["never", "when_missing", "always"] = "never"


@register_kind
class Source(Kind):
    """Text as it was given, with origin, licence and collection record. One layer per file."""

    kind: ClassVar[str] = "source/v2"
    title: Title
    modality: Literal["text"] = "text"
    language: Language = "zh"
    origin: Origin
    licence: Licence
    collection: Collection
    files: tuple[SourceFile, ...] = Field(min_length=1)
    counts: FileCounts
    reading: Reading = Reading()

    @model_validator(mode="after")
    def _counts_are_sums(self) -> Source:
        if len({file.title for file in self.files}) != len(self.files):
            raise ValueError("two files of a source have the same title")
        packed = any(file.format == "pack" for file in self.files)
        if not packed and self.counts.bytes != sum(file.size for file in self.files):
            raise ValueError("counts.bytes is not the sum of the file sizes")
        return self


@register_kind
class SourceV1(Source):
    """A source of the first engine, whose reading named no address, no several fields, and nothing of pages."""

    kind: ClassVar[str] = "source/v1"
