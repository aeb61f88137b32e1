"""Operators that ask a model behind an endpoint about each text: a score of educational value, a guard's verdict.

Both only mark; a recipe's judge decides. Network goes to the host of the endpoint that was given, and nowhere else.
An answer that cannot be read is told as such, never guessed, and never taken for "safe".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, StringConstraints

from quanheng.data.corpus.answers import Guarded, GuardForm, read_guard, read_score
from quanheng.data.corpus.asking import HOW, EndpointParams, ask_all
from quanheng.data.corpus.operator import Asset, Batch, Column, Gives, Tagger, operator, unknown
from quanheng.data.corpus.rubric import EDUCATIONAL, RUBRICS, question_of
from quanheng.endpoints.asset import endpoint_bytes, open_client, read_endpoint
from quanheng.endpoints.chat import ChatClient
from quanheng.endpoints.client import Patience
from quanheng.errors import Invalid
from quanheng.kinds.base import Say
from quanheng.kinds.models import Endpoint
from quanheng.kinds.risks import CLASSES, RISKS
from quanheng.store import sha256_digest

R = TypeVar("R")
#: What stands where no answer could be read, or the service turned the text down.
UNREAD = -1
Prompt = Annotated[str, StringConstraints(min_length=10, max_length=20_000, pattern=r"\S")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"\S")]


class AskingParams(EndpointParams):
    """How a text is asked about. max_tokens: of the answer."""

    max_tokens: int = Field(default=32, ge=1, le=8192)


class Asker(Tagger):
    """Asks the endpoint that is its asset. `role`: of that asset."""

    role: ClassVar[str]
    aside = HOW

    @cached_property
    def _endpoint(self) -> Endpoint:
        with self.given[self.role].open() as stream:
            return read_endpoint(stream.read())

    def ask(self, questions: Sequence[str], read: Callable[[str], R | None]) -> list[R | None]:
        """Return what was read in the answers, None where it cannot be or the service turned a text down.

        See `asking.ask_all`.
        """
        params, asset = self.params, self.given[self.role]
        patience = Patience(answer_s=float(params.answer_s), attempts=params.attempts)
        with open_client(
            ChatClient, self._endpoint, self.role, concurrency=params.concurrency, patience=patience
        ) as client:
            answers = ask_all(
                questions,
                client,
                endpoint=sha256_digest(endpoint_bytes(self._endpoint)),
                max_tokens=params.max_tokens,
                answers=asset.answers,
                is_read=lambda answer: read(answer) is not None,
            )
        found = [None if answer is None else read(answer) for answer in answers]
        self.unread += sum(one is None for one in found)
        return found


class EducationalValueParams(AskingParams):
    """`rubric`: the name of one that ships. `instruction`: a rubric of one's own in its place, asking for “得分：N”.

    characters: how much of the beginning of a text is shown.
    """

    rubric: str = EDUCATIONAL
    instruction: Prompt | None = None
    characters: int = Field(default=2000, ge=1, le=100_000)


@operator
class EducationalValue(Asker):
    """Says how much can be learnt from a text, by asking a model with a rubric."""

    name = "educational_value"
    version = 2
    help = Say(
        en="A score of 0 to 5 for what can be learnt from the beginning of a text, asked of the model behind an "
        "endpoint; -1 where its answer is no score. Sends texts as they are at this step: place it after personal_data",
        zh="请端点上的模型为文本开头的教育价值打 0 到 5 分；回答无法读作分数时为 -1。"
        "发出的是这一步时的原文，请放在 personal_data 之后",
    )
    gives: ClassVar[Gives] = (("educational_value", "int64"),)
    assets = ("scorer",)
    role = "scorer"
    Params = EducationalValueParams

    def __init__(self, params: Any, assets: Mapping[str, Asset]) -> None:
        super().__init__(params, assets)
        if params.instruction is None and params.rubric not in RUBRICS:
            raise unknown("there is no rubric", "没有评分标准", params.rubric, RUBRICS)

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return the scores."""
        rubric = self.params.instruction or RUBRICS[self.params.rubric]
        most = self.params.characters
        scores = self.ask([question_of(rubric, text[:most]) for text in batch.texts], read_score)
        return {"educational_value": [UNREAD if score is None else score for score in scores]}


class GuardParams(AskingParams):
    """`answers`: the form in which the guard answers. `risks`: its words for risks → ids of risks ("A.3", "A.1.f").

    safe, instruction: for answers = "labels": the words that mean safe, and what is asked before the text; the words
    that name risks are those of `risks`. controversial: what Qwen3Guard's middle level counts as.
    characters, pieces: a text is shown in pieces of so many characters, at most so many from its beginning; one unsafe
    piece makes it unsafe.
    """

    answers: GuardForm = "qwen3guard"
    risks: dict[Word, str] = Field(default_factory=dict)
    safe: tuple[Word, ...] = ()
    instruction: Prompt | None = None
    controversial: Literal["unsafe", "safe"] = "unsafe"
    characters: int = Field(default=2000, ge=1, le=100_000)
    pieces: int = Field(default=4, ge=1, le=1000)


@operator
class Guard(Asker):
    """Says what a guard model thinks of a text. Its verdict is for people to look at: it drops nothing."""

    name = "guard"
    version = 2
    help = Say(
        en="The verdict of a guard model behind an endpoint: 1 unsafe, 0 safe, -1 no readable answer; and the risks "
        "that it names; for review. Sends texts as they are at this step: place it after personal_data",
        zh="请端点上的安全护栏模型判定文本：1 为有风险，0 为无风险，-1 为回答无法识别；并给出风险类别；供复核。"
        "发出的是这一步时的原文，请放在 personal_data 之后",
    )
    gives: ClassVar[Gives] = (("guard_unsafe", "int64"), ("guard_risks", "strings"))
    assets = ("guard",)
    role = "guard"
    reviews = True
    Params = GuardParams

    def __init__(self, params: Any, assets: Mapping[str, Asset]) -> None:
        super().__init__(params, assets)
        _check(params)

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Return verdicts, and risks by the ids of `risks`; a word that is not there stays the guard's own."""
        pieces = [self._pieces(text) for text in batch.texts]
        said = iter(self.ask([self._question(piece) for part in pieces for piece in part], self._read))
        verdicts = [self._verdict([next(said) for _ in part]) for part in pieces]
        return {
            "guard_unsafe": [unsafe for unsafe, _ in verdicts],
            "guard_risks": [risks for _, risks in verdicts],
        }

    def _pieces(self, text: str) -> list[str]:
        size = self.params.characters
        whole = [text[at : at + size] for at in range(0, len(text), size)][: self.params.pieces]
        return [piece for piece in whole if piece.strip()]

    def _question(self, piece: str) -> str:
        return question_of(self.params.instruction, piece) if self.params.instruction else piece

    def _read(self, answer: str) -> Guarded | None:
        return read_guard(answer, self.params.answers, self.params.safe, self.params.risks)

    def _verdict(self, read: Sequence[Guarded | None]) -> tuple[int, list[str]]:
        """Return 1 when a piece is unsafe, else UNREAD when one was not read, else 0; and the risks, sorted."""
        also = {"controversial"} if self.params.controversial == "unsafe" else set()
        bad = [one for one in read if one is not None and one.level in {"unsafe"} | also]
        known = {word.casefold(): risk for word, risk in self.params.risks.items()}
        risks = sorted({known.get(word.casefold(), word) for one in bad for word in one.categories})
        return (1 if bad else UNREAD if None in read else 0), risks


def _check(params: GuardParams) -> None:
    """Raise Invalid "unknown_word" for a risk that there is not, "bad_parameter" for parameters that do not agree."""
    for risk in params.risks.values():
        if risk not in CLASSES and risk not in RISKS:
            raise unknown("there is no risk", "没有风险类别", risk, dict.fromkeys([*CLASSES, *RISKS]))
    own = (params.safe, params.risks, params.instruction)
    if params.answers == "labels" and not all(own):
        raise _disagree(
            'answers = "labels" needs safe, risks and an instruction',
            '写 answers = "labels" 时须同时给出 safe、risks 和 instruction',
        )
    if params.answers != "labels" and (params.safe or params.instruction):
        raise _disagree(
            'safe and instruction are for answers = "labels" only', 'safe 和 instruction 只用于 answers = "labels"'
        )
    both = sorted(set(map(str.casefold, params.safe)) & set(map(str.casefold, params.risks)))
    if both:
        raise _disagree(f"{both[0]!r} cannot mean safe and name a risk", f"{both[0]!r} 不能既表示安全又表示风险")


def _disagree(en: str, zh: str) -> Invalid:
    return Invalid(
        f"guard: {en}",
        f"算子 guard：{zh}",
        hint=(
            'Example: answers = "labels", safe = ["safe"], risks = { "fraud" = "A.3" }, instruction = "…"',
            '例如：answers = "labels"，safe = ["安全"]，risks = { "诈骗" = "A.3" }，instruction = "…"',
        ),
        code="bad_parameter",
    )
