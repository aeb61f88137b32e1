"""Scanned pages and image files become documents; what cannot be read is kept aside, page by page, with its reason."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.data.corpus.pictures import Image, drawn, errors, lines_of, saved, vertical, words
from tests.unit.data.corpus.samples import pdf

from quanheng.data.corpus import ocr, ocr_pages
from quanheng.data.corpus.lines import Broken, Document
from quanheng.data.corpus.read import FileReader, format_of
from quanheng.errors import Unavailable
from quanheng.kinds.sources import FileFormat, Reading

for package in ("rapidocr", "onnxruntime", "pypdfium2"):
    pytest.importorskip(package, reason="text recognition comes with quanheng[ocr]")

TEXT = words(240, 1)
LINES = lines_of(TEXT, 30)


def read(data: bytes, format: FileFormat, how: str = "when_missing", limit: int = 1 << 20) -> list[Document | Broken]:
    return list(FileReader(Reading(ocr=how), limit=limit).read(io.BytesIO(data), format))


def one(data: bytes, format: FileFormat, how: str = "when_missing") -> Document:
    [found] = read(data, format, how)
    assert isinstance(found, Document)
    return found


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Count the pictures that are recognised."""
    seen: list[int] = []
    real = ocr.Recogniser.read

    def reads(self: ocr.Recogniser, picture: Any) -> ocr.Recognised:
        seen.append(picture.size)
        return real(self, picture)

    monkeypatch.setattr(ocr.Recogniser, "read", reads)
    yield seen


@pytest.mark.parametrize(("format", "name"), [("PNG", "png"), ("JPEG", "jpeg"), ("TIFF", "tiff"), ("WEBP", "webp")])
def test_image_files_are_read_line_by_line(format: str, name: FileFormat) -> None:
    found = one(saved(drawn(LINES), format), name)
    assert errors(TEXT, found.text) <= 2
    assert [len(line) for line in found.text.split("\n")] == [len(line) for line in LINES]
    assert 0.95 < found.confidence < 1
    assert format_of(f"扫描.{name}") is None and format_of(f"扫描.{name}", pictures=True) == name


def test_modes_of_pictures_that_cameras_and_scanners_leave() -> None:
    picture = drawn(LINES[:3])
    see_through = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    see_through.putalpha(Image.fromarray(255 - np.asarray(picture.convert("L"))))
    deep = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 16)
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera lay on its side
    for data, format in (
        (saved(see_through, "PNG"), "png"),
        (saved(deep, "PNG"), "png"),
        (saved(picture.convert("1"), "TIFF"), "tiff"),
        (saved(picture.convert("CMYK"), "JPEG"), "jpeg"),
        (saved(picture.rotate(90, expand=True), "JPEG", exif=turned), "jpeg"),
    ):
        assert errors("".join(LINES[:3]), one(data, format).text) <= 2


def test_two_columns_are_read_one_after_the_other() -> None:
    left, right = lines_of(words(150, 2), 15), lines_of(words(120, 3), 15)
    found = one(saved(drawn(left, right), "PNG"), "png")
    assert errors("".join(left + right), found.text) <= 3
    skewed = drawn(left, right).rotate(1.5, fillcolor="white", resample=Image.Resampling.BICUBIC)
    assert errors("".join(left + right), one(saved(skewed, "PNG"), "png").text) <= 3


def test_vertical_text_is_read_from_the_right() -> None:
    text = words(100, 4)
    assert errors(text, one(saved(vertical(lines_of(text, 17)), "PNG"), "png").text) <= 4


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_pages_that_lie_or_stand_on_their_head_are_read(degrees: int) -> None:
    found = one(saved(drawn(LINES).rotate(degrees, expand=True), "PNG"), "png")
    assert errors(TEXT, found.text) <= 3


def test_scanned_pdf_is_read_page_by_page(counted: list[int]) -> None:
    pages = [drawn(lines_of(words(90, seed), 30)) for seed in (5, 6)]
    data = saved(pages[0], "PDF", save_all=True, append_images=pages[1:], resolution=100)
    found = one(data, "pdf")
    first, second = found.text.split("\n\n")
    assert errors(words(90, 5), first) <= 1 and errors(words(90, 6), second) <= 1
    assert len(counted) == 2
    [left] = read(data, "pdf", "never")
    assert isinstance(left, Broken) and left.reason == "no_text_layer" and len(counted) == 2


def test_a_text_layer_of_use_is_taken_and_not_recognised(counted: list[int]) -> None:
    data = pdf("hello world", "page two")
    assert one(data, "pdf") == Document("1", "hello world\n\npage two", confidence=1.0)
    assert not counted
    assert errors("hello world page two", one(data, "pdf", "always").text) == 0
    assert len(counted) == 2


def test_garbage_and_stamps_over_a_scan_are_not_taken_for_its_text() -> None:
    scan = saved(drawn(LINES), "PDF", resolution=100)
    for layer in ("~~ ^^ || >> << {} [] ~~ ^^ || == ++ ##", "page 3"):
        found = one(with_layer(scan, layer), "pdf")
        assert errors(TEXT, found.text.replace(layer, "")) <= 60 and found.confidence < 1
    assert not ocr_pages.is_usable("\ue0a1\ue0a2\ue0a3一")
    assert not ocr_pages.is_usable("鍥藉鏈夊叧閮ㄩ棬搴斿綋渚濇硶")
    assert not ocr_pages.is_usable("\ufffd\ufffd\ufffd abc")
    assert ocr_pages.is_usable(TEXT) and ocr_pages.is_usable("Chapter 1, 第一章 2024年")


def with_layer(data: bytes, text: str) -> bytes:
    """Return the PDF with a line of text over its first page, as scanners that recognise text leave it."""
    import ctypes

    import pypdfium2
    import pypdfium2.raw as raw

    document = pypdfium2.PdfDocument(data)
    page = document[0]
    made = raw.FPDFPageObj_NewTextObj(document.raw, b"Helvetica", 8.0)
    coded = (text + "\0").encode("utf-16-le")
    raw.FPDFText_SetText(made, ctypes.cast(ctypes.create_string_buffer(coded), raw.FPDF_WIDESTRING))
    raw.FPDFPageObj_Transform(made, 1, 0, 0, 1, 20, 5)
    raw.FPDFPage_InsertObject(page.raw, made)
    raw.FPDFPage_GenerateContent(page.raw)
    target = io.BytesIO()
    document.save(target)
    document.close()
    return target.getvalue()


def test_an_illegible_page_is_kept_aside_and_the_rest_is_read() -> None:
    grains = np.random.default_rng(0)
    noisy = np.asarray(drawn(LINES[:4], height=300).convert("L")) + grains.normal(0, 160, (300, 1000))
    faint = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).convert("RGB")
    photo = Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 400), np.uint8))
    data = saved(drawn(LINES), "TIFF", save_all=True, append_images=[faint, photo])
    broken, picture, document = read(data, "tiff")
    assert isinstance(broken, Broken) and (broken.row, broken.reason) == ("p2", "low_confidence")
    assert picture == Broken("p3", "no_text", "")
    assert isinstance(document, Document) and errors(TEXT, document.text) <= 2


def test_nothing_written_is_told() -> None:
    [found] = read(saved(Image.new("L", (400, 300), 255), "PNG"), "png")
    assert found == Broken("1", "no_text", "")
    [found] = read(pdf("", ""), "pdf")
    assert found == Broken("1", "no_text", "")


def test_broken_pictures_have_their_reason() -> None:
    good = saved(drawn(LINES[:2]), "PNG")
    for data, reason in (
        (b"", "not_a_picture"),
        (b"GIF89a" + bytes(40), "not_a_picture"),
        (good[: len(good) // 2], "damaged_picture"),
        (pdf("hello"), "not_a_picture"),
    ):
        [found] = read(data, "png")
        assert isinstance(found, Broken) and (found.row, found.reason) == ("1", reason)


def test_bombs_are_not_opened(monkeypatch: pytest.MonkeyPatch, counted: list[int]) -> None:
    bomb = saved(Image.new("1", (20_000, 20_000)), "PNG")
    assert len(bomb) < 200_000
    for side in (20_000, 9_000):
        [found] = read(saved(Image.new("1", (side, side)), "PNG"), "png")
        assert isinstance(found, Broken) and found.reason == "too_large"
    # A page of 200 inches is drawn no larger than any other.
    huge = saved(drawn(LINES), "PDF", resolution=5)
    assert errors(TEXT, one(huge, "pdf").text) <= 2
    assert max(counted) <= 3 * ocr.LONGEST_SIDE**2
    monkeypatch.setattr(ocr_pages, "MOST_PAGES", 1)
    pages = saved(drawn(LINES), "PDF", save_all=True, append_images=[drawn(LINES)], resolution=100)
    broken, document = read(pages, "pdf")
    assert broken == Broken("p2", "too_many_pages", "") and isinstance(document, Document)
    frames = saved(drawn(LINES), "TIFF", save_all=True, append_images=[drawn(LINES)])
    broken, document = read(frames, "tiff")
    assert broken == Broken("p2", "too_many_pages", "") and isinstance(document, Document)
    monkeypatch.setattr(ocr_pages, "MOST_BYTES", 100)
    assert read(good_picture(), "png") == [Broken("1", "too_large", "")]


def good_picture() -> bytes:
    return saved(drawn(LINES), "PNG")


def test_a_long_strip_is_read_in_pieces(counted: list[int]) -> None:
    lines = lines_of(words(600, 7), 10)
    strip = drawn(lines, width=400, height=2800)
    found = one(saved(strip, "PNG"), "png")
    assert len(counted) > 1
    assert errors("".join(lines), found.text) <= 6


def test_the_same_picture_gives_the_same_text() -> None:
    noisy = np.asarray(drawn(LINES).convert("L")).astype(float) + np.random.default_rng(1).normal(0, 50, (700, 1000))
    picture = np.clip(noisy, 0, 255).astype(np.uint8)
    first = ocr.recogniser().read(picture)
    assert ocr.Recogniser().read(picture) == first and first.confidence < 0.999


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ocr.recogniser.cache_clear()
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(Unavailable) as caught:
        read(good_picture(), "png")
    assert caught.value.code == "missing_extra"
    assert "quanheng[ocr]" in caught.value.hint.en and "quanheng[ocr]" in caught.value.hint.zh  # type: ignore[union-attr]
    # What has a text layer needs no extra.
    assert one(pdf("hello world"), "pdf").text == "hello world"
    ocr.recogniser.cache_clear()


def test_the_identity_names_engine_and_models_and_is_part_of_the_cache_key(monkeypatch: pytest.MonkeyPatch) -> None:
    said = ocr.identity()
    assert all(word in said for word in ("rapidocr", "onnxruntime", *ocr._MODELS.values())) and "missing" not in said
    keys = {}
    for how in ("never", "when_missing"):
        for format in ("pdf", "txt"):
            for version in (1, 2):
                monkeypatch.setattr(ocr, "VERSION", version)
                ocr.identity.cache_clear()
                keys[how, format, version] = unit_key(how, format)
    ocr.identity.cache_clear()
    assert keys["when_missing", "pdf", 1] != keys["when_missing", "pdf", 2]
    # What nothing is recognised in does not depend on what recognises.
    assert keys["never", "pdf", 1] == keys["never", "pdf", 2]
    assert keys["when_missing", "txt", 1] == keys["when_missing", "txt", 2]


def unit_key(how: str, format: str) -> str:
    from quanheng.data.corpus.recipe import parse_recipe, plan
    from quanheng.data.corpus.work import Facts, Unit, UnitFile

    recipe = parse_recipe('name = "r"\ntitle = { en = "r", zh = "r" }\n[[steps]]\nuse = "length"\n')
    unit = Unit(
        objects="/nowhere",
        recipe=recipe,
        assets={},
        segment=0,
        files=(UnitFile(digest="sha256:" + "1" * 64, title="a", format=format, size=1),),
        reading=Reading(ocr=how),
        facts=Facts(licence_clear=True, region="unknown", origin="open"),
    )
    return unit.key(plan(recipe, {}))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(("PNG", "JPEG", "TIFF", "WEBP")), st.data())
def test_damaged_pictures_never_raise(format: str, data: st.DataObject) -> None:
    whole = bytearray(saved(Image.new("L", (64, 64), 255), format))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    names: dict[str, FileFormat] = {"PNG": "png", "JPEG": "jpeg", "TIFF": "tiff", "WEBP": "webp"}
    for found in read(bytes(whole[:cut]), names[format]):
        assert isinstance(found, Document | Broken)
