"""The fixtures themselves: a fresh workspace per test, on both databases, with a closed network."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from databases import Place


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_workspace(workspace: Any, turn: int) -> None:
    assert workspace.log.list()["size"] == 1  # workspace.create
    workspace.project.create(slug="only-here")
    assert workspace.log.list()["size"] == 2


def test_a_place_is_opened_again_by_another_process_with_its_environment(place: Place) -> None:
    place.open().project.create(slug="kept")
    again = place.open()
    assert {row["slug"] for row in again.project.list()} == {"main", "kept"}
    assert place.environment["QUANHENG_DATABASE"] == place.database
    assert "QUANHENG_DATABASE" not in os.environ


def test_the_network_is_closed() -> None:
    with socket.socket() as plug, pytest.raises(AssertionError, match="reach the network"):
        plug.connect(("192.0.2.1", 80))
    with pytest.raises(AssertionError, match="reach the network"):
        socket.create_connection(("example.invalid", 80))
