"""The tables of false drops: what the reader said of each text, by the recipe and reason that dropped it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from bench import quality_books, quality_texts
from bench.quality_drops import CRITERION, KEPT, WANTED, digest, dropped, flat, is_pair, read_of, reading
from quanheng.stats.binomial import bound_lower, bound_upper

#: A reason with fewer good ones is not told by kind.
_MANY = 10
_OTHER = {"good": "bad", "different": "same"}
_BANDS = ("0.80", "0.85", "0.90", "0.95")
_HEAD = (
    "",
    "## False drops: were the dropped texts good?",
    "",
    "Every text that a shipped recipe drops from the real texts, by its reason: up to "
    f"{WANTED} different ones a reason, drawn by seed, kind by kind in turn, else all there are; nothing near a "
    "threshold that is not dropped. They were shuffled, mixed with kept ones (1 of 6), and read without reason or "
    "kind (which most texts show): all of a text of up to 340 characters, else its first 260 and last 80. One reader, "
    "a language model, which knew the rules, as models of its kind had written them; no person, and no "
    "second reader. The criterion was written down before:",
    "",
    f"> {CRITERION}",
    "",
    "books-zh was given book-like texts: statutes, help and manual pages, passages of examinations, and, from two "
    "places outside (bench/quality_books.py), classics, poems, all that an author wrote, lives of authors, and "
    "chapters of manuals. No novel and no scanned book is among them.",
    "",
    'A high share of good is bad for a rule, and good in the lines "kept". "Then" is by the thresholds before the '
    'first reading of that recipe, "still dropped" and "today" by those in use. "200 + 6": 6 more were read when '
    "thresholds had moved, to have 200 of what is dropped today, or all of it. Intervals are exact (Clopper-Pearson) "
    "for a draw in which kinds weigh alike, as far as they have texts; they say nothing of how others would judge, nor "
    "of a crawl, where kinds are mixed otherwise. Thresholds were changed for what was read here, so the shares of "
    "what is still dropped describe, and test nothing.",
)
_PAIRS = (
    "",
    "Duplicates were judged as pairs, the text that was dropped and the one that stays: same, when who has read the "
    "one learns nothing from the other (a date, the number of an article, a word); unsure for revisions of a statute "
    "with some new provisions, and for a passage with another question on it.",
)
_LEARNT = (
    "",
    "What the reading says:",
    "",
    "- **many_symbols** was wrong in nine of ten: examination questions with formulas in LaTeX. Signs among Han are "
    "decoration, among Latin letters formulas, so the limit is now 0.2 where Han are more than 0.7 of the letters, and "
    "0.45 else; it was 0.2 for all. Most good ones that are left are questions with a few formulas in much Chinese; a "
    "limit of 0.3 would keep them, and half of the menus.",
    "- **repetitive** (0.4, now 0.6): articles of statutes whose cases repeat a formula, questions whose choices do. "
    "What was written to fill a page lies above 0.6.",
    "- **no_sentences** (from 10 lines on, now 20): questions with a table or choices.",
    "- **law-zh too_short** (20 characters, now 10): whole articles, as short as a dozen characters. Those that only "
    "say since when a law is in force were judged unsure.",
    "- **not_chinese**: LaTeX commands count as Latin letters, so questions with many formulas were no Chinese to the "
    "rule, nor are comments full of brand names; the other good ones are manual and help pages that are translated in "
    "part. A lower `min_han` had been proposed (0.15); of 200 fresh texts that it would keep (the line with Han above "
    "0.15) 62 are good, 95 bad and 43 unsure, so it stays at 0.25. Signs tell formulas from the rest: with more than "
    "0.2 of them and more than 0.15 Han the fresh texts are 30 good, 1 unsure and none bad, and of 60 others that are "
    "kept since all are good. Such a text is Chinese now in every recipe but law-zh.",
    "- **books-zh too_short** (200 characters, now 10) was wrong in nine of ten: poems, short classics, maxims, "
    "entries, help pages. Of those below 10 all but a few are bare names, or titles whose text is lost.",
    "- **books-zh rare_characters** (0.7, now 0.6): all ten were songs of Chu. At 0.6 the rule still finds 99.6 to 100 "
    "in 100 of made-up texts of 200 characters or more that were decoded wrongly.",
    "- **books-zh many_symbols** meets poems whose lost characters are squares: most are bad or half lost. "
    "**repetitive** drops lives that are told two or three times, and pages of one formula: too few to decide. "
    "**not_chinese** drops chapters that are translated in part.",
    "- **too_short**, **rare_characters** and **list_like** cost little: most of what they drop are bare names. A rule "
    "on everyday characters says nothing of a text of ten characters.",
    "- **many_digits**: arithmetic, binary numbers, addresses. 0.55 would keep 5 of the 12 good ones and none of the "
    "4 bad, but that is few texts.",
    "- **contaminated**: all are statutes or articles that an item quotes; @HOLDS@ hold the stem and the answer, the "
    "others what is asked about. A whole code was lost for one article of it. Now a text goes when it is shorter than "
    "1,000 characters, or when items are 0.05 or more of it; the statutes have 0.006 to 0.047, and are listed for "
    "review. Of texts of 1,000 characters with one item put in 60 in 100 go, of 2,000 27, of 5,000 13, of 5,000 with "
    "five items 89 (400 texts each); the others are listed for review.",
    "- **risky** (strict-compliance, with public word lists): nearly all are statutes about crimes and drugs. Such "
    "lists cannot tell a law from an offer, and no density does: at four times the limit 40 good ones are left of 77.",
    "- dialogue-zh **too_long** (100,000 characters) met manuals and codes only, for which it is not meant.",
    "- **personal_data** (strict-compliance, more than 20) dropped a manual of 140,000 characters, in two forms of "
    "Chinese, with 26 example addresses; now it asks for 5 in 1,000 characters as well. All real texts with more than "
    "20 have at most 1.1 in 1,000; a list of people has some 30. So none is dropped here today.",
    "- **near_duplicate** loses statutes on neighbouring subjects that share their wording (anti-dumping and "
    "anti-subsidy), commands of one family (sha256sum and sha1sum), and names that differ by one character; in books "
    "an author's works with a poem more (unsure). Of what dialogue-zh is given, 1 in 100 pairs is different, and of "
    "all 31 that a threshold of 0.85 would keep 2 are different and 28 the same. In books 9 in 100 are different below "
    "0.85 and 7 in 100 above; of 120 among the short pieces that it takes since, nearly all editions of one poem, "
    "none is. On the web the different ones are names, manuals and statutes, hardly comments or "
    "questions. So 0.8 stays in all; law-zh takes out exact copies only.",
    "- **Boilerplate lines** (not blind): 4,420 were taken out, all in manual pages; of the 24 different ones each is "
    "a footer, a credit or what is left of a macro.",
    "- Not to be judged: too_long (no text has a million characters), and 1,811 lines that the reader of files refused "
    "as wrongly decoded (all of one fixture made so).",
)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table between blank lines."""
    body = ["| " + " | ".join(row) + " |" for row in rows]
    return ["", "| " + " | ".join(header) + " |", "|" + "---|" * len(header), *body, ""]


def percent(k: int, n: int) -> str:
    """Return k of n in per cent with its exact 95 % interval."""
    if n == 0:
        return "–"
    side = Fraction(39, 40)
    return f"{100 * k / n:.2f} % ({100 * bound_lower(k, n, side):.2f} to {100 * bound_upper(k, n, side):.2f})"


class Read(NamedTuple):
    """A reading of a reason: how many different texts it dropped then, and the verdict of each that was read.

    `later`: of what was drawn when thresholds had moved, to have read all that is dropped since, or 200 of it.
    """

    dropped: int
    verdicts: dict[str, str]
    later: dict[str, str]


def by_reason() -> dict[str, Read]:
    """Return the reading of every reason."""
    said = flat(reading()["texts"]) | flat(reading()["pairs"])
    found = {}
    for reason, row in reading()["drawn"].items():
        first = row["read"].split()
        later = [id for id in read_of(reason) if id not in set(first)]
        found[reason] = Read(row["dropped"], {id: said[id] for id in first}, {id: said[id] for id in later})
    return found


@cache
def still() -> dict[str, dict[str, str]]:
    """Return what today's recipes drop or keep: by reason, each digest with how alike a pair is, "" for a text."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for reason, doc in dropped():
        found[reason][digest(doc.text, doc.other) if is_pair(reason) else digest(doc.text)] = doc.measure
    return found


def section() -> list[str]:
    """Return the tables of false drops: what was read, and how much of it today's recipes still drop."""
    texts, pairs = list[list[str]](), list[list[str]]()
    for reason, read in sorted(by_reason().items(), key=lambda row: (row[0] in KEPT, row[0])):
        every = read.verdicts | read.later
        today = {id: verdict for id, verdict in every.items() if id in still().get(reason, {})}
        right = "different" if is_pair(reason) else "good"
        row = [reason, f"{read.dropped:,}", f"{len(read.verdicts)} + {len(read.later)}".removesuffix(" + 0")]
        for verdicts in (read.verdicts, today):
            good, bad = (sum(verdict == one for verdict in verdicts.values()) for one in (right, _OTHER[right]))
            row += [f"{good} / {bad} / {len(verdicts) - good - bad}", percent(good, len(verdicts))]
        row.append(f"{len(still().get(reason, {})):,}")
        (pairs if is_pair(reason) else texts).append(row)
    holds = str(len(reading()["holds_answer"].split()))
    return [
        *_HEAD,
        *table(_columns("good / bad / unsure", "good"), texts),
        *_kinds(),
        *_agreement(),
        *_PAIRS,
        *table(_columns("different / same / unsure", "different"), pairs),
        *_by_similarity(),
        *(line.replace("@HOLDS@", holds) for line in _LEARNT),
    ]


def _columns(counts: str, share: str) -> list[str]:
    return [
        "recipe and reason",
        "dropped then",
        "read",
        counts,
        f"{share} (95 %)",
        f"of all read, still dropped: {counts}",
        f"{share} (95 %)",
        "dropped today",
    ]


def _kinds() -> list[str]:
    """Return which kinds the good texts are of, for the reasons that have many."""
    rows = []
    every = quality_texts.documents() | quality_books.documents()
    kinds = {digest(text): kind for kind, texts in every.items() for text in texts}
    for reason, read in by_reason().items():
        good = Counter(kinds[id] for id, verdict in read.verdicts.items() if verdict == "good" and id in kinds)
        if reason not in KEPT and good.total() >= _MANY:
            among = Counter(kinds[id] for id in read.verdicts if id in kinds)
            rows.append([reason, ", ".join(f"{kind} {n} of {among[kind]}" for kind, n in good.most_common())])
    return ["", "Kinds of the good ones (of those read of that kind):", *table(["recipe and reason", "kinds"], rows)]


def _by_similarity() -> list[str]:
    """Return the verdicts on near-duplicates by how alike the pairs are."""
    rows = []
    for reason, read in sorted(by_reason().items()):
        if reason.endswith(" near_duplicate"):
            bands: dict[str, Counter[str]] = {band: Counter() for band in _BANDS}
            for id, verdict in (read.verdicts | read.later).items():
                if alike := still().get(reason, {}).get(id):
                    bands[max(band for band in _BANDS if band <= alike)][verdict] += 1
            cells = [f"{n['different']} / {n['same']} / {n['unsure']}" for n in bands.values()]
            rows.append([reason, *cells])
    head = ["different / same / unsure", *(f"from {band}" for band in _BANDS)]
    return ["", "The same by how alike the two are:", *table(head, rows)]


def _agreement() -> list[str]:
    """Return how far the reader agreed with an earlier reading of some of the texts, and what is kept since."""
    texts, earlier = flat(reading()["texts"]), flat(reading()["earlier"])
    both = Counter((earlier[id], texts[id]) for id in earlier if id in texts)
    unsure = sum(n for (_, second), n in both.items() if second == "unsure")
    other = sum(n for (first, second), n in both.items() if first != second and second != "unsure")
    since = []
    for change, said in reading()["newly_kept"].items():
        verdicts = Counter(flat(said).values())
        counts = ", ".join(f"{n} {verdict}" for verdict, n in verdicts.most_common())
        since.append(f"{change}: {counts} of {verdicts.total()}")
    return [
        "",
        f"{both.total()} of the texts had been read before, at another time by a criterion that had no "
        f'"unsure": {both.total() - unsure - other} verdicts are the same, {unsure} are now unsure, {other} the '
        "opposite.",
        "",
        "After thresholds were changed, texts that they keep since and that had not been read were read as well: "
        + "; ".join(since)
        + ".",
    ]
