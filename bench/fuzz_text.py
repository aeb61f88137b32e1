"""Looks for texts on which finding or masking personal data breaks its laws, for a number of seconds.

    python -m bench.fuzz_text SECONDS [SEED]

Seeded texts are joined, cut and damaged. The laws: nothing is raised; spans are in order, apart and inside the text;
masking a masked text changes nothing; a view at hand makes no difference, nor does a batch; no text takes more than a
second. Prints what was tried, and every text that broke a law; then exits with 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from random import Random
from time import monotonic, process_time

from bench.seeded import positives
from bench.seeded_makers import MAKERS
from bench.seeded_traps import traps
from quanheng.text.normalise import shadow
from quanheng.text.personal_data import LABELS, find, find_all, label, mask
from quanheng.text.utf8 import utf8

_SIGNS = "0123456789 　-－.．()（）:：@＠/?&=_|,，\t\n\u200b\ufeff\ufe0f\u0301〔〕+xX号室路转京A\ud800\U0001d7ce①"
_LIMIT_S = 1.0


def broken_law(text: str) -> str | None:
    """Return the law that `text` breaks, or None."""
    start = process_time()
    try:
        spans = find(text)
        masked = mask(text, spans)
        again = mask(masked, find(masked))
        viewed = find(text, shadow(text))
        at_once = find_all([text], utf8([text]))[0]
    except Exception as error:  # whatever it is, the text that raised it is the finding
        return f"raised {error!r}"
    if process_time() - start > _LIMIT_S:
        return f"took {process_time() - start:.1f} s for {len(text)} characters"
    if not all(0 <= span.start < span.end <= len(text) for span in spans):
        return "a span outside the text"
    if not all(left.end <= right.start for left, right in pairwise(spans)):
        return "spans overlap"
    if viewed != spans:
        return "a view at hand makes a difference"
    if at_once != spans:
        return "in a batch something else is found"
    return "masking again changes the text" if again != masked else None


def _damages() -> tuple[Callable[[str, Random], str], ...]:
    def cut(text: str, rng: Random) -> str:
        at = rng.randrange(len(text) + 1)
        return text[:at] + text[at + rng.randint(1, 6) :]

    def insert(text: str, rng: Random) -> str:
        at = rng.randrange(len(text) + 1)
        return text[:at] + "".join(rng.choice(_SIGNS) for _ in range(rng.randint(1, 3))) + text[at:]

    def put_label(text: str, rng: Random) -> str:
        at = rng.randrange(len(text) + 1)
        return text[:at] + label(rng.choice(list(LABELS))) + text[at:]

    def swap(text: str, rng: Random) -> str:
        a, b = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        return text[b:] + text[a:b] + text[:a]

    def repeat(text: str, rng: Random) -> str:
        return text[: 400 // rng.randint(1, 8)] * rng.randint(2, 12)

    def widen(text: str, rng: Random) -> str:
        a, b = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        return text[:a] + "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text[a:b]) + text[b:]

    return cut, insert, put_label, swap, repeat, widen


def main() -> None:
    """Fuzz for the seconds given."""
    seconds, seed = float(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "1"
    rng = Random(f"fuzz {seed}")
    texts = [each.text for kind in MAKERS for each in positives(kind, 80, 1)] + [each.text for each in traps(40, 1)]
    damages = _damages()
    tried = characters = 0
    broken: dict[str, str] = {}
    end = monotonic() + seconds
    while monotonic() < end:
        text = rng.choice(("", "", "，", "\n")).join(rng.choice(texts) for _ in range(rng.choice((1, 1, 2, 3, 8))))
        for _ in range(rng.randint(0, 6)):
            text = rng.choice(damages)(text, rng)
        law = broken_law(text)
        tried, characters = tried + 1, characters + len(text)
        if law and len(broken) < 20:
            broken[text] = law
    sys.stdout.write(f"{tried:,} texts, {characters:,} characters, {len(broken)} broke a law\n")
    for text, law in broken.items():
        sys.stdout.write(f"{law}: {text!r}\n")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
