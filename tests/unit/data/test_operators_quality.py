"""The operators that score the text."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from quanheng.data.corpus.operator import Asset, Batch, make
from quanheng.errors import Invalid
from quanheng.text import language_id
from quanheng.text.linear import LinearClassifier, train_linear
from quanheng.text.ngram_model import train_ngram_model


def columns(texts: list[str], name: str, assets: dict[str, Asset] | None = None, **params: Any) -> dict[str, list[Any]]:
    import pyarrow as pa

    made: Any = make(name, params, assets or {})
    batch = Batch(pa.RecordBatch.from_pydict({"text": pa.array(texts, pa.string())}))
    found = batch.with_columns(made.tag(batch), made.gives).table.to_pydict()
    assert list(found) == ["text", *(column for column, _ in made.gives)]
    return found


def test_repetition() -> None:
    once = "".join(map(chr, range(0x4E00, 0x4E50)))
    found = columns([once, once + "\n" + once, once + "\n\n" + once + "\n\n乙", "好评\n好评"], "repetition")
    assert found["repetition"][0] == 0
    assert found["repetition"][1] == 73 / 154
    assert found["repetition"][3] == 0  # too short to be asked
    assert found["line_repetition"] == [0, 0.5, 80 / 161, 0.5]
    assert found["paragraph_repetition"] == [0, 0, 80 / 161, 0]


def test_common_characters() -> None:
    assert columns(["的囧", "abc", "這個"], "common_characters")["common_share"] == [0.5, 0, 1]


def test_shapes_of_lines() -> None:
    found = columns(["• 苹果\n● 香蕉\n\n吃完了。\n（一）好”", ""], "lines")
    assert found["lines"] == [4, 0]
    assert found["mean_line_length"] == [(4 + 4 + 4 + 5) / 4, 0]
    assert found["bullet_share"] == [0.5, 0]
    assert found["punctuation_end_share"] == [0.25, 0]


def test_language_by_rule_and_by_the_installed_model() -> None:
    found = columns(["好吃", "This is a waste of my money and of my time.", "！"], "language")
    assert (found["language"][0], found["language_score"][0]) == ("zh", 1.0)
    assert found["language"][2] == "und"
    if language_id.installed_model():
        assert found["language"][1] == "en"


def test_language_without_any_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_id, "installed_model", lambda: None)
    assert columns(["好吃", "waste of my money"], "language")["language"] == ["zh", "und"]


def test_the_model_is_part_of_the_language_operators_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Asset("sha256:" + "0" * 64, lambda: io.BytesIO(b""))
    with_given = make("language", {}, {"language_model": given}).id
    with_installed = make("language", {}, {}).id
    monkeypatch.setattr(language_id, "installed_model", lambda: None)
    assert make("language", {}, {"language_model": given}).id == with_given
    assert make("language", {}, {}).id not in (with_given, with_installed if language_id.installed_model() else "")


def asset(data: bytes) -> Asset:
    return Asset("sha256:" + "0" * 64, lambda: io.BytesIO(data))


def test_perplexity_is_lower_for_text_like_the_models() -> None:
    data = train_ngram_model(["天天好好学习，好好休息"] * 3).write()
    usual, other, none = columns(["好好学习", "锟斤拷烫", ""], "perplexity", {"ngram_model": asset(data)})["perplexity"]
    assert 1 < usual < other
    assert none == 0


def test_quality_is_the_score_of_the_named_label() -> None:
    model = train_linear(["好文", "坏文"], [["good"], ["bad"]], ["bad", "good"], seed="1", bits=10, epochs=20)
    given = {"classifier": asset(model.write())}
    found = columns(["好文", "坏文"], "quality_classifier", given)["quality"]
    assert found == model.scores(["好文", "坏文"])[:, 1].tolist()
    assert found[0] > 0.5 > found[1]
    with pytest.raises(Invalid) as caught:
        columns(["好文"], "quality_classifier", given, label="god")
    assert "did you mean 'good'" in str(caught.value)


def test_domains_are_the_labels_over_the_threshold_best_first() -> None:
    labels = ["法律", "医疗", "教育"]
    weights, biases = np.zeros((256, 3), np.int16), np.array([0, 2_000, -1_000], np.int32)
    given = {"domain_classifier": asset(LinearClassifier(tuple(labels), weights, biases).write())}
    assert columns(["文"], "domain", given)["domains"] == [["医疗", "法律"]]
    assert columns(["文", ""], "domain", given, threshold="0.9")["domains"] == [[], []]
    assert columns(["文"], "domain", given, threshold="0.1")["domains"] == [["医疗", "法律", "教育"]]


@pytest.mark.parametrize(
    ("name", "role"),
    [("perplexity", "ngram_model"), ("quality_classifier", "classifier"), ("domain", "domain_classifier")],
)
def test_an_operator_without_its_model_says_so(name: str, role: str) -> None:
    with pytest.raises(Invalid) as missing:
        columns(["文"], name)
    assert missing.value.code == "asset_missing"
    with pytest.raises(Invalid) as bad:
        columns(["文"], name, {role: asset(b"no model")})
    assert bad.value.code == "bad_model"
