"""The root words and the words that join the nouns of the index: what each takes, and what it does.

Actions load what they need when they run, so that this table costs nothing to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from quanheng.cli.caller import Caller
from quanheng.cli.commands import Action
from quanheng.cli.index import Command, Option, Type
from quanheng.errors import Text


@dataclass(frozen=True)
class Word:
    """A command with its action."""

    entry: Command
    action: Action


def option(
    name: str,
    en: str,
    zh: str,
    type: Type = "text",
    *,
    required: bool = False,
    many: bool = False,
    default: Any = None,
    choices: tuple[str, ...] = (),
    place: bool = False,
) -> Option:
    """Return an option of a word."""
    return Option(name, type, many, required, default, choices, Text(en, zh), place)


def flag(name: str, en: str, zh: str) -> Option:
    """Return an option that is there or not."""
    return option(name, en, zh, "bool", default=False)


def word(
    name: str,
    reference: str,
    help: tuple[str, str],
    *options: Option,
    kind: Literal["verb", "query"] = "query",
    universal: tuple[str, ...] = (),
) -> Word:
    """Return a word whose action is the function "module:function" of this package, loaded when it runs."""

    def action(caller: Caller, values: dict[str, Any], names: dict[str, Any]) -> None:
        module, _, function = reference.partition(":")
        getattr(import_module(f"quanheng.cli.{module}"), function)(caller, {**values, **names})

    return Word(Command(name, kind, Text(*help), options, (), universal), action)


_ARTIFACT = option("artifact", "Name, kind:name or digest", "名称、kind:名称 或摘要", "artifact", required=True)

ROOT_WORDS: Mapping[str, Word] = {
    "demo": word(
        "demo", "demo_word:demo",
        ("Run the whole main job on real text: report and evidence bundle",
         "在真实文本上跑完整流程，产出报告与证明材料包"),
        option("to", "Folder for the results", "结果所在文件夹", "path", default="quanheng-demo"),
        option("source",
               "Your own file or folder of text, instead of the shipped text; one txt file is one document, "
               "unless a source says otherwise (source register --document line)",
               "改用自己的文本文件或文件夹；一个 txt 文件算一篇文档，除非登记来源时另行说明"
               "（source register --document line）",
               "path"),
        option("model_url", "Ask this OpenAI-compatible service instead of the local model",
               "改用该 OpenAI 兼容服务，不用本地模型"),
        option("model_name", "Name of the model at that service", "该服务中的模型名称"),
        flag("full", "Ask whole question banks, not 20 questions of each", "使用完整题库，而不是每个题库 20 题"),
        flag("serve", "Show the result as pages afterwards, until Ctrl-C", "完成后启动网页查看结果，按 Ctrl-C 结束"),
    ),
    "show": word("show", "read_words:show", ("Show an artifact", "查看制品"), _ARTIFACT),
    "verify": word(
        "verify", "read_words:verify",
        ("Check an evidence bundle; needs no workspace", "核验证明材料包；不需要工作区"),
        option("bundle", "File of the bundle", "证明材料包文件", "path", required=True),
        option("key", "Fingerprint that the signing key must have", "签名密钥应有的指纹"),
    ),
    "serve": word(
        "serve", "serve_word:serve",
        ("Serve pages and HTTP API; prints a one-time sign-in link", "启动网页与接口服务，并给出一次性登录链接"),
        option("host", "Address to listen at; beyond this machine it takes https and an account with a password",
               "监听地址；非本机地址需要 https 与设有密码的账号", default="127.0.0.1"),
        option("port", "Port", "端口", "int", default=8930),
        option("certificate", "File with the TLS certificate chain", "TLS 证书链文件", "path"),
        option("key", "File with the certificate's private key", "证书私钥文件", "path"),
        flag("behind_proxy", "A proxy in front does https and sets X-Forwarded-Proto",
             "前面有负责 https 的反向代理，并会设置 X-Forwarded-Proto"),
        flag("log", "Write one JSON line per request to standard error", "每个请求在标准错误输出一行 JSON 日志"),
    ),
    "migrate": word(
        "migrate", "keep_words:migrate",
        ("Make a workspace in an empty folder, or bring one up to this release",
         "在空文件夹中新建工作区，或升级已有工作区"),
        option("folder", "Folder (default: the workspace, or this folder)", "文件夹（默认为工作区或当前文件夹）",
               "path", place=True),
    ),
    "fsck": word(
        "fsck", "keep_words:fsck", ("Check every row and byte of the workspace", "逐项检查工作区的全部记录与数据"),
        flag("repair", "Rebuild the indexes that differ from the manifests", "重建与清单不一致的索引"),
        flag("quick", "Compare sizes, do not read the objects", "只比对大小，不逐字节校验"),
    ),
    "backup": word(
        "backup", "keep_words:backup", ("Write the whole workspace into one file", "把整个工作区备份为一个文件"),
        option("file", "File to write", "要写入的文件", "path", required=True),
        flag("keys", "With the private keys: the file is then a secret", "包含私钥：该文件须按机密保管"),
    ),
    "restore": word(
        "restore", "keep_words:restore",
        ("Make a workspace from a backup, in an empty folder", "用备份恢复出一个工作区（须为空文件夹）"),
        option("file", "File of the backup", "备份文件", "path", required=True),
        option("folder", "Empty folder to restore into (default: this folder)",
               "恢复到的空文件夹（默认为当前文件夹）", "path", place=True),
    ),
    "mcp": word(
        "mcp", "mcp_word:mcp",
        ("Serve verbs and queries as tools to an AI assistant (MCP, on standard input and output)",
         "以 MCP 协议把操作与查询提供给 AI 助手（经标准输入输出）"),
    ),
    "completion": word(
        "completion", "read_words:completion",
        ("Print the completion script of a shell", "打印命令行补全脚本"),
        option("shell", "Shell", "shell 类型", "choice", required=True, choices=("bash", "zsh", "fish")),
    ),
}  # fmt: skip

_FLOW = option("flow", "Name of a shipped flow, or a TOML file", "自带流程的名称，或 TOML 文件", required=True)

NOUN_WORDS: Mapping[str, Mapping[str, Word]] = {
    "log": {
        "show": word(
            "log.show", "read_words:log_show", ("Show one log entry in full", "查看一条存证的全文"),
            option("index", "Number of the entry, from 0", "存证序号，从 0 起", "int", required=True),
        ),
        "checkpoint": word(
            "log.checkpoint", "read_words:log_checkpoint",
            ("Sign the present head of the log and print the signed note", "签署当前存证的检查点并打印"),
        ),
    },
    "artifact": {"show": word("artifact.show", "read_words:show", ("Show an artifact", "查看制品"), _ARTIFACT)},
    "assessment": {
        "show": word(
            "assessment.show", "assessment_words:show", ("Show the verdict of each rule", "查看每条规则的结论"),
            option("assessment", "Assessment", "评估", "artifact", required=True),
        ),
    },
    "flow": {
        "run": word(
            "flow.run", "flow_words:run",
            ("Run a flow; what is already there is not run again", "运行流程；已有的结果不会重复计算"),
            _FLOW,
            option("param", "Parameter of the flow", "流程的参数", "pairs", default={}),
            kind="verb", universal=("detach",),
        ),
        "show": word(
            "flow.show", "flow_words:show", ("Check a flow and show its steps; without a name, list the flows",
                                             "检查流程并列出步骤；不写名称则列出全部流程"),
            option("flow", "Name of a shipped flow, or a TOML file", "自带流程的名称，或 TOML 文件", place=True),
        ),
        "plan": word(
            "flow.plan", "flow_words:plan",
            ("Show what a flow would run now and what is already there", "查看流程现在会执行哪些步骤、哪些已有"),
            _FLOW,
            option("param", "Parameter of the flow", "流程的参数", "pairs", default={}),
        ),
    },
    "recipe": {
        "lint": word(
            "recipe.lint", "flow_words:lint",
            ("Check a recipe; a misspelt name is told with the nearest right one",
             "检查配方；写错的名称会提示最接近的正确写法"),
            option("recipe", "Name of a recipe that ships, or a TOML file of your own",
                   "自带配方的名称，或自己的配方（TOML 文件）", default="web-zh", place=True),
            option("file", "TOML file of a recipe of your own", "自己的配方（TOML 文件）", "path"),
            option("toml", "Text of a recipe, in place of both", "配方的文本，代替前两项"),
        ),
    },
    "job": {
        "work": word(
            "job.work", "work_words:work", ("Run queued jobs until it is stopped", "持续执行排队的作业，直到被停止"),
            flag("once", "End when the queue is empty", "队列清空后即结束"),
        ),
    },
    "workspace": {
        "collect": word(
            "workspace.collect", "keep_words:collect",
            ("Remove layers that nothing uses", "回收无人引用的数据层"),
            flag("cached",
                 "Also remove what is only kept for reuse: results between the steps of builds, answers of models; "
                 "a later build makes them again, and asks again",
                 "同时清除仅为重复使用而保留的缓存：构建的中间结果、模型的回答；以后构建时会重新计算、重新提问"),
        ),
    },
    "bundle": {
        "export": word(
            "bundle.export", "keep_words:export",
            ("Write artifacts and all they were made from into an evidence bundle",
             "把制品及其全部血缘导出为证明材料包"),
            option("artifacts", "Names, kind:name or digests", "名称、kind:名称 或摘要", "artifact", required=True,
                   many=True),
            option("to", "File to write", "要写入的文件", "path", default="evidence.zip"),
            flag("sealed", "Digests, counts and proofs only, no contents", "密封：只含摘要、计数与证明，不含内容"),
        ),
    },
}  # fmt: skip
