"""What the models wing suggests to do next: something that answers, something to ask, and the asking."""

from __future__ import annotations

from collections.abc import Iterator

from quanheng.core.holdings import newest
from quanheng.core.next import Step, suggests
from quanheng.core.session import Session
from quanheng.errors import Text


@suggests
def endpoint_to_answers(session: Session) -> Iterator[Step]:
    """Suggest to register an endpoint and a bank, and to ask its questions, once there is training data or a model."""
    endpoints, banks = newest(session, "endpoint", 1), newest(session, "benchmark", 1)
    models = newest(session, "model", 1)
    if not endpoints and (models or newest(session, "corpus", 1)):
        yield Step(
            "endpoint.register",
            Text("Register what answers: your model or its service", "登记应答端点：模型或在线服务"),
            Text("about a minute", "约 1 分钟"),
            {"model": models[0].digest} if models else {},
            order=13,
        )
    if endpoints and not banks:
        yield Step(
            "benchmark.register",
            Text("Register a bank of questions; examples come with Quanheng", "登记测试题库；有随附的示例"),
            Text("about a minute", "约 1 分钟"),
            order=13,
        )
    if endpoints and banks and not newest(session, "responses", 1):
        yield Step(
            "responses.generate",
            Text("Ask the endpoint the questions of a bank", "用题库向端点提问"),
            Text("runs by itself", "自动执行"),
            {"endpoint": endpoints[0].digest, "bank": banks[0].digest},
            order=12,
        )
