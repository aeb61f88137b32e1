"""Where a setting's value comes from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.core.settings import SETTINGS, Setting, Settings, Value
from quanheng.errors import Invalid, Text


def write(folder: Path, text: str) -> Path:
    (folder / "quanheng.toml").write_text(text, "utf-8")
    return folder


def test_without_anything_every_setting_has_its_default(tmp_path: Path) -> None:
    for value in Settings(tmp_path).values():
        assert value.value == value.setting.default and value.origin == "default"
        assert value.setting.help.en and value.setting.help.zh
    assert [v.setting for v in Settings(None).values()] == list(SETTINGS)


def test_argument_before_environment_before_file_before_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen(arguments: dict[str, object]) -> tuple[int, str]:
        settings = Settings(tmp_path, arguments)
        return settings.number("lease_s"), next(v.origin for v in settings.values() if v.setting.name == "lease_s")

    assert seen({}) == (30, "default")
    write(tmp_path, "lease_s = 40\n")
    assert seen({}) == (40, "file")
    monkeypatch.setenv("QUANHENG_LEASE_S", "50")
    assert seen({}) == (50, "environment")
    assert seen({"lease_s": 60}) == (60, "argument")
    assert seen({"lease_s": None}) == (50, "environment")
    monkeypatch.setenv("QUANHENG_LEASE_S", "")
    assert seen({}) == (40, "file")


@pytest.mark.parametrize(
    ("text", "en", "zh"),
    [
        ("lease_s = ", "cannot be read", "无法读取"),
        ("leese_s = 3", "leese_s is not a setting", "不是可用的设置项"),
        ('database = "postgresql://x/y"', "database is secret and belongs in the environment", "属于机密"),
        ('lease_s = "soon"', "lease_s = 'soon' (from quanheng.toml) is not a whole number from 1", "不小于 1 的整数"),
        ("lease_s = 0", "is not a whole number from 1", "不小于 1 的整数"),
        ("processes = -1", "is not a whole number from 0", "不小于 0 的整数"),
        ("processes = true", "is not a whole number", "整数"),
        ("processes = 1.5", "is not a whole number", "整数"),
        ('processes = "²"', "is not a whole number", "整数"),
        ('language = "fr"', "language = 'fr' (from quanheng.toml) is not zh or en", "应为zh 或 en"),
        ("allowed_hosts = 7", "is not text", "应为文本"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, en: str, zh: str) -> None:
    with pytest.raises(Invalid) as caught:
        Settings(write(tmp_path, text))
    assert en in caught.value.text.en and zh in caught.value.text.zh
    assert caught.value.hint and caught.value.code in ("bad_setting", "bad_settings_file")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "quanheng.toml").write_bytes("language = '中'".encode("gb18030"))
    with pytest.raises(Invalid, match="TOML in UTF-8"):
        Settings(tmp_path)


def test_a_wrong_environment_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANHENG_PROCESSES", "many")
    with pytest.raises(Invalid, match="from QUANHENG_PROCESSES"):
        Settings(None)


def test_a_secret_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANHENG_DATABASE", "postgresql://user:hunter2@host/name")
    settings = Settings(None)
    shown = {v.setting.name: v.shown for v in settings.values()}
    assert settings.text("database").endswith("/name") and shown["database"] == "••••"
    assert "hunter2" not in str(shown)
    with pytest.raises(Invalid) as caught:
        Settings(None, {"database": 5})
    assert "5" not in caught.value.text.en


def test_how_a_value_is_shown() -> None:
    flag = Setting("x", False, Text("x", "某"))
    assert Value(flag, True, "default").shown == "true"
    assert Value(Setting("n", 3, Text("x", "某")), 3, "default").shown == "3"


@pytest.mark.parametrize(
    ("text", "hosts"), [("", set()), ("A.example, b.example ,", {"a.example", "b.example"}), (" , ", set())]
)
def test_allowed_hosts(text: str, hosts: set[str]) -> None:
    assert Settings(None, {"allowed_hosts": text}).allowed_hosts == hosts


@given(st.integers(-5, 10**15 + 5))
def test_numbers_are_kept_or_refused(number: int) -> None:
    if 1 <= number < 10**15:
        assert Settings(None, {"lease_s": number}).number("lease_s") == number
    else:
        with pytest.raises(Invalid):
            Settings(None, {"lease_s": str(number)})


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("https://llm.example.com", "https://llm.example.com"),
        ("a.test, llm.example.com/v1", "llm.example.com/v1"),
        ("a.test;b.test", "a.test;b.test"),
        ("a.test b.test", "a.test b.test"),
        ("*", "*"),
        ("a.*.test", "a.*.test"),
        ("a.test:http", "a.test:http"),
        ("a.test:0", "a.test:0"),
        ("[a.test]", "[a.test]"),
        ("-a.test", "-a.test"),
        ("*.0.0.5", "*.0.0.5"),
        ("*.５", "*.５"),
        ("*.0x5", "*.0x5"),
        ("straße.test", "straße.test"),
        ("fd00::1::2", "fd00::1::2"),
        ("::1%eth0", "::1%eth0"),
        ("[fd00::1]:0", "[fd00::1]:0"),
        ("a。test：80", "a。test：80"),
        ("https://u:hidden@a.test?hidden", "https://a.test"),
    ],
)
def test_what_is_no_host_is_named(tmp_path: Path, value: str, wrong: str) -> None:
    with pytest.raises(Invalid) as caught:
        Settings(tmp_path, {"allowed_hosts": value})
    told = caught.value
    assert told.code == "bad_setting" and told.hint and "*.example.com" in told.hint.zh
    assert repr(wrong) in told.text.en and repr(wrong) in told.text.zh and "hidden" not in told.text.en + told.text.zh


def test_hosts_as_they_may_be_written(tmp_path: Path) -> None:
    written = "LLM.example.com, 10.0.0.5:8000,*.aliyuncs.com , [fd00::1]:9000, FD00::1, my_service, 例子.中国,"
    assert Settings(tmp_path, {"allowed_hosts": written}).allowed_hosts == {
        "llm.example.com", "10.0.0.5:8000", "*.aliyuncs.com", "[fd00::1]:9000", "fd00::1", "my_service", "例子.中国",
    }  # fmt: skip
