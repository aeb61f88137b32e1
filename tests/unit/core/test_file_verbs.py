"""Which files of a folder are kept, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quanheng.core.file_verbs import plain_files
from quanheng.errors import Invalid


def refusal(folder: Path) -> Invalid:
    with pytest.raises(Invalid) as caught:
        plain_files(folder)
    assert caught.value.hint
    return caught.value


def test_files_are_named_by_their_way_from_the_folder_and_sorted(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for name in ("z.txt", "b/a.txt", "b/c/证据.txt", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "link.txt").symlink_to(tmp_path / "z.txt")
    found = plain_files(tmp_path)
    assert [title for title, _ in found] == [".hidden", "b/a.txt", "b/c/证据.txt", "link.txt", "z.txt"]
    assert all(path == tmp_path / title for title, path in found)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "only" / "folders").mkdir(parents=True)
    assert refusal(tmp_path).code == "empty_folder"


def test_what_is_no_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    os.mkfifo(tmp_path / "pipe")
    error = refusal(tmp_path)
    assert error.code == "not_a_file" and error.text.en == "pipe is no plain file (p)"
    (tmp_path / "pipe").unlink()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert refusal(tmp_path).text.en == "link is a link that leads nowhere"


def test_four_thousand_files_fit_and_one_more_does_not(tmp_path: Path) -> None:
    for number in range(4000):
        (tmp_path / f"{number}").touch()
    assert len(plain_files(tmp_path)) == 4000
    (tmp_path / "one-more").touch()
    error = refusal(tmp_path)
    assert error.code == "too_many_files" and "has 4001 files; an artifact holds at most 4000" in error.text.en
    assert "一个制品最多 4000 个" in error.text.zh
