"""Chinese text for the corpus benchmark: seeded recombination of real paragraphs, with the truth beside it.

    python -m bench.corpus_text --megabytes 10 --seed 1 --near-duplicates 0.1 --to text.jsonl

Every line is {"id", "text", "source"}. Statutes, help pages, man pages and dialogues are cut into paragraphs
(dialogues into sentences); a document takes the length of a real document of its kind and fills it with runs of
paragraphs of that kind. On top come exact copies, near-duplicates, noise, and generated personal data; what was
planted where stands in FILE.truth.jsonl:

    {"id", "kind": "exact" | "near" | "noise" | "original", "of", "jaccard", "personal_data": [[type, text], ...]}

Near-duplicates have single characters replaced; `jaccard` is computed exactly on their sets of 5-character strings
and is at least 0.85. The same arguments and the same folder of sources give the same bytes.
"""

from __future__ import annotations

import argparse
import html
import json
import random
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

#: The real texts stand beside the repository and are never copied into it.
SOURCES = Path(__file__).parents[2] / "shared" / "data" / "corpus"
#: Share of the documents that are of each kind; the rest is noise, copies and near-duplicates.
KINDS = {"statute": 10, "help": 10, "man": 10, "dialogue": 70}
EXACT_SHARE = 0.03
NOISE_SHARE = 0.05
PERSONAL_SHARE = 0.05
#: Below this the set of 5-character strings is too small to plant a near-duplicate in.
MIN_CHARACTERS = 60
#: One source in a thousand is longer (a whole reference manual as one page) and would rule peak memory alone.
MAX_CHARACTERS = 50_000
MIN_JACCARD = 0.85
SHINGLE = 5
#: A copy is made of one of this many documents before it.
RECENT = 2_000

_FILES = {
    "statute": ("laws_national.jsonl.zst", "laws_beijing_local.jsonl.zst"),
    "help": ("libreoffice_help_html_cn_tw.jsonl.zst",),
    "man": ("manpages_zh_roff.jsonl.zst",),
    "dialogue": ("meddialog_sample.jsonl.zst",),
}
_SCRIPT = re.compile(r"(?is)<(script|style|head)\b.*?</\1>")
_BLOCK = re.compile(r"(?i)</?(p|div|h[1-6]|li|ul|ol|tr|td|table|br|pre|section|body)\b[^>]*>")
_TAG = re.compile(r"<[^>]+>")
_SENTENCE = re.compile(r"[^。！？；\n]+[。！？；]?")
#: Number segments that operators use; a number of another is not one.
_MOBILE = (
    "130 131 132 133 135 136 137 138 139 150 151 152 155 157 158 159 166 176 177 178 180 185 186 188 189 198".split()
)
_MENU = (
    "首页 新闻 产品 服务 关于我们 联系我们 下载 论坛 登录 注册 网站地图 友情链接 返回顶部 上一页 下一页 更多".split()
)
_SIGNS = "★☆■□◆◇▲△●○※→←↑↓=-_*#~+|"


@dataclass(frozen=True)
class Kind:
    """The paragraphs of one kind of text, in their order, and the lengths of its real documents in characters."""

    paragraphs: list[str]
    lengths: list[int]


@dataclass(frozen=True)
class Rates:
    """Shares of the documents, each in [0, 1]."""

    near: float = 0.1
    exact: float = EXACT_SHARE
    noise: float = NOISE_SHARE
    personal: float = PERSONAL_SHARE


def read_kinds(folder: Path = SOURCES) -> dict[str, Kind]:
    """Return the paragraphs of every kind. Exits with a message when a file of the folder is missing."""
    cuts: dict[str, Callable[[dict[str, str]], list[str]]] = {
        "statute": lambda row: [
            part.strip() for part in row["text"].split("\n\n") if part.strip() and not part.startswith("<!--")
        ],
        "help": lambda row: _html_paragraphs(row["html"]),
        "man": lambda row: _roff_paragraphs(row["roff"]),
        "dialogue": lambda row: _SENTENCE.findall(row["title"] + "\n" + row["ask"] + "\n" + row["answer"]),
    }
    kinds = {}
    for name, cut in cuts.items():
        documents = [cut(row) for file in _FILES[name] for row in _rows(folder / file)]
        joined = [sum(map(len, parts)) for parts in documents]
        kinds[name] = Kind(
            [part for parts in documents for part in parts],
            [n for n in joined if MIN_CHARACTERS <= n <= MAX_CHARACTERS],
        )
    return kinds


def _rows(path: Path) -> Iterator[dict[str, str]]:
    import zstandard

    if not path.exists():
        sys.exit(f"{path} is missing: name the folder of the source texts with --sources FOLDER")
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        for line in TextIOWrapper(stream, encoding="utf-8"):
            yield json.loads(line)


def _html_paragraphs(page: str) -> list[str]:
    text = html.unescape(_TAG.sub("", _BLOCK.sub("\n", _SCRIPT.sub("", page))))
    return [line for part in text.split("\n") if (line := " ".join(part.split()))]


def _roff_paragraphs(page: str) -> list[str]:
    """Return the text of a man page without its requests; good enough to be text, not a roff reader."""
    parts, current = [], []
    for line in page.split("\n"):
        if line.startswith((".", "'")):
            words = line.split(None, 1)
            if words and words[0] in (".SH", ".SS", ".PP", ".P", ".TP", ".LP", ".IP") and current:
                parts.append("\n".join(current))
                current = []
            if len(words) < 2 or words[0] not in (".SH", ".SS", ".B", ".I", ".BR", ".IR", ".BI", ".RB", ".IP"):
                continue
            shown = words[1].replace('"', "")
        else:
            shown = line
        shown = re.sub(r"\\f[BIRP]|\\&|\\\^|\\\|", "", shown).replace("\\-", "-").replace("\\e", "\\").strip()
        if shown:
            current.append(shown)
    return [*parts, "\n".join(current)] if current else parts


def shingles(text: str) -> set[str]:
    """Return the set of 5-character strings of `text`."""
    return {text[i : i + SHINGLE] for i in range(len(text) - SHINGLE + 1)}


def near_duplicate(text: str, alphabet: str, rng: random.Random) -> tuple[str, float]:
    """Return `text` with some characters replaced, and its exact Jaccard with `text`, in [0.85, 1)."""
    before = shingles(text)
    target = rng.uniform(MIN_JACCARD, 0.98)
    # One replaced character costs up to 5 strings and adds up to 5: J = (S - 5k) / (S + 5k).
    edits = max(1, int(len(before) * (1 - target) / (1 + target) / SHINGLE))
    for count in range(edits, 0, -1):
        characters = list(text)
        for place in rng.sample(range(len(text)), count):
            characters[place] = rng.choice(alphabet)
        edited = "".join(characters)
        jaccard = _jaccard(before, shingles(edited))
        if MIN_JACCARD <= jaccard < 1:
            return edited, jaccard
    # Too short for a replaced character: one more at the end adds one string only.
    edited = text + rng.choice(alphabet)
    return edited, _jaccard(before, shingles(edited))


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)


def _identity_number(rng: random.Random) -> str:
    """Return an 18-digit number with a right check character (GB 11643, ISO 7064 MOD 11-2); nobody's on purpose."""
    body = f"{rng.choice(('110101', '310101', '440103', '510104'))}{rng.randint(1950, 2005)}"
    body += f"{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}{rng.randint(1, 999):03d}"
    total = sum(int(digit) * (2 ** (17 - i) % 11) for i, digit in enumerate(body))
    return body + "10X98765432"[total % 11]


def personal_data(rng: random.Random) -> tuple[str, str, str]:
    """Return (type, the datum, a sentence that holds it); every datum is generated."""
    match rng.randrange(3):
        case 0:
            number = f"{rng.choice(_MOBILE)}{rng.randint(0, 99_999_999):08d}"
            return "mobile", number, f"联系电话{number}。"
        case 1:
            name = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(4, 9)))
            mail = f"{name}{rng.randint(1, 999)}@{rng.choice(('example.com', 'example.org', 'example.net'))}"
            return "email", mail, f"请发邮件到{mail}，"
        case _:
            number = _identity_number(rng)
            return "identity_card", number, f"身份证号{number}，"


def _noise(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return "\n".join(" | ".join(rng.sample(_MENU, rng.randint(5, 12))) for _ in range(rng.randint(2, 12)))
    return "".join(rng.choice(_SIGNS) * rng.randint(1, 20) + rng.choice(_MENU) for _ in range(rng.randint(10, 60)))


def _original(name: str, kind: Kind, rng: random.Random) -> str:
    """Return a new document: runs of paragraphs of the kind until a real document's length is reached."""
    wanted = rng.choice(kind.lengths)
    parts: list[str] = []
    length = 0
    while length < wanted:
        start = rng.randrange(len(kind.paragraphs))
        for part in kind.paragraphs[start : start + rng.randint(1, 3)]:
            parts.append(part)
            length += len(part)
    return ("" if name == "dialogue" else "\n").join(parts)


def documents(
    megabytes: float, seed: int, rates: Rates, kinds: dict[str, Kind]
) -> Iterator[tuple[dict[str, str], dict[str, object]]]:
    """Yield (row, truth) until the UTF-8 texts together hold `megabytes` × 10⁶ bytes."""
    rng = random.Random(seed)
    alphabet = "".join(c for c in "".join(kinds["statute"].paragraphs[:2_000]) if "\u4e00" <= c <= "\u9fff")
    names, weights = list(KINDS), list(KINDS.values())
    recent: deque[tuple[str, str, str]] = deque(maxlen=RECENT)
    written, number = 0, 0
    while written < megabytes * 1_000_000:
        number += 1
        id = f"d{number:08d}"
        truth: dict[str, object] = {"id": id, "kind": "original"}
        draw = rng.random()
        if recent and draw < rates.exact + rates.near:
            of, source, text = recent[rng.randrange(len(recent))]
            truth["of"] = of
            if draw < rates.exact:
                truth["kind"] = "exact"
            else:
                text, truth["jaccard"] = near_duplicate(text, alphabet, rng)
                truth["kind"] = "near"
        elif draw < rates.exact + rates.near + rates.noise:
            source, text = "noise", _noise(rng)
            truth["kind"] = "noise"
        else:
            source = rng.choices(names, weights)[0]
            text, planted = _original(source, kinds[source], rng), []
            if rng.random() < rates.personal:
                text, planted = _with_personal_data(text, rng)
            if planted:
                truth["personal_data"] = planted
            recent.append((id, source, text))
        written += len(text.encode("utf-8"))
        yield {"id": id, "text": text, "source": source}, truth


def _with_personal_data(text: str, rng: random.Random) -> tuple[str, list[tuple[str, str]]]:
    planted = []
    for _ in range(rng.randint(1, 3)):
        type, datum, sentence = personal_data(rng)
        # At a paragraph's end or after a full stop, so that no earlier datum is cut in two.
        places = [match.end() for match in re.finditer(r"[。\n]", text)] or [len(text)]
        place = rng.choice(places)
        text = text[:place] + sentence + text[place:]
        planted.append((type, datum))
    return text, planted


def write(
    to: Path, megabytes: float, seed: int, rates: Rates | None = None, folder: Path = SOURCES, parquet: bool = False
) -> dict[str, int]:
    """Write the text, and its truth beside it; return how many documents of each kind of truth, and "bytes"."""
    counts: dict[str, int] = {"bytes": 0}
    rows: list[dict[str, str]] = []
    kinds = read_kinds(folder)
    with to.open("w", encoding="utf-8") as out, truth_path(to).open("w", encoding="utf-8") as beside:
        for row, truth in documents(megabytes, seed, rates or Rates(), kinds):
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            beside.write(json.dumps(truth, ensure_ascii=False) + "\n")
            kind = str(truth["kind"])
            counts[kind] = counts.get(kind, 0) + 1
            counts["bytes"] += len(row["text"].encode("utf-8"))
            if parquet:
                rows.append(row)
    if parquet:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), to.with_suffix(".parquet"), compression="zstd")
    return counts


def truth_path(text: Path) -> Path:
    """Return where the truth about `text` stands."""
    return text.with_suffix(".truth.jsonl")


@dataclass(frozen=True)
class Left:
    """What stands in the output of what was planted: (left, planted). Pairs whose members are both filtered are out."""

    exact: tuple[int, int]
    near: tuple[int, int]
    noise: tuple[int, int]
    personal: tuple[int, int]
    originals: tuple[int, int]


def what_is_left(text: Path, kept: dict[str, str]) -> Left:
    """Return what stands in `kept` (text by id) of what the truth beside `text` says was planted."""
    pairs = {"exact": [0, 0], "near": [0, 0]}
    single = {"noise": [0, 0], "original": [0, 0]}
    personal = [0, 0]
    with truth_path(text).open(encoding="utf-8") as file:
        for line in file:
            truth = json.loads(line)
            here = truth["id"] in kept
            if truth["kind"] in pairs:
                count = pairs[truth["kind"]]
                count[0] += here and truth["of"] in kept
                count[1] += here or truth["of"] in kept
            else:
                count = single[truth["kind"]]
                count[0] += here
                count[1] += 1
            for _, datum in truth.get("personal_data", ()):
                if here:
                    personal[0] += datum in kept[truth["id"]]
                    personal[1] += 1
    return Left(*(tuple(c) for c in (pairs["exact"], pairs["near"], single["noise"], personal, single["original"])))  # type: ignore[arg-type]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the file named with --to, and its truth beside it."""
    parser = argparse.ArgumentParser(description="Chinese text for the corpus benchmark")
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--near-duplicates", type=float, default=Rates.near, help="share of documents")
    parser.add_argument("--exact-duplicates", type=float, default=Rates.exact, help="share of documents")
    parser.add_argument("--noise", type=float, default=Rates.noise, help="share of documents")
    parser.add_argument("--sources", type=Path, default=SOURCES, help="folder of the source texts")
    parser.add_argument("--parquet", action="store_true", help="write a Parquet file too")
    parser.add_argument("--to", type=Path, required=True)
    given = parser.parse_args(arguments)
    rates = Rates(near=given.near_duplicates, exact=given.exact_duplicates, noise=given.noise)
    counts = write(given.to, given.megabytes, given.seed, rates, given.sources, given.parquet)
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main()
