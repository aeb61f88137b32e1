"""Opaque identifiers of rows."""

from __future__ import annotations

import uuid


def new_id() -> str:
    """Return a new opaque id: 32 hex digits, no meaning, no name."""
    return uuid.uuid4().hex
