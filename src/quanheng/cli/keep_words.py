"""Root words that keep a workspace: migrate, fsck, backup, restore, workspace collect, bundle export."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from quanheng.cli.answer import print_answer
from quanheng.cli.caller import Caller
from quanheng.cli.language import workspace_folder
from quanheng.cli.progress import counter
from quanheng.core.sizes import size_text
from quanheng.errors import Corrupt
from quanheng.kinds.counting import counted


def migrate(caller: Caller, values: dict[str, Any]) -> None:
    """Make a workspace, or apply what this release changed in the database."""
    from quanheng.core.upgrade import upgrade

    folder = Path(values["folder"]).expanduser() if values.get("folder") else workspace_folder(caller.workspace)
    done = upgrade(folder or Path.cwd())
    if caller.json:
        caller.print_json({"folder": str(done.folder), "created": done.created, "applied": list(done.applied)})
    elif done.created:
        caller.tell(f"Made a workspace in {done.folder}", f"已在 {done.folder} 新建工作区")
        caller.tell(f"Fingerprint of its signing key: {done.fingerprint}", f"签名密钥指纹：{done.fingerprint}")
        given = f" -w {shlex.quote(caller.workspace)}" if caller.workspace else ""
        caller.tell(
            f"Next: quanheng{given} source register FOLDER --title TITLE",
            f"下一步：quanheng{given} source register 文件夹 --title 标题",
        )
    elif done.applied:
        caller.tell(f"Brought up to this release: {', '.join(done.applied)}", f"已升级：{'、'.join(done.applied)}")
    else:
        caller.tell("Up to date already, nothing was changed", "已是最新，未作改动")


def fsck(caller: Caller, values: dict[str, Any]) -> None:
    """Check the workspace; exit 7 when something is wrong."""
    from quanheng.core.fsck import fsck as check

    with caller.open() as workspace, counter(caller, "fsck", "检查") as progress:
        report = check(workspace, repair=bool(values.get("repair")), quick=bool(values.get("quick")), progress=progress)
    if caller.json:
        caller.print_json(report.to_json())
    else:
        for title, items in (
            (("Repaired", "已修复"), report.repaired),
            (("Note", "说明"), report.notes),
            (("Problem", "问题"), report.problems),
        ):
            for item in items:
                caller.tell(f"{title[0]}: {item.en} [{item.code}]", f"{title[1]}：{item.zh} [{item.code}]")
        _print_counts(caller, report.counts)
        caller.tell(f"root: {report.root}", f"存证根哈希：{report.root}")
        if report.ok:
            caller.tell("Sound: nothing differs from its digest.", "完好：没有任何内容与其摘要不符。")
        else:
            n = len(report.problems)
            caller.tell(f"NOT SOUND: {counted(n, 'problems')}.", f"不完好：{n} 处问题。")
    click.get_current_context().exit(0 if report.ok else Corrupt.exit_code)


_COUNTS = {
    "artifacts": ("artifacts", "制品"),
    "bytes": ("bytes", "字节"),
    "checkpoints": ("checkpoints", "检查点"),
    "entries": ("log entries", "存证"),
    "external": ("external layers", "外部数据层"),
    "jobs": ("jobs", "作业"),
    "keys": ("keys", "密钥"),
    "layers": ("layers", "数据层"),
    "names": ("names", "名称"),
    "nodes": ("log nodes", "存证节点"),
    "objects": ("objects", "对象"),
    "unused": ("unused layers", "未引用的数据层"),
    "withdrawn": ("withdrawn", "已撤回"),
    "witnesses": ("witnesses", "外部见证"),
}


def _print_counts(caller: Caller, counts: dict[str, int]) -> None:
    said = []
    for name, number in counts.items():
        en, zh = _COUNTS.get(name, (name.replace("_", " "), name))
        said.append((f"{en} {number:,}", f"{zh} {number:,}"))
    caller.tell("Checked: " + ", ".join(en for en, _ in said), "已检查：" + "、".join(zh for _, zh in said))


def backup(caller: Caller, values: dict[str, Any]) -> None:
    """Write a backup of the whole workspace."""
    from quanheng.core.backup import backup as write

    file, keys = Path(values["file"]).expanduser(), bool(values.get("keys"))
    with caller.open() as workspace, counter(caller, "backup", "备份") as progress:
        write(workspace, file, keys=keys, progress=progress)
    size = file.stat().st_size
    if caller.json:
        caller.print_json({"file": str(file), "bytes": size, "keys": keys})
        return
    caller.tell(f"Written: {file} ({size_text(size)})", f"已写入：{file}（{size_text(size)}）")
    if keys:
        caller.tell("It holds the private keys: keep it as a secret.", "其中含有私钥：请按机密保管。")
    else:
        caller.tell(
            "The private keys are not in it; copy the folder keys/ to a safe place.",
            "其中不含私钥；请将 keys/ 文件夹另行妥善保存。",
        )


def restore(caller: Caller, values: dict[str, Any]) -> None:
    """Make a workspace from a backup."""
    from quanheng.core.backup import restore as read

    folder = Path(values.get("folder") or caller.workspace or ".").expanduser().absolute()
    with counter(caller, "restore", "恢复") as progress:
        done = read(Path(values["file"]).expanduser(), folder, progress=progress)
    if caller.json:
        caller.print_json({"folder": str(folder), "size": done.log_size, "root": done.root})
        return
    caller.tell(f"Restored into {folder}", f"已恢复到 {folder}")
    caller.tell(
        f"log: {counted(done.log_size, 'entries')}, root {done.root}", f"存证：{done.log_size} 条，根哈希 {done.root}"
    )


def collect(caller: Caller, values: dict[str, Any]) -> None:
    """Remove layers that nothing uses."""
    from dataclasses import asdict

    from quanheng.core.collect import collect as run

    with caller.open() as workspace, counter(caller, "collect", "回收") as progress:
        done = run(workspace, progress, cached=bool(values.get("cached")))
    if caller.json:
        caller.print_json(asdict(done))
        return
    size = size_text(done.bytes)
    caller.tell(f"Collected: {counted(done.layers, 'layers')}, {size}", f"已回收：{done.layers} 个数据层，{size}")
    if done.left_for_jobs:
        caller.tell(
            "A job is running: what was stored or used since it began stays. Collect again when it has ended.",
            "有作业正在运行：自其开始以来存入或用到的内容予以保留。请在作业结束后再次回收。",
        )


def export(caller: Caller, values: dict[str, Any]) -> None:
    """Write an evidence bundle of artifacts and everything they were made from."""
    from dataclasses import asdict

    from quanheng.core.bundles import export_bundle

    to = Path(values.get("to", "evidence.zip")).expanduser()
    with caller.open() as workspace, counter(caller, "export", "导出") as progress:
        digests = [workspace.call("artifact.show", artifact=name)["digest"] for name in values["artifacts"]]
        done = export_bundle(
            workspace.session, digests, to, mode="sealed" if values.get("sealed") else "open", progress=progress
        )
    if caller.json:
        print_answer(caller, {**asdict(done), "path": str(done.path)})
        return
    caller.tell(
        f"Written: {done.path} ({size_text(done.size_bytes)}), {done.artifacts} artifacts, {done.entries} log entries",
        f"已写入：{done.path}（{size_text(done.size_bytes)}），{done.artifacts} 个制品，{done.entries} 条存证",
    )
    caller.tell(
        f"Check it: quanheng verify {done.path} --key {done.fingerprint}",
        f"核验：quanheng verify {done.path} --key {done.fingerprint}",
    )
