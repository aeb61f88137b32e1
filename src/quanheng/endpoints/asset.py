"""An endpoint as something a worker is given: its bytes, and how whoever holds them finds address and key again.

Nothing secret is in the bytes. A key is in the environment of the process that asks; the address and the key of a local
model's server, which are new in every run, are there too, for as long as it runs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from quanheng.endpoints import faults
from quanheng.endpoints.client import KEY_VARIABLE, Client, Patience, key_from
from quanheng.errors import Invalid
from quanheng.kinds.models import Endpoint
from quanheng.store.canonical import canonical_json
from quanheng.store.digest import sha256_digest

#: The environment variable with the local models that are served now: {digest of the endpoint: [address, key]}.
SERVED_VARIABLE = "QUANHENG_SERVED_HERE"
_REMOTE = {"name": "remote", "version": "not stated"}

C = TypeVar("C", bound=Client)


def endpoint_bytes(endpoint: Endpoint) -> bytes:
    """Return the endpoint as canonical JSON; its digest names everything that an answer depends on."""
    return canonical_json(endpoint.model_dump(mode="json"))


def read_endpoint(data: bytes) -> Endpoint:
    """Return the endpoint in JSON: what `endpoint_bytes` wrote, or as little as {"url": …, "model": …}.

    Raises Invalid "bad_endpoint".
    """
    try:
        found: Any = json.loads(data)
        if isinstance(found, dict):
            found.setdefault("engine", _REMOTE)
        return Endpoint.model_validate_json(json.dumps(found))
    except (ValidationError, ValueError, RecursionError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise Invalid(
            f"this is no endpoint: {faults.quote(why)}",
            f"不是有效的端点：{faults.quote(why)}",
            hint=(
                'Give JSON such as {"url": "http://127.0.0.1:8080/v1", "model": "name"}.',
                '请给出 JSON，例如 {"url": "http://127.0.0.1:8080/v1", "model": "模型名"}。',
            ),
            code="bad_endpoint",
        ) from error


def key_variable(role: str) -> str:
    """Return the name of the variable with the key for the endpoint in a role; it goes before the common one.

    >>> key_variable("scorer")
    'QUANHENG_SCORER_KEY'
    """
    return f"QUANHENG_{role.upper()}_KEY"


def key_of(role: str, environment: Mapping[str, str] | None = None) -> str | None:
    """Return the key for the endpoint in a role; None where its variable is set and empty, or neither is set.

    The common variable serves every role without one of its own, whatever the endpoint's host: whoever builds with
    endpoints of several services calls `check_keys` first, as the verbs of a workspace do, or sets each role's own.
    """
    given = os.environ if environment is None else environment
    name = key_variable(role)
    if name in given:
        return key_from(name, given) if given[name] else None
    return key_from(KEY_VARIABLE, given) if given.get(KEY_VARIABLE) else None


def check_keys(endpoints: Mapping[str, Endpoint], environment: Mapping[str, str] | None = None) -> None:
    """Raise NotFound "no_key" where the common key would go to several services: each needs its role's variable.

    endpoints: those of one build, by role. A service is a scheme, host and port. A local model is sent no such key.
    """
    given = os.environ if environment is None else environment
    urls = {role: endpoint.url for role, endpoint in endpoints.items() if endpoint.url is not None}
    if not given.get(KEY_VARIABLE) or len({_origin(url) for url in urls.values()}) < 2:
        return
    for role in urls:
        if key_variable(role) not in given:
            raise faults.whose_key(KEY_VARIABLE, key_variable(role))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


@contextmanager
def served(endpoint: Endpoint, url: str, key: str) -> Iterator[None]:
    """Tell this process, and those that it starts in the block, where a local model answers now."""
    before = os.environ.get(SERVED_VARIABLE)
    known = json.loads(before) if before else {}
    os.environ[SERVED_VARIABLE] = json.dumps({**known, sha256_digest(endpoint_bytes(endpoint)): [url, key]})
    try:
        yield
    finally:
        if before is None:
            del os.environ[SERVED_VARIABLE]
        else:
            os.environ[SERVED_VARIABLE] = before


def open_client(
    make: type[C], endpoint: Endpoint, role: str, *, concurrency: int = 1, patience: Patience | None = None
) -> C:
    """Return a client for the endpoint in this role, with its key; of a local model for the server that runs now.

    A local model has one slot, whatever `concurrency` is. Unavailable "not_served_here" where its server does not run.
    """
    if endpoint.url is not None:
        return make(endpoint, key=key_of(role), concurrency=concurrency, patience=patience)
    found = json.loads(os.environ.get(SERVED_VARIABLE) or "{}").get(sha256_digest(endpoint_bytes(endpoint)))
    if found is None:
        raise faults.not_served_here(endpoint.model)
    return make(endpoint, url=found[0], key=found[1], concurrency=1, patience=patience)
