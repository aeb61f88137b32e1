"""The resources of the MCP server: artifacts as JSON, and those of their layers that are text.

quanheng://artifact/<name or digest>                  config, layers and lineage
quanheng://artifact/<name or digest>/layer/<title>    a layer, when it is text
"""

from __future__ import annotations

import codecs
from typing import Any
from urllib.parse import quote, unquote

from mcp_types import (
    ListResourcesResult,
    ListResourceTemplatesResult,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

from quanheng.api.mcp_answers import dumped, plain
from quanheng.api.mcp_tools import both
from quanheng.core import artifacts, permission
from quanheng.core.call import ask
from quanheng.core.session import Session
from quanheng.errors import Invalid, NotFound, Text

BEGIN = "quanheng://artifact/"
_LAYER = "/layer/"
#: So many bytes of a layer are read; what a model is given must fit into its context.
LAYER_LIMIT = 200_000
#: So many edges of the lineage are told in each direction, nearest first; `lineage_of` tells all.
LINEAGE_LIMIT = 100
#: So many artifacts are listed per page.
PAGE = 100
#: How artifacts are read when the listing is asked for by somebody who may not list them: not at all.
_LIST, _SHOW = "artifact.list", "artifact.show"

JSON_TYPE = "application/json"


def uri_of(artifact: str, layer: str = "") -> str:
    """Return the address of an artifact, or of one of its layers.

    >>> uri_of("files:note", "目录/a.txt")
    'quanheng://artifact/files:note/layer/%E7%9B%AE%E5%BD%95%2Fa.txt'
    """
    return BEGIN + quote(artifact, safe=":") + (_LAYER + quote(layer, safe="") if layer else "")


def parse_uri(uri: str) -> tuple[str, str]:
    """Return the artifact and the layer's title ("" for none) that an address names; NotFound for another address.

    >>> parse_uri("quanheng://artifact/files:note/layer/a%2Fb.txt")
    ('files:note', 'a/b.txt')
    """
    artifact, sign, layer = uri.removeprefix(BEGIN).partition(_LAYER)
    if not uri.startswith(BEGIN) or not artifact or (sign and not layer):
        raise NotFound(
            f"there is no resource {uri!r}",
            f"没有资源 {uri!r}",
            hint=(
                f"Addresses are {BEGIN}DIGEST and {BEGIN}DIGEST/layer/TITLE.",
                f"地址形如 {BEGIN}摘要 或 {BEGIN}摘要/layer/标题。",
            ),
            code="no_such_resource",
        )
    return unquote(artifact), unquote(layer)


def listed(session: Session, cursor: str | None) -> ListResourcesResult:
    """Return a page of the project's artifacts, newest first; none for somebody who may not list them."""
    if not permission.decide(session, "read", _LIST).allowed:
        return ListResourcesResult(resources=[])
    page = ask(session, _LIST, {"limit": PAGE, "after": cursor or ""})
    return ListResourcesResult(resources=[_resource(row) for row in page["rows"]], next_cursor=page["next"])


def _resource(row: dict[str, Any]) -> Resource:
    kind = str(row["kind"])
    names = [f"{kind.partition('/')[0]}:{name}" for name in row["names"]]
    return Resource(
        uri=uri_of(row["digest"]),
        name=names[0] if names else f"{kind} {row['digest'][:19]}",
        description=f"{kind}, {row['created'][:19]}Z" + (", withdrawn / 已撤回" if row["withdrawn"] else ""),
        mime_type=JSON_TYPE,
    )


def templates(language: str) -> ListResourceTemplatesResult:
    """Return the two forms of addresses."""
    artifact = Text("An artifact: config, layers and lineage", "制品：配置、数据层与血缘")
    layer = Text(
        f"A layer of an artifact that is text, its first {LAYER_LIMIT:,} bytes",
        f"制品的文本数据层，至多前 {LAYER_LIMIT:,} 字节",
    )
    return ListResourceTemplatesResult(
        resource_templates=[
            ResourceTemplate(
                uri_template=BEGIN + "{artifact}",
                name="artifact",
                title=artifact.say(language),
                description=both(artifact, language),
                mime_type=JSON_TYPE,
            ),
            ResourceTemplate(
                uri_template=BEGIN + "{artifact}" + _LAYER + "{title}",
                name="layer",
                title=layer.say(language),
                description=both(layer, language),
            ),
        ]
    )


def read(session: Session, uri: str, language: str) -> ReadResourceResult:
    """Return what lies at an address. Raises what the queries raise, and Invalid for a layer that is no text."""
    artifact, layer = parse_uri(uri)
    if layer:
        return ReadResourceResult(contents=_layer(session, uri, artifact, layer, language))
    text = dumped(plain(_summary(session, artifact)))
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=JSON_TYPE, text=text)])


def _summary(session: Session, artifact: str) -> dict[str, Any]:
    """Return what `artifact.show` tells, each layer with its address, and the nearest edges both ways."""
    shown = dict(ask(session, _SHOW, {"artifact": artifact}))
    digest = str(shown["digest"])
    shown["layers"] = [{**layer, "uri": uri_of(digest, layer["title"])} for layer in shown["layers"]]
    lineage: dict[str, Any] = {}
    for word, down in (("made_from", False), ("made_into", True)):
        steps = ask(session, "lineage.of", {"artifact": digest, "down": down})["steps"]
        lineage[word] = {"count": len(steps), "nearest": steps[:LINEAGE_LIMIT]}
    return {**shown, "lineage": lineage}


def _layer(session: Session, uri: str, artifact: str, title: str, language: str) -> list[Any]:
    """Return a layer as text; where it goes on beyond the limit, a second content says so."""
    loaded = artifacts.load(session, artifact)
    layer = loaded.layer(title)
    with loaded.open_bytes(layer) as stream:
        data = stream.read(LAYER_LIMIT)
    text = _text(data, title, whole=layer.size <= len(data))
    kind = layer.media_type if layer.media_type.startswith("text/") or "json" in layer.media_type else "text/plain"
    meta = {"digest": layer.digest, "size": layer.size, "read": len(data)}
    contents = [TextResourceContents(uri=uri, mime_type=kind, text=text, _meta=meta)]
    if layer.size > len(data):
        cut = Text(
            f"(the layer goes on: these are the first {len(data):,} of {layer.size:,} bytes)",
            f"（未完：该数据层共 {layer.size:,} 字节，以上为前 {len(data):,} 字节）",
        )
        contents.append(TextResourceContents(uri=uri, mime_type="text/plain", text=cut.say(language)))
    return contents


def _text(data: bytes, title: str, *, whole: bool) -> str:
    """Return bytes as text; a character that the limit cut in two is left out. Invalid when they are no UTF-8."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise Invalid(
            f"the layer {title!r} is not text in UTF-8",
            f"数据层 {title!r} 不是 UTF-8 文本",
            hint=(
                "Only text is given to a model; the artifact's resource tells size and digest.",
                "只向模型提供文本；大小与摘要见该制品的资源。",
            ),
            code="not_text",
        )
    return text
