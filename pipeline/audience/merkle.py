"""Merkle trees as of Certificate Transparency: one hash for many entries, and a short path that shows one entry to be among them.

RFC 9162 §2.1.1 (the tree's hash) and §2.1.3 (inclusion), with SHA-256. Entries and hashes are bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def leaf(entry: bytes) -> bytes:
    """The hash of one entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The hash of leaves that come one after the other, keeping no more of them than the logarithm of their number."""

    __slots__ = ("_peaks", "count")

    def __init__(self) -> None:
        self.count = 0
        self._peaks: list[bytes] = []  # of the complete subtrees, the largest first

    def add(self, hashed: bytes) -> None:
        """Append a leaf's hash."""
        size = self.count
        while size & 1:
            hashed = _node(self._peaks.pop(), hashed)
            size >>= 1
        self._peaks.append(hashed)
        self.count += 1

    def root(self) -> bytes:
        """The hash of what was appended so far; of nothing, that of nothing."""
        if not self._peaks:
            return hashlib.sha256().digest()
        *left, root = self._peaks
        for peak in reversed(left):
            root = _node(peak, root)
        return root


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes beside the way from leaf ``index`` up to the root, the lowest first."""
    found: list[bytes] = []
    first, last = 0, len(leaves)
    while last - first > 1:
        middle = first + (1 << (last - first - 1).bit_length() - 1)
        if index < middle:
            found.append(_root(leaves[middle:last]))
            last = middle
        else:
            found.append(_root(leaves[first:middle]))
            first = middle
    return found[::-1]


def _root(leaves: Sequence[bytes]) -> bytes:
    tree = Tree()
    for one in leaves:
        tree.add(one)
    return tree.root()
