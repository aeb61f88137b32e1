"""Names of files inside artifacts and bundles: one rule for layer titles and zip members."""

from __future__ import annotations

from quanheng.errors import Invalid, Text

#: Longest name in UTF-8 bytes; far below the 65,535 of the zip format, and one path fits every file system.
MAX_NAME_BYTES = 1024


def name_problem(name: str) -> Text | None:
    """Return what is wrong with `name` as a relative POSIX path, or None when it is a good one.

    Refused: "", absolute paths, "." and ".." and empty parts, backslashes, control characters, lone surrogates,
    and more than 1,024 bytes; such names would leave the folder they are unpacked into, or not survive there.
    """
    if not name:
        return Text("it is empty", "名称为空")
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        return Text("it is not valid Unicode", "不是有效的 Unicode 文本")
    if len(encoded) > MAX_NAME_BYTES:
        return Text(f"it is longer than {MAX_NAME_BYTES} bytes", f"超过 {MAX_NAME_BYTES} 字节")
    if name.startswith("/"):
        return Text("it starts with '/'", "以“/”开头")
    if "\\" in name:
        return Text("it contains a backslash", "含有反斜杠")
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in name):
        return Text("it contains a control character", "含有控制字符")
    if any(part in ("", ".", "..") for part in name.split("/")):
        return Text("it has an empty part, '.' or '..'", "含有空的路径段、“.”或“..”")
    return None


def check_name(name: str, what: Text) -> None:
    """Raise Invalid when `name` cannot be used; `what` says what it names."""
    problem = name_problem(name)
    if problem is not None:
        raise Invalid(
            f"{what.en} {name!r} cannot be used: {problem.en}",
            f"{what.zh} {name!r} 不可用：{problem.zh}",
            hint=(
                "Use a relative path such as data/part-00000.parquet.",
                "请使用相对路径，例如 data/part-00000.parquet。",
            ),
            code="bad_name",
        )
