"""Asking an endpoint: any OpenAI-compatible service behind an address, or a local model behind its own.

Pure: neither Django nor core. `faults` holds what can go wrong, each as one clear error.
"""

from __future__ import annotations

from quanheng.endpoints.chat import ChatClient, Reply
from quanheng.endpoints.client import KEY_VARIABLE, LOOPBACK, Client, Patience, key_from
from quanheng.endpoints.demo import assemble, demo_endpoint, demo_model
from quanheng.endpoints.embeddings import EmbeddingClient
from quanheng.endpoints.local import LocalServer, installed_engine

__all__ = [
    "KEY_VARIABLE",
    "LOOPBACK",
    "ChatClient",
    "Client",
    "EmbeddingClient",
    "LocalServer",
    "Patience",
    "Reply",
    "assemble",
    "demo_endpoint",
    "demo_model",
    "installed_engine",
    "key_from",
]
