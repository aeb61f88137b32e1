"""Files elsewhere as layers of a source: each is read once to hash it, and nothing of it is copied."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from quanheng.data.corpus.files import MEDIA_TYPES, StoredFiles, check_title, is_picture, only_pictures
from quanheng.data.corpus.read import FORMATS, format_of
from quanheng.errors import Conflict, Corrupt, Invalid
from quanheng.kinds.counting import counted
from quanheng.kinds.sources import FileCounts, FileFormat, SourceFile
from quanheng.store import Layer, LocalObjects, cache_key
from quanheng.store.cache import CacheLike
from quanheng.store.external import digest_external
from quanheng.store.manifest import ETAG, MAX_LAYERS
from quanheng.store.s3 import Listing, Remote

Progress = Callable[[int, int | None], None]

#: So many files are read at once: most of the time is waiting for a server.
AT_ONCE = 8
#: A manifest holds 4,000 layers; one is kept for the licence.
MOST_FILES = MAX_LAYERS - 1


def register_elsewhere(
    address: str,
    listing: Listing,
    hosts: Sequence[str],
    objects: LocalObjects,
    cache: CacheLike,
    progress: Progress,
    *,
    pictures: bool = False,
) -> tuple[StoredFiles, tuple[str, ...]]:
    """Return the files of a listing as external layers, and the names passed over.

    Digests are kept in `cache` by URL, ETag and size, so that one begun anew after a crash, or over a prefix that
    grew, reads only what it did not read before; without an ETag a file is read again. `progress` counts bytes.
    Raises Invalid "nothing_readable" or "too_many_objects", Conflict "changed_while_read", and what reading raises.
    """
    wanted: list[tuple[Remote, FileFormat]] = []
    passed_over = list(listing.passed_over)
    for file in listing.files:
        hidden = any(part.startswith(".") for part in file.title.split("/"))
        format = None if hidden else format_of(file.title, pictures=pictures)
        if format is None:
            passed_over.append(file.title)
        else:
            check_title(file.title)
            wanted.append((file, format))
    _check(address, wanted, passed_over)
    total, done, lock = sum(file.size for file, _ in wanted), 0, threading.Lock()

    def seen(size: int) -> None:
        nonlocal done
        with lock:
            done += size
            progress(done, total)

    digests = _digests([file for file, _ in wanted], hosts, objects, cache, seen)
    layers = [_layer(file, format, digests[file.url]) for file, format in wanted]
    files = tuple(SourceFile(title=file.title, format=format, size=file.size) for file, format in wanted)
    blank = tuple(file.title for file, _ in wanted if not file.size)
    counts = FileCounts(files=len(files), bytes=total)
    return StoredFiles(files, counts, tuple(layers), blank), tuple(sorted(passed_over))


def _layer(file: Remote, format: FileFormat, digest: str) -> Layer:
    notes = ((ETAG, file.etag),) if file.etag is not None else ()
    return Layer(digest, file.size, MEDIA_TYPES[format], file.title, (file.url,), notes)


def _digests(
    files: Sequence[Remote], hosts: Sequence[str], objects: LocalObjects, cache: CacheLike, seen: Callable[[int], None]
) -> dict[str, str]:
    """Return the digest of each file by its URL; a failure ends the others at their next piece."""
    found: dict[str, str] = {}
    stopped = threading.Event()

    def count(size: int) -> None:
        if stopped.is_set():
            raise _Stopped
        seen(size)

    def one(file: Remote) -> str:
        if stopped.is_set():
            raise _Stopped
        key = None
        if file.etag is not None:
            key = cache_key({"external": 1, "url": file.url, "etag": file.etag, "size": file.size})
            known = cache.get(key)
            if known is not None and objects.exists(known):
                count(file.size)
                with objects.open(known) as stream:
                    return stream.read().decode("ascii")
        digest = digest_external(file.url, file.size, file.etag, hosts, title=file.title, seen=count)
        if key is not None:
            cache.set(key, objects.put_bytes(digest.encode("ascii")).digest)
        return digest

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hash") as pool:
        running = {pool.submit(one, file): file for file in files}
        try:
            for future in as_completed(running):
                found[running[future].url] = future.result()
        except Corrupt as error:
            raise _changed(error) from error
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
    return found


class _Stopped(Exception):
    """Another file could not be read; that one is told of."""


def _check(address: str, wanted: Sequence[tuple[Remote, FileFormat]], passed_over: Sequence[str]) -> None:
    if not wanted:
        if pictures := sum(is_picture(name) for name in passed_over):
            raise only_pictures(address, pictures)
        some = ", ".join(passed_over[:5])
        raise Invalid(
            f"nothing at {address} can be read; {counted(len(passed_over), 'objects')} of other formats: {some}",
            f"{address} 处没有可读取的文件；另有 {len(passed_over)} 个其他格式的对象：{some}",
            hint=(
                f"Formats are told by the end of the name: {' '.join(FORMATS)} (.gz .zst)",
                f"按扩展名识别格式：{' '.join(FORMATS)} (.gz .zst)",
            ),
            code="nothing_readable",
        )
    if len(wanted) > MOST_FILES:
        raise Invalid(
            f"{len(wanted):,} objects lie at {address}; a source that is read in place has at most {MOST_FILES:,}",
            f"{address} 处有 {len(wanted):,} 个可读取的对象；原地读取的来源最多 {MOST_FILES:,} 个",
            hint=(
                "Register its prefixes one by one, put small texts together into JSONL, or copy them to a folder.",
                "请按前缀分别登记，或将零散文本合并为 JSONL，或先复制到本地文件夹。",
            ),
            code="too_many_objects",
        )


def _changed(error: Corrupt) -> Conflict:
    return Conflict(
        f"the source changed while it was read: {error.text.en}",
        f"来源在读取过程中发生了变化：{error.text.zh}",
        hint=("Run it again when nothing writes to it.", "请在没有程序写入时重新执行。"),
        code="changed_while_read",
    )
