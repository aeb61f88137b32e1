"""Questions to an endpoint about texts: some at a time, each answer kept as it comes and never asked for twice."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pydantic import Field

from quanheng.data.corpus.operator import Params
from quanheng.errors import QuanhengError
from quanheng.store import JSON, LocalObjects, cache_key, canonical_json, sha256_digest
from quanheng.store.cache import CacheLike

if TYPE_CHECKING:
    from quanheng.endpoints.chat import Reply

#: Of the way a question is asked; a change is a new version, and old answers are asked again.
ASKING_VERSION = 1
#: A service may turn down a text for what is in it. When it turns down so many and answers none, it is not the texts.
ALL_REJECTED = 3
#: What no service turns down for what it says. One that does turns down everything, whatever it answered before.
HARMLESS = "你好"


class EndpointParams(Params):
    """How an operator asks an endpoint; none of it changes an answer.

    concurrency: questions under way at once, in each process of the build. attempts: tries where the service is away,
    busy or limits the rate. answer_s: seconds to wait for an answer.
    """

    concurrency: int = Field(default=4, ge=1, le=256)
    attempts: int = Field(default=5, ge=1, le=20)
    answer_s: int = Field(default=120, ge=1, le=3600)


#: The parameters of `EndpointParams`: no part of an operator's identity.
HOW = frozenset(EndpointParams.model_fields)


class Asks(Protocol):
    """What is needed of a client; `ChatClient` is one."""

    concurrency: int

    def ask(self, question: str, *, max_tokens: int | None = None) -> Reply:
        """Return the answer to one question."""
        ...


def ask_once(item: JSON) -> JSON:
    """Ask an endpoint one harmless question from where this runs, so that what is wrong is told before the work.

    item: {"role", "endpoint": its JSON as text}. Raises what `Client.post` raises, "not_served_here", or "no_key".
    """
    from quanheng.endpoints import EmbeddingClient
    from quanheng.endpoints.asset import open_client, read_endpoint
    from quanheng.endpoints.chat import ChatClient

    assert isinstance(item, dict)  # noqa: S101 - an item of `map`
    role, endpoint = str(item["role"]), read_endpoint(str(item["endpoint"]).encode())
    if role == "embedder":
        with open_client(EmbeddingClient, endpoint, role) as embedding:
            embedding.embed([HARMLESS])
    else:
        with open_client(ChatClient, endpoint, role) as chat:
            chat.ask(HARMLESS, max_tokens=1)
    return None


class Answers:
    """What endpoints answered, by key; shared by processes where the cache is.

    again: the name of a round in which questions without a readable answer are asked once more, and once only: what
    came of it is kept under that name too.
    """

    def __init__(self, cache: CacheLike, objects: LocalObjects, again: str | None = None) -> None:
        self._cache, self._objects, self._again = cache, objects, again

    def known(self, key: str, is_read: Callable[[str], bool]) -> tuple[str | None] | None:
        """Return the answer that need not be asked for, (None,) for a question that stays turned down, else None."""
        kept = self.get(key)
        if isinstance(kept, str) and (self._again is None or is_read(kept)):
            return (kept,)
        told = self.get(self._of_round(key)) if self._again is not None else None
        return (None if told["answer"] is None else str(told["answer"]),) if isinstance(told, dict) else None

    def note(self, key: str, answer: str | None) -> None:
        """Keep what came of a question in this round, if it is one."""
        if self._again is not None:
            self.set(self._of_round(key), {"answer": answer})

    def _of_round(self, key: str) -> str:
        return cache_key({"again": self._again, "of": key})

    def get(self, key: str) -> JSON:
        """Return what was kept under `key`, None when there is nothing."""
        digest = self._cache.get(key)
        if digest is None or not self._objects.exists(digest):
            return None
        with self._objects.open(digest) as stream:
            found: JSON = json.loads(stream.read())
        return found

    def set(self, key: str, value: JSON) -> None:
        """Keep `value` under `key`."""
        self._cache.set(key, self._objects.put_bytes(canonical_json(value)).digest)


class _Outcome(NamedTuple):
    """What came of one question: its answer, or the error where the service turned it down."""

    question: str
    answer: str | None
    error: QuanhengError | None = None


def ask_all(
    questions: Sequence[str],
    client: Asks,
    *,
    endpoint: str,
    max_tokens: int,
    answers: Answers | None,
    is_read: Callable[[str], bool] = lambda answer: True,
) -> list[str | None]:
    """Return the answer to each question, in order; None where the service turned that one down.

    endpoint: its digest, part of the key of every answer. is_read: whether an answer can be read; one that cannot is
    kept as well, and asked for once more only in a round of `Answers`. At most `client.concurrency` are under way at a
    time; equal questions are asked once. Raises the first error that is about the endpoint and not about one text: also
    that of a service that turns down something HARMLESS right after a question, or ALL_REJECTED questions or more and
    all that there are. What was answered before stays kept, so that the same call later goes on from there.
    """
    keys = {
        question: cache_key(
            {
                "asking": ASKING_VERSION,
                "endpoint": endpoint,
                "max_tokens": max_tokens,
                "question": sha256_digest(question.encode("utf-8", "surrogatepass")),
            }
        )
        for question in dict.fromkeys(questions)
    }
    found: dict[str, str | None] = {}
    for question, key in keys.items():
        if (known := answers.known(key, is_read) if answers else None) is not None:
            found[question] = known[0]
    asked = [question for question in keys if question not in found]
    rejected: list[QuanhengError] = []
    for outcome in _outcomes(asked, client, max_tokens):
        found[outcome.question] = outcome.answer
        if outcome.error is not None:
            rejected.append(outcome.error)
        elif answers:
            answers.set(keys[outcome.question], outcome.answer)
    # Of all together, so that it does not matter which came first.
    if ALL_REJECTED <= len(rejected) == len(found):
        raise rejected[0]
    if answers:
        for question in asked:
            answers.note(keys[question], found[question])
    return [found[question] for question in questions]


def _outcomes(questions: Sequence[str], client: Asks, max_tokens: int) -> Iterator[_Outcome]:
    """Yield outcomes as they come. A new question is handed out only when an old one is done."""
    waiting = deque(questions)
    under_way: set[Future[_Outcome]] = set()
    pool = ThreadPoolExecutor(max_workers=client.concurrency, thread_name_prefix="ask")
    failure: QuanhengError | None = None
    try:
        while (waiting and failure is None) or under_way:
            while waiting and failure is None and len(under_way) < client.concurrency:
                under_way.add(pool.submit(_ask_one, client, waiting.popleft(), max_tokens))
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    yield future.result()
                except QuanhengError as error:
                    # Those under way are waited for: their answers are paid for, and are kept.
                    failure = failure or error
        if failure is not None:
            raise failure
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ask_one(client: Asks, question: str, max_tokens: int) -> _Outcome:
    try:
        return _Outcome(question, client.ask(question, max_tokens=max_tokens).answer)
    except QuanhengError as error:
        if error.code != "endpoint_rejected":
            raise
        client.ask(HARMLESS, max_tokens=max_tokens)
        return _Outcome(question, None, error)
