"""From what a caller wrote to what a verb takes: names become digests, paths become content, the rest parameters."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from quanheng.core.inputs import Input, Local, Secret, Takes, Url, Veiled, as_list, marked, marker, without_secrets
from quanheng.core.session import Session
from quanheng.errors import Conflict, Forbidden, Invalid, NotFound, Text, system_said
from quanheng.kinds.kind_words import kind_word, reason, reason_en
from quanheng.store import JSON, canonical_json, file_digest, sha256_digest
from quanheng.store.hosts import is_among
from quanheng.store.sigv4 import shown

DIGEST_LENGTH = len("sha256:") + 64
#: "sha256:" and 12 hex digits, as screens show them.
PREFIX_LENGTH = len("sha256:") + 12

#: Of so many names, the newest ones, the near ones are looked for.
MOST_NAMES = 1000


@dataclass(frozen=True)
class Resolved:
    """A verb's input after resolution: parameters for the key, and artifacts by role."""

    params: dict[str, JSON]
    inputs: list[tuple[str, str]]


def validate(name: str, model: type[Input], data: Mapping[str, Any]) -> Any:
    """Return `data` as the input model; Invalid names each field and what is wrong with it.

    A text with a NUL or half a character (a lone surrogate) is refused: not every database can hold it.
    """
    try:
        value = model.model_validate(dict(data))
    except ValidationError as error:
        problems_en, problems_zh = [], []
        for item in error.errors():
            field = ".".join(str(part) for part in item["loc"]) or "input"
            problems_en.append(f"{field}: {reason_en(item)}")
            problems_zh.append(f"{field}：{reason(item)}")
        told = Invalid(
            f"{name} cannot use this input — " + "; ".join(problems_en),
            f"{name} 的输入有误——" + "；".join(problems_zh),
            hint=(
                f"See: quanheng {name.replace('.', ' ')} --help",
                f"用法见：quanheng {name.replace('.', ' ')} --help",
            ),
            code="bad_input",
        )
        told.fields = {str(i["loc"][0]): Text(reason_en(i), reason(i)) for i in error.errors() if i["loc"]}
        raise told from error
    _check_text(name, "", value.model_dump())
    for field in marked(model, Local):
        if getattr(value, field) == "":  # an empty path would mean the folder one stands in
            raise Invalid(
                f"{name} cannot use this input — {field}: it should not be blank",
                f"{name} 的输入有误——{field}：不能为空白",
                hint=("Name a file, or leave the option out.", "请写文件路径，或不填该项。"),
                code="bad_input",
            )
    return value


def _check_text(name: str, place: str, value: Any) -> None:
    """Raise Invalid for a text in `value`, which stands at `place` of the input, that cannot be kept."""
    if isinstance(value, str):
        if "\0" in value or not is_text(value):
            raise Invalid(
                f"{name} cannot use this input — {place}: it holds a NUL or half a character",
                f"{name} 的输入有误——{place}：含有空字符（NUL）或不完整的字符",
                hint=("Take it out: no text has one.", "请将其去掉：正常文本中不会有这种字符。"),
                code="bad_text",
            )
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _check_text(name, place or "input", key)
            _check_text(name, f"{place}.{key}" if place else str(key), item)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            _check_text(name, f"{place}.{number}", item)


def is_text(value: str) -> bool:
    """Return whether all of `value` are characters: no lone surrogates, so that UTF-8 can write it."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def local_path(text: str) -> Path:
    """Return the path that `text` means: a path, `shipped:FILE` for a file that comes with Quanheng, or
    `package:DIST/FILE` for one inside an installed package, which is not imported for it.

    Invalid for a FILE that would lie elsewhere.
    """
    if text.startswith("shipped:"):
        return Path(str(files("quanheng"))) / _inner(text, text.removeprefix("shipped:"))
    if not text.startswith("package:"):
        return Path(os.path.expanduser(text))
    name, _, inner = text.removeprefix("package:").partition("/")
    inner = _inner(text, inner)
    try:
        path = Path(str(distribution(name).locate_file(inner)))
    except (PackageNotFoundError, ValueError) as error:  # the latter for no name at all
        raise NotFound(
            f"the package {name} is not installed, so {text} cannot be read",
            f"没有安装软件包 {name}，无法读取 {text}",
            hint=("Run: pip install 'quanheng[demo]'", "请运行：pip install 'quanheng[demo]'"),
            code="missing_extra",
        ) from error
    return path


def _inner(text: str, inner: str) -> str:
    """Return the part of `text` that stands for a file inside a package; Invalid when it leads out of it."""
    parts = inner.split("/")
    if not inner.strip("/") or inner.startswith("/") or ".." in parts or "\\" in inner or "\0" in inner:
        raise Invalid(
            f"{text[:200]!r} does not name a file inside a package",
            f"{text[:200]!r} 没有指明软件包内的文件",
            hint=("Write a path that stays inside, without `..`.", "请写包内的路径，不含 ..。"),
            code="bad_path",
        )
    return inner


def content_digest(path: Path, seen: Callable[[int, int], None] = lambda done, total: None) -> str:
    """Return the digest of a file, or of a folder's files by relative name; independent of where it lies.

    seen: hears how many of a folder's files were read. A million names are held as texts, nothing else of them.
    """
    try:
        if path.is_file():
            return sha256_digest(canonical_json([[path.name, file_digest(path)]]))
        if path.is_dir():
            return _folder_digest(path, seen)
    except OSError as error:
        raise Invalid(
            f"{path} cannot be read: {system_said(error).en}",
            f"无法读取 {path}：{system_said(error).zh}",
            hint=("Check its permissions.", "请检查读取权限。"),
            code="unreadable",
        ) from error
    raise NotFound(
        f"{path} does not exist",
        f"{path} 不存在",
        hint=("Check the path.", "请检查路径。"),
        code="no_such_path",
    )


def _folder_digest(folder: Path, seen: Callable[[int, int], None]) -> str:
    """Return the digest of the canonical JSON of [name, digest] of each file, made piece by piece."""
    inner = len(os.path.join(folder, ""))
    places = (os.path.join(at, name) for at, _, files in os.walk(folder) for name in files)
    names = [place[inner:] for place in places if os.path.isfile(place)]
    names.sort(key=lambda name: name.replace("/", "\0"))  # by the parts of the path, as paths are compared
    found = hashlib.sha256(b"[")
    for number, name in enumerate(names):
        row = canonical_json([name, file_digest(os.path.join(folder, name))])
        found.update(b"," + row if number else row)
        seen(number + 1, len(names))
    found.update(b"]")
    return "sha256:" + found.hexdigest()


def check_url(session: Session, url: str, *, loopback: bool = True) -> None:
    """Raise Forbidden unless the host is in the setting `allowed_hosts` or, where `loopback` says so, this one."""
    check_address(session.workspace.settings.allowed_hosts, url, loopback=loopback)


def check_address(allowed_hosts: frozenset[str], url: str, *, loopback: bool = True) -> None:
    """Raise Invalid for what is no plain http(s) address, Forbidden for a host that may not be called."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        usable = parts.scheme in ("http", "https") and host and (parts.port is None or parts.port > 0)
    except ValueError:  # an unfinished "[", or a port that is no number
        usable = False
    if not usable:
        raise Invalid(
            f"{shown(url)!r} is not an http(s) URL",
            f"{shown(url)!r} 不是 http(s) 地址",
            hint=("Example: http://127.0.0.1:8080/v1", "例如：http://127.0.0.1:8080/v1"),
            code="bad_url",
        )
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise Invalid(
            "an address that is kept may hold no user, password, query or fragment",
            "要留存的地址不能含有用户名、密码、查询串或片段",
            hint=("Give the plain address; keys come from the environment.", "请只写地址；密钥从环境变量读取。"),
            code="url_with_secret",
        )
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if (loopback and host in ("127.0.0.1", "::1", "localhost")) or is_among(host, port, allowed_hosts):
        return
    raise Forbidden(
        f"the host {host} is not in the setting allowed_hosts",
        f"主机 {host} 不在设置 allowed_hosts 中",
        hint=(
            f'Add it to quanheng.toml: allowed_hosts = "{host}", or set QUANHENG_ALLOWED_HOSTS={host}',
            f'请在 quanheng.toml 中加入：allowed_hosts = "{host}"，或设置环境变量 QUANHENG_ALLOWED_HOSTS={host}',
        ),
        code="host_not_allowed",
    )


def with_whole_paths(session: Session, value: Input) -> Input:
    """Return the input with absolute paths, for a worker may stand in another folder; uploads become their paths."""
    from quanheng.core.staging import PREFIX, locate

    update = {}
    for name in marked(type(value), Local):
        text = getattr(value, name)
        if text is None or text.startswith(("package:", "shipped:")) or is_elsewhere(type(value), name, text):
            continue
        path = locate(session, text) if text.startswith(PREFIX) else local_path(text)
        update[name] = str(path.absolute())
    return value.model_copy(update=update) if update else value


def is_elsewhere(model: type[Input], name: str, text: str) -> bool:
    """Return whether a field holds the address of files that are read where they lie, and no path."""
    mark = marker(model.model_fields[name])
    if not (isinstance(mark, Local) and mark.elsewhere and "://" in text):
        return False
    from quanheng.store.s3 import is_address

    return is_address(text)


def content_elsewhere(text: str, allowed_hosts: frozenset[str]) -> str:
    """Return a digest of what lies at an address: names, addresses, sizes, and ETags or else the content."""
    from quanheng.store.s3 import find_remote

    return find_remote(text, allowed_hosts).digest(allowed_hosts)


def check_unchanged(value: Input, params: Mapping[str, JSON], allowed_hosts: frozenset[str] = frozenset()) -> None:
    """Raise Conflict when a path of the input no longer holds the content that `resolve` put into `params`."""
    for name in marked(type(value), Local):
        if name not in params:  # left out, or a path that is written to
            continue
        path = getattr(value, name)
        try:
            if is_elsewhere(type(value), name, path):
                found: JSON = {"content": content_elsewhere(path, allowed_hosts)}
            else:
                found = {"content": content_digest(local_path(path))}
        except NotFound:
            found = None
        if params[name] != found:
            raise Conflict(
                f"{path} changed while it was read",
                f"{path} 在读取过程中发生了变化",
                hint=("Run it again when nothing writes to it.", "请在没有程序写入时重新执行。"),
                code="changed_while_read",
            )


def refuse_paths(session: Session, value: Input) -> None:
    """Raise Forbidden when a caller from elsewhere names a path of this machine.

    It may name its uploads, files that come with Quanheng, what a shipped flow lends to its steps, and the scratch
    folder in which a face lets a query write.
    """
    if session.is_local:
        return
    for name, field in type(value).model_fields.items():
        mark, text = marker(field), getattr(value, name)
        if isinstance(mark, Local) and text is not None and not _may_name(session, mark, text):
            raise address_refused(name) if is_elsewhere(type(value), name, text) else path_refused(name)


def _may_name(session: Session, mark: Local, text: str) -> bool:
    if not mark.reads:
        path = Path(text)
        return session.scratch is not None and path.parent == session.scratch and path.name != ".."
    return mark.remote and (text.startswith(("upload:", "shipped:")) or text in session.lent)


def path_refused(name: str) -> Forbidden:
    """Return the error for a path that a caller from elsewhere gave for the field `name`."""
    return Forbidden(
        f"{name} is a path, which only the command line and Python may give",
        f"{name} 是本机路径，只能在命令行或 Python 中使用",
        hint=("Upload the file and give upload:ID instead.", "请先上传文件，再填写 upload:ID。"),
        code="local_path_refused",
    )


def address_refused(name: str) -> Forbidden:
    """Return the error for an address that a caller from elsewhere gave: it would be read with the server's keys."""
    return Forbidden(
        f"{name} is an address, which would be read with the keys of this server; only its own command line may",
        f"{name} 是远程地址，将使用本服务器的密钥读取，只能由服务器的命令行执行",
        hint=(
            "Ask who runs the server to register it, or upload the files.",
            "请由服务器的运维人员登记，或改为上传文件。",
        ),
        code="address_refused",
    )


def resolve(session: Session, value: Input, content: Callable[[Path], str] = content_digest) -> Resolved:
    """Return the parameters and input artifacts of a validated input, whose paths `refuse_paths` has let pass.

    content: how the content of a file or folder is hashed.
    """
    params: dict[str, JSON] = {}
    inputs: list[tuple[str, str]] = []
    dumped = without_secrets(value)
    for name, field in type(value).model_fields.items():
        mark = marker(field)
        if isinstance(mark, Secret):
            continue
        if isinstance(mark, Takes):
            inputs.extend((name, find_artifact(session, text, mark)) for text in as_list(dumped[name]))
        elif isinstance(mark, Local):
            if dumped[name] is not None and is_elsewhere(type(value), name, dumped[name]):
                params[name] = {"content": content_elsewhere(dumped[name], session.workspace.settings.allowed_hosts)}
            elif mark.reads and dumped[name] is not None:
                params[name] = {"content": content(_readable(local_path(dumped[name]), name, mark))}
        elif isinstance(mark, Veiled) and dumped[name]:
            params[name] = {"content": sha256_digest(canonical_json(dumped[name]))}
        else:
            if isinstance(mark, Url) and dumped[name]:
                check_url(session, str(dumped[name]))
            params[name] = dumped[name]
    return Resolved(params, inputs)


def _readable(path: Path, name: str, mark: Local) -> Path:
    """Return a path that an input reads; Invalid "a_folder" for a folder where a file is wanted."""
    if not mark.folders and path.is_dir():
        raise Invalid(
            f"{name}: {path} is a folder, but a file is needed",
            f"{name}：{path} 是文件夹，而这里需要文件",
            hint=("Name the file inside it.", "请写其中文件的路径。"),
            code="a_folder",
        )
    return path


def find_artifact(session: Session, text: str, takes: Takes = Takes("*")) -> str:  # noqa: B008 - frozen
    """Return the digest of the artifact that `text` names in the session's project: a digest, `slug` or `kind:slug`."""
    from quanheng.core.models import Artifact, Name

    if text.startswith("sha256:"):
        # Screens show the first digits of a digest, so these are enough where they name one artifact.
        part = {"digest__startswith": text} if PREFIX_LENGTH <= len(text) < DIGEST_LENGTH else {"digest": text}
        placed = Artifact.objects.filter(**part, placement__project_id=session.project_id).order_by("digest")
        rows = list(placed.values_list("digest", "kind", "withdrawn_at")[:3])
    else:
        kind, _, slug = text.rpartition(":")
        found = Name.objects.filter(project_id=session.project_id, slug=slug)
        if kind:
            found = found.filter(kind=kind)
        rows = list(found.values_list("artifact__digest", "artifact__kind", "artifact__withdrawn_at"))
    fitting = [row for row in rows if takes.allows(row[1])]
    if len(fitting) == 1:
        digest, _, withdrawn_at = fitting[0]
        if withdrawn_at:
            raise withdrawn(text, digest)
        return digest
    raise _not_one(session, text, takes, rows, fitting)


def withdrawn(text: str, digest: str) -> Conflict:
    """Return the error for an input that was withdrawn; `text` is what the caller wrote."""
    return Conflict(
        f"the artifact {text} was withdrawn",
        f"制品 {text} 已撤回",
        hint=(f"See why: quanheng show {digest}", f"查看原因：quanheng show {digest}"),
        code="withdrawn",
    )


def _not_one(session: Session, text: str, takes: Takes, rows: list[Any], fitting: list[Any]) -> Exception:
    wanted = "/".join(takes.kinds)
    wanted_zh = "或".join(kind_word(kind) for kind in takes.kinds)
    if len(fitting) > 1:
        choices = ", ".join(f"{row[1].split('/')[0]}:{text}" for row in fitting)
        return Invalid(
            f"{text!r} names several artifacts",
            f"{text!r} 对应多个制品",
            hint=(f"Write one of: {choices}", f"请写明其中之一：{choices}"),
            code="ambiguous_name",
        )
    if rows:
        kinds = ", ".join(sorted({row[1] for row in rows}))
        kinds_zh = "、".join(sorted({kind_word(row[1]) for row in rows}))
        return Invalid(
            f"{text!r} is a {kinds}, but {wanted} is needed",
            f"{text!r} 是{kinds_zh}，而这里需要{wanted_zh}",
            hint=("List what there is: quanheng artifact list", "查看现有制品：quanheng artifact list"),
            code="wrong_kind",
        )
    what = wanted if wanted != "*" else "artifact"
    near = _near(session, text, takes)
    if near:
        return NotFound(
            f"there is no {what} {text!r} in this project",
            f"本项目中没有名为 {text!r} 的{wanted_zh}",
            hint=("Did you mean: " + ", ".join(near), "是否想用：" + "、".join(near)),
            code="no_such_artifact",
        )
    return NotFound(
        f"there is no {what} {text!r} in this project",
        f"本项目中没有名为 {text!r} 的{wanted_zh}",
        hint=("List what there is: quanheng artifact list", "查看现有制品：quanheng artifact list"),
        code="no_such_artifact",
    )


def _near(session: Session, text: str, takes: Takes) -> list[str]:
    """Return names of the project that are written like `text`, the same slug under another kind first."""
    from quanheng.core.models import Name

    if text.startswith("sha256:"):
        return []
    rows = Name.objects.filter(project_id=session.project_id).values_list("kind", "slug", "artifact__kind")
    known = [f"{kind}:{slug}" for kind, slug, full in rows.order_by("-id")[:MOST_NAMES] if takes.allows(full)]
    kind, _, slug = text.rpartition(":")
    same = [name for name in known if kind and name.endswith(":" + slug)]
    like = get_close_matches(text, known if kind else [name.split(":", 1)[1] for name in known], n=3, cutoff=0.6)
    return list(dict.fromkeys([*sorted(same, key=lambda name: name not in like), *like]))[:3]
