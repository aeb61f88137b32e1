"""The manifest of an artifact: an OCI 1.1 image manifest in canonical JSON; its digest is the artifact's identity."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from quanheng.errors import Corrupt, Invalid, Text
from quanheng.store._names import check_name
from quanheng.store.canonical import JSON, MAX_INTEGER, JSONLike, canonical_json, parse_canonical
from quanheng.store.digest import is_digest, sha256_digest

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.quanheng.config.v1+json"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
#: OCI asks for at least one layer; an artifact without any points at these two bytes (OCI image spec 1.1, "Guidance
#: for an Empty Descriptor").
EMPTY_BYTES = b"{}"
TITLE = "org.opencontainers.image.title"
#: The ETag that an external layer had when it was registered.
ETAG = "org.quanheng.etag"

MAX_LAYERS = 4000
#: Registries refuse larger manifests (OCI distribution spec 1.1, "Pushing Manifests": at least 4 MiB is accepted).
MAX_MANIFEST_BYTES = 4 << 20

_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}/v[1-9][0-9]{0,5}")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")


@dataclass(frozen=True)
class Descriptor:
    """Names content by digest, size in bytes and media type."""

    digest: str
    size: int
    media_type: str

    def __post_init__(self) -> None:
        if not is_digest(self.digest):
            raise _invalid(f"{self.digest!r} is not a digest", f"{self.digest!r} 不是摘要值")
        if isinstance(self.size, bool) or not 0 <= self.size <= MAX_INTEGER:
            raise _invalid(f"{self.size!r} is not a size in bytes", f"{self.size!r} 不是字节数")
        if _MEDIA_TYPE.fullmatch(self.media_type) is None:
            raise _invalid(f"{self.media_type!r} is not a media type", f"{self.media_type!r} 不是媒体类型")

    def to_json(self) -> dict[str, JSONLike]:
        """Return the descriptor as OCI writes it."""
        return {"digest": self.digest, "mediaType": self.media_type, "size": self.size}


@dataclass(frozen=True)
class Layer:
    """One file of an artifact. With `urls` it is external: read in place, and not in the object store.

    `title`: a relative POSIX path. `annotations`: further (name, text) pairs, kept sorted.
    """

    digest: str
    size: int
    media_type: str
    title: str
    urls: tuple[str, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        Descriptor(self.digest, self.size, self.media_type)
        check_name(self.title, Text("the layer title", "数据层标题"))
        if not all(url.startswith(("https://", "http://")) for url in self.urls):
            raise _invalid(f"layer {self.title!r}: only http(s) URLs", f"数据层 {self.title!r}：只接受 http(s) 地址")
        names = [name for name, _ in self.annotations]
        if len(set(names)) != len(names) or TITLE in names:
            raise _invalid(f"layer {self.title!r}: an annotation twice", f"数据层 {self.title!r}：注解重复")
        object.__setattr__(self, "urls", tuple(self.urls))
        object.__setattr__(self, "annotations", tuple(sorted(self.annotations)))

    @property
    def is_external(self) -> bool:
        """Return whether the bytes lie at a URL instead of in the object store."""
        return bool(self.urls)

    @property
    def etag(self) -> str | None:
        """Return the ETag that the external layer had when it was registered, if it was recorded."""
        return dict(self.annotations).get(ETAG)

    def to_json(self) -> dict[str, JSONLike]:
        """Return the layer as an OCI descriptor."""
        found: dict[str, JSONLike] = {
            "annotations": {**dict(self.annotations), TITLE: self.title},
            "digest": self.digest,
            "mediaType": self.media_type,
            "size": self.size,
        }
        if self.urls:
            found["urls"] = list(self.urls)
        return found


@dataclass(frozen=True)
class Manifest:
    """What an artifact consists of. Equal manifests have equal bytes, and equal bytes one digest.

    `subject`: the manifest this artifact is evidence about, as a descriptor (OCI asks for its size).
    """

    kind: str
    config: Descriptor
    layers: tuple[Layer, ...] = ()
    subject: Descriptor | None = None

    def __post_init__(self) -> None:
        if _KIND.fullmatch(self.kind) is None:
            raise _invalid(
                f"{self.kind!r} is not a kind such as 'corpus/v1'", f"{self.kind!r} 不是类型，例如 corpus/v1"
            )
        if len(self.layers) > MAX_LAYERS:
            raise _invalid(
                f"{len(self.layers)} layers; at most {MAX_LAYERS}", f"{len(self.layers)} 个数据层；最多 {MAX_LAYERS} 个"
            )
        seen: set[str] = set()
        for layer in self.layers:
            if layer.title in seen:
                raise _invalid(f"two layers are called {layer.title!r}", f"两个数据层都叫 {layer.title!r}")
            seen.add(layer.title)
        if self.subject is not None and not isinstance(self.subject, Descriptor):
            raise _invalid("the subject must be a Descriptor, see Manifest.descriptor", "subject 必须是 Descriptor")
        if len(self._bytes) > MAX_MANIFEST_BYTES:
            raise _invalid("the manifest is larger than 4 MiB", "清单超过 4 MiB")

    @cached_property
    def _bytes(self) -> bytes:
        empty = Descriptor(sha256_digest(EMPTY_BYTES), len(EMPTY_BYTES), EMPTY_TYPE)
        document: dict[str, JSONLike] = {
            "artifactType": self.kind,
            "config": self.config.to_json(),
            "layers": [layer.to_json() for layer in self.layers] or [empty.to_json()],
            "mediaType": MANIFEST_TYPE,
            "schemaVersion": 2,
        }
        if self.subject is not None:
            document["subject"] = self.subject.to_json()
        return canonical_json(document)

    def to_bytes(self) -> bytes:
        """Return the canonical JSON of the manifest."""
        return self._bytes

    @cached_property
    def digest(self) -> str:
        """Return the artifact's identity: the digest of the manifest bytes."""
        return sha256_digest(self._bytes)

    @property
    def descriptor(self) -> Descriptor:
        """Return what another manifest or an index writes to point at this one."""
        return Descriptor(self.digest, len(self._bytes), MANIFEST_TYPE)

    @staticmethod
    def parse(data: bytes) -> Manifest:
        """Return the manifest that `to_bytes` wrote; Corrupt for any other bytes."""
        if len(data) > MAX_MANIFEST_BYTES:
            raise _corrupt("it is larger than 4 MiB", "超过 4 MiB")
        value = parse_canonical(data, "a manifest")
        try:
            found = _manifest(value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _corrupt(
                f"a field is missing or has the wrong type ({error})", f"字段缺失或类型不对（{error}）"
            ) from error
        except Invalid as error:
            raise _corrupt(error.text.en, error.text.zh) from error
        if found.to_bytes() != data:
            raise _corrupt("it has fields that Quanheng does not write", "含有权衡不会写入的字段")
        return found


def build_manifest(
    kind: str, config_bytes: bytes, layers: Iterable[Layer], subject: Descriptor | None = None
) -> Manifest:
    """Return the manifest of an artifact of `kind` with this config and these layers.

    Raises Invalid for a bad kind, more than 4,000 layers, equal titles, or more than 4 MiB.
    """
    config = Descriptor(sha256_digest(config_bytes), len(config_bytes), CONFIG_TYPE)
    return Manifest(kind, config, tuple(layers), subject)


def _manifest(value: JSON) -> Manifest:
    document = _mapping(value)
    layers = document["layers"]
    if not isinstance(layers, list):
        raise TypeError("layers")
    found = [] if layers == [_EMPTY_LAYER] else [_layer(item) for item in layers]
    subject = _descriptor(document["subject"]) if "subject" in document else None
    config = _descriptor(document["config"])
    if config.media_type != CONFIG_TYPE:
        raise _invalid(f"the config has media type {config.media_type}", f"config 的媒体类型是 {config.media_type}")
    return Manifest(_text(document["artifactType"]), config, tuple(found), subject)


def _descriptor(value: JSON) -> Descriptor:
    item = _mapping(value)
    return Descriptor(_text(item["digest"]), _integer(item["size"]), _text(item["mediaType"]))


def _layer(value: JSON) -> Layer:
    item = _mapping(value)
    notes = {name: _text(text) for name, text in _mapping(item["annotations"]).items()}
    title = notes.pop(TITLE)
    urls = item.get("urls", [])
    if not isinstance(urls, list):
        raise TypeError("urls")
    return Layer(
        _text(item["digest"]),
        _integer(item["size"]),
        _text(item["mediaType"]),
        title,
        tuple(_text(url) for url in urls),
        tuple(notes.items()),
    )


def _mapping(value: JSON) -> dict[str, JSON]:
    if not isinstance(value, dict):
        raise TypeError("an object is expected")
    return value


def _text(value: JSON) -> str:
    if not isinstance(value, str):
        raise TypeError("text is expected")
    return value


def _integer(value: JSON) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("an integer is expected")
    return value


_EMPTY_LAYER: dict[str, JSON] = {
    "digest": sha256_digest(EMPTY_BYTES),
    "mediaType": EMPTY_TYPE,
    "size": len(EMPTY_BYTES),
}


def _invalid(en: str, zh: str) -> Invalid:
    return Invalid(
        f"the manifest cannot be written: {en}",
        f"无法写出清单：{zh}",
        hint=("Change the artifact's kind, config or layers.", "请修改制品的类型、配置或数据层。"),
        code="bad_manifest",
    )


def _corrupt(en: str, zh: str) -> Corrupt:
    return Corrupt(
        f"a manifest is damaged: {en}",
        f"清单已损坏：{zh}",
        hint=("Restore it from a backup or ask its sender for it again.", "请从备份恢复，或向提供者重新索取。"),
        code="bad_manifest",
    )
