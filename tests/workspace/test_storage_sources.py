"""Sources in object storage: registered by what lies there, read in place, refused when they change; keys stay out."""

from __future__ import annotations

import dataclasses
import gzip
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import clusters
import storage as storage_module
from databases import Place, wait_until
from quanheng.core.fsck import fsck
from quanheng.errors import Conflict, Corrupt, Forbidden, Invalid, NotFound, Unavailable
from quanheng.store import sha256_digest
from storage import Proxy, Storage

RECIPE = """name = "plain"
title = { en = "Plain", zh = "最简" }
[[steps]]
use = "length"
[[steps]]
drop = "characters < 5"
reason = "too_short"
"""
BUCKETS = (f"texts-{number}" for number in itertools.count())


def line(number: int) -> str:
    return f"第{number}篇日记：清晨下了小雨，院子里的花开了{number * 31 % 97}朵，邻居家的孩子在巷口念书。"


@pytest.fixture(scope="module")
def server() -> Iterator[Storage]:
    for module in ("moto.server", "py_partiql_parser", "flask_cors"):
        reason = "the S3 server is not installed: pip install 'quanheng[dev]' (moto[s3], flask, flask-cors)"
        pytest.importorskip(module, reason=reason)
    with storage_module.storage() as made:
        yield made


@pytest.fixture(autouse=True)
def allow_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow it before the workspace is opened, which reads the settings."""
    monkeypatch.setenv("QUANHENG_ALLOWED_HOSTS", "127.0.0.1")


@pytest.fixture
def proxied(server: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Return the proxy through which Quanheng reads the server in this test."""
    with storage_module.proxy(server.url) as made:
        for name, value in server.environment(made.url).items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def bucket(server: Storage) -> str:
    """Return a bucket with four files below news/, and what is not among them."""
    name = next(BUCKETS)
    for number in range(3):
        server.put(name, f"news/{number}/日记 {number}+a.txt", line(number).encode())
    rows = "".join(json.dumps({"text": line(number)}, ensure_ascii=False) + "\n" for number in range(3, 40))
    server.put(name, "news/rows.jsonl", rows.encode())
    for key in ("news/", "news/.hidden.txt", "news/picture.bin", "newsroom.txt"):
        server.put(name, key, b"" if key.endswith("/") else b"x")
    return name


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    file = tmp_path / "plain.toml"
    file.write_text(RECIPE, "utf-8")
    return str(file)


def documents(workspace: Any, corpus: str) -> list[str]:
    import pyarrow.parquet as pq

    loaded = workspace.load(corpus)
    texts: list[str] = []
    for shard in loaded.model.shards:
        with loaded.open_layer(shard.title) as stream:
            texts += pq.read_table(stream).column("text").to_pylist()
    return sorted(texts)


def files_of(workspace: Any) -> list[str]:
    return [file.title for file in workspace.load("source:news").model.files]


def test_read_in_place_as_if_it_were_here(workspace: Any, proxied: Proxy, bucket: str, recipe: str) -> None:
    workspace.source.register(path=f"s3://{bucket}/news", title="日记", as_name="news")
    assert files_of(workspace) == ["0/日记 0+a.txt", "1/日记 1+a.txt", "2/日记 2+a.txt", "rows.jsonl"]
    loaded = workspace.load("source:news")
    assert all(layer.is_external and layer.etag for layer in loaded.layers)
    found = workspace.corpus.analyze(sources=["source:news"], documents=20, file=recipe)
    assert found["documents"] == 20
    assert workspace.corpus.plan(sources=["source:news"], file=recipe)["documents"] == 40
    workspace.corpus.build(sources=["source:news"], file=recipe, as_name="c")
    assert documents(workspace, "corpus:c") == sorted(line(number) for number in range(40))
    assert not any(workspace.objects.exists(layer.digest) for layer in loaded.layers)
    assert fsck(workspace).ok
    taken = workspace.corpus.takedown(corpus="corpus:c", match=[line(39)], as_name="c2")
    assert workspace.load(taken.digest).model.totals.documents == 39


def test_keys_are_nowhere(
    workspace: Any, server: Storage, proxied: Proxy, bucket: str, recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANHENG_PROCESSES", "2")
    workspace.source.register(path=f"s3://{bucket}/news", title="日记", as_name="news")
    workspace.corpus.build(sources=["source:news"], file=recipe)
    secrets = [server.secret.encode(), server.key_id.encode(), b"AWS4-HMAC", b"X-Amz-"]
    written = [path for path in workspace.folder.rglob("*") if path.is_file()]
    assert len(written) > 5
    for path in written:
        data = path.read_bytes()
        assert not any(secret in data for secret in secrets), path


def test_the_same_again_is_found_and_what_is_new_alone_is_read(
    workspace: Any, server: Storage, proxied: Proxy, bucket: str
) -> None:
    first = workspace.source.register(path=f"s3://{bucket}/news/", title="日记", as_name="news")
    assert workspace.source.register(path=f"s3://{bucket}/news", title="日记").digest == first.digest
    server.put(bucket, "news/3.txt", line(90).encode())
    before = proxied.gets("rows.jsonl")
    workspace.source.register(path=f"s3://{bucket}/news", title="日记", as_name="news")
    assert "3.txt" in files_of(workspace)
    assert proxied.gets("rows.jsonl") == before == 1 and proxied.gets("/3.txt") == 1


def test_what_a_killed_registration_read_is_not_read_again(workspace: Any, proxied: Proxy, bucket: str) -> None:
    def read() -> int:
        return sum(proxied.gets(f"{number}%2Ba.txt") for number in range(3))

    def fault(path: str, asked: str) -> storage_module.Fault:
        if not path.endswith("rows.jsonl"):
            return None
        wait_until(lambda: read() == 3, "the other files to be asked for")
        time.sleep(0.5)  # and to be hashed
        return ("busy", 404)

    proxied.fault = fault
    with pytest.raises(Unavailable) as refused:
        workspace.source.register(path=f"s3://{bucket}/news", title="日记")
    assert "rows.jsonl" in refused.value.text.zh and "404" in refused.value.text.zh
    proxied.fault = lambda path, asked: None
    workspace.source.register(path=f"s3://{bucket}/news", title="日记", as_name="news")
    assert read() == 3 and proxied.gets("rows.jsonl") == 2


def test_dropped_connections_and_busy_servers_are_borne(
    workspace: Any, proxied: Proxy, bucket: str, recipe: str
) -> None:
    times: dict[str, int] = {}

    def fault(path: str, asked: str) -> storage_module.Fault:
        times[path] = times.get(path, 0) + 1
        if path.endswith("rows.jsonl"):
            # Every third request of it goes well.
            return (("drop", 100), ("busy", 503), None)[(times[path] - 1) % 3]
        return ("busy", 503) if "list-type" in path and times[path] == 1 else None

    proxied.fault = fault
    workspace.source.register(path=f"s3://{bucket}/news", title="日记", as_name="news")
    assert ("bytes=100-") in [asked for path, asked in proxied.seen if path.endswith("rows.jsonl")]
    workspace.corpus.build(sources=["source:news"], file=recipe, as_name="c")
    assert documents(workspace, "corpus:c") == sorted(line(number) for number in range(40))


def test_an_object_that_changed_is_refused(
    workspace: Any, server: Storage, proxied: Proxy, bucket: str, recipe: str
) -> None:
    workspace.source.register(path=f"s3://{bucket}/news", title="日记", as_name="news")
    server.put(bucket, "news/1/日记 1+a.txt", line(7).encode())
    with pytest.raises(Corrupt) as refused:
        workspace.corpus.build(sources=["source:news"], file=recipe)
    assert refused.value.code == "external_changed"
    assert "日记 1+a.txt" in refused.value.text.zh and "ETag" in refused.value.text.zh
    assert {problem.code for problem in fsck(workspace).problems} == {"external_damaged"}


def test_one_that_changes_while_it_is_registered_is_refused(
    workspace: Any, server: Storage, proxied: Proxy, bucket: str
) -> None:
    def fault(path: str, asked: str) -> storage_module.Fault:
        if path.endswith("rows.jsonl"):
            server.put(bucket, "news/rows.jsonl", json.dumps({"text": line(1)}).encode())
        return None

    proxied.fault = fault
    with pytest.raises(Conflict) as refused:
        workspace.source.register(path=f"s3://{bucket}/news", title="日记")
    assert refused.value.code == "changed_while_read" and "rows.jsonl" in refused.value.text.zh


def test_one_that_is_added_while_it_is_registered_is_refused(
    workspace: Any, server: Storage, proxied: Proxy, bucket: str
) -> None:
    def fault(path: str, asked: str) -> storage_module.Fault:
        if path.endswith("rows.jsonl"):
            server.put(bucket, "news/zz.txt", line(1).encode())
        return None

    proxied.fault = fault
    with pytest.raises(Conflict) as refused:
        workspace.source.register(path=f"s3://{bucket}/news", title="日记")
    assert refused.value.code == "changed_while_read"


def test_only_hosts_that_are_allowed(
    place: Place, proxied: Proxy, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANHENG_ALLOWED_HOSTS", "example.org")
    with pytest.raises(Forbidden) as refused:
        place.open().source.register(path=f"s3://{bucket}/news", title="日记")
    assert refused.value.code == "host_not_allowed" and proxied.seen == []


def test_a_caller_from_elsewhere_has_no_keys(workspace: Any, proxied: Proxy, bucket: str) -> None:
    from quanheng.core.call import call

    remote = dataclasses.replace(workspace.session, is_local=False)
    with pytest.raises(Forbidden) as refused:
        call(remote, "source.register", {"path": f"s3://{bucket}/news", "title": "日记"})
    assert refused.value.code == "address_refused" and proxied.seen == []


def test_wrong_addresses_have_their_errors(
    workspace: Any, proxied: Proxy, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, kind, code in (
        (f"s3://{bucket}/nothing", NotFound, "nothing_there"),
        ("s3://", Invalid, "bad_address"),
        ("s3://key:secret@texts/news", Invalid, "bad_address"),
        (f"{proxied.url}/texts/?X-Amz-Signature=1", Invalid, "bad_address"),
        (f"s3://{bucket}/news/picture.bin", Invalid, "nothing_readable"),
    ):
        with pytest.raises(kind) as refused:
            workspace.source.register(path=path, title="日记")
        assert refused.value.code == code and "secret" not in str(refused.value), path
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(Unavailable) as refused:
        workspace.source.register(path=f"s3://{bucket}/news", title="日记")
    assert refused.value.code == "external_denied" and "SignatureDoesNotMatch" in refused.value.text.zh
    assert "wrong" not in str(refused.value)


def test_what_has_no_etag_is_told_apart_by_its_place_and_its_content(
    workspace: Any, server: Storage, proxied: Proxy, recipe: str
) -> None:
    with storage_module.proxy(server.url) as other:
        proxied.tags = other.tags = False
        proxied.plain = {"/a/t.txt": line(1).encode(), "/b/t.txt": line(2).encode()}
        other.plain = {"/a/t.txt": line(1).encode()}

        def register(address: str) -> str:
            found = workspace.source.register(path=address, title="日记")
            [layer] = workspace.load(found.digest).layers
            assert layer.urls == (address,)
            return str(found.digest)

        addresses = (f"{proxied.url}/a/t.txt", f"{proxied.url}/b/t.txt", f"{other.url}/a/t.txt")
        first = [register(address) for address in addresses]
        assert len(set(first)) == 3 and register(addresses[0]) == first[0]
        proxied.plain["/a/t.txt"] = line(3).encode()  # of the same size
        with pytest.raises(Corrupt) as refused:
            workspace.corpus.build(sources=[first[0]], file=recipe)
        assert refused.value.code == "external_changed"
        again = register(addresses[0])
        assert again not in first
        workspace.corpus.build(sources=[again], file=recipe, as_name="c")
        assert documents(workspace, "corpus:c") == [line(3)]


def test_objects_that_are_noted_as_compressed_are_read_as_they_are_stored(
    workspace: Any, server: Storage, proxied: Proxy, bucket: str, recipe: str
) -> None:
    packed = gzip.compress(json.dumps({"text": line(1)}).encode(), mtime=0)
    server.put(bucket, "packed/rows.jsonl.gz", packed, ContentEncoding="gzip")
    for address, name in ((f"s3://{bucket}/packed", "a"), (f"{proxied.url}/{bucket}/packed/rows.jsonl.gz", "b")):
        workspace.source.register(path=address, title="日记", as_name=name)
        [layer] = workspace.load(f"source:{name}").layers
        assert (layer.digest, layer.size) == (sha256_digest(packed), len(packed))
        workspace.corpus.build(sources=[f"source:{name}"], file=recipe, as_name=name)
        assert documents(workspace, f"corpus:{name}") == [line(1)]


def test_one_file_of_a_plain_address(workspace: Any, server: Storage, proxied: Proxy, recipe: str) -> None:
    quoted = "/%E6%97%A5%E8%AE%B0.txt"
    proxied.plain[quoted] = line(1).encode()
    workspace.source.register(path=f"{proxied.url}/日记.txt", title="日记", as_name="news")
    assert files_of(workspace) == ["日记.txt"]
    workspace.corpus.build(sources=["source:news"], file=recipe, as_name="c")
    assert documents(workspace, "corpus:c") == [line(1)]


@pytest.mark.databases("sqlite")
@pytest.mark.xdist_group("clusters")
@pytest.mark.skipif(bool(clusters.missing_slurm()), reason=clusters.missing_slurm() or "it is here")
def test_tasks_of_slurm_read_it_themselves_and_get_no_keys(
    place: Place, proxied: Proxy, bucket: str, recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clusters.slurm() as cluster:
        for name, value in {**cluster.environment, "PYTHONPATH": clusters.PYTHONPATH}.items():
            monkeypatch.setenv(name, value)
        workspace = place.open(executor="slurm", slurm_partition="low", slurm_options="--time=5")
        proxied.plain["/diary.txt"] = line(1).encode()
        workspace.source.register(path=f"{proxied.url}/diary.txt", title="日记", as_name="open")
        seen = len(proxied.seen)
        workspace.corpus.build(sources=["source:open"], file=recipe, as_name="c")
        assert documents(workspace, "corpus:c") == [line(1)] and len(proxied.seen) > seen
        workspace.source.register(path=f"s3://{bucket}/news", title="日记", as_name="news")
        with pytest.raises(Unavailable) as refused:
            workspace.corpus.build(sources=["source:news"], file=recipe)
        # What Slurm is given it keeps in its own files, so it is never given keys.
        assert refused.value.code == "external_denied" and "TaskProlog" in str(refused.value)


@pytest.mark.databases("sqlite")
@pytest.mark.xdist_group("clusters")
@pytest.mark.skipif(bool(clusters.missing_ray()), reason=clusters.missing_ray() or "it is here")
def test_workers_of_ray_read_it_themselves(
    place: Place, proxied: Proxy, bucket: str, recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", clusters.PYTHONPATH)
    workspace = place.open(executor="ray", ray_address="local", processes=2)
    workspace.source.register(path=f"s3://{bucket}/news", title="日记", as_name="news")
    workspace.corpus.build(sources=["source:news"], file=recipe, as_name="c")
    assert documents(workspace, "corpus:c") == sorted(line(number) for number in range(40))
