"""The segments of a build, each over all units: cached ones are not made again, others by whatever runs them.

Rows between segments are let go as soon as what follows them is stored (`keep`); one that is asked for again is made
again, and where other documents come of it than were resolved, the build goes back to that segment.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence

from quanheng.data.corpus.keep import Changed, Users, held, hold, letting_go, unsettled
from quanheng.data.corpus.operator import CorpusStep
from quanheng.data.corpus.parts import Part
from quanheng.data.corpus.resolution import Resolver, texts_key
from quanheng.data.corpus.units import Given, cut_file, place_units
from quanheng.data.corpus.work import Unit, UnitFile, UnitResult, read_result
from quanheng.errors import Corrupt, NotFound
from quanheng.store import Cache, cache_key, canonical_json

RUN_UNIT = "quanheng.data.corpus.work:run_unit"
#: A resolution counts in the progress as this share of the bytes of the sources.
RESOLVE_SHARE = 0.25
#: How often a unit is tried again whose rows another build has let go meanwhile, and a segment that came out otherwise.
_TRIES = 8


class Run:
    """The segments of one build, each over all units. `results` and `verdicts`: by segment, then by unit."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.made, self.objects, self.cache = given.made, given.objects, given.cache
        self.answers = str(given.cache.root) if isinstance(given.cache, Cache) else None
        self.letting = letting_go(given.made)
        self.placed = place_units(given.sources, given.made, given.layers, given.objects, self.parts)
        self.resolver = Resolver(given, self.placed)
        self.results: list[list[UnitResult]] = []
        self.verdicts: list[list[str | None]] = []
        self.outdated: list[list[str | None]] = []
        self.size = sum(unit.unit.size for unit in self.placed)
        self.share = int(self.size * RESOLVE_SHARE)
        self.done = self.shown = 0
        self.total = self.size * len(given.made.segments) + self.share * (len(given.made.segments) - 1)
        given.progress(0, self.total)

    def parts(self, file: UnitFile) -> list[Part]:
        """Return the parts of a large file of lines; found once, then cached."""
        key = cache_key({"parts": 1, "file": file.digest, **({"digests": True} if file.elsewhere else {})})
        known = self.cache.get(key)
        if known is None or not self.objects.exists(known):
            found = [part.model_dump(mode="json") for part in cut_file(self.objects, file)]
            known = self.objects.put_bytes(canonical_json(found)).digest
            self.cache.set(key, known)
        with self.objects.open(known) as stream:
            return [Part.model_validate(part) for part in json.loads(stream.read())]

    def all_segments(self) -> list[list[UnitResult]]:
        """Return the results of every segment, each by unit; the rows of the last one are there."""
        for _ in range(_TRIES):
            try:
                for number in range(len(self.results), len(self.made.segments)):
                    self._segment(number)
                    if self.made.segments[number].corpus:
                        self.verdicts.append(self._resolve(number))
                self._need(len(self.made.segments), range(len(self.placed)))
                return self.results
            except Changed as changed:
                # The segment is run again with all that follows, and finds in the cache what was made now.
                first = changed.segment
                self.outdated += self.verdicts[first:]
                del self.results[first:], self.verdicts[first:]
                self.done = first * (self.size + self.share)
        raise unsettled()

    def _unit(self, number: int, at: int) -> Unit:
        """Return what a worker needs for a segment of a unit."""
        rows = self.results[number - 1][at].rows if number else None
        verdicts = self.verdicts[number - 1][at] if number else None
        update = {
            "segment": number,
            "rows": rows,
            "verdicts": verdicts,
            "answers": self.answers,
            "again": self.given.again,
        }
        return self.placed[at].unit.model_copy(update=update)

    def _segment(self, number: int) -> None:
        """Run a segment over all units; those in the cache are not made again, and of equal ones only the first is."""
        keys = [self._unit(number, at).key(self.made) for at in range(len(self.placed))]
        known: dict[str, UnitResult] = {}
        missing: dict[str, int] = {}
        for at, key in enumerate(keys):
            if key in known or key in missing:
                continue
            if (result := self._cached(key, number)) is not None:
                known[key] = result
            else:
                missing[key] = at
        users = Users(result.rows for result in self.results[number - 1]) if number else None
        found: list[UnitResult] = []
        self.results.append(found)
        answers, waiting = self._made(number, list(missing.values())), iter(missing)
        held = {result.rows for result in known.values()}
        fullest: dict[str, UnitResult] = {}
        for at, key in enumerate(keys):
            while key not in known:
                known[next(waiting)] = result = next(answers)
                held.add(result.rows)
            found.append(known[key])
            self._advance(self.placed[at].unit.size)
            if users is None:
                continue
            rows = self.results[number - 1][at].rows
            # Of equal units the documents of one stay; in its final rows they are looked for.
            if rows not in fullest or fullest[rows].documents < found[-1].documents:
                fullest[rows] = found[-1]
            if users.done(rows) and rows not in held:
                self._let_go(number - 1, rows, fullest[rows])

    def _advance(self, size: int) -> None:
        self.done += size
        self._tell()

    def _tell(self) -> None:
        self.shown = max(self.shown, self.done)
        self.given.progress(self.shown, self.total)

    def _made(self, number: int, places: Sequence[int]) -> Iterator[UnitResult]:
        """Yield the results of a segment of these units, made now and kept; rows that they need are made again."""
        left = list(places)
        for tries in range(_TRIES, 0, -1):
            self._need(number, left)
            units = [self._unit(number, at) for at in left]
            answers = self.given.map(RUN_UNIT, (unit.model_dump(mode="json") for unit in units))
            try:
                for unit in units:
                    answer = next(answers, None)
                    if not isinstance(answer, dict):
                        raise Corrupt("the executor gave no result for a unit", "执行器没有返回该工作单元的结果")
                    digest = str(answer["result"])
                    result = read_result(self.objects, digest)
                    self.cache.set(unit.key(self.made), digest)
                    self.given.ledger.add([digest, *result.objects])
                    last = number == len(self.made.segments) - 1
                    hold(self.cache, (found for found in result.objects if last or found != result.rows))
                    left.pop(0)
                    yield result
                return
            except NotFound:
                # Another build that shares these units has let their rows go between our look and the worker's.
                if tries == 1 or not any(self._lost(number, at) for at in left):
                    raise

    def _lost(self, number: int, at: int) -> bool:
        """Return whether rows or verdicts are gone that a segment of a unit reads."""
        if number == 0:
            return False
        read = (self.results[number - 1][at].rows, self.verdicts[number - 1][at])
        return not all(self.objects.exists(digest) for digest in read if digest)

    def _need(self, number: int, places: Iterable[int]) -> None:
        """See to it that what a segment of these units reads is there; what was let go is made again."""
        if number == 0:
            return
        places = list(places)
        self._again(number - 1, [at for at in places if not self.objects.touch(self.results[number - 1][at].rows)])
        if number < len(self.made.segments):
            verdicts = self.verdicts[number - 1]
            if not all(self.objects.touch(found) for at in places if (found := verdicts[at])):
                self.verdicts[number - 1] = self._resolve(number - 1, places)

    def _again(self, number: int, places: Sequence[int]) -> None:
        """Make the rows of a segment of these units once more; Changed when they are not those that were resolved."""
        results, changed = self.results[number], False
        for at, result in zip(places, self._made(number, places), strict=True):
            if number and (rows := self.results[number - 1][at].rows) != result.rows:
                self._let_go(number - 1, rows, None)
            if number == len(self.made.segments) - 1:
                results[at] = result  # nothing was resolved from it
            changed = changed or result.rows != results[at].rows
        if changed:
            raise Changed(number)

    def _let_go(self, number: int, rows: str, final: UnitResult | None) -> None:
        """Let the rows of a unit after a segment go, for those after the next are stored."""
        can_go = self.letting[number]
        if not self.objects.exists(rows):
            return
        if can_go is False or self.given.ledger.keep != "final":
            # Another build that shares the unit and keeps less must leave them, and so must collection.
            hold(self.cache, [rows])
            if can_go is False:
                return
        elif held(self.cache, rows):
            return
        if can_go is None and final is not None:
            self.cache.set(texts_key(rows), final.rows)
        self.given.ledger.let_go([rows], "final")

    def let_verdicts_go(self) -> None:
        """Let the verdicts on all units go; what a next resolution needs of them is kept apart."""
        every = (*self.outdated, *self.verdicts)
        found = list(dict.fromkeys(digest for verdicts in every for digest in verdicts if digest))
        if self.given.ledger.keep == "all":
            hold(self.cache, found)
        else:
            found = [digest for digest in found if not held(self.cache, digest)]
        self.given.ledger.let_go(found, "final", "stages")

    def _cached(self, key: str, number: int) -> UnitResult | None:
        """Return the cached result, unless something of it is gone that is not made again when it is asked for."""
        digest = self.cache.get(key)
        if digest is None or not self.objects.exists(digest):
            return None
        result = read_result(self.objects, digest)
        if self.given.again is not None and result.unread != 0:
            return None
        # Touched, so that collection does not take them before the merge comes to them.
        there = {found: self.objects.touch(found) for found in result.objects}
        if number < len(self.made.segments) - 1:
            there.pop(result.rows)
        if not all(there.values()):
            return None
        hold(self.cache, there)
        if result.rows not in there:
            self.cache.get(texts_key(result.rows))  # where their texts are stays known as long as the unit is used
        return result

    def _resolve(self, number: int, needed: Collection[int] = ()) -> list[str | None]:
        """Return the verdicts on each unit of the step that ends a segment; needed: units whose verdicts are read."""
        ready, results = self.made.segments[number].corpus, self.results[number]
        assert ready is not None and isinstance(ready.operator, CorpusStep)  # noqa: S101 - so a segment ends
        base = self.done
        needed = range(len(self.placed)) if self.given.ledger.keep == "all" else needed

        def told(share: float) -> None:
            self.done = max(self.done, base + int(self.share * share))
            self._tell()

        found = self.resolver.resolve(ready.operator, results, lambda at: self._again(number, [at]), told, needed)
        if len(self.verdicts) > number:  # it was resolved before: the bar stands where it stood
            self.done = base
        return found
