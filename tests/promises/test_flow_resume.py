"""Promise 3: a killed flow, started again, ends in byte-identical artifacts; nothing is asked or made twice.

QUANHENG_PROMISES=full: 60 kills; otherwise 6. The model is a service on this machine that counts what it is asked; one
test uses the demonstration model.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from main_job import Run, Service, missing_model, model_service, parameters, quanheng, write_source

from databases import Place, Templates, wait_until

KILLS = 60 if os.environ.get("QUANHENG_PROMISES") == "full" else 6
SEED = 20260401


def artifacts(place: Place) -> dict[str, str]:
    """Return kind by digest of every artifact but the signing key, which is random by intent."""
    from quanheng.core.models import Artifact

    place.open()
    found = dict(Artifact.objects.values_list("digest", "kind"))
    return {digest: kind for digest, kind in found.items() if kind != "key/v1"}


def names(place: Place) -> dict[tuple[str, str], str]:
    """Return digest by (kind, slug) of every name."""
    from quanheng.core.models import Name

    place.open()
    rows = Name.objects.exclude(kind="key").values_list("kind", "slug", "artifact__digest")
    return {(kind, slug): digest for kind, slug, digest in rows}


def entries(place: Place) -> list[dict[str, Any]]:
    """Return the log, oldest first."""
    return list(reversed(place.open().log.list(limit=1000)["entries"]))


def contents(place: Place) -> dict[str, bytes]:
    """Return manifest, config and the bytes of every layer in use, by digest."""
    from quanheng.core.models import Artifact

    workspace = place.open()
    found: dict[str, bytes] = {}
    for row in Artifact.objects.exclude(kind="key/v1"):
        found[row.digest] = bytes(row.manifest)
        found[row.digest + " config"] = bytes(row.config)
        for layer in workspace.load(row.digest).manifest.layers:
            with workspace.open_layer(layer.digest) as stream:
                found[layer.digest] = stream.read()
    return found


def check_sound(place: Place) -> None:
    from quanheng.core.fsck import fsck

    report = fsck(place.open())
    assert report.ok, [problem.en for problem in report.problems]


def run_and_kill(place: Place, words: list[str], kills: int, dice: random.Random, errors: Path) -> int:
    """Run the flow, killing it at random moments at most `kills` times, until it completes; return how often."""
    killed = 0
    while True:
        run = Run(place, words, errors)
        code = run.wait(dice.uniform(0.3, 3.0)) if killed < kills else run.wait(300)
        if code is not None:
            assert code == 0, errors.read_text()
            return killed
        run.kill(whole_family=dice.random() < 0.5)
        killed += 1


def run_and_kill_while_asking(place: Place, words: list[str], service: Service, errors: Path) -> int:
    """Run the flow, killing it after every second answer, until it completes; return how often it was killed."""
    killed, wanted = 0, 2
    while True:
        run = Run(place, words, errors)
        while (code := run.wait(0.01)) is None and len(set(service.answered)) < wanted:
            continue
        if code is not None:
            assert code == 0, errors.read_text()
            return killed
        run.kill(whole_family=killed % 2 == 0)
        killed, wanted = killed + 1, wanted + 2


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    return {"first": write_source(tmp_path / "first", 1), "second": write_source(tmp_path / "second", 2)}


def with_service(sources: dict[str, Path], service: Service) -> list[str]:
    return parameters(sources, questions=4, local_model=False, model_url=service.url, model_name="m")


def test_a_killed_flow_ends_in_the_same_bytes(
    place: Place, templates: Templates, database: str, sources: dict[str, Path], tmp_path: Path
) -> None:
    dice = random.Random(SEED)
    with model_service(delay_s=0.05) as service:
        words = with_service(sources, service)
        done = quanheng(place, "flow", "run", "filing", *words)
        assert done.returncode == 0, done.stderr
        clean, clean_names = contents(place), names(place)
        asked = list(service.asked)
        assert len(asked) == len(set(asked)) == 12
        killed, round_ = 0, 0
        while killed < KILLS:
            round_ += 1
            service.asked.clear()
            other = templates.place(database, tmp_path / f"killed-{round_}")
            these = run_and_kill(other, words, KILLS - killed, dice, tmp_path / "errors.txt")
            killed += these
            again = contents(other)
            assert {k: v for k, v in again.items() if clean.get(k) != v} == {}
            assert set(again) == set(clean)
            assert names(other) == clean_names
            # A kill can lose the one answer that was under way, and no other.
            assert set(service.asked) == set(asked)
            assert service.asked_again <= these
            check_sound(other)
            templates.remove(other)
            if these == 0:
                break  # the machine is so fast that a run ends before a kill: nothing more to learn
        assert killed >= 3


@pytest.mark.databases("sqlite")
def test_no_answer_that_came_is_asked_for_again(place: Place, sources: dict[str, Path], tmp_path: Path) -> None:
    with model_service(delay_s=0.1) as service:
        killed = run_and_kill_while_asking(place, with_service(sources, service), service, tmp_path / "errors.txt")
        assert killed >= 5
        assert len(set(service.asked)) == 12
        # Each kill may lose the answer that had just come and the one under way, never those before.
        assert service.asked_again <= 2 * killed
        assert max(Counter(service.asked).values()) <= 2 + 1
        first_of_bank = [service.asked.count(question) for question in list(dict.fromkeys(service.asked))[::4]]
        assert sum(first_of_bank) <= len(first_of_bank) + 2


@pytest.mark.databases("sqlite")
def test_a_killed_run_leaves_no_process(place: Place, sources: dict[str, Path], tmp_path: Path) -> None:
    """The process that waits for an answer ends with its parent: nobody asks on behalf of a run that is gone."""
    with model_service(delay_s=15) as service:
        run = Run(place, with_service(sources, service), tmp_path / "errors.txt")
        wait_until(lambda: service.asked, "the first question", 60)
        run.kill(whole_family=False, within_s=5)
        assert len(service.asked) == 1


def test_a_second_run_does_nothing_and_a_changed_source_only_what_depends_on_it(
    place: Place, sources: dict[str, Path]
) -> None:
    with model_service() as service:
        words = with_service(sources, service)
        assert quanheng(place, "flow", "run", "filing", *words).returncode == 0
        log, before = entries(place), names(place)
        size, known = len(log), artifacts(place)
        service.asked.clear()
        assert quanheng(place, "flow", "run", "filing", *words).returncode == 0
        assert entries(place) == log
        assert (service.asked, artifacts(place), names(place)) == ([], known, before)
        write_source(sources["second"], 3)
        done = quanheng(place, "flow", "run", "filing", *words)
        assert done.returncode == 0, done.stderr
        assert service.asked == []
        new = entries(place)[size:]
        assert {entry["outcome"] for entry in new} == {"done"}
        assert Counter(entry["verb"] for entry in new) == {
            "source.register": 1,
            "corpus.build": 1,
            "sample.commit": 2,
            "sample.draw": 2,
            "verdicts.scan": 1,
            "assessment.run": 1,
            "flow.run": 1,
        }
        moved = {name for name, digest in names(place).items() if before[name] != digest}
        assert moved == {
            ("source", "second"),
            ("corpus", "demo"),
            ("sample_commitment", "manual"),
            ("sample_commitment", "keyword"),
            ("sample", "manual"),
            ("sample", "keyword"),
            ("verdicts", "corpus-keyword"),
            ("assessment", "demo"),
        }


@pytest.mark.model
@pytest.mark.databases("sqlite")
@pytest.mark.skipif(bool(missing_model()), reason=missing_model() or "installed")
def test_the_demonstration_model_says_the_same_after_kills(
    place: Place, templates: Templates, database: str, tmp_path: Path
) -> None:
    """The local model's answers, too, are equal byte for byte, and its server dies with a killed run."""
    words = parameters({"own": write_source(tmp_path / "own", 4, 10)}, questions=1)
    done = quanheng(place, "flow", "run", "filing", *words)
    assert done.returncode == 0, done.stderr
    clean = contents(place)
    other = templates.place(database, tmp_path / "killed")
    killed = run_and_kill(other, words, max(KILLS // 6, 2), random.Random(SEED), tmp_path / "errors.txt")
    assert killed
    assert {k for k, v in contents(other).items() if clean.get(k) != v} == set()
    check_sound(other)
