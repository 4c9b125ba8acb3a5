"""The trees of RFC 9162, against the vectors of Certificate Transparency and the RFC's own recursive definition."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audience import merkle

# certificate-transparency/go/merkletree and RFC 6962's reference implementation test with these.
INPUTS = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def tree_hash(entries: list[bytes]) -> bytes:
    """RFC 9162 §2.1.1, word for word."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + tree_hash(entries[:k]) + tree_hash(entries[k:])).digest()


def verified(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    """RFC 9162 §2.1.3.2, word for word."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\x01" + p + r).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\x01" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def built(entries: list[bytes]) -> merkle.Tree:
    tree = merkle.Tree()
    for one in entries:
        tree.add(merkle.leaf(one))
    return tree


@pytest.mark.parametrize("count", range(9))
def test_the_known_vectors(count: int) -> None:
    assert built(INPUTS[:count]).root().hex() == ROOTS[count]


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_the_root_is_that_of_the_rfcs_definition(entries: list[bytes]) -> None:
    assert built(entries).root() == tree_hash(entries)


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=70, unique=True), st.data())
def test_a_path_shows_its_entry_and_no_other(entries: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    leaves = [merkle.leaf(one) for one in entries]
    path = merkle.path(leaves, index)
    root = tree_hash(entries)
    assert verified(leaves[index], index, len(entries), path, root)
    assert not verified(merkle.leaf(entries[index] + b"x"), index, len(entries), path, root)
    other = data.draw(st.integers(0, len(entries)))
    assert other == index or not verified(leaves[index], other, len(entries), path, root)
