"""A cacheable verb whose output changes for the same input must raise its version: the digests are pinned.

When this fails and the change is meant, raise the verb's version and write the new line into versions.json.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from quanheng.core.verb import VERBS, load
from unit.endpoints.loopback import completion, serve

PINNED: dict[str, str] = json.loads((Path(__file__).parent / "versions.json").read_text("utf-8"))
THINGS = "桃 李 杏 梨 枣 柿 槐 柳 杨 榆 桂 梅 松 柏 竹 枫 桑 栗 榕 樟 椿 楠 桐 棕 榛 栎 柚 橙 柑 橘".split()
LINES = [
    f"{THINGS[i] * 3}信：院子里的{THINGS[i]}树今年开花了，{THINGS[-i] * 4}也好看，电话 1380013{i:04d}。"
    for i in range(30)
]
QUESTIONS = [{"id": f"q-{i}", "risk": "A.4.f", "question": f"请写第{i}则保护隐私的提示。"} for i in range(3)]
TERMS = [{"term": "树今年开花", "risk": "A.1.h"}]


def write(folder: Path, name: str, rows: list[Any]) -> str:
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
    return str(folder / name)


def run_everything(workspace: Any, folder: Path) -> dict[str, str]:
    """Return "verb@version" → digest of its output on the fixture, for every cacheable verb."""
    made: dict[str, str] = {}

    def run(verb: str, **data: Any) -> str:
        made[f"{verb}@{VERBS[verb].version}"] = digest = str(workspace.call(verb, **data).digest)
        return digest

    run("files.register", path=write(folder, "note.txt", ["记录"]), title="记录")
    source = run("source.register", path=write(folder, "letters.txt", LINES), title="信", document="line")
    lexicon = run("lexicon.register", file=write(folder, "terms.jsonl", TERMS), title="词", owner="组")
    corpus = run("corpus.build", sources=[source], lexicon=lexicon)
    run("corpus.takedown", corpus=corpus, match=["柿柿柿"])
    run("lexicon.admit", lexicon=lexicon, corpus=corpus)
    tokenizer = run("tokenizer.train", corpus=corpus, title="词表", vocabulary=300, characters=1000)
    with workspace.load(tokenizer).open_layer("tokenizer.json") as stream:
        (folder / "tokenizer.json").write_bytes(stream.read())
    run("tokenizer.register", file=str(folder / "tokenizer.json"), title="词表")
    mix = run("corpus.mix", corpus=corpus, tokenizer=tokenizer, group=["1=1"], tokens=500)
    run("corpus.export", corpus=corpus, format="megatron", mix=mix, tokenizer=tokenizer)
    run(
        "corpus.publish",
        corpus=corpus,
        name="letters",
        title="信",
        publisher="组",
        contact="a@example.com",
        waiver="试",
    )
    labelled = [{"text": line, "labels": ["good"] if i % 2 else []} for i, line in enumerate(LINES)]
    run("classifier.train", file=write(folder, "labelled.jsonl", labelled), title="质量")
    run("ngram.train", corpus=corpus, title="信", characters=1000)
    sample = run("sample.draw", commitment=run("sample.commit", corpus=corpus, purpose="keyword", n=10))
    scan = run("verdicts.scan", subject=sample, lexicon=lexicon)
    ids = [row["id"] for row in workspace.load(sample).rows("items.jsonl")]
    reviewed = write(folder, "reviewed.csv", ["id,verdict", *(f"{i},pass" for i in ids)])
    run("verdicts.enter", subject=sample, file=reviewed, reviewer="team-a")
    bank = run(
        "benchmark.register", file=write(folder, "bank.jsonl", QUESTIONS), purpose="generation", title="库", owner="组"
    )
    run("model.register", file=write(folder, "tiny.gguf", ["GGUF"]), title="小模型")
    with serve(completion("抱歉，我不能提供。")) as said:
        endpoint = run("endpoint.register", url=said.url, title="m")
        answers = run("responses.generate", endpoint=endpoint, bank=bank)
    judged = run("verdicts.judge", responses=answers)
    pack = run("rulepack.register", file="shipped:oversight/rules/packs/tc260-003-2024.json")
    run("assessment.run", rulepack=pack, corpus=corpus, lexicon=lexicon, banks=[bank], responses=[answers],
        verdicts=[scan, judged])  # fmt: skip
    return made


#: What hangs on the free port of the test's own server: their digests cannot be pinned.
LOOSE = {"endpoint.register", "responses.generate", "verdicts.judge", "assessment.run"}


def test_output_changes_only_with_the_version(workspace: Any, tmp_path: Path) -> None:
    made = run_everything(workspace, tmp_path)
    load()
    assert {name.split("@")[0] for name in made} == {verb.name for verb in VERBS.values() if verb.cache}
    if version("pyarrow") != PINNED["pyarrow"]:
        pytest.skip(f"the corpus' bytes are pinned for pyarrow {PINNED['pyarrow']}")
    assert {name: digest for name, digest in made.items() if name.split("@")[0] not in LOOSE} == {
        name: digest for name, digest in PINNED.items() if name != "pyarrow"
    }
