"""The styles of the Word document: fonts that every Chinese office has, East Asian ones named in each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from quanheng.oversight.report.drawings import Tone

#: body, headings, and digests
Face = Literal["body", "head", "mono"]
#: The font of Latin letters and that of Han, as Word calls them on a Chinese system.
FACES: dict[Face, tuple[str, str]] = {
    "body": ("Times New Roman", "宋体"),
    "head": ("Arial", "黑体"),
    "mono": ("Courier New", "宋体"),
}
INK, SOFT, FAINT, HAIR, WASH, CINNABAR = "14171A", "3D444A", "5F686F", "C9C4BA", "F4F1EB", "A12C1D"
COLOURS: dict[Tone, str] = {"ok": INK, "no": CINNABAR, "wait": SOFT, "na": FAINT}
#: Twentieths of a point in a millimetre.
TWIPS = 56.6929
NAMESPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


@dataclass(frozen=True)
class Style:
    """One paragraph style; sizes and distances in points. `level`: of a heading, from 0; it stays with what follows."""

    name: str
    face: Face
    size: float
    colour: str = INK
    before: float = 0
    after: float = 0
    level: int | None = None
    line_above: bool = False

    @property
    def id(self) -> str:
        """Return the id: the name without spaces, as Word makes it."""
        return self.name.replace(" ", "")

    @property
    def written_name(self) -> str:
        """Return the name as it stands in the file: Word writes its own headings, headers and footers small."""
        return self.name.lower() if self.name.startswith(("Head", "Foot")) and self.name != "Head" else self.name


STYLES = (
    Style("Normal", "body", 10),
    Style("Title", "head", 20, after=4),
    Style("Heading 1", "head", 13, before=16, after=5, level=0, line_above=True),
    Style("Heading 2", "head", 10, before=5, after=1, level=1),
    Style("Header", "body", 8, FAINT),
    Style("Footer", "body", 8, FAINT),
    Style("Verdict", "head", 22),
    Style("Count", "body", 13),
    Style("Cell", "body", 9.5),
    Style("Head", "head", 8, FAINT),
    Style("Note", "body", 8.5, SOFT),
    Style("Remark", "body", 9, SOFT, before=3, after=3),
    Style("Code", "mono", 7.5, before=2, after=2),
    Style("Gap", "body", 3),
)
FACE_OF: dict[str, Face] = {style.name: style.face for style in STYLES}


def fonts_xml(face: Face) -> str:
    """Return the element that names the fonts of a face."""
    latin, han = FACES[face]
    return f'<w:rFonts w:ascii="{latin}" w:hAnsi="{latin}" w:eastAsia="{han}" w:cs="{latin}"/>'


def styles_xml() -> str:
    """Return the whole part: our styles and no others. Han is Chinese.

    Latin letters are English in both: LibreOffice breaks numbers where the language of Latin text is Chinese.
    """
    defaults = (
        f"<w:docDefaults><w:rPrDefault><w:rPr>{fonts_xml('body')}{_size(10)}"
        f'<w:lang w:val="en-US" w:eastAsia="zh-CN" w:bidi="ar-SA"/></w:rPr></w:rPrDefault>'
        "<w:pPrDefault/></w:docDefaults>"
    )
    table = (
        '<w:style w:type="table" w:default="1" w:styleId="TableNormal"><w:name w:val="Normal Table"/>'
        '<w:uiPriority w:val="99"/><w:semiHidden/><w:unhideWhenUsed/>'
        f"<w:rPr>{fonts_xml('body')}</w:rPr>"
        '<w:tblPr><w:tblInd w:w="0" w:type="dxa"/></w:tblPr></w:style>'
    )
    character = (
        '<w:style w:type="character" w:default="1" w:styleId="DefaultParagraphFont">'
        '<w:name w:val="Default Paragraph Font"/><w:uiPriority w:val="1"/><w:semiHidden/></w:style>'
    )
    made = "".join(_style_xml(style) for style in STYLES)
    return f"<w:styles {NAMESPACE}>{defaults}{made}{character}{table}</w:styles>"


def _style_xml(style: Style) -> str:
    default = ' w:default="1"' if style.name == "Normal" else ""
    based = "" if default else '<w:basedOn w:val="Normal"/>'
    heading = style.level is not None
    following = '<w:next w:val="Normal"/>' if heading else ""
    keep = "<w:keepNext/><w:keepLines/>" if heading else ""
    above = f'<w:pBdr><w:top w:val="single" w:sz="6" w:space="5" w:color="{INK}"/></w:pBdr>' if style.line_above else ""
    space = f'<w:spacing w:before="{style.before * 20:.0f}" w:after="{style.after * 20:.0f}"/>'
    outline = f'<w:outlineLvl w:val="{style.level}"/>' if heading else ""
    return (
        f'<w:style w:type="paragraph"{default} w:styleId="{style.id}"><w:name w:val="{style.written_name}"/>{based}'
        f"{following}<w:qFormat/>"
        f"<w:pPr>{keep}{above}{space}{outline}</w:pPr>"
        f'<w:rPr>{fonts_xml(style.face)}<w:color w:val="{style.colour}"/>{_size(style.size)}</w:rPr></w:style>'
    )


def settings_xml(language: str) -> str:
    """Return the whole part: Word 2013 or later, and nothing that asks the reader anything."""
    uri = "http://schemas.microsoft.com/office/word"
    return (
        f'<w:settings {NAMESPACE}><w:defaultTabStop w:val="420"/>'
        '<w:characterSpacingControl w:val="compressPunctuation"/>'
        f'<w:compat><w:compatSetting w:name="compatibilityMode" w:uri="{uri}" w:val="15"/></w:compat>'
        f'<w:themeFontLang w:val="{language}" w:eastAsia="zh-CN"/></w:settings>'
    )


def _size(points: float) -> str:
    half = f"{points * 2:.0f}"
    return f'<w:sz w:val="{half}"/><w:szCs w:val="{half}"/>'
