"""Promise 2: one flipped bit anywhere in a bundle is found and named.

QUANHENG_PROMISES=full: 1,000 random bits; otherwise 100. The seed is printed on failure by pytest's captured output.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "store"))

from bundle_maker import Maker

from quanheng.store import verify
from quanheng.store.verify import verify_bundle

FLIPS = 1000 if os.environ.get("QUANHENG_PROMISES") == "full" else 100
SEED = 20260101


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("flip") / "bundle.zip"
    return path, Maker(pad=200_000).build().write(path)


def flips(size):
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    # Half of the flips anywhere, half outside the one big layer, where all the headers and proofs are.
    for number in range(FLIPS):
        position = rng.randrange(size)
        if number % 2:
            position = rng.randrange(size - 200_000)
            position += 200_000 if position > 40_000 else 0
        yield min(position, size - 1), rng.randrange(8)


def test_every_flipped_bit_is_found_and_named(bundle, tmp_path):
    path, key = bundle
    assert verify_bundle(path, key).ok
    data = bytearray(path.read_bytes())
    flipped = tmp_path / "flipped.zip"
    found = 0
    for position, bit in flips(len(data)):
        data[position] ^= 1 << bit
        flipped.write_bytes(data)
        data[position] ^= 1 << bit
        result = verify_bundle(flipped, key)
        problem = next(check.problems[0] for check in result.checks if check.ok is False)
        found += not result.ok and "at byte" in problem.text.en and "字节处" in problem.text.zh
    assert found == FLIPS


def test_a_verifier_that_skips_its_checks_would_be_caught(bundle, tmp_path, monkeypatch):
    """The test above fails on broken code: with a reader that trusts the directory, flips go unnoticed."""
    import zipfile

    path, key = bundle

    class Trusting:
        def __init__(self, place):
            self.zipped = zipfile.ZipFile(place)
            self.names = self.zipped.namelist()

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.zipped.close()

        def size(self, name):
            return self.zipped.getinfo(name).file_size

        def open(self, name):
            return self.zipped.open(name)

        def read(self, name):
            return self.zipped.read(name)

    data = bytearray(path.read_bytes())
    data[10] ^= 1  # the time in the first header, which zipfile never compares
    (tmp_path / "flipped.zip").write_bytes(data)
    assert not verify_bundle(tmp_path / "flipped.zip", key).ok
    monkeypatch.setattr(verify, "read_zip", Trusting)
    assert verify_bundle(tmp_path / "flipped.zip", key).ok
