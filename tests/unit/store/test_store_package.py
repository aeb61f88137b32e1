from __future__ import annotations

import subprocess
import sys

import pytest

from quanheng import store


def test_every_public_name_is_there():
    for name in store.__all__:
        assert getattr(store, name) is not None
    with pytest.raises(AttributeError):
        store.nothing


def test_importing_it_loads_nothing_heavy():
    code = (
        "import sys; before = set(sys.modules); import quanheng.store;"
        "print(' '.join(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"urllib.request", "http.client", "socket", "ssl", "email", "argparse", "asyncio", "subprocess"}
    assert {name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names) <= {"quanheng"}
