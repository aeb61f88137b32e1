"""Verification of an evidence bundle 证明材料包, offline, with Python's standard library alone.

    python -I -m quanheng.store.verify bundle.zip --key sha256:… [--json] [--lang zh|en]

Exit code 0: everything holds (and, without --key, the output says that the key was not compared); 7: something does
not; 2: wrong usage, or the file is no bundle; 3: there is no such file.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from quanheng.errors import Corrupt, Invalid, QuanhengError, Text
from quanheng.store import bundle as form
from quanheng.store.bundle_checks import CHECKS, run_check
from quanheng.store.bundle_reading import MAX_JSON_BYTES, Bundle, Problem, read_header
from quanheng.store.canonical import JSONLike
from quanheng.store.canonical_zip import CanonicalZip, read_zip
from quanheng.store.digest import is_digest

#: How many problems of one check are printed; the number of all is always said.
SHOWN_PROBLEMS = 20

_ZIP_TITLE = Text("the file is unchanged byte for byte", "文件逐字节未变")


@dataclass(frozen=True)
class CheckResult:
    """One check: `ok` is None when it was not made, with the reason in `detail`."""

    code: str
    title: Text
    ok: bool | None
    detail: Text
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What the bundle says about itself; worth something only when the checks hold."""

    mode: str
    origin: str
    fingerprint: str
    log_size: int
    entries: int
    signed_since: str | None
    witness: tuple[str, ...]
    artifacts: tuple[tuple[str, str], ...]
    roots: tuple[str, ...]
    withdrawn: tuple[tuple[str, str], ...]
    extra: tuple[str, ...]

    def to_json(self) -> dict[str, JSONLike]:
        """Return the facts as plain data."""
        return {
            "mode": self.mode,
            "origin": self.origin,
            "fingerprint": self.fingerprint,
            "log_size": self.log_size,
            "entries": self.entries,
            "signed_since": self.signed_since,
            "witness": list(self.witness),
            "artifacts": [{"digest": digest, "kind": kind} for digest, kind in self.artifacts],
            "roots": list(self.roots),
            "withdrawn": [{"digest": digest, "reason": reason} for digest, reason in self.withdrawn],
            "extra": list(self.extra),
        }


@dataclass(frozen=True)
class Verification:
    """All checks in order, and the facts where they could be read. `key_compared`: a --key was given and fits.

    `other_key`: a key was given, and another one signed.
    """

    checks: tuple[CheckResult, ...]
    facts: Facts | None
    key_compared: bool
    other_key: bool = False

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong; look at `key_compared` too."""
        return all(check.ok is not False for check in self.checks)

    @property
    def exit_code(self) -> int:
        """Return 0 when nothing is wrong, else 7."""
        return 0 if self.ok else Corrupt.exit_code

    def to_json(self) -> dict[str, JSONLike]:
        """Return everything as plain data."""
        return {
            "ok": self.ok,
            "key_compared": self.key_compared,
            "checks": [_check_json(check) for check in self.checks],
            "facts": self.facts.to_json() if self.facts else None,
        }


def verify_bundle(path: str | Path, key: str | None) -> Verification:
    """Return what every check on the bundle at `path` found; `key` is the fingerprint that is expected to have signed.

    Without a key everything else is checked, and `key_compared` is False. A damaged bundle is a finding, not an
    error. Raises Invalid when the file is no bundle at all or `key` no fingerprint, NotFound or Unavailable when the
    file cannot be read.
    """
    if key is not None and not is_digest(key):
        raise Invalid(
            f"{key!r} is not the fingerprint of a key",
            f"{key!r} 不是密钥指纹",
            hint=("It is 'sha256:' and 64 hex digits.", "指纹由“sha256:”和 64 位十六进制数字组成。"),
            code="bad_fingerprint",
        )
    try:
        zipped = read_zip(path)
    except Corrupt as error:
        return _stopped([], "zip", _ZIP_TITLE, Path(path).name, error)
    with zipped:
        opened = CheckResult(
            "zip", _ZIP_TITLE, True, Text(f"files: {len(zipped.names)}", f"{len(zipped.names)} 个文件")
        )
        try:
            bundle = _open_bundle(zipped)
        except Corrupt as error:
            return _stopped([opened], CHECKS[0][0], CHECKS[0][1], form.BUNDLE, error)
        return _run([opened], bundle, key)


def _open_bundle(zipped: CanonicalZip) -> Bundle:
    if form.BUNDLE not in zipped.names:
        raise Invalid(
            "this zip is not an evidence bundle: it has no bundle.json",
            "该压缩包不是证明材料包：没有 bundle.json",
            hint=("Give the bundle that quanheng wrote.", "请提供权衡写出的材料包。"),
            code="not_a_bundle",
        )
    if zipped.size(form.BUNDLE) > MAX_JSON_BYTES:
        raise Corrupt(
            "bundle.json is too large",
            "bundle.json 过大",
            hint=("Ask whoever sent it for a fresh copy.", "请向提供方重新索取。"),
            code="bundle_damaged",
        )
    data = zipped.read(form.BUNDLE)
    return Bundle(zipped, read_header(data), data)


def _run(done: list[CheckResult], bundle: Bundle, key: str | None) -> Verification:
    checks = list(done)
    compared = other_key = False
    for code, title, function in CHECKS:
        outcome = run_check(function, bundle, key)
        ok: bool | None = not outcome.problems
        if code == "key":
            compared = outcome.compared and not outcome.problems
            other_key = outcome.other_key
            ok = None if ok and not outcome.compared else ok
        checks.append(CheckResult(code, title, ok, outcome.detail, tuple(outcome.problems)))
    return Verification(tuple(checks), _facts(bundle), compared, other_key)


def _stopped(done: list[CheckResult], code: str, title: Text, where: str, error: Corrupt) -> Verification:
    """Return a verification that could not go on: this check failed, and the later ones were not made."""
    problem = Problem(where, error.text)
    failed = CheckResult(code, title, False, Text("damaged", "已损坏"), (problem,))
    made = {check.code for check in [*done, failed]}
    reason = Text("not checked", "未检查")
    rest = [CheckResult(code, title, None, reason) for code, title, _ in CHECKS if code not in made]
    return Verification((*done, failed, *rest), None, False)


def _facts(bundle: Bundle) -> Facts | None:
    """Return the facts; None when the log's head or the keys cannot be read, which a check has said."""
    try:
        checkpoint = bundle.checkpoint.checkpoint
    except QuanhengError:
        return None
    names = bundle.zip.names
    return Facts(
        mode=bundle.header.mode,
        origin=checkpoint.origin,
        fingerprint=bundle.header.key,
        log_size=checkpoint.size,
        entries=len(bundle.entry_names),
        signed_since=checkpoint.time,
        witness=tuple(name for name in names if name.startswith(form.WITNESS)),
        artifacts=tuple((digest, item.manifest.kind) for digest, item in sorted(bundle.walk.artifacts.items())),
        roots=bundle.header.roots,
        withdrawn=tuple(sorted(bundle.header.withdrawn.items())),
        extra=tuple(name for name in names if name.startswith(form.EXTRA)),
    )


def _check_json(check: CheckResult) -> dict[str, JSONLike]:
    return {
        "code": check.code,
        "ok": check.ok,
        "title": check.title._asdict(),
        "detail": check.detail._asdict(),
        "problems": [{"where": problem.where, "text": problem.text._asdict()} for problem in check.problems],
    }


def render(found: Verification, language: str) -> str:
    """Return the verification as plain text in `language` ("zh" or "en"), ending with a newline."""
    lines: list[str] = []
    for check in found.checks:
        mark = {True: "✓", False: "✗", None: "–"}[check.ok]
        lines.append(f"{mark} {check.title.say(language)}: {check.detail.say(language)}")
        lines += [f"    {p.where}: {p.text.say(language)}" for p in check.problems[:SHOWN_PROBLEMS]]
        if (more := len(check.problems) - SHOWN_PROBLEMS) > 0:
            lines.append("    " + Text(f"… and {more} more", f"……另有 {more} 处").say(language))
    if found.facts:
        lines += ["", *(text.say(language) for text in _fact_lines(found.facts))]
    lines += ["", _verdict(found).say(language)]
    return "".join(_printable(line) + "\n" for line in lines)


def _fact_lines(facts: Facts) -> list[Text]:
    mode = {"open": Text("open", "公开内容"), "sealed": Text("sealed", "封存")}[facts.mode]
    since = facts.signed_since or "?"
    lines = [
        Text(
            f"bundle: {mode.en}, artifacts: {len(facts.artifacts)}", f"材料包：{mode.zh}，{len(facts.artifacts)} 个制品"
        ),
        Text(
            f"log: {facts.origin}, {facts.log_size} entries, signed at {since}",
            f"存证：{facts.origin}，{facts.log_size} 条，签名时间 {since}",
        ),
        Text(f"key: {facts.fingerprint}", f"密钥：{facts.fingerprint}"),
    ]
    if facts.witness:
        names = ", ".join(facts.witness)
        lines.append(Text(f"witness (check it with its issuer): {names}", f"外部见证（请向出具方核验）：{names}"))
    else:
        lines.append(Text("no outside witness", "没有外部见证"))
    for digest, reason in facts.withdrawn:
        lines.append(Text(f"withdrawn: {digest} (reason {reason})", f"已撤回：{digest}（理由 {reason}）"))
    return lines


def _verdict(found: Verification) -> Text:
    wrong = [check.code for check in found.checks if check.ok is False]
    if wrong == ["key"] and found.other_key:
        return Text(
            "NOT VERIFIED: intact, but not signed by the expected key.",
            "验证未通过：内容完好，但不是由预期的密钥签名。",
        )
    if wrong:
        return Text(
            "NOT VERIFIED: something in this bundle is not as it was signed.", "验证未通过：材料包与签名时不符。"
        )
    if not found.key_compared:
        return Text(
            "Consistent in itself, but THE KEY WAS NOT COMPARED: anyone could have signed this. Run again with --key.",
            "内容自洽，但未比对密钥：任何人都可能签出这样的材料包。请加上 --key 再次运行。",
        )
    return Text("VERIFIED.", "验证通过。")


def _printable(line: str) -> str:
    """Return the line with control characters written out: a bundle must not steer the terminal it is shown on."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code of the command; the findings go to standard output, errors to standard error."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="python -I -m quanheng.store.verify",
        description="Verify an evidence bundle offline. 离线验证证明材料包。",
    )
    parser.add_argument("bundle", help="the bundle, a zip file 证明材料包文件")
    parser.add_argument("--key", metavar="FINGERPRINT", help="the key expected to have signed it 预期的密钥指纹")
    parser.add_argument("--json", action="store_true", help="print plain data 输出 JSON")
    parser.add_argument("--lang", choices=("zh", "en"), default=_language(), help="language 语言")
    given = parser.parse_args(arguments)
    try:
        found = verify_bundle(given.bundle, given.key)
    except QuanhengError as error:
        text = json.dumps(error.to_json(), ensure_ascii=False) if given.json else error.say(given.lang)
        _put(sys.stderr, text + "\n")
        return error.exit_code
    text = json.dumps(found.to_json(), ensure_ascii=False, indent=2) + "\n" if given.json else render(found, given.lang)
    _put(sys.stdout, text)
    return found.exit_code


def _put(stream: TextIO, text: str) -> None:
    """Write the text, with escapes for what the terminal's encoding lacks: a fact must not become an error."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _language() -> str:
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if locale.startswith("zh") else "en"


if __name__ == "__main__":
    sys.exit(main())
