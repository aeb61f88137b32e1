"""Promise 5 on pages: every number shown names its place, and each is computed here a second time by other means.

A small workspace in which the main job has run is shown page by page. A number in what a wing shows stands in an
element that says where it was read; it is looked up there with nothing but json, pyarrow and scipy, and counts that
an artifact's config tells are counted again from the rows they sum up. A number that names no place is a failure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
import wing_demo
from recounting import DIGEST, Artifacts, Places
from wing_demo import Element

from databases import Templates

LANGUAGES = ("zh", "en")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?%?")
#: Elements whose digits are no measured numbers: digests, ids, times, ranges of a table, what a person can choose,
#: sentences of ours.
NAMES = {"hash", "id", "range", "seed", "told"}
#: Words of ours with digits in them.
WORDS = (
    re.compile(
        r"单侧\s?95%|95%\s?置信限|95 % bounds|one-sided(?: at)? 95 %|one-sided, at 95 %|at 95 %|One-sided 95 ?%"
    ),
    re.compile(r"共 5 类 31 种|31 risks in five classes|GB18030"),
)


def whole(text: str) -> int:
    return int(text.replace(",", ""))


def percent_of(value: Fraction, text: str) -> str:
    """Return a share as pages print it: from six decimals, with as many places as `text` has, halves to even."""
    places = len(text.rstrip("%").partition(".")[2])
    scaled = round(Fraction(round(value * 10**6), 10 ** (4 - places)))
    digits = str(scaled).rjust(places + 1, "0")
    return (f"{digits[:-places]}.{digits[-places:]}" if places else digits) + "%"


def bound_of(side: str, k: int, n: int) -> float:
    from scipy.stats import beta

    if side == "lower":
        return 0.0 if k == 0 else float(beta.ppf(0.05, k, n - k + 1))
    return 1.0 if k == n else float(beta.ppf(0.95, k + 1, n - k))


def shown_parts(page: Element) -> list[Element]:
    """Return what wings show of a page: the verdict bar, their tabs' numbers, their panels and margins."""
    parts = [element for element in page.walk() if "data-from" in element.attributes]
    return parts + page.find("div", class_="verdict")


class Checker:
    """Collects what is wrong with the numbers of a page."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.checked: Counter[str] = Counter()

    def problems(self, page: Element) -> list[str]:
        """Return every number that names no place, or another value than stands there."""
        found: list[str] = []
        self.places.analysis = self._analysed(page)
        for part in shown_parts(page):
            digest = part.attributes.get("data-from", "")
            for element in part.walk():
                try:
                    self._check(element, digest)
                except AssertionError as error:
                    found.append(f"<{element.tag} {element.attributes}> {element.text!r}: {error}")
            found += [f"{text!r} names no place" for text in self._bare(part)]
        return found

    def _analysed(self, page: Element) -> dict[str, Any]:
        """Return what the form of a page that tries a recipe is answered, {} where no such thing is shown."""
        if not page.find("article", class_="judge"):
            return {}
        [form] = page.find("form", class_="try")
        asked = {f.attributes["name"]: f.attributes["value"] for f in form.find("input")}
        for select in form.find("select"):
            chosen = [o.attributes["value"] for o in select.find("option") if "selected" in o.attributes]
            asked[select.attributes["name"]] = chosen[0] if chosen else ""
        source = next(part.attributes["data-from"] for part in shown_parts(page) if "data-from" in part.attributes)
        told = {key: int(asked[key]) for key in ("documents", "seed")} | {
            key: asked[key] for key in ("attempt", "recipe")
        }
        return dict(self.places.artifacts.workspace.corpus.analyze(sources=[source], **told))

    def _check(self, element: Element, digest: str) -> None:
        at, text = element.attributes, element.text
        if "data-at" in at:
            value = self.places.number(at["data-at"], digest)
            if at.get("data-how") == "effort":
                self._effort(value, text)
            else:
                assert whole(text) == value, f"{at['data-at']} is {value}"
            assert at.get("value", str(value)) == str(value)
            self.checked["numbers"] += 1
        elif "data-more" in at:
            # The fewest more items, all of them good, that bring the exact bound of k of n to 5 %.
            k, n = self.places.number(at["data-k"], digest), self.places.number(at["data-n"], digest)
            more = whole(text)
            assert bound_of("upper", k, n + more) <= 0.05 + 1e-9
            self.checked["more"] += 1
        elif "data-k" in at:
            k, n = self.places.number(at["data-k"], digest), self.places.number(at["data-n"], digest)
            assert at.get("value", f"{k}/{n}") == f"{k}/{n}"
            if "data-bound" in at:
                exact = f"{round(bound_of(at['data-bound'], k, n), 6) * 100:.2f}%"
                assert abs(float(text[:-1]) - float(exact[:-1])) < 0.011, f"the bound is {exact}"
            else:
                same = Fraction(text.rstrip("%")) / 100 == Fraction(k, n)
                assert same or text == percent_of(Fraction(k, n), text), f"{k} of {n}"
            self.checked["shares"] += 1
        elif "data-ratio" in at:
            k, n = (self.places.number(f"{at['data-ratio']}/{part}", digest) for part in "kn")
            assert at["value"] == f"{k}/{n}" and abs(float(text) - k / n) <= 0.005
            self.checked["ratios"] += 1
        elif "data-entry" in at:
            assert whole(text) == self.places.entry(at["data-entry"])
            self.checked["entries"] += 1
        elif "data-fixed" in at:
            assert (at["data-fixed"], text) == ("risks", "31")
        elif "data-text" in at:
            self._quote(at["data-text"], text, digest)

    def _quote(self, place: str, text: str, digest: str) -> None:
        real = self.places.text(place, digest)
        part = text.removeprefix("…").removesuffix("…")
        if place.startswith("analysis#") and NUMBER.fullmatch(text):
            assert Fraction(text) == Fraction(real), f"it is {real}"
        elif text.startswith("…") or text.endswith("…"):
            assert part in real, "it is not in the text"
        else:
            assert part == real or (place.endswith("#text") and real.startswith(part)), f"the text is {real[:80]!r}"
        self.checked["texts"] += 1

    @staticmethod
    def _effort(amount: int, text: str) -> None:
        """Every number of an effort is the amount, or follows from it by 20 seconds an item and 3 people."""
        minutes = max(1, round(amount * 20 / 60 / 3))
        much = minutes if minutes < 60 else round(minutes / 60)
        assert {whole(number) for number in NUMBER.findall(text)} <= {amount, much, 3, 20}

    def _bare(self, part: Element) -> Iterator[str]:
        """Yield texts with digits that stand in no element which names a place."""
        for element in part.walk():
            for child in element.children:
                if isinstance(child, str) and re.search(r"\d", _without_words(child)) and not _placed(element, part):
                    yield " ".join(child.split())


def _without_words(text: str) -> str:
    for pattern in WORDS:
        text = pattern.sub("", text)
    return DIGEST.sub("", text)


def _placed(element: Element, part: Element) -> bool:
    for around in element.up():
        if any(
            name in around.attributes
            for name in ("data-at", "data-k", "data-text", "data-entry", "data-fixed", "data-ratio")
        ):
            return True
        if around.classes & NAMES or around.tag in ("time", "option", "code") or _of_drawing(around, part):
            return True
        if around is part:
            return False
    return False


def _of_drawing(element: Element, part: Element) -> bool:
    """Return whether an element is a title, or a tick of a drawing; what is drawn stands beside it as text."""
    return (element.tag == "title" or "tick" in element.classes) and any(up.tag == "svg" for up in element.up())


@pytest.fixture(scope="module")
def demo(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from wing_demo.opened(templates, tmp_path_factory.mktemp("numbers"))


@pytest.fixture(scope="module")
def checker(demo: Any) -> Checker:
    return Checker(Places(Artifacts(demo)))


def addresses(places: Places) -> Iterator[str]:
    """Yield the address of every page that a wing shows something on."""
    root = "/p/main/a/"
    for name, digest in places.artifacts.names.items():
        kind = name.partition(":")[0]
        config = places.artifacts.configs[digest]
        yield root + digest
        if kind == "assessment":
            for verdict in ("fails", "pending", "conforms", "not_applicable"):
                yield f"{root}{digest}?tab=rules&verdict={verdict}"
            for result in config["results"]:
                yield f"{root}{digest}?tab=rules&rule={result['rule']}"
                yield f"{root}{digest}?tab=rules&rule={result['rule']}&verdict=all&after=20"
            for tab in ("risks", "draws", "sources"):
                yield f"{root}{digest}?tab={tab}"
        if kind == "corpus":
            for tab in ("account", "account&unit=characters", "account&unit=bytes", "funnel&unit=bytes"):
                yield f"{root}{digest}?tab={tab}"
            yield f"{root}{digest}?tab=samples&decision=edit&reason=mobile"
            yield f"{root}{digest}?tab=samples&decision=review&reason=risk_terms"
            yield f"{root}{digest}?tab=samples&decision=drop&reason=too_short&seed=1"
            for tab in ("composition", "samples", "lengths", "card", "duplicates", "personal", "review", "compare"):
                yield f"{root}{digest}?tab={tab}"
            for reason in ("too_short", "mostly_symbols", "not_chinese", "repetitive", "masked", "hit", "broken"):
                yield f"{root}{digest}?tab=samples&reason={reason}&seed=3"
            for query in ("duplicates&reason=near_duplicate&seed=2", "personal&type=mobile", "review&risk=A.1.f"):
                yield f"{root}{digest}?tab={query}"
            others = [d for n, d in places.artifacts.names.items() if n.startswith("corpus:") and d != digest]
            yield f"{root}{digest}?tab=compare&other={others[0]}"
            for index in range(0, config["totals"]["documents"], 97):
                yield f"{root}{digest}?tab=samples&document={index}"
        if kind == "source":
            yield f"{root}{digest}?tab=files"
            yield f"{root}{digest}?tab=samples"
            yield f"{root}{digest}?tab=try"
            yield f"{root}{digest}?tab=try&run=1&documents=200&seed=1&attempt=characters+%3E+20"
        if kind == "verdicts":
            for verdict in config["counts"]:
                yield f"{root}{digest}?tab=items&verdict={verdict}&after=5"
        if kind == "responses":
            yield f"{root}{digest}?tab=items&state=answered"
            yield f"{root}{digest}?tab=items&state=failed"


#: Numbers of configs that pages show and that are counted again from rows here, by the shape of their places.
COUNTED_AGAIN = {
        "/tally/fails", "/results/…/k/value", "/results/…/n/value", "/results/…/need/amount", "/totals/documents",
        "/totals/characters", "/funnel/…/documents_after", "/funnel/…/documents_before",
        "/per_source/…/dropped/near_duplicate",
        "/per_source/…/documents_kept", "/personal_data/mobile", "/masked_documents", "/language/zh-Hans",
        "/filtered/per_risk/…", "/filtered/documents_hit", "/counts/fail", "/counts/pass", "/asked", "/items", "/terms",
        "/per_risk/…", "/counts/files", "/counts/bytes", "/documents/train", "/characters/validation", "/files",
        "/files/…/size", "/groups/…/documents", "/groups/…/available", "/planned", "/vocabulary",
        "/per_source/…/bytes_kept", "/per_source/…/edited/mobile/bytes", "/per_source/…/reviewed/risk_terms/documents",
        "/per_source/…/dropped_amounts/too_short/documents", "/per_source/…/screened",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_on_the_pages_is_computed_again(demo: Any, checker: Checker, language: str) -> None:
    client = wing_demo.browser(demo, language)
    before, seen = Counter(checker.checked), 0
    for address in addresses(checker.places):
        problems = checker.problems(wing_demo.page(client, address))
        assert not problems, (address, problems[:5])
        seen += 1
    checked = checker.checked - before
    assert seen > 80 and checked["numbers"] > 1500 and checked["shares"] > 300, (seen, checked)
    assert checked["texts"] > 800 and checked["entries"] >= 4, checked
    assert set(checker.places.recounted) >= COUNTED_AGAIN, COUNTED_AGAIN - set(checker.places.recounted)


@pytest.mark.parametrize(
    ("address", "old", "new"),
    [
        ("?tab=rules", r'data-at="/tally/fails">\d+<', 'data-at="/tally/fails">9<'),  # a wrong number
        ("?tab=rules", r'data-at="/tally/fails"', 'data-at="/tally/conforms"'),  # a wrong place
        ("?tab=rules", r'data-k="/results/(\d+)/k/value"', 'data-k="/results/0/n/value"'),  # a share of something else
        ("?tab=risks", r"<h2>", "<h2>17 "),  # a number from nowhere
        ("?tab=rules", r'(/notes/0/zh">)', r"\1改动"),  # a text that is not what it says
        ("?tab=draws", r'(data-entry="[^"]+">)\d+', r"\g<1>1"),
    ],
)
def test_a_wrong_number_is_noticed(demo: Any, checker: Checker, address: str, old: str, new: str) -> None:
    client = wing_demo.browser(demo)
    digest = checker.places.artifacts.names["assessment:demo"]
    text = client.get(f"/p/main/a/{digest}{address}").content.decode()
    assert not checker.problems(wing_demo.parse(text))
    changed = re.sub(old, new, text)
    assert changed != text
    assert checker.problems(wing_demo.parse(changed))


def test_interval_text_of_drawings_stands_beside_them(demo: Any, checker: Checker) -> None:
    """What a drawing of a rule says aloud is what the row beside it says."""
    client = wing_demo.browser(demo)
    digest = checker.places.artifacts.names["assessment:demo"]
    page = wing_demo.page(client, f"/p/main/a/{digest}")
    drawn = 0
    for row in page.find("tr", class_="has-more"):
        for svg in row.find("svg", class_="ci"):
            said = {number for number in NUMBER.findall(svg.attributes["aria-label"]) if number.endswith("%")}
            beside = set(NUMBER.findall(row.text))
            assert said <= beside, (row.attributes.get("id"), said - beside)
            drawn += bool(said)
    assert drawn >= 4
