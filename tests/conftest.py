"""Fixtures for every test: a workspace on both databases, real data when it is there, and a closed network.

`QUANHENG_TEST_DATABASE` = sqlite | postgresql | both says on which databases workspace tests run. By default on both,
but on SQLite where a test is about what lies above queries and jobs, which are tested on both (pages, words of the
command line, MCP), or below them (the engine, endpoints, storage).
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

from databases import Place, Templates, close_open, missing_postgres

#: Variables that steer the tests; every other QUANHENG_* variable would change what is tested.
STEERING = {"QUANHENG_TEST_DATABASE", "QUANHENG_PROMISES", "QUANHENG_SHARED"}
CHOICES = {"sqlite": ["sqlite"], "postgresql": ["postgresql"], "both": ["sqlite", "postgresql"]}
#: Tests that run on SQLite alone unless a database is chosen.
ON_ONE = (
    "faces/web",
    "faces/test_cli_data.py",
    "faces/test_mcp.py",
    "workspace/test_asking_endpoints.py",
    "workspace/test_corpus_verbs.py",
    "workspace/test_semantic_and_scans.py",
    "workspace/test_storage_sources.py",
)

settings.register_profile("quanheng", deadline=None, print_blob=True)
settings.load_profile("quanheng")


def pytest_configure(config: pytest.Config) -> None:
    """Clean the environment and close the network before any test is collected."""
    for name in list(os.environ):
        if name.startswith("QUANHENG_") and name not in STEERING:
            del os.environ[name]
    config.addinivalue_line("markers", "databases(name, …): run only on these of sqlite and postgresql")
    if _chosen() not in CHOICES:
        raise pytest.UsageError("QUANHENG_TEST_DATABASE is sqlite, postgresql or both")
    _close_network()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that needs a workspace on each chosen database."""
    if "database" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("databases")
        chosen = CHOICES[_chosen()]
        place = metafunc.definition.path.relative_to(Path(__file__).parent).as_posix()
        if not os.environ.get("QUANHENG_TEST_DATABASE") and place.startswith(ON_ONE):
            chosen = ["sqlite"]
        wanted = [name for name in chosen if mark is None or name in mark.args]
        metafunc.parametrize("database", wanted, indirect=True)


def _chosen() -> str:
    return os.environ.get("QUANHENG_TEST_DATABASE") or "both"


def _close_network() -> None:
    """Refuse every connection and name look-up that is not on this machine."""
    connect, connect_ex, lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(host: object) -> None:
        text = host.decode() if isinstance(host, bytes) else str(host)
        if host is not None and text not in ("", "localhost", "::1") and not text.startswith("127."):
            raise AssertionError(f"a test tried to reach the network: {text}")

    def guarded(real: Any) -> Any:
        def method(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6):
                check(address[0])
            return real(self, address)

        return method

    def guarded_lookup(host: Any, *rest: Any, **named: Any) -> Any:
        check(host)
        return lookup(host, *rest, **named)

    socket.socket.connect = guarded(connect)  # type: ignore[method-assign]
    socket.socket.connect_ex = guarded(connect_ex)  # type: ignore[method-assign]
    socket.getaddrinfo = guarded_lookup


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Templates]:
    """Return the prepared empty workspaces of this process."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    made = Templates(tmp_path_factory.mktemp("templates"), shared)
    yield made
    made.stop()


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """Return "sqlite" or "postgresql"; a test that takes `place` or `workspace` runs on both."""
    chosen = str(request.param)
    reason = missing_postgres() if chosen == "postgresql" else ""
    if reason:
        pytest.skip(reason)
    return chosen


@pytest.fixture
def place(database: str, templates: Templates, tmp_path: Path) -> Iterator[Place]:
    """Return folder and database of a fresh, empty workspace that nobody has open."""
    made = templates.place(database, tmp_path / "w")
    yield made
    close_open()
    templates.remove(made)


@pytest.fixture
def workspace(place: Place) -> Any:
    """Return a fresh, empty, open workspace. `place` reopens it or hands it to another process."""
    return place.open()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data: `data` in QUANHENG_SHARED, or in `shared` beside the repository."""
    root = os.environ.get("QUANHENG_SHARED") or str(Path(__file__).parents[2] / "shared")
    folder = Path(root) / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data is not here: {folder} (set QUANHENG_SHARED to the folder that holds data/)")
    return folder
