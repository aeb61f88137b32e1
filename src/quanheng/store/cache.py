"""The cache below artifacts: key → layer digest. Everything in it can be thrown away and computed again."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Protocol

from quanheng.store import _disk
from quanheng.store.canonical import JSONLike, canonical_json
from quanheng.store.digest import is_digest, parse_digest, sha256_digest
from quanheng.store.objects import ObjectStore


class CacheLike(Protocol):
    """What an engine needs of a cache; `MemoryCache` is enough where nothing has to last."""

    def get(self, key: str, /) -> str | None:
        """Return the layer digest kept under `key`, or None."""
        ...

    def set(self, key: str, digest: str, /) -> None:
        """Keep a layer digest under `key`."""
        ...


class MemoryCache(dict[str, str]):
    """A dict that is a `CacheLike`."""

    def set(self, key: str, digest: str, /) -> None:
        """Keep a layer digest under `key`."""
        self[key] = digest


def cache_key(value: JSONLike) -> str:
    """Return the key of anything that can be canonical JSON: the digest of its bytes."""
    return sha256_digest(canonical_json(value))


class Cache:
    """A cache as small files in a folder, shared by processes; the objects themselves lie in `objects`."""

    def __init__(self, root: str | Path, objects: ObjectStore) -> None:
        self.root = Path(root)
        self.objects = objects

    def get(self, key: str, /) -> str | None:
        """Return the digest kept under `key`; None when there is none or its object is gone.

        Entry and object are made young again, so that neither is thrown away while somebody works with it.
        """
        path = self._path(key)
        try:
            digest = path.read_text("ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        except OSError as error:
            raise _disk.explain(error, path) from error
        # An entry is not fsynced: after a power loss it may be empty, and is then computed again.
        if not is_digest(digest) or not self.objects.touch(digest):
            return None
        # Gone between reading and here: evicted by another process; what was read still holds.
        with _disk.disk_errors(path), contextlib.suppress(FileNotFoundError):
            _disk.utime(path)
        return digest

    def set(self, key: str, digest: str, /) -> None:
        """Keep a layer digest under `key`; a reader sees the old entry or the new one, never half of one."""
        parse_digest(digest)
        path = self._path(key)
        with _disk.disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = _disk.open_temporary(path.parent)
            try:
                try:
                    _disk.write_all(handle, digest.encode("ascii") + b"\n")
                finally:
                    os.close(handle)
                _disk.replace(temporary, path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def evict(self, older_than_s: float, now: float) -> int:
        """Drop the entries not used for `older_than_s` seconds before `now`, and return how many.

        The objects stay; collection removes those that no artifact uses.
        """
        dropped = 0
        with _disk.disk_errors(self.root):
            for path in sorted(self.root.glob("[0-9a-f][0-9a-f]/*")):
                with contextlib.suppress(FileNotFoundError):
                    if now - path.stat().st_mtime > older_than_s:
                        path.unlink()
                        dropped += 1
        return dropped

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode("utf-8")).hexdigest()
        return self.root / name[:2] / name[2:]
