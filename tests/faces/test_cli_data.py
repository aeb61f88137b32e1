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
    # Built again without it, the sources bring the text back; the command that would not is told whole.
    again = qh("corpus build a --samples 3 --lang en")
    assert again.code == 0 and "may be back" in again.err and "add: --taken-down " in again.err
    kept = qh("corpus build a --samples 3 --taken-down less --lang zh")
    assert kept.code == 0 and "已排除此前下架的文档 1 篇" in kept.err


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
        ("recipe lint law-zh", "配方可用：", "this recipe can be used: "),
        ("lexicon check terms.jsonl", "全部可用，共 1 个词", "Every row can be used; terms: 1"),
        ("corpus samples made --reason near_duplicate", "没有这一类文档", "there are none"),
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


RECIPE = """name = "mine"
title = { en = "Mine", zh = "我的" }
[[steps]]
use = "length"
"""


def test_a_recipe_of_ones_own_is_named_by_place(qh: Command, tmp_path: Path) -> None:
    """Its name or its file; the options that say which it is go on working; Windows' way of writing files is fine."""
    (tmp_path / "mine.toml").write_bytes(b"\xef\xbb\xbf" + RECIPE.replace("\nuse", "\r\n\tuse").encode())
    for words in ("mine.toml", "--file mine.toml", "./mine.toml"):
        assert qh(f"recipe lint {words} --json").data["name"] == "mine"
    for words in ("law-zh", "--recipe law-zh"):
        assert qh(f"recipe lint {words} --json").data["name"] == "law-zh"
    assert qh("recipe lint --json").data["name"] == "web-zh"
    assert "RECIPE" in qh("--lang en recipe lint --help").out.splitlines()[0]
    one = qh("--lang en recipe lint mine.toml").out.rstrip().splitlines()[-1]
    assert one == "this recipe can be used: 1 step"


@pytest.mark.parametrize(
    ("data", "zh", "en"),
    [
        (b'name = "x"\n[[steps]]\ndrop "a"\n', "第 3 行第 6 列：键的后面应为等号", "line 3, column 6: expected '='"),
        ("name = “x”\n".encode(), "有全角符号 “”，应为半角", "full-width marks: “”"),
        ("# 中文".encode("gb18030"), "不是 UTF-8 编码，请另存为 UTF-8", "is not UTF-8; save it again as UTF-8"),
        (b"\x7fELF\x00\x01\xff", "不是有效的 TOML", "it is not TOML"),
        ((RECIPE + "characters = 3").encode(), "characters", "characters"),
        ((RECIPE.replace("length", "deduplicate_near") + "threshold = 2026-01-01").encode(), "应为数", "a number"),
        ((RECIPE.replace("length", "deduplicate_near") + "threshold = " + "9" * 30).encode(), "应大于 0", "above 0"),
        (b"", "缺少 [[steps]]", "it has no [[steps]]"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said_in_both_languages(
    qh: Command, tmp_path: Path, data: bytes, zh: str, en: str
) -> None:
    (tmp_path / "mine.toml").write_bytes(data)
    chinese, english = qh("recipe lint mine.toml"), qh("--lang en recipe lint mine.toml")
    assert (chinese.code, english.code) == (2, 2) and "\n提示：" in chinese.err and "\nHint: " in english.err
    assert zh in chinese.err and en in english.err
    assert "xpected" not in chinese.err and "canonical" not in english.err


def test_a_recipe_of_another_tool_says_where_it_is_wrong(qh: Command, tmp_path: Path) -> None:
    (tmp_path / "dj.yaml").write_text("process:\n\t- text_length_filter:\n", "utf-8")
    assert "第 2 行第 1 列：用了制表符" in qh("recipe import dj.yaml").err
    assert "line 2, column 1: found character" in qh("--lang en recipe import dj.yaml").err


def test_files_without_text_are_told_and_nothing_but_those_is_no_source(qh: Command, tmp_path: Path) -> None:
    (tmp_path / "text" / "void.txt").touch()
    (tmp_path / "text" / "blank.jsonl").write_bytes(b"\xef\xbb\xbf \r\n\n")
    made = qh("source register text --title 来源")
    assert made.code == 0 and "2 个文件没有文字（空文件，或只有空白）：blank.jsonl、void.txt" in made.err
    (tmp_path / "text" / "blank.jsonl").unlink()
    made = qh("--lang en source register text --title t")
    assert made.code == 0 and "1 file without any text, empty or of blanks alone: void.txt" in made.err
    (tmp_path / "text" / "a.txt").unlink()
    for place in ("text", "text/void.txt"):
        none = qh(f"source register {place} --title 来源")
        assert none.code == 2 and "没有任何文字" in none.err and "请检查路径" in none.err
    assert qh("source register text --title t --json").data["error"]["code"] == "only_empty_files"


def test_encodings_go_by_their_usual_names(qh: Command, tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_bytes("今天下了一场大雨，河水涨了。\n".encode("gbk"))
    made = {name: qh(f"source register old.txt --title 旧 --encoding {name} --json") for name in ("gbk", "GB2312")}
    assert {ran.data["outputs"][0]["digest"] for ran in made.values()} == {made["gbk"].data["outputs"][0]["digest"]}
    [name] = {ran.data["outputs"][0]["digest"] for ran in made.values()}
    assert qh(f"show {name} --json").data["config"]["reading"]["encoding"] == "gb18030"
    for language, said in (("zh", "gb18030（或写 gbk、gb2312、cp936）"), ("en", "gb18030 (or gbk, gb2312, cp936)")):
        wrong = qh(f"--lang {language} source register old.txt --title t --encoding latin-1")
        assert wrong.code == 2 and said in wrong.err


def test_the_page_of_many_files_shows_the_first_and_how_many(qh: Command, tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / "text" / f"n{number:02}.txt").write_text(f"第{number}个文件", "utf-8")
    assert qh("source register text --title 多 --as many").code == 0
    shown = qh("show many").out
    assert shown.count("n08.txt") == 2 and "n09.txt" not in shown
    assert shown.count("以上为前 10 项，共 41 项；查看全部：--json") == 2 and len(shown.splitlines()) < 100
    assert "the first 10 of 41; all of them: --json" in qh("--lang en show many").out
    assert len(qh("show many --json").data["layers"]) == 41


def test_a_text_that_is_tried_says_what_was_found(built: Command) -> None:
    chinese = built("lexicon match words 写着色*情*服*务几个字").out
    assert chinese.startswith("列入复核\n共查 1 个词，文本 12 字；找到 1 处，其中计入 1 处")
    [row] = [line.split() for line in chinese.splitlines() if line.startswith("色*情")]
    assert row == [
        "色*情*服*务",
        "色情服务",
        "宣扬暴力、淫秽色情（A.1.f）",
        "插入符号（inserted）",
        "列入复核（review）",
        "计入",
    ]
    english = built("--lang en lexicon match words 写着色*情*服*务几个字").out
    assert english.startswith("Listed for review\n1 term looked for, in 12 characters; 1 place found, 1 of them count")
    assert built("lexicon match words 没有").out.startswith("不列入复核\n")
    assert built("lexicon match words 写着色*情*服*务 --json").data["hits"][0]["written"] == "色*情*服*务"


def test_scores_and_lengths_are_told_with_their_words(built: Command) -> None:
    chinese = built("corpus analyze one --documents 20").out
    for part in ("汉字占比", "简体（zh-Hans）", "自采（self_collected）", "许可明确  否 20"):
        assert part in chinese, part
    assert "personal_data_kept" not in chinese  # a note for later steps
    english = built("--lang en corpus analyze one --documents 20").out
    assert "share of Han among letters" in english and "licence clear  no 20" in english
    lengths = [line.split() for line in built("corpus histogram made").out.splitlines() if "█" in line]
    lows = [int(row[0].split("–")[0]) for row in lengths]
    assert lows == sorted(lows) and all(row[2:4][1] == "%" for row in lengths)
    assert "median" in built("--lang en corpus histogram made").out


def test_two_corpora_side_by_side(built: Command, tmp_path: Path) -> None:
    (tmp_path / "less.toml").write_text(RECIPE + '[[steps]]\ndrop = "characters < 5"\nreason = "too_short"\n', "utf-8")
    assert built("corpus build one --file less.toml --as less").code == 0
    chinese, english = built("corpus diff made less").out, built("--lang en corpus diff made less").out
    cells = {line.split()[0]: line.split()[1:] for line in chinese.splitlines() if line.startswith("  ")}
    assert cells["条数"] == ["22", "24", "+2"] and cells["过短（too_short）"] == ["1", "1", "0"]
    assert cells["完全重复（duplicate）"] == ["1", "0", "-1"]
    assert "仅第二份有：3 条" in chinese and "语料第" not in chinese and "正文摘要" not in chinese
    assert "Only in the second: 3 documents" in english and "—" not in english


@pytest.mark.parametrize("name", ["one", "source:one", "来源"])
def test_a_source_is_named_as_everywhere(built: Command, name: str) -> None:
    digest = built("show one --json").data["digest"]
    asked = built(f"corpus samples made --source {name} --json").data
    assert asked == built(f"corpus samples made --source {digest} --json").data and asked["population"] == 22
    wrong = built("corpus samples made --source two")
    assert wrong.code == 3 and f"{digest[:19]} (来源)" in wrong.err


WRONG = (
    ("empty path", "source register ", 2, "不能为空白"),
    ("folder as licence", "source register text --title t --licence-file text", 2, "是文件夹，而这里需要文件"),
    ("folder as bank", "benchmark register text --purpose must_refuse --title t --owner o", 2, "是文件夹"),
    ("folder as terms", "lexicon check text", 6, "这是文件夹，不是文件"),
    ("folder as YAML", "recipe import text", 6, "这是文件夹，不是文件"),
    ("folder as recipe", "recipe lint ./text", 2, "这是文件夹，不是文件"),
    ("language", "source register text --title t --language 中文", 2, "应为语言代码，如 zh"),
    ("file as recipe's name", "corpus build one --recipe mine.toml", 2, "请填在 file"),
    ("unknown recipe", "recipe lint lawzh", 2, "是否想写 'law-zh'"),
    ("not JSON", "artifact register_many --items {bad", 2, "第 1 行第 2 列写法不对"),
    ("word as number", "corpus build one --samples 多", 2, "不是整数"),
    ("twice", "source register text --title t --title u", 2, "只能填写一次"),
)


@pytest.mark.parametrize(("words", "code", "zh"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong_input_is_told_with_a_hint_and_no_traceback(qh: Command, words: str, code: int, zh: str) -> None:
    given = [*words.split(" "), "--title", "t"] if words.endswith(" ") else words.split(" ")
    for language in ("zh", "en"):
        ran = qh("--lang", language, *given)
        assert ran.code == code and ("提示：" in ran.err or "Hint: " in ran.err)
        assert "缺陷" not in ran.err and "fault of Quanheng" not in ran.err and "pydantic" not in ran.err
        assert language == "en" or zh in ran.err


def test_a_recipe_that_cannot_be_written_says_why(built: Command) -> None:
    for to, why in (("nowhere/x.toml", "不存在"), ("text", "这是文件夹，不是文件")):
        ran = built(f"recipe export made {to}")
        assert ran.code == 6 and f"无法写入 {to}：{why}" in ran.err
    assert built("recipe export made x.toml").code == 0 and built("recipe lint x.toml").code == 0
