"""The data wing on the command line, as a newcomer meets it: licences, pictures, what was found, what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from databases import Place, close_open

PLAIN = [f"今天我们在图书馆讨论第{n}条新规则，大家觉得服务很好，明天还会再来看看。" for n in range(20)]
LINES = [
    *PLAIN,
    PLAIN[3],
    "短",
    "一再重复的句子没有意义，" * 12,
    "请拨打13812345678联系我们吧，我们会在两天之内回复。",
    "小广告上写着色*情*服*务几个字，居民看到后向社区作了反映。",
]


class Ran(NamedTuple):
    """What a command line gave."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Return standard output as JSON."""
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture
def qh(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Return a function that runs one command line, beside the folder `text` with lines and a list of terms."""
    from quanheng.cli.main import run

    for name in ("QUANHENG_DATABASE", "QUANHENG_WORKSPACE"):
        monkeypatch.setenv(name, place.environment[name])
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("\n".join(LINES) + "\n", "utf-8")
    (tmp_path / "terms.jsonl").write_text('{"term": "色情服务", "risk": "A.1.f"}\n', "utf-8")
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> Ran:
        capsys.readouterr()
        code = run([part for word in words for part in word.split(" ")])
        return Ran(code, *capsys.readouterr())

    yield command
    close_open()


@pytest.fixture
def built(qh: Command) -> Command:
    """Return the same when there is a corpus `made`, searched with the keyword library `words`."""
    assert qh("source register text --title 来源 --document line --as one").code == 0
    assert qh("lexicon register terms.jsonl --title 词 --owner 某部门 --as words").code == 0
    assert qh("corpus build one --lexicon words --as made").code == 0
    return qh


def test_only_a_licence_that_spdx_knows_is_clear(qh: Command) -> None:
    refused = qh("source register text --title 来源 --licence FOO-1.0")
    assert refused.code == 2 and "“FOO-1.0”不是 SPDX 许可证" in refused.err and "LicenseRef-名称" in refused.err
    refused = qh("--lang en source register text --title 来源 --licence Apache2")
    assert refused.code == 2 and "(near it: Apache-2.0," in refused.err
    assert qh("artifact list --json").data["rows"] == [
        row for row in qh("artifact list --json").data["rows"] if row["kind"] == "key/v1"
    ]
    for given, kept, clear in (
        ("mit", "MIT", True),
        ("LicenseRef-letter", "LicenseRef-letter", True),
        ("NOASSERTION", "NOASSERTION", False),
    ):
        assert qh(f"source register text --title 来源 --licence {given} --as s").code == 0
        licence = qh("show source:s --json").data["config"]["licence"]
        assert (licence["spdx"], licence["clear"]) == (kept, clear)


@pytest.mark.parametrize(
    "verb",
    [
        "model register --file text/a.txt --title m",
        "benchmark register --file terms.jsonl --purpose must_refuse --title t --owner o",
    ],
)
def test_models_and_banks_have_the_same_rule(qh: Command, verb: str) -> None:
    refused = qh(f"{verb} --licence FOO-1.0")
    assert refused.code == 2 and "不是 SPDX 许可证" in refused.err


def test_pictures_are_called_pictures_and_how_to_read_them(qh: Command, tmp_path: Path) -> None:
    (tmp_path / "text" / "p1.png").write_bytes(b"\x89PNG\r\n")
    (tmp_path / "text" / "p2.JPG").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "text" / "odd.xyz").write_bytes(b"\0")
    made = qh("source register text --title 来源")
    assert made.code == 0
    assert "2 张图片没有读取：p1.png、p2.JPG。" in made.err and "--ocr when_missing" in made.err
    assert "跳过 1 个文件（格式不明、隐藏或链接）：odd.xyz" in made.err
    made = qh("--lang en source register text --title again")
    assert "2 pictures not read: p1.png, p2.JPG. Say --ocr when_missing" in made.err
    one = qh("source register text/p1.png --title 图 --json")
    assert one.code == 2 and "是图片" in one.out and "--ocr" in one.out and "only_pictures" in one.out
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "p.webp").write_bytes(b"RIFF")
    folder = qh("--lang en source register pictures --title t --json")
    assert folder.code == 2 and "is a picture" in folder.out and "only_pictures" in folder.out
    odd = qh("source register text/odd.xyz --title t --json")
    assert odd.code == 2 and "unknown_format" in odd.out


def test_a_build_that_is_there_says_what_it_does_not_keep(built: Command) -> None:
    same = built("corpus build one --lexicon words")
    assert same.out.startswith("已有，不再执行") and "--keep" not in same.out
    more = built("corpus build one --lexicon words --keep stages")
    assert (
        more.out.startswith("已有，不再执行")
        and "此前已按 --keep final 构建" in more.out
        and "--keep stages" in more.out
    )
    english = built("--lang en corpus build one --lexicon words --keep all")
    assert "was built before with --keep final" in english.out and "--keep all" in english.out
    answer = built("corpus build one --lexicon words --keep stages --json").data
    assert answer["cached"] and {"en", "zh"} == set(answer["value"]["note"])


def test_more_that_was_kept_before_needs_no_word(built: Command) -> None:
    assert built("corpus build one --keep stages").code == 0
    for less in ("final", "stages"):
        assert built(f"corpus build one --keep {less} --json").data["value"] == {}
    assert "--keep stages 构建" in built("corpus build one --keep all").out


def test_the_review_list_names_terms_risks_and_disguises(built: Command) -> None:
    shown = built("corpus review made").out
    for part in (
        "色情服务 · 宣扬暴力、淫秽色情（A.1.f）",
        "写作 色*情*服*务，插入符号（inserted）",
        "命中风险词（risk_terms）",
        "【色*情*服*务】",
    ):
        assert part in shown
    english = built("--lang en corpus samples made --reason hit").out
    assert "obscenity or pornography (A.1.f)" in english and "as 色*情*服*务, symbols inserted (inserted)" in english
    assert built("corpus review made --json").data["rows"][0]["hit_terms"][0]["term"] == "色情服务"
    assert built("artifact withdraw lexicon:words --reason 换新").code == 0
    without = built("corpus review made").out
    assert "色情服务 ·" not in without and "未列出具体词条" in without and "【色*情*服*务】" in without


@pytest.mark.parametrize(
    ("command", "zh", "en"),
    [
        (
            "corpus samples made --reason duplicate",
            "完全重复（duplicate）：共 1 条",
            "exact duplicate (duplicate): 1 of 1",
        ),
        ("corpus samples made --reason repetitive --beside", "内容重复堆砌（repetitive）", "Kept, to compare"),
        ("corpus duplicates made", "与之重复", "repeats"),
        ("corpus masked made", "手机号（mobile）  1", "mobile number (mobile)  1"),
        ("lexicon terms words", "列入复核（review）", "listed for review (review)"),
        ("corpus document made --index 0", "简体（zh-Hans）", "simplified (zh-Hans)"),
    ],
)
def test_codes_are_told_by_their_words(built: Command, command: str, zh: str, en: str) -> None:
    assert zh in built(command).out and en in built("--lang en", command).out
    assert built(command, "--json").data  # a program gets the codes


def test_help_says_what_each_noun_is_about(qh: Command) -> None:
    assert "语料（训练数据）：account, analyze" in qh("--help").out and "关键词库：admit" in qh("--help").out
    assert "corpora (training data): account" in qh("--lang en --help").out
    assert "Corpora (training data)" in qh("--lang en corpus --help").out


def test_every_noun_has_a_word(qh: Command) -> None:
    from quanheng.cli import index
    from quanheng.cli.noun_words import about
    from quanheng.cli.tree import AMONG_WORDS
    from quanheng.cli.words import NOUN_WORDS

    for noun in {*index.load(), *NOUN_WORDS} - set(AMONG_WORDS):
        assert about(noun).en and about(noun).zh, noun


def test_a_takedown_tells_where_the_documents_still_are(qh: Command) -> None:
    """The old version and what was made of it, in both languages; not the new version."""
    assert qh("source register text --title t --document line --as a").code == 0
    assert qh("corpus build a --as c").code == 0
    assert qh("corpus export c --format parquet --as out").code == 0
    taken = qh("corpus takedown c --match 第7条新规则 --as less --lang en")
    assert taken.code == 0 and "may hold them too: 1" in taken.out and "out" in taken.out.split("hold them too")[1]
    assert "less" not in taken.out.split("hold them too")[1].split("To remove")[0]
    again = qh("corpus takedown c --match 第8条新规则 --lang zh")
    assert "仍有这些文档" in again.out and "artifact withdraw" in again.out
    alone = qh("corpus takedown less --match 第9条新规则 --lang en")
    assert "nothing else was made of it" in alone.out


@pytest.mark.parametrize(
    ("command", "zh", "en"),
    [
        ("corpus review made", "待复核文档：共 1 条，列出 1 条", "Listed for review: 1; shown: 1"),
        ("corpus review made --after 9999", "已到末尾（共 1 条）", "The list ends before: it has 1."),
        (
            "corpus review made --risk A.1.a",
            "没有这一类（列入复核的共 1 条）",
            "None of this kind; listed for review: 1",
        ),
        ("corpus document made --index 0", "语料第 0 行", "corpus row 0"),
        ("recipe lint --recipe web-zh", "配方可用：", "this recipe can be used: "),
        ("lexicon check terms.jsonl", "全部可用，共 1 个词", "Every row can be used; terms: 1"),
        ("show source:one", "未查到", "nothing found"),
    ],
)
def test_lists_say_how_they_end(built: Command, command: str, zh: str, en: str) -> None:
    chinese, english = built(command), built("--lang en", command)
    assert zh in chinese.out and en in english.out
    assert "nothing found" not in chinese.out and "not recorded" not in chinese.out


def test_errors_say_in_words_what_is_allowed(built: Command) -> None:
    for command in ("corpus samples made --reason 近似重复", "corpus review made --risk 赌博"):
        ran = built(command)
        assert ran.code == 2 and "^" not in ran.err and "，如" in ran.err


def test_a_term_list_tells_how_many_rows_are_bad(qh: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"term": "甲", "risk": "A.1.f"}\n{"term": "乙"}\n{}\n', "utf-8")
    assert qh("lexicon check bad.jsonl").out.rstrip().endswith("有 2 行不可用；可用的词 1 个")
    (tmp_path / "none.jsonl").write_text("", "utf-8")
    ran = qh("lexicon register none.jsonl --title 词 --owner 某部门")
    assert ran.code == 2 and "词表中没有词语" in ran.err and "登记 0 个词" not in ran.out + ran.err


def test_a_document_that_is_gone_says_so(built: Command) -> None:
    [row] = built("corpus duplicates made --reason duplicate --json").data["rows"]
    shown = built("corpus document made --document", row["id"]).out
    assert "与之重复" in shown and row["kept"]["id"] in shown
    assert built("corpus takedown made --document", row["kept"]["id"], "--as left").code == 0
    assert "正文已随下架清除" in built("corpus document left --document", row["kept"]["id"]).out
