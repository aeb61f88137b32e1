from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.errors import Invalid
from quanheng.store import merkle

# The eight leaves of the test tree of Certificate Transparency (certificate-transparency/cpp/merkletree,
# merkle_tree_test.cc) and the roots over the first one to eight of them.
CT_LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAF_HASHES = [merkle.leaf_hash(leaf) for leaf in CT_LEAVES]


def mth(leaves):
    """RFC 6962 section 2.1, by the letter."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m, leaves):
    """RFC 6962 section 2.1.1, by the letter."""
    if len(leaves) <= 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def proof(m, leaves, whole=True):
    """RFC 6962 section 2.1.2, by the letter."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*proof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*proof(m - k, leaves[k:], False), mth(leaves[:k])]


def hashes(count):
    return [merkle.leaf_hash(str(i).encode()) for i in range(count)]


class Nodes(dict):
    """A database of nodes, which counts its reads."""

    reads = 0

    def get_node(self, level, index):
        self.reads += 1
        return self[level, index]

    def append(self, size, leaf):
        for level, index, node in merkle.appended_nodes(size, leaf, self.get_node):
            assert (level, index) not in self
            self[level, index] = node


def stored(leaves):
    nodes = Nodes()
    for size, leaf in enumerate(leaves):
        nodes.append(size, leaf)
    return nodes


def test_certificate_transparency_roots():
    assert merkle.root_of([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for size, root in enumerate(CT_ROOTS, 1):
        assert merkle.root_of(LEAF_HASHES[:size]).hex() == root
        assert merkle.root_from_nodes(size, stored(LEAF_HASHES).get_node).hex() == root


def test_certificate_transparency_paths():
    # kPaths and kProofs of the same file
    assert [n.hex() for n in merkle.inclusion_path(LEAF_HASHES, 0)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [n.hex() for n in merkle.inclusion_path(LEAF_HASHES[:3], 2)] == [
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    ]
    assert [n.hex() for n in merkle.consistency_path(LEAF_HASHES, 6)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@pytest.mark.parametrize("size", range(18))
def test_against_the_definitions(size):
    leaves = hashes(size)
    get = stored(leaves).get_node
    root = mth(leaves)
    assert merkle.root_of(leaves) == merkle.root_from_nodes(size, get) == root
    for index in range(size):
        found = path(index, leaves)
        assert merkle.inclusion_path(leaves, index) == merkle.inclusion_from_nodes(index, size, get) == found
        assert merkle.verify_inclusion(leaves[index], index, size, found, root)
    for first in range(1, size + 1):
        found = proof(first, leaves)
        assert merkle.consistency_path(leaves, first) == merkle.consistency_from_nodes(first, size, get) == found
        assert merkle.verify_consistency(first, size, found, mth(leaves[:first]), root)
    assert merkle.verify_consistency(0, size, merkle.consistency_path(leaves, 0), merkle.EMPTY_ROOT, root)


@given(st.integers(1, 200), st.data())
def test_proofs_prove_nothing_else(size, data):
    leaves = hashes(size)
    root = merkle.root_of(leaves)
    index = data.draw(st.integers(0, size - 1))
    found = merkle.inclusion_path(leaves, index)
    assert merkle.verify_inclusion(leaves[index], index, size, found, root)
    other = data.draw(st.integers(-1, size + 1).filter(lambda i: i != index))
    assert not merkle.verify_inclusion(leaves[index], other, size, found, root)
    assert not merkle.verify_inclusion(merkle.leaf_hash(b"?"), index, size, found, root)
    assert not merkle.verify_inclusion(leaves[index], index, size, [*found, root], root)
    assert not merkle.verify_inclusion(leaves[index], index, size, [b"", *found], root)
    for step in range(len(found)):
        changed = list(found)
        changed[step] = bytes([changed[step][0] ^ 1]) + changed[step][1:]
        assert not merkle.verify_inclusion(leaves[index], index, size, changed, root)
        assert not merkle.verify_inclusion(leaves[index], index, size, found[:step] + found[step + 1 :], root)


@given(st.integers(1, 200), st.data())
def test_consistency_is_refused_after_any_change(size, data):
    leaves = hashes(size)
    first = data.draw(st.integers(1, size))
    root, first_root = merkle.root_of(leaves), merkle.root_of(leaves[:first])
    found = merkle.consistency_path(leaves, first)
    assert merkle.verify_consistency(first, size, found, first_root, root)
    rewritten = [merkle.leaf_hash(b"rewritten"), *leaves[1:]]
    assert not merkle.verify_consistency(
        first, size, merkle.consistency_path(rewritten, first), first_root, merkle.root_of(rewritten)
    )
    assert not merkle.verify_consistency(first, size, [*found, root], first_root, root)
    assert not merkle.verify_consistency(size + 1, size, found, first_root, root)
    for step in range(len(found)):
        changed = list(found)
        changed[step] = bytes([changed[step][0] ^ 1]) + changed[step][1:]
        assert not merkle.verify_consistency(first, size, changed, first_root, root)
        assert not merkle.verify_consistency(first, size, found[:step] + found[step + 1 :], first_root, root)


@given(st.integers(1, 3000), st.data())
def test_a_database_answers_in_logarithmic_reads(size, data):
    leaves = hashes(size)
    nodes = _BIG if size <= 3000 else stored(leaves)
    bound = 2 * (size.bit_length() + 1) ** 1 + size.bit_length() * 2
    for ask in (
        lambda: merkle.root_from_nodes(size, nodes.get_node),
        lambda: merkle.inclusion_from_nodes(data.draw(st.integers(0, size - 1)), size, nodes.get_node),
        lambda: merkle.consistency_from_nodes(data.draw(st.integers(0, size)), size, nodes.get_node),
        lambda: merkle.appended_nodes(size, b"\0" * 32, nodes.get_node),
    ):
        nodes.reads = 0
        ask()
        assert nodes.reads <= bound
    assert merkle.root_from_nodes(size, nodes.get_node) == merkle.root_of(leaves)


_BIG = stored(hashes(3000))


def test_appending_makes_two_nodes_per_leaf_at_most():
    assert len(stored(hashes(1000))) < 2 * 1000


def test_out_of_range():
    for ask in (
        lambda: merkle.inclusion_path(hashes(3), 3),
        lambda: merkle.inclusion_path(hashes(3), -1),
        lambda: merkle.inclusion_path([], 0),
        lambda: merkle.consistency_path(hashes(3), 4),
        lambda: merkle.root_from_nodes(-1, Nodes().get_node),
    ):
        with pytest.raises(Invalid):
            ask()


def test_an_empty_beginning_needs_the_empty_root():
    root = merkle.root_of(hashes(3))
    assert not merkle.verify_consistency(0, 3, [], root, root)
    assert not merkle.verify_consistency(0, 3, [root], merkle.EMPTY_ROOT, root)
    assert not merkle.verify_consistency(0, 0, [], merkle.EMPTY_ROOT, root)
    assert not merkle.verify_consistency(2, 3, [], root, root)
