"""Addresses of mailboxes: RFC 5321 §4.1.2 and RFC 6531 §3.3, less what no reader's address needs.

Refused although the RFCs know them: quoted local parts, comments, address literals, domains of one label. They are
where servers differ, and where an address breaks out of its command or its header.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import idna

LONGEST = 254
"""Bytes of a mailbox: RFC 5321 §4.5.3.1.3 less the angle brackets (RFC 3696, erratum 1690)."""
LONGEST_LOCAL = 64
LONGEST_LABEL = 63

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
# What is copied along with an address: the spaces around it, never a line's end.
_AROUND = " \u00a0\u202f"
# Controls, invisible signs (bidirectional overrides among them), halves of pairs, private and unassigned code points, spaces.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})
# RFC 5892 appendix A.1 and A.2: joiners have their place in some scripts' domains; the idna package judges the context.
_JOINERS = frozenset("\u200c\u200d")


class AddressError(ValueError):
    """A text that is not the address of a mailbox: ``message`` says why, ``mend`` what to do; both in French."""

    def __init__(self, message: str, mend: str = "Vérifiez l’adresse.") -> None:
        self.message = message
        self.mend = mend
        super().__init__(f"{message} {mend}")


@dataclass(frozen=True, slots=True)
class Address:
    """An address as written (``raw``), as a server is given it (``mailbox``: domain in A-labels) and as it is compared (``key``)."""

    raw: str
    mailbox: str
    key: str

    @property
    def domain(self) -> str:
        return self.key.rpartition("@")[2]


def parse(text: str) -> Address:
    """Read one address.

    The domain is lowercased and IDNA 2008 encoded (RFC 5891, after the UTS 46 mapping). The local part is kept as written, in
    NFC (RFC 6532 §3.1); only the key folds its case. Tags (``name+tag``) and dots are the person's own: they stay.

    Raises:
        AddressError: it is not an address that a message can be sent to.
    """
    bare = text.strip(_AROUND)
    _refuse_at_sight(bare)
    local, _, domain = bare.rpartition("@")
    local = _local(local)
    domain = _domain(domain)
    mailbox = f"{local}@{domain}"
    if len(mailbox.encode()) > LONGEST:
        raise AddressError(f"L’adresse dépasse {LONGEST} octets.")
    folded = unicodedata.normalize("NFC", local.casefold())
    return Address(raw=text, mailbox=mailbox, key=f"{folded}@{domain}")


def _refuse_at_sight(bare: str) -> None:
    if not bare:
        raise AddressError("L’adresse est vide.", "Indiquez une adresse, par exemple prenom.nom@commune.fr.")
    if len(bare) > LONGEST:
        raise AddressError(f"L’adresse dépasse {LONGEST} octets.")
    if any(unicodedata.category(sign) in _UNSEEN and sign not in _JOINERS for sign in bare):
        raise AddressError(
            "L’adresse contient un espace, un saut de ligne ou un caractère invisible.", "Écrivez-la sans eux."
        )
    if any(sign in bare for sign in '<>"(),:;\\[]'):
        raise AddressError(
            "L’adresse contient un signe réservé (guillemet, parenthèse, crochet, chevron, virgule…).",
            "N’indiquez que l’adresse, sans nom ni ponctuation autour.",
        )
    if bare.count("@") != 1:
        raise AddressError("Une adresse contient exactement un « @ ».", "Par exemple : prenom.nom@commune.fr.")


def _local(written: str) -> str:
    local = unicodedata.normalize("NFC", written)
    if not local:
        raise AddressError("Il manque ce qui précède le « @ ».")
    if not _JOINERS.isdisjoint(local):
        raise AddressError("L’adresse contient un caractère invisible.", "Écrivez-la sans lui.")
    if _DOT_STRING.fullmatch(local) is None:
        raise AddressError("Un point ne peut ni commencer, ni finir, ni se répéter avant le « @ ».")
    if len(local.encode()) > LONGEST_LOCAL:
        raise AddressError(f"Ce qui précède le « @ » dépasse {LONGEST_LOCAL} octets.")
    return local


def _domain(written: str) -> str:
    if not written:
        raise AddressError("Il manque le nom de domaine après le « @ ».")
    domain = written.lower()
    if not domain.isascii() or "xn--" in domain:
        domain = _encoded(written)
    labels = domain.split(".")
    if any(_LABEL.fullmatch(label) is None or len(label) > LONGEST_LABEL for label in labels):
        raise AddressError("Ce qui suit le « @ » n’est pas un nom de domaine.")
    if len(labels) < 2 or labels[-1].isdigit():
        raise AddressError("Le nom de domaine est incomplet.", "Il finit par une extension, par exemple « .fr ».")
    return domain


def _encoded(written: str) -> str:
    try:
        return idna.encode(written, uts46=True, std3_rules=True, transitional=False).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise AddressError("Ce qui suit le « @ » n’est pas un nom de domaine (IDNA 2008).") from error
