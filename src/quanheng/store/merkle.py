"""The Merkle tree of RFC 6962: roots, inclusion and consistency proofs, in memory and from stored nodes.

A leaf is SHA-256(0x00 || data), an inner node SHA-256(0x01 || left || right). Node (level, index) is the root of
the complete subtree over leaves [index * 2**level, (index + 1) * 2**level); a database that keeps those answers
every question here in O(log n) reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

from quanheng.errors import Invalid

HASH_BYTES = 32
#: The root of the tree without leaves (RFC 6962 section 2.1).
EMPTY_ROOT = hashlib.sha256(b"").digest()

Lookup: TypeAlias = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one entry as a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over these leaf hashes, in one pass with O(log n) memory; EMPTY_ROOT without any."""
    stack: list[bytes] = []
    for count, leaf in enumerate(leaf_hashes):
        node, carry = leaf, count
        while carry & 1:
            node, carry = node_hash(stack.pop(), node), carry >> 1
        stack.append(node)
    if not stack:
        return EMPTY_ROOT
    root = stack.pop()
    while stack:
        root = node_hash(stack.pop(), root)
    return root


def inclusion_path(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the inclusion path of leaf `index`, lowest sibling first (RFC 6962 section 2.1.1)."""
    return inclusion_from_nodes(index, len(leaf_hashes), _lookup_in(leaf_hashes))


def consistency_path(leaf_hashes: Sequence[bytes], first: int) -> list[bytes]:
    """Return the proof that the tree of the first `first` leaves is a beginning of this one (section 2.1.2)."""
    return consistency_from_nodes(first, len(leaf_hashes), _lookup_in(leaf_hashes))


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Return whether `path` proves that leaf hash `leaf` stands at `index` in the tree (size, root).

    Source: RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size or any(len(node) != HASH_BYTES for node in path):
        return False
    position, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and node == root


def verify_consistency(first: int, size: int, path: Sequence[bytes], first_root: bytes, root: bytes) -> bool:
    """Return whether `path` proves that the tree (first, first_root) is a beginning of the tree (size, root).

    The empty tree is a beginning of every tree, by the empty path. Source: RFC 9162 section 2.1.4.2.
    """
    if not 0 <= first <= size or any(len(node) != HASH_BYTES for node in path):
        return False
    if first == 0:
        return not path and first_root == EMPTY_ROOT and (size > 0 or root == EMPTY_ROOT)
    if first == size:
        return not path and first_root == root
    nodes = list(path) if first & (first - 1) else [first_root, *path]
    if not nodes:
        return False
    position, last = first - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and old == first_root and new == root


def appended_nodes(size: int, leaf: bytes, get: Lookup) -> list[tuple[int, int, bytes]]:
    """Return the nodes (level, index, hash) that become complete when leaf hash `leaf` is appended at index `size`.

    The first is the leaf itself. `get(level, index)` gives a node that is already stored.
    """
    nodes = [(0, size, leaf)]
    level, index, node = 0, size, leaf
    while index & 1:
        node = node_hash(get(level, index - 1), node)
        level, index = level + 1, index >> 1
        nodes.append((level, index, node))
    return nodes


def root_from_nodes(size: int, get: Lookup) -> bytes:
    """Return the root of the tree over the first `size` leaves, from stored nodes."""
    if size < 0:
        raise _out_of_range(f"a tree of {size} leaves", f"{size} 个叶子的树")
    return _range(0, size, get) if size else EMPTY_ROOT


def inclusion_from_nodes(index: int, size: int, get: Lookup) -> list[bytes]:
    """Return the inclusion path of leaf `index` in the tree of `size` leaves, from stored nodes."""
    if not 0 <= index < size:
        raise _out_of_range(f"leaf {index} of {size}", f"{size} 个叶子中的第 {index} 个")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range(middle, end, get))
            end = middle
        else:
            path.append(_range(start, middle, get))
            start = middle
    return path[::-1]


def consistency_from_nodes(first: int, size: int, get: Lookup) -> list[bytes]:
    """Return the consistency path from the tree of `first` leaves to that of `size`, from stored nodes.

    Empty when `first` is 0 or `size`.
    """
    if not 0 <= first <= size:
        raise _out_of_range(f"consistency from {first} to {size} leaves", f"从 {first} 到 {size} 个叶子的一致性证明")
    if first in (0, size):
        return []
    path: list[bytes] = []
    start, end = 0, size
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_range(middle, end, get))
            end = middle
        else:
            path.append(_range(start, middle, get))
            start = middle
    if start:
        # The old tree is not itself a node on the way, so the verifier needs its last part as a beginning.
        path.append(_range(start, end, get))
    return path[::-1]


def _split(count: int) -> int:
    """Return the largest power of two smaller than `count` (count >= 2)."""
    return 1 << (count - 1).bit_length() - 1


def _range(start: int, end: int, get: Lookup) -> bytes:
    """Return the hash over leaves [start, end), where `start` is a multiple of the first power of two that fits."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return get(level, start >> level)
    middle = start + _split(count)
    return node_hash(_range(start, middle, get), _range(middle, end, get))


def _lookup_in(leaf_hashes: Sequence[bytes]) -> Lookup:
    levels = [list(leaf_hashes)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
    return lambda level, index: levels[level][index]


def _out_of_range(en: str, zh: str) -> Invalid:
    return Invalid(
        f"there is no {en}",
        f"不存在：{zh}",
        hint=("Leaves count from 0.", "叶子从 0 起计。"),
        code="out_of_range",
    )
