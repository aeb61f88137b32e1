"""Which encoding a file of Chinese text is in, and its text: UTF-8, UTF-16 with a mark, GB18030 or Big5.

UTF-8 is decided by its structure over the whole file. Otherwise each candidate is scored by how many of the characters
it gives are common ones, and how many bytes it cannot decode. The same bytes always give the same answer.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO, Literal, NamedTuple

from quanheng.errors import Invalid

Encoding = Literal["utf-8", "utf-16-le", "utf-16-be", "gb18030", "big5"]

#: Recorded in a corpus; a change of `detect` is a new version.
VERSION = 1
CHUNK_BYTES = 1 << 20
_SAMPLE_BYTES = 256 * 1024
#: Bytes of a character of UTF-8.
_MOST_BYTES = 4
#: Counted over two review collections, the People's Daily of January 1998, statutes, and Taiwan manuals:
#: the 500 most frequent characters, and the 200 most frequent of those that only traditional text uses.
_COMMON = frozenset(
    "的人一不是了有法在以定民第行为我国者和中上条大当这院本个年十出到要事理对会或很可时用作应书好他来下就地关发经还其实生间规也后三二过家没务方成能日多业工同合于说得们机看房件公情自重提员部产案所动前处证都"
    "高点小全进店等诉罪权之期开分现子电新内起主政酒请面服外明比据审刑最但价利解通五月被品制住天市次四决百而问与认文意知并金体保查去感受长施学么管检里及性议款程设建犯位然察相因心物加无依度系力区如错收入由报"
    "交道单特非正结执求门安觉资告买将从使果任较场已级向题华商记给委总常责标申些元种着取想调确送样别社改那原展太照两水共只判接活形名信代持费立强节平该数装准量美具司台害化格表讼让真济计统东六海支裁更律办造回"
    "万达再话网未企手罚质各己七予直适组效严基供客指反车差根此偿见八损西算完干构项口术式读张便又承失列打专义货技九且包京目什北财容少修才际导放释做职先几近赔复把需农运女观你境老热许益论教存难变营喜评除路联早"
    "身视易协值欢担带况餐违世气星满额息军环按护监限快省领集置今销望致候科料风整续增治推传头清像党织爱选至孩约影南转她卖盘每界参精晚音故深付走示广采徒属庭助儿显配周识象步般图侵局卡争态写线流疑举光必户字拉负"
    "個檔這數為選設時項資將頁會標來輸動則當號計訊變冊統預間顯組並錄執關開碼別過該應結劃單啟樣進參與沒從換義線見傳鍵譯給機錯寫內許連稱麼編裝們轉種發現誤請條欄準體處儲讀檢須庫記話圖語裡務類塊視點問態實還區刪"
    "題確說報兩總詢狀無網擇況權徑試範複規經護環軟僅載頭誌縮獲擴覽國節長輯運製屬論級終議維訪閉簡識協圍釋導斷邊證產順聯戶註業較構遠詞測帶適籤詳尋幫壓夠層陣壇員盤遞際驗據決細臺歷衝隨認響驅匯隱閱額憶緩雙讓復"
)
#: Where fewer of the characters are common, the bytes are not Chinese text (measured: text has above 0.6).
_LEAST_COMMON = 0.35
_ENOUGH_CHARACTERS = 50
_ERROR_WEIGHT = 4
_BOMS: tuple[tuple[bytes, Encoding], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: HKSCS is a superset of Big5; files from Hong Kong and Taiwan both decode.
_CODECS: dict[Encoding, str] = {"big5": "big5hkscs"}
_CANDIDATES: tuple[Encoding, ...] = ("utf-8", "gb18030", "big5")


class Detected(NamedTuple):
    """An encoding, and how many bytes of byte order mark stand before the text."""

    encoding: Encoding
    bom: int


class Decoded(NamedTuple):
    """Decoded bytes: the text, or the offset of the first byte that cannot be decoded."""

    text: str | None
    error_at: int | None


def _euro(error: UnicodeError) -> tuple[str, int]:
    """Decode the lone byte 0x80 as the euro sign, as code page 936 and browsers do; anything else is an error."""
    if isinstance(error, UnicodeDecodeError) and error.object[error.start] == 0x80:
        return "€", error.start + 1
    raise error


def _mark_or_euro(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return ("€" if error.object[error.start] == 0x80 else "\ufffd"), error.start + 1
    raise error


codecs.register_error("quanheng_gb", _euro)
codecs.register_error("quanheng_gb_replace", _mark_or_euro)


def try_decode(data: bytes, encoding: Encoding) -> Decoded:
    """Return the text of `data`, or where it cannot be decoded; never raises on content."""
    try:
        if encoding == "gb18030":
            return Decoded(data.decode("gb18030", "quanheng_gb"), None)
        return Decoded(data.decode(_CODECS.get(encoding, encoding)), None)
    except UnicodeDecodeError as error:
        return Decoded(None, error.start)


def decode(data: bytes, encoding: Encoding | None = None) -> str:
    """Return the text of `data` without its byte order mark; detects the encoding when none is given.

    Raises Invalid "undecodable" with the byte offset, or "unknown_encoding".

    >>> decode("第四章".encode("gb18030"))
    '第四章'
    """
    found = Detected(encoding, _bom_length(data, encoding)) if encoding else detect_bytes(data)
    decoded = try_decode(data[found.bom :], found.encoding)
    if decoded.text is None:
        at = found.bom + (decoded.error_at or 0)
        raise Invalid(
            f"byte {at} cannot be decoded as {found.encoding}",
            f"第 {at} 字节无法按 {found.encoding} 解码",
            hint=(
                "Save the file again as UTF-8, or name its encoding.",
                "请将文件另存为 UTF-8，或指明其编码。",
            ),
            code="undecodable",
        )
    return decoded.text


def _bom_length(data: bytes, encoding: Encoding) -> int:
    return next((len(mark) for mark, name in _BOMS if name == encoding and data.startswith(mark)), 0)


def detect_bytes(data: bytes) -> Detected:
    """Return the encoding of `data`; see `detect`."""
    import io

    return detect(io.BytesIO(data))


def detect(reader: BinaryIO) -> Detected:
    """Return the encoding of a seekable file, read once in chunks; its position is then 0.

    Raises Invalid "unknown_encoding" when the bytes are no Chinese text in any of the encodings.
    """
    reader.seek(0)
    first = reader.read(CHUNK_BYTES)
    found = marked(first)
    if found is None:
        sample = _utf8_failure(reader, first)
        found = Detected("utf-8" if sample is None else _best(sample), 0)
    reader.seek(0)
    return found


def marked(first: bytes) -> Detected | None:
    """Return what a byte order mark at the beginning of a file tells, None where there is none.

    >>> marked("\ufeff第四章".encode("utf-8"))
    Detected(encoding='utf-8', bom=3)
    """
    return next((Detected(name, len(mark)) for mark, name in _BOMS if first.startswith(mark)), None)


def _utf8_failure(reader: BinaryIO, first: bytes) -> bytes | None:
    """Return None when everything is UTF-8, else a sample of bytes: the beginning, and what follows the failure."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    chunk = first
    try:
        while chunk:
            if len(chunk) < CHUNK_BYTES or not _passed_over(decoder, chunk):
                decoder.decode(chunk)
            chunk = reader.read(CHUNK_BYTES)
        decoder.decode(b"", True)
    except UnicodeDecodeError as error:
        if chunk is first or not chunk:
            return first[:_SAMPLE_BYTES] + first[max(error.start, _SAMPLE_BYTES) :][:_SAMPLE_BYTES]
        return first[:_SAMPLE_BYTES] + chunk[error.start :][:_SAMPLE_BYTES]
    return None


def _passed_over(decoder: codecs.IncrementalDecoder, chunk: bytes) -> bool:
    """Return whether a chunk is UTF-8 and the decoder stands behind it; if not, it stands where it stood.

    In a quarter of the time that decoding takes; only a small file is decoded faster than the kernel is loaded.
    """
    import numpy as np

    from quanheng.text.utf8 import kernels_of_utf8

    kernels = kernels_of_utf8()
    if kernels is None:
        return False
    before = decoder.getstate()
    whole = before[0] + chunk
    rest = whole[kernels.well_formed(np.frombuffer(whole, np.uint8), len(whole)) :]
    decoder.reset()
    try:
        decoder.decode(rest[:_MOST_BYTES])  # half a character, or what is none
    except UnicodeDecodeError:
        decoder.setstate(before)
        return False
    return True


def _replaced(sample: bytes, encoding: Encoding) -> str:
    if encoding == "gb18030":
        return sample.decode("gb18030", "quanheng_gb_replace")
    return sample.decode(_CODECS.get(encoding, encoding), "replace")


def _best(sample: bytes) -> Encoding:
    scores: list[tuple[float, float, Encoding]] = []
    for encoding in _CANDIDATES:
        text = [character for character in _replaced(sample, encoding) if character >= "\u0080"]
        errors = text.count("\ufffd")
        letters = [character for character in text if character >= "\u3040" and character < "\uff00"]
        common = sum(1 for character in letters if character in _COMMON)
        share = common / len(letters) if letters else 0.0
        good = 1.0 if len(letters) < _ENOUGH_CHARACTERS and not errors else share
        scores.append(((common - _ERROR_WEIGHT * errors) / max(1, len(text)), good, encoding))
    score, good, encoding = max(scores, key=lambda entry: entry[0])
    if good < _LEAST_COMMON or score < 0:
        raise Invalid(
            "the bytes are no Chinese text in UTF-8, UTF-16, GB18030 or Big5",
            "这些字节不是 UTF-8、UTF-16、GB18030 或 Big5 编码的中文文本",
            hint=(
                "Save the file again as UTF-8, or name its encoding; a picture or archive is not text.",
                "请将文件另存为 UTF-8，或指明其编码；图片、压缩包等不是文本。",
            ),
            code="unknown_encoding",
        )
    return encoding


def common_share(text: str) -> tuple[float, int]:
    """Return the share of common Chinese characters among letters of CJK scripts, and how many of these there are.

    Text that was decoded with the right table has above 0.6.
    """
    letters = [character for character in text if "\u3040" <= character < "\uff00" or character >= "\U00020000"]
    common = sum(1 for character in letters if character in _COMMON)
    return (common / len(letters) if letters else 0.0), len(letters)


#: A line in another encoding than its file is believed from this share of common characters, and this many letters.
_LEAST_COMMON_OF_A_LINE = 0.5
_LEAST_LETTERS_OF_A_LINE = 2


def decode_otherwise(data: bytes, encoding: Encoding) -> tuple[str, Encoding] | None:
    """Return the text of a line that is not in the encoding of its file, and the encoding that it is in.

    None when no other encoding gives Chinese text: such a line stays undecodable.
    """
    best: tuple[float, str, Encoding] | None = None
    for other in _CANDIDATES:
        text = None if other == encoding else try_decode(data, other).text
        if text is None:
            continue
        if other == "utf-8" and len(data) > len(text):
            return text, other
        share, letters = common_share(text)
        enough = letters >= _LEAST_LETTERS_OF_A_LINE and share >= _LEAST_COMMON_OF_A_LINE
        if enough and (best is None or share > best[0]):
            best = share, text, other
    return best[1:] if best else None


def utf8_chunks(reader: BinaryIO, detected: Detected) -> Iterator[bytes]:
    """Return the bytes after the mark in chunks, UTF-16 as UTF-8, other encodings as they are.

    In the encodings passed through, the byte 0x0A is always a line end, so lines can be cut before decoding.
    What UTF-16 cannot decode becomes U+FFFD.
    """
    reader.seek(detected.bom)
    decoder = None
    if detected.encoding.startswith("utf-16"):
        decoder = codecs.getincrementaldecoder(detected.encoding)("replace")
    while chunk := reader.read(CHUNK_BYTES):
        yield decoder.decode(chunk).encode("utf-8") if decoder else chunk
    if decoder and (rest := decoder.decode(b"", True)):
        yield rest.encode("utf-8")
