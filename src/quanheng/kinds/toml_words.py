"""What is wrong with a TOML file, in both languages: where, what, and the line itself."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from quanheng.errors import Text

#: So many characters of the line are quoted.
SHOWN = 80
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
#: What `tomllib` says, as it begins, in Chinese.
_SAID: Mapping[str, str] = {
    "Cannot declare": "重复定义了同一个表",
    "Cannot mutate immutable namespace": "这个表已经写完，不能再往里加",
    "Cannot overwrite a value": "这个键已经有值，不能再写一次",
    "Cannot redefine namespace": "重复定义了同一个表",
    "Duplicate inline table key": "同一个键写了两次",
    "Escaped character is not a Unicode scalar value": "转义的不是有效字符",
    "Expected '=' after a key in a key/value pair": "键的后面应为等号 =",
    "Expected ']' at the end of a table declaration": "表名的末尾应有 ]",
    "Expected ']]' at the end of an array declaration": "表名的末尾应有 ]]",
    "Expected newline or end of document after a statement": "一行只能写一项，值的后面有多余的内容",
    "Expected": "缺少结束的引号",
    "Found invalid character": "含有不允许出现的字符",
    "Illegal character": "引号内有不允许出现的字符（换行或控制字符）",
    "Invalid date or datetime": "日期或时间无效",
    "Invalid hex value": "\\u 后面应为十六进制数字",
    "Invalid initial character for a key part": "键的写法不对：只能用英文字母、数字、- 和 _，其他字符须加引号",
    "Invalid statement": "不是 键 = 值，也不是 [表名]",
    "Invalid value": "值的写法不对：文本须加半角引号",
    "Unclosed array": "数组缺少结束的 ]",
    "Unclosed inline table": "内联表缺少结束的 }",
    "Unescaped '\\' in a string": "双引号内的反斜杠须写成 \\\\，或改用单引号",
    "Unterminated string": "文本缺少结束的引号",
}
#: Marks of a Chinese keyboard that are taken for those of TOML.
_FULL_WIDTH = re.compile("[“”‘’＝，｛｝【】［］＂＇]")
_QUOTED = re.compile("\"[^\"]*\"|'[^']*'")


class TomlFault(ValueError):
    """What is wrong with a TOML text. `text`: in both languages, without a full stop."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.text = Text(en, zh)


def parse_toml(data: str | bytes, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """Return what a TOML file holds; `parse_float` makes what a number with a fraction becomes.

    Raises TomlFault for what is no TOML or not UTF-8. A byte order mark in front, as some editors write, is no fault.
    """
    try:
        text = (data if isinstance(data, str) else data.decode("utf-8")).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise TomlFault(
            f"byte {error.start} is not UTF-8; save it again as UTF-8",
            f"第 {error.start} 字节不是 UTF-8 编码，请另存为 UTF-8",
        ) from error
    try:
        return tomllib.loads(text, parse_float=parse_float)
    except (ValueError, RecursionError) as error:  # ValueError too: a whole number of some thousand digits
        raise TomlFault(*_told(text, str(error))) from error


def _told(text: str, said: str) -> Text:
    place = _PLACE.search(said)
    said = said[: place.start()] if place else said
    zh = next((zh for en, zh in _SAID.items() if said.startswith(en)), "写法不符合 TOML")
    en = said[:1].lower() + said[1:]
    if place is None or place[1] is None:
        return Text(f"at its end: {en}", f"文件末尾：{zh}") if place else Text(en, zh)
    number, column = int(place[1]), int(place[2])
    line = text.replace("\r\n", "\n").split("\n")[number - 1].strip()
    quoted = line if len(line) <= SHOWN else line[:SHOWN] + "…"
    wide = "".join(dict.fromkeys(_FULL_WIDTH.findall(_QUOTED.sub("", line))))
    more = (f" (full-width marks: {wide})", f"（其中有全角符号 {wide}，应为半角）") if wide else ("", "")
    return Text(
        f"line {number}, column {column}: {en}{more[0]}; the line is: {quoted}",
        f"第 {number} 行第 {column} 列：{zh}{more[1]}；该行为：{quoted}",
    )
