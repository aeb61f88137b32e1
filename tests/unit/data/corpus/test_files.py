"""Folders of files: order, packs, digests, and one clear error for each thing that can be wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quanheng.data.corpus import files as module
from quanheng.data.corpus import scan_folder, store_files, tree_digest
from quanheng.errors import QuanhengError
from quanheng.store import LocalObjects, read_zip


def write(folder: Path, **files: bytes) -> None:
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def quiet(done: int, total: int | None) -> None:
    """Progress that nobody watches."""


def test_files_are_found_in_order_and_others_are_named(tmp_path: Path) -> None:
    write(
        tmp_path,
        b_txt=b"b",
        a__z_jsonl=b"{}",
        A_HTML=b"<p>",
        x_bin=b"%",
        e_csv_gz=b"",
        f_pdf_gz=b"",
        _hidden_txt=b"",
        c__d_md=b"m",
        n_tsv=b"",
    )
    (tmp_path / "link.txt").symlink_to(tmp_path / "b.txt")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / ".git").mkdir()
    scan = scan_folder(tmp_path)
    assert [(file.title, file.format, file.size) for file in scan.files] == [
        ("A.HTML", "html", 3),
        ("a/z.jsonl", "jsonl", 2),
        ("b.txt", "txt", 1),
        ("c/d.md", "markdown", 1),
        ("e.csv.gz", "csv", 0),
        ("n.tsv", "csv", 0),
    ]
    assert scan.passed_over == (".git", ".hidden.txt", "f.pdf.gz", "link.txt", "loop", "x.bin")


def test_one_file_is_a_source_too(tmp_path: Path) -> None:
    write(tmp_path, a_txt=b"x")
    [file] = scan_folder(tmp_path / "a.txt").files
    assert file.title == "a.txt"


@pytest.mark.parametrize(
    ("files", "path", "code"),
    [
        ({}, "", "empty_folder"),
        ({"a_bin": b"%", "b_doc": b""}, "", "nothing_readable"),
        ({}, "missing", "no_such_path"),
        ({"a_bin": b"%"}, "a.bin", "unknown_format"),
    ],
)
def test_each_wrong_input_has_its_error(tmp_path: Path, files: dict[str, bytes], path: str, code: str) -> None:
    write(tmp_path, **files)
    with pytest.raises(QuanhengError) as caught:
        scan_folder(tmp_path / path)
    assert caught.value.code == code
    assert caught.value.hint and caught.value.text.zh != caught.value.text.en


def test_what_the_system_refuses_is_named(
    tmp_path: Path, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    write(folder, a_txt=b"x")
    real = Path.open

    def refuse(path: Path, *args: object, **rest: object) -> object:
        if path.name == "a.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **rest)  # type: ignore[arg-type]

    # Tests may run as root, whom no permission stops: the refusal is put in at the border.
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(module, "PACK_ABOVE_FILES", 0)
    for call in (lambda path: store_files(scan_folder(path), objects, quiet), tree_digest):
        with pytest.raises(QuanhengError) as caught:
            call(folder)
        assert caught.value.code == "unreadable_file" and "a.txt" in str(caught.value)


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system stores UTF-8 names only")
    with pytest.raises(QuanhengError) as caught:
        scan_folder(tmp_path)
    assert caught.value.code == "bad_name"
    str(caught.value).encode("utf-8")


def test_files_become_layers(tmp_path: Path, objects: LocalObjects) -> None:
    folder = tmp_path / "in"
    write(folder, a_txt=b"abc", b_jsonl=b"{}")
    seen: list[tuple[int, int | None]] = []
    stored = store_files(scan_folder(folder), objects, lambda done, total: seen.append((done, total)))
    assert [(file.title, file.size) for file in stored.files] == [("a.txt", 3), ("b.jsonl", 2)]
    assert (stored.counts.files, stored.counts.bytes) == (2, 5)
    assert seen == [(3, 5), (5, 5)]
    for layer in stored.layers:
        with objects.open(layer.digest) as stream:
            assert stream.read() == (folder / layer.title).read_bytes()


@pytest.mark.parametrize("above", [0, 1000])
def test_files_without_text_are_named(
    tmp_path: Path, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch, above: int
) -> None:
    """Empty ones of any format, blank ones of plain text; packed or not."""
    monkeypatch.setattr(module, "PACK_ABOVE_FILES", above)
    folder = tmp_path / "in"
    blank = {"a_txt": b"", "b_pdf": b"", "c_md": b"\xef\xbb\xbf\r\n", "d_jsonl": "\u3000 \n".encode(), "e_txt": b"\0\n"}
    text = {"f_txt": b".", "g_txt": b"\xff", "h_pdf": b" ", "i_txt": b" " * (1 << 17)}
    write(folder, **blank, **text)
    stored = store_files(scan_folder(folder), objects, quiet)
    assert stored.blank == tuple(name.replace("_", ".") for name in blank)
    stored.check_text("here")
    for name in text:
        (folder / name.replace("_", ".")).unlink()
    with pytest.raises(QuanhengError) as caught:
        store_files(scan_folder(folder), objects, quiet).check_text("here")
    assert caught.value.code == "only_empty_files" and "there is no text at here: 5 files" in str(caught.value)


def test_many_small_files_are_packed_and_large_ones_are_not(
    tmp_path: Path, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PACK_ABOVE_FILES", 3)
    monkeypatch.setattr(module, "PACK_BYTES", 10)
    folder = tmp_path / "in"
    write(folder, **{f"f{number}_txt": b"1234" for number in range(5)}, big_txt=b"x" * (1 << 20))
    stored = store_files(scan_folder(folder), objects, quiet)
    assert [(file.title, file.format) for file in stored.files] == [
        ("big.txt", "txt"),
        ("packs/pack-00000.zip", "pack"),
        ("packs/pack-00001.zip", "pack"),
        ("packs/pack-00002.zip", "pack"),
    ]
    assert (stored.counts.files, stored.counts.bytes) == (6, 20 + (1 << 20))
    names = []
    for layer in stored.layers[1:]:
        with read_zip(objects.path(layer.digest)) as pack:
            names += pack.names
    assert names == [f"f{number}.txt" for number in range(5)]
    again = store_files(scan_folder(folder), objects, quiet)
    assert again == stored
    assert not list(tmp_path.glob("*.zip"))


def test_a_file_more_changes_its_own_pack_alone(
    tmp_path: Path, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PACK_ABOVE_FILES", 3)
    monkeypatch.setattr(module, "PACK_ENDS_IN", 8)
    folder = tmp_path / "in"
    write(folder, **{f"f{number:03}_txt": b"%d" % number for number in range(200)})
    before = store_files(scan_folder(folder), objects, quiet)
    write(folder, f0015_txt=b"new")
    after = store_files(scan_folder(folder), objects, quiet)
    assert 15 < len(before.layers) == len(after.layers) < 40
    changed = {layer.digest for layer in after.layers} - {layer.digest for layer in before.layers}
    assert len(changed) == 1 and after.counts.files == 201


def test_a_pack_holds_so_many_files_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACK_FILES", 7)
    files = [module.FoundFile("/", f"{number}.txt", "txt", 1) for number in range(100)]
    groups = list(module.packs(files))
    assert [file for group in groups for file in group] == files and max(map(len, groups)) == 7


@pytest.mark.parametrize("above", [0, 1000])
def test_a_file_that_grows_while_it_is_read_is_refused(
    tmp_path: Path, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch, above: int
) -> None:
    monkeypatch.setattr(module, "PACK_ABOVE_FILES", above)
    folder = tmp_path / "in"
    write(folder, a_txt=b"abc")
    scan = scan_folder(folder)
    write(folder, a_txt=b"abcd")
    with pytest.raises(QuanhengError) as caught:
        store_files(scan, objects, quiet)
    assert caught.value.code == "changed_while_read" and "a.txt" in caught.value.text.zh


def test_names_too_long_for_a_source_are_told(tmp_path: Path) -> None:
    deep = tmp_path / "in" / ("x" * 200) / ("y" * 200) / ("z" * 200)
    deep.mkdir(parents=True)
    (deep / "a.txt").write_bytes(b"")
    with pytest.raises(QuanhengError) as caught:
        scan_folder(tmp_path / "in")
    assert caught.value.code == "bad_name"


def test_the_digest_of_a_tree_is_of_names_and_contents_alone(tmp_path: Path) -> None:
    write(tmp_path / "one", a_txt=b"x", b__c_txt=b"y")
    write(tmp_path / "two", b__c_txt=b"y", a_txt=b"x")
    os.utime(tmp_path / "two" / "a.txt", (1, 1))
    assert tree_digest(tmp_path / "one") == tree_digest(tmp_path / "two")
    for change in ({"a_txt": b"z"}, {"a_txt": b"x", "d_txt": b""}):
        write(tmp_path / "two", **change)
        assert tree_digest(tmp_path / "one") != tree_digest(tmp_path / "two")
    assert tree_digest(tmp_path / "one" / "a.txt").startswith("sha256:")
