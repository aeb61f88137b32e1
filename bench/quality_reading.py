"""The tables of false drops: what the reader said of each text, by the recipe and reason that dropped it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

from bench.quality_drops import CRITERION, WANTED, digest, dropped, is_pair
from bench.quality_texts import documents
from bench.timing import RESULTS
from quanheng.stats.binomial import bound_lower, bound_upper

VERDICTS = RESULTS / "quality_verdicts.json"
#: A reason with fewer good ones is not told by kind.
_MANY = 10
_OTHER = {"good": "bad", "different": "same"}
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
    'A high share of good is bad for a rule, and good in the line "kept". "Then" is by the thresholds before the '
    'reading, "still dropped" and "today" by those in use. Intervals are exact (Clopper-Pearson) for a draw in which '
    "kinds weigh alike, as far as they have texts; they say nothing of how others would judge, nor of a crawl, where "
    "kinds are mixed otherwise. Thresholds were changed for what was read here, so the shares of what is still "
    "dropped describe, and test nothing.",
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
    "0.45 else; it was 0.2 for all. Good ones that are left have Kangxi radicals (U+2F00) in the place of Han, as PDF "
    "files give them: `normalise` does not mend these.",
    "- **repetitive** (0.4, now 0.6): articles of statutes whose cases repeat a formula, questions whose choices do. "
    "What was written to fill a page lies above 0.6.",
    "- **no_sentences** (from 10 lines on, now 20): questions with a table or choices.",
    "- **law-zh too_short** (20 characters, now 10): whole articles, as short as a dozen characters. Those that only "
    "say since when a law is in force were judged unsure.",
    "- **not_chinese**: LaTeX commands count as Latin letters, so questions with many formulas are no Chinese to the "
    "rule, nor are comments full of brand names; the other good ones are manual and help pages that are translated in "
    "part. `min_han` at 0.15 would keep 36 of the 51 good ones, and 20 of the 133 bad.",
    "- **too_short**, **rare_characters** and **list_like** cost little: most of what they drop are bare names. A rule "
    "on everyday characters says nothing of a text of ten characters.",
    "- **many_digits**: arithmetic, binary numbers, addresses. 0.55 would keep 5 of the 12 good ones and none of the "
    "4 bad, but that is few texts.",
    "- **contaminated**: all are statutes or articles that an item quotes; @HOLDS@ hold the stem and the answer, the "
    "others what is asked about. A whole code is lost for one article of it: whoever trains on law lists long ones for "
    "review.",
    "- **risky** (strict-compliance, with public word lists): nearly all are statutes about crimes and drugs. Such "
    "lists cannot tell a law from an offer, and no density does: at four times the limit 40 good ones are left of 77.",
    "- dialogue-zh **too_long** (100,000 characters) met manuals and codes only, for which it is not meant.",
    "- **personal_data** (strict-compliance, more than 20): a manual of 140,000 characters, in two forms of Chinese, "
    "with 26 example addresses. The count does not ask how long the text is.",
    "- **near_duplicate** loses statutes on neighbouring subjects that share their wording (anti-dumping and "
    "anti-subsidy), commands of one family, and names that differ by one character. From a similarity of 0.85 on 7 "
    "pairs are different and 101 the same, from 0.8 (in use) 32 and 131.",
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
    """A reading of a reason: how many different texts it dropped then, and the verdict of each that was read."""

    dropped: int
    verdicts: dict[str, str]


@cache
def reading() -> dict[str, Any]:
    """Return the file of verdicts; in it digests that share a verdict stand in one line."""
    return json.loads(VERDICTS.read_text("utf-8"))  # type: ignore[no-any-return]


def by_reason() -> dict[str, Read]:
    """Return the reading of every reason."""
    texts, pairs = _flat(reading()["texts"]), _flat(reading()["pairs"])
    return {
        reason: Read(row["dropped"], {id: (pairs if is_pair(reason) else texts)[id] for id in row["read"].split()})
        for reason, row in reading()["drawn"].items()
    }


def _flat(said: Mapping[str, str]) -> dict[str, str]:
    return {id: verdict for verdict, ids in said.items() for id in ids.split()}


@cache
def still() -> dict[str, dict[str, str]]:
    """Return what today's recipes drop or keep: by reason, the kind of each digest."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for reason, doc in dropped():
        found[reason][digest(doc.text, doc.other) if is_pair(reason) else digest(doc.text)] = doc.kind
    return found


def section() -> list[str]:
    """Return the tables of false drops: what was read, and how much of it today's recipes still drop."""
    texts, pairs = list[list[str]](), list[list[str]]()
    for reason, read in sorted(by_reason().items(), key=lambda row: (row[0] == "kept", row[0])):
        today = {id: verdict for id, verdict in read.verdicts.items() if id in still().get(reason, {})}
        right = "different" if is_pair(reason) else "good"
        row = [reason, f"{read.dropped:,}", str(len(read.verdicts))]
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
        *(line.replace("@HOLDS@", holds) for line in _LEARNT),
    ]


def _columns(counts: str, share: str) -> list[str]:
    return [
        "recipe and reason",
        "dropped then",
        "read",
        counts,
        f"{share} (95 %)",
        f"of these still dropped: {counts}",
        f"{share} (95 %)",
        "dropped today",
    ]


def _kinds() -> list[str]:
    """Return which kinds the good texts are of, for the reasons that have many."""
    rows = []
    kinds = {digest(text): kind for kind, texts in documents().items() for text in texts}
    for reason, read in by_reason().items():
        good = Counter(kinds[id] for id, verdict in read.verdicts.items() if verdict == "good" and id in kinds)
        if reason != "kept" and good.total() >= _MANY:
            every = Counter(kinds[id] for id in read.verdicts if id in kinds)
            rows.append([reason, ", ".join(f"{kind} {n} of {every[kind]}" for kind, n in good.most_common())])
    return ["", "Kinds of the good ones (of those read of that kind):", *table(["recipe and reason", "kinds"], rows)]


def _agreement() -> list[str]:
    """Return how far the reader agreed with an earlier reading of some of the texts, and what is kept since."""
    texts, earlier, newly = (
        _flat(reading()["texts"]),
        _flat(reading()["earlier"]),
        Counter(_flat(reading()["newly_kept"]).values()),
    )
    both = Counter((earlier[id], texts[id]) for id in earlier if id in texts)
    unsure = sum(n for (_, second), n in both.items() if second == "unsure")
    other = sum(n for (first, second), n in both.items() if first != second and second != "unsure")
    said = ", ".join(f"{n} {verdict}" for verdict, n in newly.most_common())
    return [
        "",
        f"{both.total()} of the texts had been read before, at another time by a criterion that had no "
        f'"unsure": {both.total() - unsure - other} verdicts are the same, {unsure} are now unsure, {other} the '
        "opposite.",
        "",
        f"After the thresholds were changed, {newly.total()} texts that they keep since and that had not been read "
        f"were read as well, not blind: {said}.",
    ]
