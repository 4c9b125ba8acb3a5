"""DKIM keys on disk, and the records that go with them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes


@lru_cache
def pem(kind: str) -> bytes:
    """A private key, unencrypted: ``rsa``, ``rsa1024``, ``ed25519`` or ``ec``; the same one throughout a run."""
    made: PrivateKeyTypes
    if kind == "ed25519":
        made = ed25519.Ed25519PrivateKey.generate()
    elif kind == "ec":
        made = ec.generate_private_key(ec.SECP256R1())
    else:
        made = rsa.generate_private_key(65537, int(kind.removeprefix("rsa") or "2048"))
    return made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_key(path: Path, kind: str, mode: int = 0o600) -> Path:
    path.write_bytes(pem(kind))
    path.chmod(mode)
    return path


def write_keys(folder: Path) -> Path:
    """An RSA key called ``r`` and an Ed25519 key called ``e``."""
    write_key(folder / "r.pem", "rsa")
    write_key(folder / "e.pem", "ed25519")
    return folder
