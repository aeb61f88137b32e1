"""Wrong tables are told and undone; good text is never touched; what is lost is counted."""

from __future__ import annotations

import doctest
import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quanheng.errors import Invalid
from quanheng.text import mojibake as module
from quanheng.text.encoding import decode, try_decode
from quanheng.text.mojibake import repair

CORPUS = Path(__file__).parents[4] / "shared" / "data" / "corpus"
GOOD = (
    "北京市人民政府关于加强管理的规定",
    "这个酒店真差，下次不会再来了！",
    "中文网站",
    "我们一起去公园玩，今天天气不错。",
    "关于进一步加强安全生产工作的通知",
    "我们一",
    "患者自述头痛三天，建议到医院检查。",
)


def as_1252(data: bytes) -> str:
    """Decode as browsers do: the five holes of code page 1252 are control characters."""
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in data)


@pytest.mark.parametrize("text", GOOD)
def test_each_wrong_table_is_undone(text: str) -> None:
    utf8, gbk = text.encode(), text.encode("gbk")
    assert repair(utf8.decode("latin-1")) == (text, "utf8_as_latin1", 0)
    assert repair(as_1252(utf8)) == (text, "utf8_as_latin1", 0)
    if len(text) > 3:  # fewer pairs of bytes are Chinese by chance
        assert repair(gbk.decode("latin-1")) == (text, "gbk_as_latin1", 0)
        assert repair(as_1252(gbk)) == (text, "gbk_as_latin1", 0)
    wrong = try_decode(utf8, "gb18030").text
    if wrong is not None:
        assert repair(wrong) == (text, "utf8_as_gbk", 0)


def test_utf8_as_gbk_is_among_them() -> None:
    wrongs = [try_decode(text.encode(), "gb18030").text for text in GOOD]
    assert sum(wrong is not None for wrong in wrongs) >= 3
    assert any("€" in wrong for wrong in wrongs if wrong)


def test_traditional_text_in_big5() -> None:
    text = "這個檔案的內容與說明"
    assert repair(text.encode("big5").decode("latin-1")) == (text, "big5_as_latin1", 0)


def test_wrong_and_right_text_in_one() -> None:
    bad = "中文网站".encode().decode("latin-1")
    assert repair(f"标题：{bad}，作者 café").text == "标题：中文网站，作者 café"
    gbk = "中文网站".encode().decode("gb18030")
    assert repair(f"第一行\n<b>{gbk}</b>\n第三行").text == "第一行\n<b>中文网站</b>\n第三行"


@pytest.mark.parametrize(
    "text",
    [
        *GOOD,
        "Voilà, café—déjà vu: naïve façade, “Ærøskøbing” 25 °C ½ ×",
        "Ðàññêàç",  # Russian in a wrong table is not Chinese text
        "Çà et là, ÀÉÈÊ ÄÖÜ ÅÆØ",
        "锛",
        "鐨鏄",
        "联通",
        "にほんご、한국어",
        "䯀鮣龑鵟霑諡椹鵰鱲輋綖篸",
        "\x81\x80Ïî",
        "",
    ],
)
def test_good_text_is_left_alone(text: str) -> None:
    assert repair(text) == (text, None, 0)


def test_what_is_lost_is_counted_and_not_guessed_at() -> None:
    assert repair("前面锟斤拷锟斤拷后面") == ("前面锟斤拷锟斤拷后面", "lost", 6)
    assert not repair("前面锟斤拷锟斤拷后面").readable
    assert repair("好" * 200 + "锟斤拷").readable and repair("好\ufffd").readable
    cut = "你好吗，今天天气不错。我们去玩吧！".encode().decode("gb18030", "replace").replace("\ufffd", "?")
    assert repair(cut).kind == "lost" and not repair(cut).readable
    assert repair("他斤斤计较，拷问了三次") == ("他斤斤计较，拷问了三次", None, 0)


@given(st.text(max_size=60))
def test_any_text_comes_back_and_twice_is_once(text: str) -> None:
    once = repair(text)
    assert repair(once.text).text == once.text
    assert (once.kind is None) <= (once.text == text)


def test_real_files_are_told_apart() -> None:
    if not CORPUS.exists():
        pytest.skip("the charset files are not here")
    found = {}
    for path in sorted((CORPUS / "charset").iterdir()):
        try:
            text = decode(path.read_bytes())
        except Invalid:
            continue
        after = repair(text)
        found[path.name] = (after.kind, after.readable, after.text == text)
    wrong = {name: what for name, what in found.items() if what[0] is not None}
    assert wrong == {
        "test5.txt": ("lost", False, True),
        "test_sample_gbk_with_cp936_1.txt": ("gbk_as_latin1", True, False),
        "test_sample_gbk_锟斤铐.txt": ("lost", False, True),
    }
    assert len(found) == 12


@pytest.mark.parametrize("name", ["laws_beijing_local", "libreoffice_help_html_cn_tw", "meddialog_sample"])
def test_no_good_document_is_touched(name: str) -> None:
    path = CORPUS / f"{name}.jsonl.zst"
    if not path.exists():
        pytest.skip("the corpus files are not here")
    zstandard = pytest.importorskip("zstandard")
    with path.open("rb") as stream:
        rows = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(stream), "utf-8")
        texts = [value for row in rows for value in json.loads(row).values() if isinstance(value, str)]
    assert len(texts) > 100
    assert [text for text in texts if repair(text) != (text, None, 0)] == []


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("text", "lost"), [("中文锟斤中文锟锟", 4), ("中文拷拷", 2), ("中文\ufffd", 1), ("拷贝", 0), ("半斤", 0)]
)
def test_each_sign_of_a_loss_counts_alone(text: str, lost: int) -> None:
    assert repair(text).lost == lost


_MIXED = st.lists(
    st.sampled_from(
        [text for good in GOOD if (text := try_decode(good.encode(), "gb18030").text)]
        + [*GOOD, *"a \n€，。锛銆鐨涓浗", "abc", "“一”", "\ud800", "\x80", "é中", "涓€浜涗笢瑗", "鐨勬槸涓 滃ソ"]
    ),
    max_size=12,
).map("".join)

_WRECKED = st.tuples(
    st.sampled_from(GOOD),
    st.sampled_from([("utf-8", "latin-1"), ("utf-8", "gb18030"), ("gb18030", "latin-1"), ("gb18030", "utf-8")]),
    st.integers(2, 30),
    st.sampled_from(["", "锟斤拷", "拷", "\ufffd", "\n", "é", "——“”", "錄閱纾"]),
).map(lambda given: given[0][: given[2]].encode(given[1][0], "replace").decode(given[1][1], "replace") + given[3])


@given(_MIXED)
@settings(max_examples=400)
def test_what_cannot_be_utf8_is_told_early_and_nothing_else(text: str) -> None:
    found = repair(text)
    with pytest.MonkeyPatch.context() as patched:
        every = re.compile("[^\x00-\x7f]+"), re.compile("(?!)")
        patched.setattr(module, "_stretches", lambda: every)
        patched.setattr(module, "_HEAD", len(text))
        assert repair(text) == found


@given(st.lists(_MIXED | _WRECKED, max_size=3).map("".join))
@example("锟斤拷" * 5)
@example("北京市人民政府关于加强管理的规定，锟斤拷".encode().decode("gb18030"))
@example("这是一个很好的网站锟斤拷".encode().decode("latin-1"))
@example("中文,网站".encode("gb18030").decode("latin-1"))
@settings(max_examples=200)
def test_a_text_that_is_passed_over_holds_nothing_to_mend(text: str) -> None:
    mended, latin = module._without_latin(text)
    mended, gbk, lost = module._without_gbk(mended)
    lost += sum(map(len, module._LOST.findall(mended))) if module._ODD.search(mended) else 0
    assert repair(text) == (mended, latin or gbk or ("lost" if lost else None), lost)
