"""Documents out of pages that are pictures: image files, and PDF pages without a text layer that can be used.

Page by page and in bounded memory. A page that cannot be read, or only with too little certainty, is a broken row of
its own ("p3" for page 3); the rest of its file is the document, with the lowest confidence of its recognised pages.
"""

from __future__ import annotations

import re
import struct
import unicodedata
import warnings
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from quanheng.data.corpus.lines import Broken, Document, Found, excerpt
from quanheng.data.corpus.ocr import LONGEST_SIDE, recogniser
from quanheng.data.corpus.read_office import Ocr
from quanheng.text.mojibake import repair

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Pages of a file that are recognised at most: 3 hours of CPU. Those after it are kept aside.
MOST_PAGES = 2000
#: Pixels of an image file: 64 million are an A1 sheet at 300 dpi, 200 MB in memory.
MOST_PIXELS = 64_000_000
MOST_BYTES = 256 * 1024 * 1024
#: Pages of a PDF are drawn at this many dots an inch, fewer where their longer side would be above `LONGEST_SIDE`.
DPI = 200
_POINTS_PER_INCH = 72
#: Pages less sure than this are kept aside: `bench/results/ocr.md` has the error rates on either side.
PAGE_FLOOR = 0.9
#: A text layer with fewer characters than this, over a picture that covers half of the page, is a stamp on a scan.
_STAMP = 50
_COVERS = 0.5
_LEAST_CHARACTERS = 2
#: A text layer with more than this share of characters that no text has (private use, unassigned) is garbage …
_MOST_UNREADABLE = 0.1
#: … and so is one with fewer than this share of letters, digits and Han: codes of glyphs taken for characters.
_LEAST_LETTERS = 0.4
#: A picture so many times as high as wide is read in pieces, so that it need not be made small.
_STRIP = 2
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, struct.error, zlib.error)
_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")
_LINE_ENDS = re.compile("\r\n?|\ufffe")
_WHITE = 255


class _Page(NamedTuple):
    text: str
    confidence: float = 1.0


def is_usable(text: str) -> bool:
    r"""Return whether a text layer is text: long enough, of characters that exist, and not decoded with a wrong table.

    >>> is_usable("第一章 总则"), is_usable("\ue001\ue002\ue003总则"), is_usable("")
    (True, False, False)
    """
    visible = [char for char in text if not char.isspace()]
    if len(visible) < _LEAST_CHARACTERS:
        return False
    categories = [unicodedata.category(char) for char in visible]
    unreadable = sum(kind in ("Co", "Cn", "Cc", "Cs") for kind in categories) + text.count("\ufffd")
    letters = sum(kind[0] in "LNM" for kind in categories)
    if unreadable > _MOST_UNREADABLE * len(visible) or letters < _LEAST_LETTERS * len(visible):
        return False
    return repair(text).readable


def read_scanned_pdf(document: Any, limit: int, ocr: Ocr) -> Iterator[Found]:
    """Yield the broken pages of an open PDF, then its text: layers that can be used, and what is seen of other pages.

    ocr: "when_missing", or "always" (no layer is taken). Reasons: "damaged_page", "low_confidence", "too_many_pages",
    "too_large", and "no_text" where no page has any.
    """
    pages: list[_Page] = []
    broken = size = recognised = 0
    for number in range(len(document)):
        row = f"p{number + 1}"
        if recognised >= MOST_PAGES:
            yield Broken(row, "too_many_pages", "")
            broken += 1
            break
        found, seen = _pdf_page(document, number, row, ocr)
        recognised += seen
        if isinstance(found, Broken):
            yield found
            broken += 1
            continue
        size += len(found.text)
        if size > limit:
            yield Broken("1", "too_large", excerpt(pages[0].text if pages else found.text))
            return
        pages.append(found)
    yield from _joined(pages, broken)


def read_picture(stream: BinaryIO, limit: int) -> Iterator[Found]:
    """Yield the text of an image file (PNG, JPEG, TIFF with its pages, WebP); reasons as `read_scanned_pdf`.

    Also "not_a_picture" and "damaged_picture". The rows of a TIFF's pages are "p1", "p2" …, that of others is "1".
    """
    data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        yield Broken("1", "too_large", "")
        return
    pages: list[_Page] = []
    broken = 0
    for row, frame in _frames(data):
        if isinstance(frame, str):
            yield Broken(row, frame, "")
            broken += 1
            continue
        found = _seen(frame, row)
        if isinstance(found, Broken):
            yield found
            broken += 1
        else:
            pages.append(found)
    if sum(len(page.text) for page in pages) > limit:
        yield Broken("1", "too_large", excerpt(pages[0].text))
        return
    yield from _joined(pages, broken)


def _joined(pages: list[_Page], broken: int) -> Iterator[Found]:
    texts = [page.text.strip() for page in pages if page.text.strip()]
    if texts:
        lowest = min(page.confidence for page in pages if page.text.strip())
        yield Document("1", "\n\n".join(texts), confidence=round(lowest, 4))
    elif not broken:
        yield Broken("1", "no_text", "")


def _seen(picture: NDArray[np.uint8], row: str) -> Broken | _Page:
    """Return what is recognised in a picture: "" on an empty page; Broken "no_text" where there is only a picture."""
    # Most pages that nothing is written on are of one colour: no model need look at those.
    if picture.size == 0 or int(picture.max()) == int(picture.min()):
        return _Page("")
    parts = [recogniser().read(piece) for piece in _pieces(picture)]
    texts = [part for part in parts if part.confidence > 0]
    if not texts:
        return Broken(row, "no_text", "")
    lengths = [max(len(part.text), 1) for part in texts]
    confidence = sum(n * part.confidence for n, part in zip(lengths, texts, strict=True)) / sum(lengths)
    text = "\n".join(part.text for part in texts if part.text)
    return _Page(text, confidence) if confidence >= PAGE_FLOOR else Broken(row, "low_confidence", excerpt(text))


def _pieces(picture: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield a picture whole, or a long strip (a page of a screen, a receipt) cut where least stands in a row."""
    height, width = picture.shape[:2]
    if height <= max(LONGEST_SIDE, _STRIP * width):
        yield picture
        return
    grey = picture.reshape(height, -1)
    ink = np.ptp(grey, axis=1)
    step = max(_STRIP * width, LONGEST_SIDE // 2)
    at = 0
    while height - at > step:
        first = at + step * 3 // 4
        cut = first + int(np.argmin(ink[first : at + step]))
        yield picture[at:cut]
        at = cut
    yield picture[at:]


def _pdf_page(document: Any, number: int, row: str, ocr: Ocr) -> tuple[_Page | Broken, bool]:
    """Return a page of a PDF, and whether it was recognised."""
    import pypdfium2

    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return Broken(row, "damaged_page", ""), False
    try:
        layer = _layer(page)
        if ocr == "when_missing" and is_usable(layer) and not _is_stamp(page, layer):
            return _Page(layer), False
        found = _seen(_drawn(page), row)
    except pypdfium2.PdfiumError:
        return Broken(row, "damaged_page", ""), False
    finally:
        page.close()
    if isinstance(found, _Page) and ocr == "when_missing" and is_usable(layer) and len(found.text) < len(layer):
        return _Page(layer), True
    return found, True


def _layer(page: Any) -> str:
    layer = page.get_textpage()
    try:
        return _LINE_ENDS.sub("\n", layer.get_text_range(errors="replace")).replace("\x00", "")
    finally:
        layer.close()


def _is_stamp(page: Any, layer: str) -> bool:
    """Return whether a short text layer lies over a picture of the page."""
    if len(layer.strip()) >= _STAMP:
        return False
    import pypdfium2.raw as raw

    width, height = page.get_size()
    covered = 0.0
    for item in page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,), max_depth=4):
        left, bottom, right, top = item.get_bounds()
        covered += max(0.0, min(right, width) - max(left, 0)) * max(0.0, min(top, height) - max(bottom, 0))
    return bool(covered >= _COVERS * width * height)


def _drawn(page: Any) -> NDArray[np.uint8]:
    """Return the picture of a page, blue-green-red, its longer side at most `LONGEST_SIDE` pixels."""
    longer = max(page.get_size())
    scale = min(DPI / _POINTS_PER_INCH, LONGEST_SIDE / max(longer, 1))
    bitmap = page.render(scale=scale, rev_byteorder=False)
    try:
        picture: NDArray[np.uint8] = bitmap.to_numpy()[:, :, :3].copy()
        return picture
    finally:
        bitmap.close()


def _frames(data: bytes) -> Iterator[tuple[str, NDArray[np.uint8] | str]]:
    """Yield the pictures of an image file with their rows, or the reason why one cannot be had."""
    recogniser()  # tells that the extra is missing, before Pillow is asked for
    from PIL import Image, UnidentifiedImageError

    try:
        image = _opened(data)
    except UnidentifiedImageError:
        yield "1", "not_a_picture"
        return
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        yield "1", "too_large"
        return
    except _DAMAGE:
        yield "1", "damaged_picture"
        return
    with image:
        yield from _pages(image)


def _pages(image: Any) -> Iterator[tuple[str, NDArray[np.uint8] | str]]:
    from PIL import Image

    # Of an animation the first picture is read; the pages of a TIFF all are.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            count = int(getattr(image, "n_frames", 1)) if image.format == "TIFF" else 1
    except _DAMAGE:
        yield "1", "damaged_picture"
        return
    for number in range(min(count, MOST_PAGES)):
        row = f"p{number + 1}" if count > 1 else "1"
        try:
            with warnings.catch_warnings():
                # Tags that are damaged are no news: the pixels tell whether the picture is.
                warnings.simplefilter("ignore", UserWarning)
                image.seek(number)
                frame = "too_large" if image.width * image.height > MOST_PIXELS else _pixels(image)
        except Image.DecompressionBombError:
            frame = "too_large"
        except _DAMAGE:
            frame = "damaged_picture"
        yield row, frame
    if count > MOST_PAGES:
        yield f"p{MOST_PAGES + 1}", "too_many_pages"


def _opened(data: bytes) -> Any:
    import io

    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(data), formats=_FORMATS)


def _pixels(image: Any) -> NDArray[np.uint8]:
    """Return the pixels, blue-green-red on white, upright as the camera noted it."""
    from PIL import Image, ImageOps

    if image.mode.startswith(("I", "F")):
        # More than 8 bits a pixel: stretched between the darkest and the lightest.
        values = np.asarray(image, np.float64)
        low, high = float(values.min()), float(values.max())
        return ((values - low) * (_WHITE / max(high - low, 1))).astype(np.uint8)
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (_WHITE,) * 4), image)
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
