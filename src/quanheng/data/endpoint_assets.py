"""Endpoints as assets of a recipe: checked, stored as what operators read, and local models served meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING

from quanheng.core.context import Loaded, Settled
from quanheng.core.resolve import check_address
from quanheng.errors import Forbidden, QuanhengError
from quanheng.kinds.models import Endpoint
from quanheng.kinds.platform import Files
from quanheng.store import JSON, LocalObjects, write_zip

if TYPE_CHECKING:
    from quanheng.data.corpus import AssetInput
    from quanheng.data.corpus.work import Map

#: Roles of assets that are endpoints: what operators ask.
ENDPOINT_ROLES = ("scorer", "guard", "embedder")
ASK_ONCE = "quanheng.data.corpus.asking:ask_once"


def endpoint_assets(
    given: Mapping[str, Loaded], objects: LocalObjects, settings: Settled, stack: ExitStack, *, local: bool = True
) -> Mapping[str, AssetInput]:
    """Return the endpoints among the artifacts given, by role; servers of local models run until the stack is left.

    local: whether one may be started here. Unavailable "not_served_here" for a local model on a cluster; Forbidden
    "host_not_allowed" for an address that the settings do not name, now, and "local_model_refused" for a model that
    may not be started; NotFound "no_key" where the common key would go to several services.
    """
    from quanheng.endpoints import LocalServer
    from quanheng.endpoints.asset import check_keys, endpoint_bytes, served
    from quanheng.endpoints.faults import not_served_here
    from quanheng.endpoints.weights import weights_file

    running = set[bytes]()
    endpoints = {role: one.model for role in ENDPOINT_ROLES if (one := given.get(role)) and is_endpoint(one)}
    check_keys({role: model for role, model in endpoints.items() if isinstance(model, Endpoint)})
    for endpoint in endpoints.values():
        assert isinstance(endpoint, Endpoint)  # noqa: S101 - is_endpoint has said so
        data = endpoint_bytes(endpoint)
        if endpoint.url is not None:
            check_address(settings.allowed_hosts, endpoint.url)  # the setting may have changed meanwhile
        elif not local:
            raise _local_refused()
        elif settings.executor != "local":
            raise not_served_here(endpoint.model)
        elif data not in running:
            path = weights_file(endpoint, objects, settings.workspace)
            server = stack.enter_context(LocalServer(path, endpoint))
            stack.enter_context(served(endpoint, server.url, server.key))
            running.add(data)
    return described_endpoints(given, objects)


def described_endpoints(given: Mapping[str, Loaded], objects: LocalObjects) -> dict[str, AssetInput]:
    """Return what stands for the endpoints given, by role, without asking or starting any."""
    from quanheng.data.corpus import AssetInput
    from quanheng.endpoints.asset import endpoint_bytes

    found = {}
    for role in ENDPOINT_ROLES:
        if (one := given.get(role)) is None:
            continue
        if isinstance(one.model, Files):
            found[role] = _static_vectors(one, objects)
        else:
            assert isinstance(one.model, Endpoint)  # noqa: S101 - Takes has checked the kind
            found[role] = AssetInput(one.digest, objects.put_bytes(endpoint_bytes(one.model)).digest)
    return found


def checked_first(given: Mapping[str, Loaded], executor: str, map: Map) -> Map:
    """Return a `map` that asks each endpoint one question, from a worker of the cluster, before the first item it runs.

    Without an item nothing is asked: where all is in the cache, a service may be away. Raises what keeps the workers
    from asking; no key is sent along with a task: Forbidden "no_key_on_nodes" where a service wants one that they lack.
    """
    if executor == "local":
        return map
    unchecked = [True]

    def run(function: str, items: Iterable[JSON]) -> Iterator[JSON]:
        rest = iter(items)
        for first in rest:
            if unchecked:
                _check_nodes(given, executor, map)
                unchecked.clear()
            yield from map(function, chain([first], rest))

    return run


def _check_nodes(given: Mapping[str, Loaded], executor: str, map: Map) -> None:
    from quanheng.endpoints.asset import endpoint_bytes, key_variable

    for role in ENDPOINT_ROLES:
        if (one := given.get(role)) is None or not isinstance(one.model, Endpoint):
            continue
        try:
            list(map(ASK_ONCE, [{"role": role, "endpoint": endpoint_bytes(one.model).decode()}]))
        except QuanhengError as error:
            if error.code != "endpoint_refused_auth":
                raise
            raise _no_key_on_nodes(executor, key_variable(role), str(one.model.url)) from error


def is_endpoint(given: Loaded) -> bool:
    """Return whether an asset is asked, and not read as a file."""
    return isinstance(given.model, Endpoint)


def _no_key_on_nodes(executor: str, variable: str, url: str) -> Forbidden:
    name = executor.capitalize()
    where = {"ray": "before `ray start`", "slurm": "TaskProlog"}.get(executor, executor)
    where_zh = {"ray": "在 ray start 之前", "slurm": "用 TaskProlog"}.get(executor, executor)
    return Forbidden(
        f"the endpoint {url} wants a key, and the workers of {name} have none: keys are not sent along with tasks",
        f"端点 {url} 需要密钥，而 {name} 的工作进程没有：密钥不会随任务下发",
        hint=(
            f"Build on this machine (QUANHENG_EXECUTOR=local), or set {variable} on the nodes ({name}: {where}).",
            f"请在本机构建（QUANHENG_EXECUTOR=local），或在各节点上设置 {variable}（{name}：{where_zh}设置）。",
        ),
        code="no_key_on_nodes",
    )


def _local_refused() -> Forbidden:
    return Forbidden(
        "a local model would run on this server, which only its own command line may start",
        "本地模型将在本服务器上运行，只能由服务器的命令行启动",
        hint=(
            "Give an endpoint with an address, or build: a job starts the model.",
            "请改用有网络地址的端点；或直接构建，作业会自行启动模型。",
        ),
        code="local_model_refused",
    )


def _static_vectors(given: Loaded, objects: LocalObjects) -> AssetInput:
    """Return a folder of static vectors as the one layer that operators read. NotFound names the file it lacks."""
    from quanheng.data.corpus import AssetInput
    from quanheng.data.corpus.dedup.semantic_model import MEMBERS

    layers = {name: given.layer(name) for name in MEMBERS}
    with objects.scratch() as scratch:
        target = scratch / "static_vectors.zip"
        write_zip(target, {name: objects.path(layer.digest) for name, layer in layers.items()})
        return AssetInput(given.digest, objects.put_file(target).digest)
