"""Which language is spoken, and which folder is the workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from quanheng.cli.language import choose, given, workspace_folder


@pytest.mark.parametrize(
    ("arguments", "environment", "language"),
    [
        (["--lang", "en"], {"QUANHENG_LANGUAGE": "zh"}, "en"),
        (["log", "--lang=en"], {}, "en"),
        (["--", "--lang", "en"], {}, "zh"),
        ([], {"QUANHENG_LANGUAGE": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ([], {"LANG": "en_GB.UTF-8"}, "en"),
        ([], {"LANG": "zh_CN.UTF-8"}, "zh"),
        ([], {"LC_ALL": "en_US", "LANG": "zh_CN"}, "en"),
        ([], {"LANG": "C.UTF-8"}, "zh"),
        ([], {"LANG": "de_DE"}, "zh"),
        ([], {}, "zh"),
        (["--lang", "fr"], {}, "zh"),
    ],
)
def test_the_order_is_argument_environment_locale_chinese(
    arguments: list[str],
    environment: dict[str, str],
    language: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert choose(arguments, environment) == language


def test_the_file_of_the_workspace_comes_before_the_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "quanheng.toml").write_text("language = 'en'\n", "utf-8")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert choose([], {"LANG": "zh_CN"}) == "en"
    assert choose([], {"QUANHENG_LANGUAGE": "zh"}) == "zh"
    monkeypatch.chdir("/")
    assert choose(["-w", str(tmp_path)], {"LANG": "zh_CN"}) == "en"


def test_the_workspace_is_the_argument_the_variable_or_the_nearest_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "quanheng.toml").touch()
    inner = tmp_path / "a"
    inner.mkdir()
    monkeypatch.chdir(inner)
    assert workspace_folder(None, {}) == tmp_path
    assert workspace_folder(None, {"QUANHENG_WORKSPACE": "/x"}) == Path("/x")
    assert workspace_folder("/y", {"QUANHENG_WORKSPACE": "/x"}) == Path("/y")
    monkeypatch.chdir("/")
    assert workspace_folder(None, {}) is None


def test_an_option_after_two_dashes_is_none() -> None:
    assert given(["a", "--lang", "zh", "--lang", "en"], "--lang") == "en"
    assert given(["--lang"], "--lang") is None
