"""The text of an HTML page: its main content, or all that is visible, with tables as Markdown.

"fast" and "all" parse as browsers do (Resiliparse); "precise" asks Trafilatura, which is some six times slower. A page
whose tree would cost too much (nested without end, or far too large) is read without a tree, whatever the mode.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from html import unescape
from typing import TYPE_CHECKING, Any, Literal

from quanheng.data.corpus.html import nesting, page_text
from quanheng.errors import Invalid, Unavailable
from quanheng.text.encoding import Encoding, detect_bytes, try_decode

if TYPE_CHECKING:
    from resiliparse.parse.html import HTMLTree

Mode = Literal["fast", "precise", "all"]

#: A change of what comes out is a new version.
VERSION = 1
#: Browsers stop at 512. Resiliparse looks at the text below every element: measured, 12 ns for each level and
#: character, and with the square of the levels even without text (0.6 s at 5,000).
MOST_DEPTH = 256
_MOST_STEPS = 400_000_000
#: Fewer opening tags than this cannot cost much, however they are nested.
_FEW_TAGS = 2000
#: Elements of the tree at worst; one takes some 150 bytes.
_MOST_NODES = 2_000_000
_MOST_PAGE = 16 * 1024 * 1024
#: A table of one column, or inside another, is layout.
_LEAST_COLUMNS = 2
_MOST_CELLS = 100_000

_META = re.compile(rb"""<meta[^>]{0,500}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([a-zA-Z0-9_:.\-]{1,40})""", re.IGNORECASE)
_META_WITHIN = 4096
#: Resiliparse 2.0 takes one character between tags for decoration and leaves it out: "在<b>中</b>间" becomes "在".
#: An invisible one beside it keeps it, and is taken out again.
_LONE = re.compile(r">\s*+\w(?=\s*+(?:<|\Z))")
_PAD = "\u2060"
_LINK = re.compile(r"<a[\s>].*?</a>", re.DOTALL)
_ANY_TAG = re.compile(r"<[^>]*>")
#: A tag as a tree writes it.
_WRITTEN_TAG = re.compile(r"""<(/?)([a-z][^\s/>]*+)(?: [^\s=>]++(?:="[^"]*+")?+)*+>""")
#: What is written otherwise than it is read: text that is no markup, markup that is no text, elements of other kinds.
_OTHERWISE = re.compile(
    "<(?:!|[?]|iframe|math|noembed|noframes|noscript|plaintext|script|style|svg|template|textarea|title|xmp)", re.I
)
_FEW_FOUND = 8
_MOST_SEARCHED = 20_000
_MOST_WALKED = 100_000
#: A list with a larger share of its characters in links is navigation.
_MOST_LINKED = 0.5
_BLANK = re.compile(r"\s+")
_BLANK_LINES = re.compile(r"\n{3,}")
#: What labels of pages mean to a browser: https://encoding.spec.whatwg.org/#names-and-labels (those of our region).
_LABELS: dict[str, str] = {
    **dict.fromkeys(("gb2312", "gbk", "gb18030", "x-gbk", "chinese", "gb_2312-80", "csgb2312", "cp936"), "gb18030"),
    **dict.fromkeys(("big5", "big5-hkscs", "cn-big5", "x-x-big5", "csbig5"), "big5"),
    **dict.fromkeys(("utf-8", "utf8", "unicode-1-1-utf-8"), "utf-8"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "ms932", "windows-31j"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "korean", "windows-949"), "cp949"),
    **dict.fromkeys(("iso-8859-1", "latin1", "us-ascii", "ascii", "windows-1252", "cp1252"), "cp1252"),
    **{name: name for name in ("euc-jp", "iso-2022-jp", "windows-1251", "windows-1250", "koi8-r", "hz-gb-2312")},
}


def extract(html: str, mode: Mode = "fast", *, title: bool = False) -> str:
    r"""Return the text of a page, "" when it has none; with `title`, the title is its first line.

    Never raises on content.

    >>> extract("<article><p>甲乙丙丁。</p><table><tr><td>一<td>二<tr><td>三<td>四</table></article>", "all")
    '甲乙丙丁。\n\n| 一 | 二 |\n| --- | --- |\n| 三 | 四 |'
    """
    html = html.replace("\x00", "")
    if _costly(html):
        return page_text(html)
    tree = _parsed(_LONE.sub(rf"\g<0>{_PAD}", html) if mode == "fast" else html)
    if tree is None:
        return page_text(html)
    heading = _clean(tree.title or "").replace(_PAD, "") if title else ""
    text = _precise(html) if mode == "precise" else _of_tree(tree, mode)
    if heading and not text.startswith(heading):
        text = f"{heading}\n\n{text}"
    return text.strip()


def _costly(html: str) -> bool:
    if len(html) > _MOST_PAGE:
        return True
    opened = html.count("<") - html.count("</")  # nothing is nested deeper than this
    if opened <= _FEW_TAGS and opened * len(html) <= _MOST_STEPS:
        return False
    found = nesting(html)
    steps = found.depth * len(html)
    return found.depth > MOST_DEPTH or steps > _MOST_STEPS or found.tags * (1 + found.formatting) > _MOST_NODES


def _parsed(html: str) -> HTMLTree | None:
    try:
        from resiliparse.parse.html import HTMLParserException, HTMLTree
    except ImportError as error:
        raise _missing("Resiliparse", "data") from error
    try:
        return HTMLTree.parse(html.encode("utf-8", "replace").decode("utf-8"))
    except HTMLParserException:
        return None


def _missing(package: str, extra: str) -> Unavailable:
    return Unavailable(
        f"pages cannot be read so: {package} is not installed",
        f"无法按此方式读取网页：未安装 {package}",
        hint=(f"Run: pip install 'quanheng[{extra}]'", f"请运行：pip install 'quanheng[{extra}]'"),
        code="missing_extra",
    )


def _of_tree(tree: HTMLTree, mode: Mode) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    _tables_to_markdown(tree)
    if mode == "fast":
        _lists_to_lines(tree)
    text = extract_plain_text(
        tree,
        preserve_formatting=True,
        main_content=mode == "fast",
        alt_texts=False,
        comments=False,
        post_meta=False,
    )
    return _BLANK_LINES.sub("\n\n", text.replace(_PAD, "")).strip()


def _precise(html: str) -> str:
    try:
        import trafilatura
    except ImportError as error:
        raise _missing("Trafilatura", "precise") from error
    found = trafilatura.extract(
        html,
        output_format="markdown",
        include_comments=False,
        include_tables=True,
        include_formatting=False,
        include_links=False,
        include_images=False,
        with_metadata=False,
    )
    return (found or "").strip()


def _elements(root: Any, selector: str) -> list[Any]:
    """Return the elements below one in their order, none when there are too many to go through.

    Resiliparse searches anew for every element of a result, so for many it is faster to walk (12 µs an element).
    """
    found = root.query_selector_all(selector)
    if not len(found):
        return []
    if len(found) <= _FEW_FOUND:
        return list(found)
    size = len(root.query_selector_all("*"))
    if len(found) * size <= _MOST_SEARCHED:
        return list(found)
    tags = selector.split(", ")
    return [node for node in root if node.tag in tags] if size <= _MOST_WALKED else []


def _tables_to_markdown(tree: HTMLTree) -> None:
    """Put Markdown in the place of each table of data, as preformatted text; tables of layout stay."""
    body: Any = tree.body
    for table in _elements(body, "table") if body is not None else []:
        if table.query_selector("table") is not None or table.parent is None:
            continue
        rows = _written_rows(table.html)
        text = markdown_table(_rows(table) if rows is None else rows)
        if text:
            replacement: Any = tree.create_element("pre")
            replacement.text = text
            table.parent.replace_child(replacement, table)


def _rows(table: Any) -> list[list[str]]:
    """Return the texts of the cells of a table, row by row."""
    rows: list[list[str]] = []
    for part in _elements(table, "tr, td, th"):
        if part.tag == "tr":
            rows.append([])
        elif rows:
            rows[-1].append(part.text)
    return rows


def _written_rows(html: str) -> list[list[str]] | None:
    """Return what `_rows` does from how a tree writes a table without another inside; None where that may differ.

    An element of a tree costs more than the ten tags that are read here meanwhile.
    """
    written = html.count("<")
    if written > _MOST_WALKED or _OTHERWISE.search(html):
        return None
    rows: list[list[str]] = []
    pieces: list[str] | None = None  # those of the cell that is open
    at = tags = 0
    for tag in _WRITTEN_TAG.finditer(html):
        if pieces is not None:
            pieces.append(html[at : tag.start()])
        at, tags, (closing, name) = tag.end(), tags + 1, tag.groups()
        if name == "tr" and not closing:
            rows.append([])
        elif name in ("td", "th") and not closing:
            if pieces is not None:
                return None
            pieces = []
        elif name in ("td", "th") and pieces is not None:
            if rows:
                rows[-1].append(unescape("".join(pieces)))
            pieces = None
    return rows if tags == written else None


def _lists_to_lines(tree: HTMLTree) -> None:
    """Put a line "• …" in the place of each item of a list that is no navigation; Resiliparse leaves out every <ul>."""
    body: Any = tree.body
    for old in _elements(body, "ul") if body is not None else []:
        if old.parent is None or _linked(old) > _MOST_LINKED:
            continue
        item = _renamed(tree, old, "div", "").first_element_child
        while item is not None:
            if item.tag == "li":
                item = _renamed(tree, item, "div", f"•{_PAD} ")
            item = item.next_element_sibling


def _linked(element: Any) -> float:
    """Return the share of an element's text that is in links; the markup of a tree is well formed."""
    links = "".join(_LINK.findall(element.html))
    return len(_clean(_ANY_TAG.sub("", links))) / max(1, len(_clean(element.text)))


def _renamed(tree: HTMLTree, old: Any, name: str, mark: str) -> Any:
    """Put an element of another name, with the same class, id and children, in the place of one."""
    new: Any = tree.create_element(name)
    for attribute in ("class", "id"):
        if value := old.getattr(attribute):
            new.setattr(attribute, value)
    old.parent.replace_child(new, old)
    if mark:
        new.append_child(tree.create_text_node(mark))
    while (child := old.first_child) is not None:
        new.append_child(child)
    return new


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    r"""Return rows as a Markdown table, the first as its head; "" for what is no table of data.

    >>> markdown_table([["甲", "乙"], ["1", "2|3"]])
    '| 甲 | 乙 |\n| --- | --- |\n| 1 | 2\\|3 |'
    """
    full = [[_clean(cell).replace("|", "\\|") for cell in row] for row in rows if any(cell.strip() for cell in row)]
    width = max((len(row) for row in full), default=0)
    if width < _LEAST_COLUMNS or len(full) < _LEAST_COLUMNS or width * len(full) > _MOST_CELLS:
        return ""
    lines = ["| " + " | ".join([*row, *[""] * (width - len(row))]) + " |" for row in full]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _clean(text: str) -> str:
    return _BLANK.sub(" ", text).strip()


def decode_page(data: bytes, charset: str | None = None) -> tuple[str, str]:
    """Return the text of a page's bytes and the encoding that it was in.

    Asked in turn: its byte order mark; whether it is UTF-8 throughout; `charset`, from the HTTP header; the charset
    that its head names; what its bytes look like. Raises Invalid "unknown_encoding". What an encoding that was named
    cannot decode becomes U+FFFD.
    """
    if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        marked = detect_bytes(data)
        return data[marked.bom :].decode(marked.encoding, "replace"), marked.encoding
    whole = try_decode(data, "utf-8")
    if whole.text is not None:
        return whole.text, "utf-8"
    found = _META.search(data, 0, _META_WITHIN)
    named = [_LABELS.get(label.strip().lower()) for label in (charset, found and found[1].decode("ascii")) if label]
    for name in dict.fromkeys(name for name in named if name):
        known: dict[str, Encoding] = {"gb18030": "gb18030", "big5": "big5"}
        text = try_decode(data, known[name]).text if name in known else _with_codec(data, name)
        if text is not None:
            return text, name
    try:
        detected = detect_bytes(data)
    except Invalid:
        if not any(named):
            raise
        name = next(name for name in named if name)
        return data.decode("big5hkscs" if name == "big5" else name, "replace"), name
    return data.decode("big5hkscs" if detected[0] == "big5" else detected[0], "replace"), detected[0]


def _with_codec(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except UnicodeDecodeError:
        return None
