"""Endpoints as assets of a recipe: checked, stored as what operators read, and local models served meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

from quanheng.core.context import JobContext, Loaded
from quanheng.core.resolve import check_address
from quanheng.kinds.models import Endpoint
from quanheng.kinds.platform import Files
from quanheng.store import write_zip

if TYPE_CHECKING:
    from quanheng.data.corpus import AssetInput

#: Roles of assets that are endpoints: what operators ask.
ENDPOINT_ROLES = ("scorer", "guard", "embedder")


def endpoint_assets(ctx: JobContext, stack: ExitStack) -> Mapping[str, AssetInput]:
    """Return the endpoints given, by role; servers of local models run until the stack is left.

    Forbidden "host_not_allowed" for an address that the settings do not name, now; NotFound "no_key" where the common
    key would go to several services.
    """
    from quanheng.data.corpus import AssetInput
    from quanheng.endpoints import LocalServer
    from quanheng.endpoints.asset import check_keys, endpoint_bytes, served
    from quanheng.endpoints.weights import weights_file

    found, running = {}, set[bytes]()
    by_role = {role: given for role in ENDPOINT_ROLES if (given := ctx.optional(role))}
    check_keys({role: given.model for role, given in by_role.items() if isinstance(given.model, Endpoint)})
    for role, given in by_role.items():
        if isinstance(given.model, Files):
            found[role] = _static_vectors(ctx, given)
            continue
        endpoint = given.model
        assert isinstance(endpoint, Endpoint)  # noqa: S101 - Takes has checked the kind
        data = endpoint_bytes(endpoint)
        if endpoint.url is not None:
            check_address(ctx.settings.allowed_hosts, endpoint.url)  # the setting may have changed meanwhile
        elif data not in running:
            path = weights_file(endpoint, ctx.objects, ctx.settings.workspace)
            server = stack.enter_context(LocalServer(path, endpoint))
            stack.enter_context(served(endpoint, server.url, server.key))
            running.add(data)
        found[role] = AssetInput(given.digest, ctx.objects.put_bytes(data).digest)
    return found


def _static_vectors(ctx: JobContext, given: Loaded) -> AssetInput:
    """Return a folder of static vectors as the one layer that operators read. NotFound names the file it lacks."""
    from quanheng.data.corpus import AssetInput
    from quanheng.data.corpus.dedup.semantic_model import MEMBERS

    layers = {name: given.layer(name) for name in MEMBERS}
    with ctx.objects.scratch() as scratch:
        target = scratch / "static_vectors.zip"
        write_zip(target, {name: ctx.objects.path(layer.digest) for name, layer in layers.items()})
        return AssetInput(given.digest, ctx.objects.put_file(target).digest)
