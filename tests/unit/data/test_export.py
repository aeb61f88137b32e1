"""Exports: every row comes out once, whole or not at all, with the same bytes each time."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
import zstandard

from quanheng.data.corpus.export import (
    ExportOptions,
    Format,
    Split,
    damaged_files,
    export_corpus,
    find_exports,
    read_export,
)
from quanheng.data.corpus.export.folder import working_folder
from quanheng.data.corpus.export.huggingface import hub_licence, size_category
from quanheng.data.corpus.tokens import CorpusTokenizer, Training, train_tokenizer
from quanheng.errors import Conflict, Corrupt, Invalid, NotFound
from quanheng.kinds.base import Rate

from .export_corpora import (
    CORPUS,
    Made,
    a_source,
    digest_of,
    make_corpus,
    parquet_bytes,
    parquet_rows,
    quiet,
    some_texts,
    tree,
)

SPLIT = Split("7", Rate(k=1, n=4))


@pytest.fixture
def made() -> Made:
    return make_corpus(some_texts(150))


def export(made: Made, format: Format, target: Path, **options: Any) -> list[dict[str, Any]]:
    """Export and return the rows of all data files, in the order of their paths."""
    export_corpus(made.files, format, target, ExportOptions(**options), quiet)
    rows: list[dict[str, Any]] = []
    for path in sorted((target / "data").glob("*.parquet")):
        rows += parquet_rows(path)
    for path in sorted(target.glob("*.jsonl.zst")):
        with path.open("rb") as file:
            text = zstandard.ZstdDecompressor().stream_reader(file).read().decode()
        rows += [json.loads(line) for line in text.splitlines()]
    return rows


@pytest.mark.parametrize("format", ["parquet", "jsonl.zst", "huggingface"])
def test_every_row_comes_out_once_with_its_columns(made: Made, tmp_path: Path, format: Format) -> None:
    rows = export(made, format, tmp_path / "out", part_bytes=3000)
    assert [(row["id"], row["source_digest"], row["text"]) for row in rows] == made.rows
    titles = {digest: source.title for digest, source in made.files.sources.items()}
    for at, row in enumerate(rows):
        assert list(row) == [
            *("id", "text", "source", "source_digest", "licence", "url", "text_digest"),
            *("flags", "characters", "script"),
        ]
        assert row["source"] == titles[row["source_digest"]] and row["licence"] == "CC0-1.0"
        assert row["url"] == (f"https://example.org/{at}" if at % 2 else None)
        assert row["text_digest"] == digest_of(row["text"]) and row["flags"] == ["zh-Hans"]
        assert row["characters"] == len(row["text"])


def test_a_corpus_without_labels_and_urls_is_exported(tmp_path: Path) -> None:
    rows = export(make_corpus(some_texts(5), labels=False), "parquet", tmp_path / "out")
    assert [row["url"] for row in rows] == [None] * 5 and list(rows[0])[-1] == "flags"


@pytest.mark.parametrize("format", ["parquet", "jsonl.zst", "huggingface"])
def test_bytes_depend_on_the_rows_alone(tmp_path: Path, format: Format) -> None:
    texts = some_texts(150)
    for name, sizes in (("a", {}), ("b", {"shard_rows": 7, "group_rows": 3})):
        export(make_corpus(texts, **sizes), format, tmp_path / name, part_bytes=3000, split=SPLIT)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert len(tree(tmp_path / "a")) > 3


def test_the_record_and_the_sums_tell_what_is_there(made: Made, tmp_path: Path) -> None:
    target = tmp_path / "out"
    export(made, "huggingface", target, part_bytes=3000, split=SPLIT)
    record = read_export(target)
    assert record.corpus == CORPUS and record.format == "huggingface" and record.split == SPLIT
    assert sum(record.documents.values()) == 150 == sum(source.documents for source in record.sources)
    assert sum(record.characters.values()) == sum(len(text) for _, _, text in made.rows)
    for digest, source in made.files.sources.items():
        [count] = [count for count in record.sources if count.digest == digest]
        assert count.characters == sum(len(text) for _, owner, text in made.rows if owner == digest)
        assert (count.title, count.licence) == (source.title, "CC0-1.0")
    for file in record.files:
        data = (target / file.path).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.size, file.sha256)
        if file.documents:
            assert len(parquet_rows(target / file.path)) == file.documents
    done = subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=target, capture_output=True)
    assert done.returncode == 0, done.stderr
    listed = {line.split("  ")[1] for line in (target / "SHA256SUMS").read_text().splitlines()}
    assert listed == set(tree(target)) - {"SHA256SUMS"}
    assert [(folder, found.corpus) for folder, found in find_exports(tmp_path)] == [(target, CORPUS)]


def test_damage_is_named(made: Made, tmp_path: Path) -> None:
    target = tmp_path / "out"
    export(made, "parquet", target)
    assert damaged_files(target) == []
    part = target / "data" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    (target / "more.txt").write_text("x")
    assert damaged_files(target) == ["data/part-00000.parquet", "more.txt"]
    part.unlink()
    assert damaged_files(target) == ["data/part-00000.parquet", "more.txt"]
    (target / "SHA256SUMS").unlink()
    with pytest.raises(NotFound):
        damaged_files(target)
    (target / "export.json").write_bytes(b'{"version":2}\n')
    with pytest.raises(Corrupt) as error:
        read_export(target)
    assert error.value.code == "not_an_export"


def test_huggingface_front_matter_names_the_files_of_each_split(tmp_path: Path) -> None:
    sources = {"甲": a_source('甲"：\n乙', spdx="CC-BY-4.0"), "乙": a_source("乙", spdx="LicenseRef-statutes")}
    made = make_corpus(some_texts(150), titles=sources)
    target = tmp_path / "out"
    export(made, "huggingface", target, part_bytes=3000, split=SPLIT, title='题："x"\n- y')
    _, head, body = (target / "README.md").read_text().split("---\n", 2)
    meta = yaml.safe_load(head)
    assert meta["license"] == ["cc-by-4.0", "other"] and meta["license_name"] == "LicenseRef-statutes"
    assert meta["language"] == ["zh"] and meta["size_categories"] == ["n<1K"]
    assert meta["pretty_name"] == '题："x"\n- y' and "sha256sum" in body
    [config] = meta["configs"]
    found = {entry["split"]: sorted(target.glob(entry["path"])) for entry in config["data_files"]}
    assert sorted(path for paths in found.values() for path in paths) == sorted(target.glob("data/*"))
    for split, paths in found.items():
        assert [path.name for path in paths] == [
            f"{split}-{at:05d}-of-{len(paths):05d}.parquet" for at in range(len(paths))
        ]
        assert sum(len(parquet_rows(path)) for path in paths) == read_export(target).documents[split]
    assert len(found["train"]) > 1


def test_a_split_is_a_hash_of_the_text(tmp_path: Path) -> None:
    texts = [text for _, text in some_texts(150)]

    def validation(made: Made, target: Path, seed: str = "7") -> set[str]:
        export(made, "jsonl.zst", target, split=Split(seed, Rate(k=1, n=4)))
        with (target / "validation.jsonl.zst").open("rb") as file:
            lines = zstandard.ZstdDecompressor().stream_reader(file).read().splitlines()
        return {json.loads(line)["text"] for line in lines}

    alone = validation(make_corpus([("甲", text) for text in texts]), tmp_path / "a")
    # Twice each, in another order, from another source, in a larger corpus: the same texts are held back.
    more = [("乙", text) for text in reversed(texts)] + [("甲", text) for text in texts] + some_texts(50, seed=9)
    assert validation(make_corpus(more), tmp_path / "b") & set(texts) == alone
    assert validation(make_corpus([("甲", text) for text in texts]), tmp_path / "c", seed="8") != alone
    # An independent count of the rule: first 8 bytes of SHA-256("split\n7\n" + digest) below a quarter.
    first = {t: hashlib.sha256(f"split\n7\n{digest_of(t)}".encode()).digest()[:8] for t in texts}
    assert alone == {text for text, head in first.items() if int.from_bytes(head, "big") < 2**62}
    assert 15 < len(alone) < 60


def test_a_target_with_something_in_it_is_left_alone(made: Made, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with pytest.raises(Conflict) as error:
        export(made, "parquet", target)
    assert error.value.code == "target_not_empty"
    assert tree(tmp_path) == {"out/mine.txt": b"mine"} and not made.opened
    with pytest.raises(Invalid) as other:
        export(made, "parquet", target / "mine.txt")
    assert other.value.code == "target_not_folder"


def test_an_empty_target_is_taken(made: Made, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert len(export(made, "parquet", tmp_path / "out")) == 150


@pytest.mark.parametrize("format", ["parquet", "jsonl.zst", "huggingface", "megatron"])
def test_a_failed_export_leaves_nothing(made: Made, tmp_path: Path, format: Format) -> None:
    tokenizer = CorpusTokenizer(train_tokenizer(["文本"], Training(vocabulary=300), quiet))

    def stop(done: int, total: int | None) -> None:
        if done > 60:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        export_corpus(made.files, format, tmp_path / "out", ExportOptions(tokenizer=tokenizer), stop)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_export_starts_again_cleanly(made: Made, tmp_path: Path) -> None:
    target = tmp_path / "out"
    code = (
        "import os, sys; from pathlib import Path\n"
        "from quanheng.data.corpus.export.folder import working_folder\n"
        "with working_folder(Path(sys.argv[1])) as folder:\n"
        "    folder.write('data/train-00009-of-00010.parquet', b'half'); os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(target)], env={**os.environ}).returncode == -9
    assert not target.exists() and len(list(tmp_path.iterdir())) == 1
    assert len(export(made, "huggingface", target)) == 150
    assert list(tmp_path.iterdir()) == [target] and damaged_files(target) == []


def test_two_exports_into_one_target(made: Made, tmp_path: Path) -> None:
    with working_folder(tmp_path / "out") as folder:
        folder.write("a.txt", b"a")
        with pytest.raises(Conflict) as error:
            export(made, "parquet", tmp_path / "out")
        assert error.value.code == "export_running"
    assert set(tree(tmp_path / "out")) == {"a.txt", "SHA256SUMS"}


def test_the_folder_is_renamed_after_everything_is_on_the_disk(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[str] = set()
    real_fsync, real_rename = os.fsync, Path.rename
    unsynced: list[str] = []

    def fsync(handle: int) -> None:
        synced.add(os.readlink(f"/proc/self/fd/{handle}").rsplit("quanheng-partial", 1)[-1])
        real_fsync(handle)

    def rename(self: Path, target: Path) -> Path:
        if self.name.endswith(".quanheng-partial"):
            for path in self.rglob("*"):
                name = str(path)[len(str(self)) :]
                # A part gets its final name after it was synced; its folder is synced after that.
                if name not in synced and "train-" not in name:
                    unsynced.append(name)
        return real_rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr("quanheng.store._disk.fsync", fsync)
    export(made, "huggingface", tmp_path / "out")
    assert unsynced == [] and {"/data", "/export.json", "/SHA256SUMS"} <= synced
    assert any("train-" in name for name in synced)


def test_rows_that_are_missing_or_of_nobody_are_errors(made: Made, tmp_path: Path) -> None:
    for files, code in (
        (replace(made.files, documents=151), "shard_rows"),
        (replace(made.files, sources={}), "source_missing"),
    ):
        with pytest.raises((Corrupt, Invalid)) as error:
            export_corpus(files, "parquet", tmp_path / "out", ExportOptions(), quiet)
        assert error.value.code == code  # type: ignore[union-attr]
        assert list(tmp_path.iterdir()) == []


def test_a_shard_without_a_needed_column_is_named(made: Made, tmp_path: Path) -> None:
    data = parquet_bytes([{"id": "a", "text": "b"}])
    files = replace(made.files, open_layer=lambda title: io.BytesIO(data))
    with pytest.raises(Corrupt) as error:
        export_corpus(files, "parquet", tmp_path / "out", ExportOptions(), quiet)
    assert error.value.code == "shard_columns" and "part-00000" in str(error.value)


@pytest.mark.parametrize("k", [0, 4, 5])
def test_a_split_that_leaves_a_part_empty_is_refused(made: Made, tmp_path: Path, k: int) -> None:
    with pytest.raises(Invalid) as error:
        export(made, "parquet", tmp_path / "out", split=Split("1", Rate(k=k, n=4)))
    assert error.value.code == "bad_split"


def test_progress_ends_at_the_documents(made: Made, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    export_corpus(made.files, "parquet", tmp_path / "out", ExportOptions(), lambda *step: seen.append(step))
    assert seen[0] == (0, 150) and seen[-1] == (150, 150) and seen == sorted(seen) and len(seen) > 5


def test_words_of_the_hub() -> None:
    assert [size_category(n) for n in (0, 999, 10**6, 10**12)] == ["n<1K", "n<1K", "1M<n<10M", "n>1T"]
    assert hub_licence("MPL-2.0") == "mpl-2.0" and hub_licence("GFDL-1.2-or-later") == "other"
