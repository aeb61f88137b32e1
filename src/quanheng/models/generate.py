"""Answers to a bank of questions. Each answer is cached as it comes, so that a killed run asks nothing twice.

The key of an answer is (endpoint, question, decoding, nonce). Rows come in bank order; a question that could not be
answered is a row with the code of its error. When nothing can be expected any more, the run stops with that error.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, Protocol

from quanheng.endpoints import faults
from quanheng.endpoints.chat import Reply
from quanheng.errors import Corrupt, NotFound, QuanhengError
from quanheng.kinds.models import BankPurpose, Decoding, Endpoint, Question, Response, Responses
from quanheng.store.cache import CacheLike, cache_key
from quanheng.store.canonical import JSONLike, canonical_json
from quanheng.store.digest import sha256_digest

#: After this many failures in a row, with no answer among them, the rest would fail too.
GIVE_UP_AFTER = 8
#: Of the way a question is asked; a change is a new version, and old answers are asked again.
ASKING_VERSION = 1


class Asks(Protocol):
    """What is needed of a client; `ChatClient` is one."""

    endpoint: Endpoint
    concurrency: int

    def ask(self, question: str, *, max_tokens: int | None = None) -> Reply:
        """Return the answer to one question."""
        ...


class StoredBytes(Protocol):
    """What a put returns."""

    @property
    def digest(self) -> str:
        """Return the digest of what was stored."""
        ...


class Objects(Protocol):
    """What is needed of the object store."""

    def put_bytes(self, data: bytes) -> StoredBytes:
        """Store `data`."""
        ...

    def open(self, digest: str) -> BinaryIO:
        """Open an object for reading; NotFound when it is not here."""
        ...


@dataclass(frozen=True)
class ResponsesResult:
    """The config of the responses/v1 artifact, its rows in bank order, and how many were asked just now."""

    kind: Responses
    rows: tuple[Response, ...]
    asked_now: int

    def layer(self) -> Iterator[bytes]:
        """Yield the lines of the layer responses.jsonl."""
        for row in self.rows:
            yield canonical_json(row.model_dump(mode="json")) + b"\n"


def select(items: Sequence[Question], limit: int | None) -> list[int]:
    """Return the places of at most `limit` questions, evenly spread over risks and aspects, in bank order.

    Groups take turns in the order they first appear. Within a group the digest of the id decides, so that it is not
    the order in which somebody wrote the bank; a larger limit keeps what a smaller one chose. None takes all.
    """
    if limit is None or limit >= len(items):
        return list(range(len(items)))
    groups: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        groups.setdefault(item.group, []).append(place)
    queues = deque(deque(sorted(places, key=lambda p: _shuffled(items[p].id))) for places in groups.values())
    chosen: list[int] = []
    while len(chosen) < limit:
        queue = queues.popleft()
        chosen.append(queue.popleft())
        if queue:
            queues.append(queue)
    return sorted(chosen)


def generate(
    items: Sequence[Question],
    client: Asks,
    *,
    purpose: BankPurpose,
    endpoint_digest: str,
    cache: CacheLike,
    objects: Objects,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
    max_questions: int | None = None,
    max_tokens: int | None = None,
    nonce: str = "",
) -> ResponsesResult:
    """Return the answers to the bank `items`, or to `max_questions` of them chosen by `select`.

    `endpoint_digest`: of the endpoint's artifact. `nonce`: another one asks again. `progress` is called in this thread
    and may raise to cancel. Raises the client's error when the service is down or refuses the key, after
    GIVE_UP_AFTER failures in a row, or when not one question was answered; answers so far stay cached.
    """
    decoding = client.endpoint.decoding
    if max_tokens is not None:
        decoding = decoding.model_copy(update={"max_tokens": max_tokens})
    book = _Book(endpoint_digest, decoding, nonce, cache, objects)
    places = select(items, max_questions)
    rows: dict[int, Response] = {}
    for place in places:
        kept = book.find(items[place])
        if kept is not None:
            rows[place] = kept
    missing = [place for place in places if place not in rows]
    progress(len(rows), len(places))
    asked = _ask_missing(items, missing, client, book, rows, lambda: progress(len(rows), len(places)))
    ordered = tuple(rows[place] for place in places)
    return ResponsesResult(_count(ordered, purpose, len(items), decoding), ordered, asked)


class _Book:
    """The answers already paid for."""

    def __init__(self, endpoint: str, decoding: Decoding, nonce: str, cache: CacheLike, objects: Objects) -> None:
        self.decoding = decoding
        self._cache, self._objects = cache, objects
        self._of: dict[str, JSONLike] = {"v": ASKING_VERSION, "endpoint": endpoint, "nonce": nonce}
        self._decoding = decoding.model_dump(mode="json")

    def find(self, item: Question) -> Response | None:
        """Return the row for `item` if its answer is kept; Corrupt when what is kept is damaged."""
        digest = self._cache.get(self._key(item))
        if digest is None:
            return None
        try:
            with self._objects.open(digest) as stream:
                data = stream.read()
        except NotFound:
            return None  # collected meanwhile: it is asked again
        if sha256_digest(data) != digest:
            raise Corrupt(
                f"the kept answer {digest} is damaged",
                f"已保存的回答 {digest} 已损坏",
                hint=("Run: quanheng fsck", "请运行：quanheng fsck"),
                code="object_damaged",
            )
        # the same question may stand in another bank under another id
        kept = Response.model_validate_json(data)
        return kept.model_copy(update={"id": item.id, "risk": item.risk, "aspect": item.aspect})

    def keep(self, item: Question, row: Response) -> None:
        """Keep an answer; failures are never kept."""
        stored = self._objects.put_bytes(canonical_json(row.model_dump(mode="json")))
        self._cache.set(self._key(item), stored.digest)

    def _key(self, item: Question) -> str:
        return cache_key({**self._of, "decoding": self._decoding, "question": _question_digest(item)})


class _Streak:
    """Failures since the last answer, to know when to give up."""

    def __init__(self) -> None:
        self.failures = 0
        self.answers = 0

    def note(self, error: QuanhengError | None) -> None:
        """Count one outcome; raises `error` when no further question has a chance."""
        if error is None:
            self.failures, self.answers = 0, self.answers + 1
            return
        self.failures += 1
        if faults.stops_run(error) or self.failures >= GIVE_UP_AFTER:
            raise error


def _ask_missing(
    items: Sequence[Question],
    missing: Sequence[int],
    client: Asks,
    book: _Book,
    rows: dict[int, Response],
    told: Callable[[], None],
) -> int:
    """Put rows for the questions at `missing` into `rows`, and return how many were asked.

    At most `client.concurrency` are under way at a time.
    """
    streak = _Streak()
    streak.answers = len(rows)
    last: QuanhengError | None = None
    asked = 0
    pool = ThreadPoolExecutor(max_workers=client.concurrency, thread_name_prefix="ask")
    try:
        for outcome in _outcomes(items, missing, client, book, pool):
            rows[outcome.place] = outcome.row
            last = outcome.error or last
            asked += outcome.fresh
            told()
            streak.note(outcome.error)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if last is not None and not streak.answers:
        raise last
    return asked


class _Outcome(NamedTuple):
    """What came of one question. `fresh`: it was asked just now."""

    place: int
    row: Response
    error: QuanhengError | None = None
    fresh: bool = True


def _outcomes(
    items: Sequence[Question], missing: Sequence[int], client: Asks, book: _Book, pool: ThreadPoolExecutor
) -> Iterator[_Outcome]:
    """Yield outcomes as they come. A new question is handed out only when an old one is done."""
    waiting = deque(missing)
    under_way: set[Future[_Outcome]] = set()
    while waiting or under_way:
        while waiting and len(under_way) < client.concurrency:
            place = waiting.popleft()
            under_way.add(pool.submit(_ask_one, client, items[place], place, book))
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


def _ask_one(client: Asks, item: Question, place: int, book: _Book) -> _Outcome:
    """Return the outcome for one question; its answer is kept before anything else can go wrong.

    Errors of the endpoint are values here, others are raised.
    """
    kept = book.find(item)
    if kept is not None:  # somebody wrote the same question into the bank twice
        return _Outcome(place, kept, fresh=False)
    digest = _question_digest(item)
    try:
        reply = client.ask(item.question, max_tokens=book.decoding.max_tokens)
    except QuanhengError as error:
        row = Response(
            id=item.id, risk=item.risk, aspect=item.aspect, question_digest=digest, answer="", error=error.code
        )
        return _Outcome(place, row, error)
    row = Response(
        id=item.id,
        risk=item.risk,
        aspect=item.aspect,
        question_digest=digest,
        answer=reply.answer,
        finish_reason=reply.finish_reason,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
    )
    book.keep(item, row)
    return _Outcome(place, row)


def _count(rows: Sequence[Response], purpose: BankPurpose, bank_size: int, decoding: Decoding) -> Responses:
    failed = sum(row.error is not None for row in rows)
    return Responses(
        purpose=purpose,
        asked=len(rows),
        bank_size=bank_size,
        complete=len(rows) == bank_size and failed == 0,
        max_tokens=decoding.max_tokens,
        failed=failed,
        cut=sum(row.finish_reason == "length" for row in rows),
    )


def _question_digest(item: Question) -> str:
    return sha256_digest(item.question.encode("utf-8"))


def _shuffled(id_: str) -> str:
    return hashlib.sha256(id_.encode("utf-8")).hexdigest()
