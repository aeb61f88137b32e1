"""The API as its callers meet it: in this process without a socket, and over a real one; with a worker beside it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2] / "workspace"))

from api_callers import ALL_SCOPES, Caller, serving

from databases import Place
from quanheng.core.database import setup_django

setup_django()


@pytest.fixture
def application(workspace: Any) -> Any:
    """Return the WSGI application over the fresh workspace."""
    from quanheng.web.configure import configure
    from quanheng.web.wsgi import application as made

    configure(workspace, hosts=["localhost", "127.0.0.1", "testserver"], secure=False, log=False)
    return made


@pytest.fixture
def token_for(workspace: Any, application: Any) -> Callable[..., str]:
    """Return a function that makes an account with a role and returns a token of it."""

    def make(label: str, role: str = "", everywhere: bool = False, scopes: Any = ALL_SCOPES, **data: Any) -> str:
        if label not in {row["label"] for row in workspace.user.list()}:
            workspace.user.create(label=label)
        if role:
            workspace.member.grant(label=label, role=role, everywhere=everywhere)
        return str(workspace.token.create(label=label, scopes=list(scopes), **data).value["token"])

    return make


@pytest.fixture
def caller(token_for: Callable[..., str]) -> Callable[..., Caller]:
    """Return a function that makes a caller with a role."""

    def make(label: str = "bao", role: str = "owner", everywhere: bool = True, **data: Any) -> Caller:
        return Caller(token_for(label, role, everywhere, **data))

    return make


@pytest.fixture
def owner(caller: Callable[..., Caller]) -> Caller:
    """Return a caller who owns the workspace."""
    return caller()


@pytest.fixture
def visitor(application: Any) -> Caller:
    """Return a caller who brings no token."""
    return Caller()


@pytest.fixture
def server(application: Any) -> Iterator[str]:
    """Return the address of a real server over the fresh workspace."""
    with serving(application) as address:
        yield address


@pytest.fixture
def worker(workspace: Any, place: Place) -> Iterator[None]:
    """Run queued jobs in a thread of this process meanwhile."""
    from quanheng.core import worker as core_worker
    from quanheng.core.database import unbind

    stop = threading.Event()

    def run() -> None:
        try:
            core_worker.work(workspace, stop=stop, poll_s=0.05)
        finally:
            unbind()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture
def remote(server: str, owner: Caller) -> Iterator[Any]:
    """Return the served workspace as a client sees it."""
    import quanheng

    with quanheng.connect(server, owner.token) as made:
        yield made
