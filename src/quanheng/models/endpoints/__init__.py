"""Endpoints that answer questions: a client for any OpenAI-compatible service, and a local model behind its own.

Pure: neither Django nor core. `generate` asks the questions of a bank and keeps every answer it has paid for.
"""

from __future__ import annotations

from quanheng.models.endpoints.client import ChatClient, Patience, Reply, key_from
from quanheng.models.endpoints.demo import assemble, demo_endpoint, demo_model
from quanheng.models.endpoints.generate import ResponsesResult, generate, select
from quanheng.models.endpoints.local import LocalServer, installed_engine

__all__ = [
    "ChatClient",
    "LocalServer",
    "Patience",
    "Reply",
    "ResponsesResult",
    "assemble",
    "demo_endpoint",
    "demo_model",
    "generate",
    "installed_engine",
    "key_from",
    "select",
]
