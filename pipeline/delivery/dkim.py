"""DKIM signatures (RFC 6376): rsa-sha256 and ed25519-sha256 (RFC 8463) side by side.

Canonicalisation is relaxed/relaxed. Relays refold long headers and trim or merge white space, within what RFC 5322 lets them
do; ``simple`` would call each such message forged. What ``relaxed`` ignores shows no reader another text.

Signed is what a reader sees or acts on; the part of the body is never limited (no ``l=``). Headers that a message has once are
named once more than they are there (RFC 6376 §8.15): a second From or Subject, added on the way to show another author, breaks
the signature. Every message is signed with every key of the domain, so that a verifier takes the one it knows, and a key can be
replaced while the old one is still in use.

The body is hashed once and the headers once, whatever the number of keys.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from email.utils import getaddresses
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal, TypeAlias

import idna
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

ONCE = (
    b"from",
    b"reply-to",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"content-type",
)
"""Headers of which RFC 5322 §3.6 and RFC 2045 allow one: oversigned, missing ones too."""
AS_FOUND = (
    b"cc",
    b"content-transfer-encoding",
    b"auto-submitted",
    b"list-id",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"feedback-id",
    b"cfbl-address",
)
"""Headers signed where they are there. RFC 8058 §4 and RFC 9477 §3.1 ask it for theirs."""
LEAST_BITS, MOST_BITS = 2048, 4096
"""Of an RSA key: RFC 8301 §3.2 tells signers to use at least 2048, and verifiers need not read beyond 4096."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?P<selector>{_LABEL}(?:\.{_LABEL})*)(?:@(?P<domain>[^@]+))?")
# Literal patterns, since every message passes here: the compiler makes of them a search that is quicker than `in`, and that is
# linear whatever the body holds. A class of characters would take ten times as long.
_SPACES = re.compile(rb"  +")
_SPACED_END = re.compile(rb" \r\n")
_PKCS1 = padding.PKCS1v15()
_SHA256 = Prehashed(hashes.SHA256())


_PIECE = 1500
_MOST_PIECES = 200

Pieces: TypeAlias = dict[int, tuple[bytes, bytes]]
"""Pieces of the last body by where they begin: as they were, and in relaxed form."""


class DkimError(ValueError):
    """A key or a message that cannot be used; the message is French and says how to mend it."""


Algorithm: TypeAlias = Literal["rsa", "ed25519"]


@dataclass(frozen=True, slots=True)
class Key:
    """A private key: ``algorithm`` as the tag ``k=`` names it, ``public`` as the tag ``p=`` of its record has it (RFC 6376
    §3.6.1, RFC 8463 §4.2); ``sign`` makes the signature of a SHA-256 digest (RFC 6376 §3.3.1, RFC 8463 §3)."""

    selector: str
    algorithm: Algorithm
    public: str
    sign: Callable[[bytes], bytes] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one domain, the From addresses' own: only so does DMARC count the signature as the author's."""

    domain: str
    keys: tuple[Key, ...]
    _known: Pieces = field(default_factory=dict, repr=False, compare=False)

    def sign(self, message: bytes, *, at: int) -> bytes:
        """DKIM-Signature fields for ``message`` (RFC 5322, CRLF line ends), to be put in front of it: folded, ended with CRLF.

        ``at``: seconds since 1970, for the tag ``t=``.

        Raises:
            DkimError: it has no From, several, or one of another domain.
        """
        head, _, body = message.partition(b"\r\n\r\n")
        fields = canonical_fields(head)
        self._check_author(fields[b"from"])
        body_hash = _base64(hashlib.sha256(canonical_body(body, self._known)).digest())
        tags = f"t={at};\r\n h={_names(tuple(map(len, fields.values())))};\r\n bh={body_hash};\r\n b="
        # Of several fields of one name the last is signed first (RFC 6376 §5.4.2).
        lines = [line for one in fields.values() for line in reversed(one)]
        shared = hashlib.sha256(b"".join(lines))
        signed: list[str] = []
        for key in self.keys:
            value = f"v=1; a={key.algorithm}-sha256; c=relaxed/relaxed;\r\n d={self.domain}; s={key.selector}; {tags}"
            whole = shared.copy()
            whole.update(b"dkim-signature:" + value.replace("\r\n", "").encode())
            signed.append(f"DKIM-Signature: {value}{_folded(_base64(key.sign(whole.digest())))}\r\n")
        return "".join(signed).encode()

    def _check_author(self, found: Sequence[bytes]) -> None:
        if len(found) == 1 and _author_domain(found[0]) == self.domain:
            return
        shown = b" ".join(found).decode(errors="replace").strip()[:200]
        raise DkimError(
            f"DKIM : auteur du message « {shown} » ; ces clés signent pour une adresse de {self.domain}. "
            f"Corriger « sender_address » de la saison, ou mettre une clé de son domaine dans KIT_DKIM_DIR."
        )


def load(folder: Path, domain: str) -> Signer:
    """The signer with every key of ``folder`` that is for ``domain``: ``SELECTOR.pem``, or ``SELECTOR@DOMAIN.pem`` for one only.

    RSA keys come first: they are the ones that every verifier reads.

    Raises:
        DkimError: there is none, or one cannot be used.
    """
    name = _ascii(domain)
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".pem")
    except OSError as error:
        raise DkimError(f"KIT_DKIM_DIR : le dossier « {folder} » ne se lit pas ({error.strerror}).") from error
    keys = [key for key in (_read(path, name) for path in paths) if key]
    if not keys:
        raise DkimError(
            f"KIT_DKIM_DIR : aucune clé pour {name} dans « {folder} » : y mettre SÉLECTEUR.pem "
            f"(openssl genrsa -out SÉLECTEUR.pem 2048), ou retirer le réglage si le serveur d’envoi signe."
        )
    return Signer(name, tuple(sorted(keys, key=lambda key: (key.algorithm != "rsa", key.selector))))


def _read(path: Path, domain: str) -> Key | None:
    """The key of a file; None where it is another domain's."""
    named = _NAME.fullmatch(path.stem)
    if named is None:
        raise DkimError(
            f"KIT_DKIM_DIR : « {path.name} » ne donne pas de sélecteur : l’appeler SÉLECTEUR.pem ou SÉLECTEUR@DOMAINE.pem, "
            f"en lettres, chiffres et tirets."
        )
    if named["domain"] and _ascii(named["domain"]) != domain:
        return None
    try:
        mode = path.stat().st_mode & 0o777
        content = path.read_bytes()
    except OSError as error:
        raise DkimError(f"KIT_DKIM_DIR : « {path} » ne se lit pas ({error.strerror}).") from error
    if mode & 0o077:
        raise DkimError(
            f"KIT_DKIM_DIR : d’autres que son propriétaire ont accès à « {path} » (droits {mode:03o}) : chmod 600."
        )
    return _key(named["selector"], path, content)


def _key(selector: str, path: Path, content: bytes) -> Key:
    try:
        private = serialization.load_pem_private_key(content, password=None)
    except TypeError as error:
        raise DkimError(
            f"KIT_DKIM_DIR : « {path} » demande un mot de passe : donner une clé qui n’en a pas."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise DkimError(
            f"KIT_DKIM_DIR : « {path} » n’est pas une clé privée au format PEM : openssl genrsa 2048, "
            f"ou openssl genpkey -algorithm ed25519."
        ) from error
    public = private.public_key()
    if isinstance(private, Ed25519PrivateKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return Key(selector, "ed25519", _base64(raw), private.sign)
    if not isinstance(private, RSAPrivateKey):
        raise DkimError(
            f"KIT_DKIM_DIR : « {path} » n’est ni une clé RSA ni une clé Ed25519, les deux que DKIM connaît."
        )
    if not LEAST_BITS <= private.key_size <= MOST_BITS:
        raise DkimError(
            f"KIT_DKIM_DIR : « {path} » est une clé RSA de {private.key_size} bits ; de {LEAST_BITS} à {MOST_BITS} sont lus "
            f"partout : openssl genrsa 2048."
        )
    raw = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Key(selector, "rsa", _base64(raw), partial(private.sign, padding=_PKCS1, algorithm=_SHA256))


def canonical_body(body: bytes, known: Pieces | None = None) -> bytes:
    """The body in relaxed form (RFC 6376 §3.4.4). A last line without an end gets one first, as on its way through SMTP.

    ``known`` is kept from one body to the next: pieces that are as they were then are not looked at again. Mails of one mailing
    differ in a few addresses only, and it takes longer to look at every space of a mail than to compare it with another.
    """
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    body = b"".join(_pieces(body, {} if known is None else known))
    end = len(body)
    while body.endswith(b"\r\n\r\n", 0, end):
        end -= 2
    return b"" if body[:end] == b"\r\n" else body[:end]


def _pieces(body: bytes, known: Pieces) -> Iterator[bytes]:
    """Whole lines of a body at a time, in relaxed form."""
    if len(known) > _MOST_PIECES:
        known.clear()
    start = 0
    while start < len(body):
        end = body.find(b"\r\n", start + _PIECE) + 2
        piece = body[start : end if end > 1 else len(body)]
        held = known.get(start)
        if held is None or held[0] != piece:
            lines = _spaced(piece)
            if _SPACED_END.search(lines):
                lines = lines.replace(b" \r\n", b"\r\n")
            known[start] = held = (piece, lines)
        yield held[1]
        start += len(piece)


def canonical_fields(head: bytes) -> dict[bytes, list[bytes]]:
    """The fields to be signed, by name, in relaxed form (RFC 6376 §3.4.2); a name that is not there has none."""
    found: dict[bytes, list[bytes]] = {name: [] for name in (*ONCE, *AS_FOUND)}
    for line in _spaced(head.replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ")).split(b"\r\n"):
        name, _, value = line.partition(b":")
        name = name.rstrip(b" ").lower()
        if name in found:
            found[name].append(name + b":" + value.strip(b" ") + b"\r\n")
    return found


def _spaced(text: bytes) -> bytes:
    """Every run of spaces and tabs made one space."""
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    return _SPACES.sub(b" ", text)


@lru_cache(maxsize=64)
def _names(counts: tuple[int, ...]) -> str:
    """The tag ``h=``, folded, for that many fields of each name."""
    names = [
        name.decode()
        for name, count in zip((*ONCE, *AS_FOUND), counts, strict=True)
        for _ in range(count + (name in ONCE))
    ]
    lines = [names[0]]
    for name in names[1:]:
        if len(lines[-1]) + len(name) > 70:
            lines[-1] += ":"
            lines.append(name)
        else:
            lines[-1] += f":{name}"
    return "\r\n ".join(lines)


@lru_cache(maxsize=256)
def _author_domain(field: bytes) -> str:
    """The domain of the only address of a From field; empty where there is not exactly one."""
    found = getaddresses([field.partition(b":")[2].decode(errors="replace")])
    return _ascii(found[0][1].rpartition("@")[2]) if len(found) == 1 else ""


@lru_cache(maxsize=256)
def _ascii(domain: str) -> str:
    """A domain as DNS has it (RFC 5891), in small letters."""
    if domain.isascii():
        return domain.lower().rstrip(".")
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as error:
        raise DkimError(f"DKIM : « {domain} » n’est pas un nom de domaine.") from error


def _base64(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).decode()


def _folded(text: str) -> str:
    return "\r\n ".join([text[at : at + 72] for at in range(0, len(text), 72)])
