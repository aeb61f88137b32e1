"""Promise 5: every published score, rate or verdict has n, an interval and the digests of what it was computed from.

One real run of the main job; everything that its assessment and its two reports say is computed here a second time
from the artifacts, by the shortest way: rows counted one by one, bounds by scipy, percentages by integers.
"""

from __future__ import annotations

import copy
import html.parser
import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from main_job import model_service, parameters, quanheng, write_source

from databases import Place, Templates, close_open

LANGUAGES = ("zh", "en")
VERDICT_WORDS = {
    "zh": {"conforms": "符合", "fails": "不符合", "not_applicable": "不适用", "pending": "待补充"},
    "en": {
        "conforms": "Conforms",
        "fails": "Does not conform",
        "not_applicable": "Not applicable",
        "pending": "To be completed",
    },
}


class Artifacts:
    """Configs and rows of every artifact of a workspace, as plain JSON; a float in them is an error."""

    def __init__(self, place: Place) -> None:
        from quanheng.core.models import Artifact, Name

        self.workspace = place.open()
        self.configs: dict[str, dict[str, Any]] = {}
        self.layers: dict[str, dict[str, str]] = {}
        self.kinds: dict[str, str] = {}
        for row in Artifact.objects.all():
            self.kinds[row.digest] = row.kind
            self.configs[row.digest] = json.loads(bytes(row.config), parse_float=no_float, parse_constant=no_float)
            manifest = json.loads(bytes(row.manifest), parse_float=no_float, parse_constant=no_float)
            self.layers[row.digest] = {
                layer["annotations"]["org.opencontainers.image.title"]: layer["digest"]
                for layer in manifest["layers"]
                if "annotations" in layer  # the empty layer of a manifest without files has none
            }
        named = Name.objects.values_list("kind", "slug", "artifact__digest")
        self.names = {f"{kind}:{slug}": digest for kind, slug, digest in named}

    def config(self, digest: str) -> Any:
        return self.configs[digest]

    def rows(self, digest: str, layer: str) -> list[bytes]:
        with self.workspace.open_layer(self.layers[digest][layer]) as stream:
            return list(stream)

    def of(self, name: str) -> dict[str, Any]:
        return self.configs[self.names[name]]

    def count(self, counted: dict[str, Any]) -> int:
        """Return a count, counted again."""
        if counted["pointer"] is not None:
            value: Any = self.configs[counted["artifact"]]
            for part in counted["pointer"].split("/")[1:]:
                value = value[int(part)] if isinstance(value, list) else value[part]
            return value if isinstance(value, int) else len(value)
        rows = [json.loads(line) for line in self.rows(counted["artifact"], counted["layer"])]
        return sum(all(row.get(k) == v for k, v in counted["where"].items()) for row in rows)


def no_float(text: str) -> None:
    raise AssertionError(f"a float stands in canonical JSON: {text}")


class Page(html.parser.HTMLParser):
    """What a report says: the text of each rule's rows, its verdict, the cells of each table, and the tally."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rules: dict[str, str] = {}
        self.verdicts: dict[str, str] = {}
        self.tables: list[list[list[str]]] = []
        self.counts: list[str] = []
        self._path: list[tuple[str, str, str]] = []
        self._rule = ""
        self.feed(text)
        self.text = " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag in ("br", "meta", "link", "col"):
            return
        self._path.append((tag, known.get("class", ""), known.get("id", "")))
        if tag == "tr":
            self._rule = known["id"] if "id" in known else self._rule if known.get("class") == "more" else ""
            if self.tables:
                self.tables[-1].append([])
        if tag == "table":
            self.tables.append([])
            self._rule = ""
        if tag in ("td", "th") and self.tables and self.tables[-1]:
            self.tables[-1][-1].append("")
        if tag == "b" and any(cls == "counts" for _, cls, _ in self._path):
            self.counts.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._path:
            if self._path.pop()[0] == tag:
                return

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _, _ in self._path]
        if self._rule and [cls.split(" ")[0] for _, cls, _ in self._path[-2:]] == ["vd", "v"]:
            self.verdicts[self._rule] = data
        if self._rule and "table" in tags:
            self.rules[self._rule] = self.rules.get(self._rule, "") + data + " "
        if ("td" in tags or "th" in tags) and self.tables and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] += data + " "
        if tags[-1:] == ["b"] and any(cls == "counts" for _, cls, _ in self._path):
            self.counts[-1] += data


class Published:
    """The assessment of one run, and its pages."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place = place
        self.folder = folder
        self.artifacts = Artifacts(place)
        self.digest = self.artifacts.names["assessment:demo"]
        self.assessment = self.artifacts.configs[self.digest]
        self.results: list[dict[str, Any]] = self.assessment["results"]
        self.inputs = [item["digest"] for item in self.assessment["made_by"]["inputs"]]
        self.pages = {word: Page((folder / f"report.{word}.html").read_text("utf-8")) for word in LANGUAGES}


@pytest.fixture(scope="module")
def published(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    folder = tmp_path_factory.mktemp("published")
    place = templates.place("sqlite", folder / "w")
    sources = {"one": write_source(folder / "one", 11, 400), "two": write_source(folder / "two", 12, 40)}
    with model_service() as service:
        words = parameters(sources, questions=20, local_model=False, model_url=service.url, model_name="m")
        commands = [["flow", "run", "filing", *words], ["assessment", "bundle", "demo", "--to", str(folder / "b.zip")]]
        for word in LANGUAGES:
            to = str(folder / f"report.{word}.html")
            commands.append(["assessment", "report", "demo", "--to", to, "--language", word])
        for words in commands:
            done = quanheng(place, *words)
            assert done.returncode == 0, done.stderr
    yield Published(place, folder)
    close_open()


def share(k: int, n: int, places: int) -> str:
    """Return k/n as a decimal text, halves to even, by integers alone."""
    return str(round(Fraction(k, n) * 10**places)).rjust(places + 1, "0")


def as_percent(k: int, n: int) -> str:
    """Return k/n as a report prints it: from six decimals to two places of a percentage."""
    millionths = round(Fraction(k, n) * 10**6)
    hundredths = round(Fraction(millionths, 100))
    return f"{hundredths // 100}.{hundredths % 100:02d}%"


def numbers_of(result: dict[str, Any]) -> tuple[int | None, int | None]:
    k, n = result["k"], result["n"]
    return (None if k is None else k["value"]), (None if n is None else n["value"])


def test_every_value_has_n_an_interval_and_its_origin(published: Published) -> None:
    from scipy.stats import beta

    with_value = [result for result in published.results if result["value"] is not None]
    assert len(with_value) >= 6
    for result in published.results:
        assert set(result["computed_from"]) <= set(published.inputs), result["rule"]
        for total in (result["k"], result["n"]):
            for counted in total["counts"] if total else ():
                assert counted["artifact"] in published.inputs, result["rule"]
    sampled = 0
    for result in with_value:
        k, n = numbers_of(result)
        assert k is not None and n is not None and result["computed_from"], result["rule"]
        assert result["value"].replace(".", "").rjust(7, "0") == share(k, n, 6)
        if result["bound"] is None:
            # A full count has no error of sampling, and the pages say so.
            judged = {c["artifact"] for c in (*result["k"]["counts"], *result["n"]["counts"])}
            assert not any(published.artifacts.kinds[d].startswith("verdicts/") for d in judged), result["rule"]
            assert "逐条核对，非抽样" in published.pages["zh"].rules[result["rule"]]
            assert "every item counted, no sample" in published.pages["en"].rules[result["rule"]]
            continue
        sampled += 1
        if result["bound"]["side"] == "lower":
            exact = 0.0 if k == 0 else float(beta.ppf(0.05, k, n - k + 1))
        else:
            exact = 1.0 if k == n else float(beta.ppf(0.95, k + 1, n - k))
        assert abs(float(result["bound"]["value"]) - exact) < 2e-6, result["rule"]
    assert sampled >= 3


def test_every_count_counted_again(published: Published) -> None:
    seen = 0
    for result in published.results:
        for total in (result["k"], result["n"]):
            if total is None:
                continue
            again = [published.artifacts.count(counted) for counted in total["counts"]]
            assert again == [counted["value"] for counted in total["counts"]], result["rule"]
            assert sum(again) == total["value"]
            seen += len(again)
    assert seen >= 20


def test_verdicts_follow_from_integers(published: Published) -> None:
    for result in published.results:
        (k, n), test = numbers_of(result), result["test"]
        if test["form"] == "none" or not n or k is None:
            continue
        passes = k * test["den"] >= test["num"] * n
        if test["form"] == "at_most":
            passes = k * test["den"] <= test["num"] * n
        if test["min_n"] is None or n >= test["min_n"]:
            assert result["verdict"] == ("conforms" if passes else "fails"), result["rule"]
        else:
            assert result["verdict"] in ("pending", "pending" if passes else "fails"), result["rule"]
    tally = published.assessment["tally"]
    found = {verdict: sum(r["verdict"] == verdict for r in published.results) for verdict in VERDICT_WORDS["en"]}
    assert {verdict: tally[verdict] for verdict in found} == found
    assert sum(found.values()) == len(published.results)


def test_the_second_computation_agrees_and_notices(published: Published) -> None:
    from quanheng.store.assessment_check import check_assessment
    from quanheng.store.verify import verify_bundle

    finding = check_assessment(published.assessment, published.artifacts)
    assert (finding.problems, finding.results) == ([], len(published.results))
    assert finding.recomputed >= 20 and not finding.not_recomputed
    assert verify_bundle(published.folder / "b.zip", None).ok is not False
    for place, result in enumerate(published.results):
        for part in ("k", "n", "value", "verdict"):
            if result[part] is None or (part == "verdict" and result["test"]["form"] == "none"):
                continue
            changed = copy.deepcopy(published.assessment)
            other = changed["results"][place]
            if part in ("k", "n"):
                other[part]["value"] += 1
                for counted in other[part]["counts"][:1]:
                    counted["value"] += 1
            elif part == "value":
                other["value"] = "0.123457"
            else:
                other["verdict"] = "conforms" if result["verdict"] != "conforms" else "fails"
            assert check_assessment(changed, published.artifacts).problems, (result["rule"], part)


def test_no_verdict_hangs_on_a_rounding(published: Published) -> None:
    """Engine and verifier agree for every k of n, also where a bound only touches the threshold (0 of 1 at 95 %)."""
    from quanheng.kinds.oversight import Threshold
    from quanheng.oversight.rules.law import decide
    from quanheng.store.assessment_check import required_verdicts

    tests = {(r["test"]["form"], r["test"]["num"], r["test"]["den"]) for r in published.results}
    for form, num, den in tests | {("at_least", 95, 100), ("at_most", 5, 100), ("at_least", 1, 2), ("at_most", 1, 2)}:
        if form == "none":
            continue
        for n in range(1, 41):
            for k in range(n + 1):
                for least in (None, 30):
                    threshold = Threshold(form=form, num=num, den=den)
                    made = decide(k, n, threshold, min_n=least)
                    assert made.verdict in required_verdicts(form, num, den, least, k, n), (form, num, den, k, n)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_prints_what_was_computed(published: Published, language: str) -> None:
    page = published.pages[language]
    for result in published.results:
        text = page.rules[result["rule"]]
        k, n = numbers_of(result)
        assert page.verdicts[result["rule"]] == VERDICT_WORDS[language][result["verdict"]], result["rule"]
        if k is not None and n is not None and result["value"] is not None:
            assert f"{k:,} / {n:,}" in text, result["rule"]
            assert as_percent(k, n) in text, result["rule"]
        elif k is not None:
            assert f"{k:,}" in text, result["rule"]
        if result["bound"] is not None:
            millionths = int(result["bound"]["value"].replace(".", ""))
            hundredths = round(Fraction(millionths, 100))
            assert f"{hundredths // 100}.{hundredths % 100:02d}%" in text, result["rule"]
    tally = published.assessment["tally"]
    assert page.counts == [f"{tally[v]:,}" for v in ("conforms", "fails", "pending", "not_applicable")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_percentage_of_the_rules_comes_from_nowhere(published: Published, language: str) -> None:
    """Every percentage with two places in a rule's rows is a share or a bound of it or of one of its groups."""
    from scipy.stats import beta

    population = published.artifacts.of("corpus:demo")["totals"]["documents"]
    for result in published.results:
        k, n = numbers_of(result)
        allowed = set()
        pairs = {(k, n)} if k is not None and n else set()
        text = published.pages[language].rules[result["rule"]]
        pattern = r"(?:: )([\d,]+) of ([\d,]+)" if language == "en" else r"：([\d,]+) 条中\D*([\d,]+) 条"
        for first, second in re.findall(pattern, text):
            a, b = int(first.replace(",", "")), int(second.replace(",", ""))
            pairs.add((a, b) if language == "en" else (b, a))
        for a, b in pairs:
            if not b:
                continue
            allowed.add(as_percent(a, b))
            for bound in (
                0.0 if a == 0 else float(beta.ppf(0.05, a, b - a + 1)),
                1.0 if a == b else float(beta.ppf(0.95, a + 1, b - a)),
            ):
                allowed.add(f"{round(bound, 6) * 100:.2f}%")
            if "hypergeometric" in text or "超几何" in text:
                allowed.add(as_percent(finite_lower(a, b, population), population))
        printed = set(re.findall(r"\d+\.\d\d%", text))
        assert printed <= allowed, (result["rule"], printed - allowed)


@pytest.mark.parametrize("language", LANGUAGES)
def test_funnel_sources_and_draws_in_the_report(published: Published, language: str) -> None:
    page, corpus = published.pages[language], published.artifacts.of("corpus:demo")
    tables = [[[cell.strip() for cell in row] for row in table] for table in page.tables]
    funnel = next(t for t in tables if len(t) == len(corpus["funnel"]) + 1 and len(t[0]) == 4 and t[1][1] == "")
    for row, step in zip(funnel[1:], corpus["funnel"], strict=True):
        less = step["documents_before"] - step["documents_after"]
        assert row[2:] == [f"{step['documents_after']:,}", f"−{less:,}" if less else ""]
    for before, after in zip(corpus["funnel"], corpus["funnel"][1:], strict=False):
        assert before["documents_after"] == after["documents_before"]
    digest = published.artifacts.names["corpus:demo"]
    rejected = [json.loads(line) for line in published.artifacts.rows(digest, "rejected.jsonl")]
    broken = sum(share["broken_rows"] for share in corpus["per_source"])
    assert corpus["funnel"][0]["documents_before"] - corpus["funnel"][0]["documents_after"] == broken
    assert len(rejected) >= broken
    assert documents_in_shards(published, digest) == corpus["totals"]["documents"]
    for source in corpus["per_source"]:
        kept = f"{source['documents_kept']:,} / {source['documents_read']:,}"
        assert any(row and row[-1] == kept for table in tables for row in table), kept
    for draw in published.assessment["draws"]:
        config = published.artifacts.configs[draw["sample"]]
        assert (draw["n"], draw["population"]) == (config["n"], corpus["totals"]["documents"])
        assert len(published.artifacts.rows(draw["sample"], sample_layer(published, draw["sample"]))) == draw["n"]
        assert any(f"{draw['n']:,} / {draw['population']:,}" in row for table in tables for row in table)
    for name in ("must-refuse", "must-not-refuse", "generation"):
        bank, answers = published.artifacts.of(f"benchmark:{name}"), published.artifacts.of(f"responses:{name}")
        assert (answers["asked"], bank["items"]) == (20, 40)
        assert any(row[1:2] == ["40"] and row[2].startswith("20") for t in tables for row in t if len(row) == 4), name


def finite_lower(k: int, n: int, population: int) -> int:
    """Return the smallest number of good items of a population from which k or more of n are drawn in 1 of 20 cases."""
    from scipy.stats import hypergeom

    return next(good for good in range(k, population + 1) if hypergeom.sf(k - 1, population, good, n) > 0.05)


def documents_in_shards(published: Published, digest: str) -> int:
    """Return how many rows lie in the Parquet files of a corpus."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra [data]")
    total = 0
    for title, layer in published.artifacts.layers[digest].items():
        if title.startswith("data/"):
            with published.artifacts.workspace.open_layer(layer) as stream:
                total += parquet.read_metadata(stream).num_rows
    return total


def sample_layer(published: Published, digest: str) -> str:
    """Return the title of the only layer of a sample."""
    (title,) = published.artifacts.layers[digest]
    return title


def test_floats_are_refused_where_artifacts_are_written() -> None:
    from quanheng.store import canonical_json

    for value in (0.5, {"a": [1.0]}, float("nan")):
        with pytest.raises(Exception, match=r"float|number"):
            canonical_json(value)  # type: ignore[arg-type]


def test_rules_without_a_number_say_what_is_missing(published: Published) -> None:
    for result in published.results:
        if result["k"] is None:
            assert result["verdict"] in ("pending", "not_applicable", "fails"), result["rule"]
            assert result["need"] or result["notes"] or result["details"], result["rule"]
