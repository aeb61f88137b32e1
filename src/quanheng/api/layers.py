"""Downloads of layers: the files of an artifact that lies in the project and was not withdrawn."""

from __future__ import annotations

from typing import BinaryIO

from django.http import HttpRequest, HttpResponseBase

from quanheng.api import downloads, reading
from quanheng.core import permission
from quanheng.core.artifacts import load_digest
from quanheng.core.database import retry_locked
from quanheng.core.resolve import find_artifact
from quanheng.core.session import Session
from quanheng.errors import Forbidden, Invalid, NotFound
from quanheng.store import Layer, is_digest


def layer_view(request: HttpRequest, digest: str, layer_digest: str) -> HttpResponseBase:
    """Return the bytes of a layer, or one range of them.

    NotFound for an artifact that is not in the project and for a layer that is not in its manifest, wherever else they
    may be; Conflict when the artifact was withdrawn.
    """
    options = reading.options_of(request, "artifact.show")
    session = reading.session_of(request, options.project)
    try:
        retry_locked(lambda: permission.require(session, "read", "artifact.show"))
    except Forbidden as error:
        raise reading.refused(session, error) from error
    layer = retry_locked(lambda: _layer(session, digest, layer_digest))

    def opener(offset: int) -> BinaryIO:
        return _open(session, layer, offset)

    try:
        return downloads.attachment(
            request,
            opener,
            size=layer.size,
            name=layer.title,
            media_type=downloads.BINARY,
            etag=layer.digest,
        )
    except Invalid as error:
        if error.code != "bad_range":
            raise
        return downloads.refused_range(request, error, layer.size)


def _layer(session: Session, digest: str, layer_digest: str) -> Layer:
    if not is_digest(digest) or not is_digest(layer_digest):
        raise _no_such_layer(digest, layer_digest)
    loaded = load_digest(session, find_artifact(session, digest))
    for layer in loaded.layers:
        if layer.digest == layer_digest:
            return layer
    raise _no_such_layer(digest, layer_digest)


def _no_such_layer(digest: str, layer_digest: str) -> NotFound:
    return NotFound(
        f"the artifact {digest[:71]} has no layer {layer_digest[:71]}",
        f"制品 {digest[:71]} 没有数据层 {layer_digest[:71]}",
        hint=("See its layers: GET /api/v1/artifact/show", "查看其数据层：GET /api/v1/artifact/show"),
        code="no_such_layer",
    )


def _open(session: Session, layer: Layer, offset: int) -> BinaryIO:
    """Open a layer from `offset` on: here, or at its address where it lies elsewhere."""
    objects = session.workspace.objects
    if layer.urls and not objects.exists(layer.digest):
        from quanheng.store.external import open_external

        return open_external(layer, session.workspace.settings.allowed_hosts, offset)
    stream = objects.open(layer.digest)
    stream.seek(offset)
    return stream
