"""The typed list of settings and where each value comes from.

Order: argument > `QUANHENG_*` environment > `quanheng.toml` > default. `quanheng config` prints value and origin.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quanheng.errors import Invalid, Text
from quanheng.store.hosts import is_host
from quanheng.store.sigv4 import shown

FILE_NAME = "quanheng.toml"


@dataclass(frozen=True)
class Setting:
    """One setting: name, default, what it does. The default's type is the setting's type."""

    name: str
    default: str | int | bool
    help: Text
    secret: bool = False  # never read from the file, never printed
    least: int = 0  # the smallest number that makes sense
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Value:
    """A setting's value and its origin: argument, environment, file or default."""

    setting: Setting
    value: str | int | bool
    origin: str

    @property
    def shown(self) -> str:
        """Return the value as text, hidden when it is secret."""
        if self.setting.secret and self.origin != "default":
            return "••••"
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "database",
        "sqlite",
        Text("sqlite, or a postgresql:// URL (environment only)", "sqlite，或 postgresql:// 地址（只从环境变量读取）"),
        secret=True,
    ),
    Setting("language", "zh", Text("language of messages: zh or en", "界面语言：zh 或 en"), choices=("zh", "en")),
    Setting(
        "processes", 0, Text("worker processes of one job; 0 = one per core", "单个作业的工作进程数；0 为每核一个")
    ),
    Setting(
        "executor",
        "local",
        Text(
            "where the parts of a job run: local, ray or slurm",
            "作业的各部分在哪里执行：local（本机）、ray 或 slurm",
        ),
        choices=("local", "ray", "slurm"),
    ),
    Setting(
        "ray_address",
        "local",
        Text(
            "Ray cluster: local starts one here, auto finds the one of this machine, or host:port",
            "Ray 集群：local 在本机启动，auto 用本机所在的集群，或写 主机:端口",
        ),
    ),
    Setting(
        "slurm_partition",
        "",
        Text("Slurm partition; empty = the default one", "Slurm 分区；留空即默认分区"),
    ),
    Setting(
        "slurm_options",
        "",
        Text(
            "further options of sbatch, such as --time=02:00:00 --mem=8G",
            "sbatch 的其他选项，如 --time=02:00:00 --mem=8G",
        ),
    ),
    Setting("lease_s", 30, Text("seconds before a silent job counts as lost", "作业失去心跳多少秒后视为丢失"), least=1),
    Setting("database_wait_s", 60, Text("seconds to wait for a locked database", "数据库被占用时最多等待的秒数")),
    Setting(
        "allowed_hosts",
        "",
        Text(
            "hosts the platform may call, comma separated: name, name:port or *.domain",
            "允许平台访问的主机，用逗号分隔，写主机、主机:端口或 *.域名；默认一个也不允许",
        ),
    ),
    Setting(
        "public_url",
        "",
        Text(
            "address people reach the server at, such as https://qh.example.cn",
            "使用者访问本服务的网址，如 https://qh.example.cn",
        ),
    ),
    Setting("serve_threads", 8, Text("requests the server answers at once", "服务同时处理的请求数"), least=1),
    Setting("serve_jobs", 2, Text("jobs the server runs at once; 0 = none", "服务同时执行的作业数；0 为不执行")),
    Setting("upload_limit_mb", 4096, Text("largest upload, in MiB", "单个上传文件的上限（MiB）"), least=1),
    Setting(
        "collect_after_h",
        24,
        Text("hours an unused layer is kept before collection", "无人引用的数据层保留多少小时后才回收"),
    ),
    Setting(
        "holidays",
        "",
        Text("TOML file of public holidays and make-up workdays", "法定节假日与调休日的 TOML 文件"),
    ),
)
BY_NAME: dict[str, Setting] = {setting.name: setting for setting in SETTINGS}


def _convert(setting: Setting, raw: object, origin: str) -> str | int | bool:
    kind = type(setting.default)
    text = str(raw).strip()
    if kind is bool and text.lower() in ("true", "1", "yes", "false", "0", "no"):
        return text.lower() in ("true", "1", "yes")
    if kind is int and re.fullmatch(r"[0-9]{1,15}", text) and int(text) >= setting.least:
        return int(text)
    if kind is str and isinstance(raw, str) and (not setting.choices or text in setting.choices):
        if setting.name == "allowed_hosts":
            _check_hosts(text, origin)
        return text
    shown = "••••" if setting.secret else repr(raw)
    wanted = _wanted(setting)
    raise Invalid(
        f"setting {setting.name} = {shown} (from {origin}) is not {wanted.en}",
        f"设置 {setting.name} = {shown}（来自 {origin}）有误，应为{wanted.zh}",
        hint=("Correct the value, then run `quanheng config`.", "请改正后运行 `quanheng config` 查看。"),
        code="bad_setting",
    )


def _check_hosts(text: str, origin: str) -> None:
    """Raise Invalid "bad_setting" that names what is no host; without this it would allow nothing, in silence."""
    for host in filter(None, map(str.strip, text.split(","))):
        if not is_host(host):
            raise Invalid(
                f"setting allowed_hosts (from {origin}): {shown(host)!r} is no host",
                f"设置 allowed_hosts（来自 {origin}）：{shown(host)!r} 不是主机",
                hint=(
                    "Write names without http:// and path, comma separated: llm.example.com, 10.0.0.5:8000, "
                    "*.example.com",
                    "请只写主机，不带 http:// 和路径，用逗号分隔：llm.example.com, 10.0.0.5:8000, *.example.com",
                ),
                code="bad_setting",
            )


def _wanted(setting: Setting) -> Text:
    if setting.choices:
        return Text(" or ".join(setting.choices), " 或 ".join(setting.choices))
    if isinstance(setting.default, bool):
        return Text("true or false", " true 或 false")
    if isinstance(setting.default, int):
        return Text(f"a whole number from {setting.least}", f"不小于 {setting.least} 的整数")
    return Text("text", "文本")


def _read_file(path: Path) -> Mapping[str, object]:
    if not path.exists():
        return {}
    from quanheng.kinds.toml_words import TomlFault, parse_toml

    try:
        data = parse_toml(path.read_bytes())
    except TomlFault as error:
        en, zh = error.text
        raise Invalid(
            f"{FILE_NAME} cannot be read: {en}",
            f"无法读取 {FILE_NAME}：{zh}",
            hint=("Correct the file; it is TOML in UTF-8.", "请改正该文件；它应是 UTF-8 编码的 TOML。"),
            code="bad_settings_file",
        ) from error
    for name in data:
        if name not in BY_NAME or BY_NAME[name].secret:
            why = (
                ("is secret and belongs in the environment", "属于机密，只能放在环境变量里")
                if name in BY_NAME
                else ("is not a setting", "不是可用的设置项")
            )
            raise Invalid(
                f"{FILE_NAME}: {name} {why[0]}",
                f"{FILE_NAME}：{name} {why[1]}",
                hint=("Known settings: " + ", ".join(BY_NAME), "可用的设置项：" + "、".join(BY_NAME)),
                code="bad_settings_file",
            )
    return data


class Settings:
    """The settings of one workspace, each with its origin."""

    def __init__(self, folder: Path | None, arguments: Mapping[str, object] | None = None) -> None:
        file = _read_file(folder / FILE_NAME) if folder else {}
        self._values = {s.name: self._resolve(s, arguments or {}, file) for s in SETTINGS}

    @staticmethod
    def _resolve(setting: Setting, arguments: Mapping[str, object], file: Mapping[str, object]) -> Value:
        variable = f"QUANHENG_{setting.name.upper()}"
        if arguments.get(setting.name) is not None:
            return Value(setting, _convert(setting, arguments[setting.name], "argument"), "argument")
        if os.environ.get(variable):
            return Value(setting, _convert(setting, os.environ[variable], variable), "environment")
        if setting.name in file:
            return Value(setting, _convert(setting, file[setting.name], FILE_NAME), "file")
        return Value(setting, setting.default, "default")

    def values(self) -> list[Value]:
        """Return every setting with value and origin, in the order of SETTINGS."""
        return list(self._values.values())

    def text(self, name: str) -> str:
        """Return the setting as text."""
        return str(self._values[name].value)

    def number(self, name: str) -> int:
        """Return the setting as an integer."""
        return int(self._values[name].value)

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Return the hosts that may be called; empty means none."""
        return frozenset(h.strip().lower() for h in self.text("allowed_hosts").split(",") if h.strip())
