"""Addresses of mailboxes: RFC 5321 §4.1.2 and RFC 6531 §3.3, less what no reader's address needs.

The verdict is the library email-validator's: no quoted local parts, comments, address literals, domains of one label, names that
reach nobody (RFC 6761: ``invalid``, ``localhost``…), R-LDH labels (RFC 5890 §2.3.1) or signs that nobody sees. They are where
servers differ, and where an address breaks out of its command or its header. ``*.example`` and ``*.test`` are taken: rehearsals
write to them. Beyond the library, the local part has 64 bytes, not characters; no sign that shows nothing is taken, and no
encoded-word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

LONGEST = 254
"""Bytes of a mailbox: RFC 5321 §4.5.3.1.3 less the angle brackets (RFC 3696, erratum 1690)."""
LONGEST_LOCAL = 64
"""Bytes before the « @ »: RFC 5321 §4.5.3.1.1."""

# No possessive quantifiers: those of groups match what they should not in Python 3.11.2, Debian's.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
# The third and fourth sign of a label are hyphens in A-labels and in reserved ones: both are left to the library.
_LABEL = r"(?!..--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LAST_LABEL = r"(?!..--)(?:[A-Za-z0-9][A-Za-z0-9-]{0,61})?[A-Za-z]"
_PLAIN = re.compile(rf"(?=[^@]{{1,{LONGEST_LOCAL}}}@)({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+({_LAST_LABEL}))")
_SPECIAL = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)

# What is copied along with an address: the spaces around it, never a line's end.
_AROUND = " \u00a0\u202f"
# Controls, invisible signs (bidirectional overrides and joiners among them), halves of pairs, private and unassigned code points, spaces.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})
# The other code points that show nothing: Default_Ignorable_Code_Point (UAX #44, restricted by UTS #39 §3.1.1), and the empty Braille cell.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# RFC 2047 §5 (3) keeps encoded-words out of an address: software that decodes one there reads another address.
_ENCODED_WORD = re.compile(r"=\?[^?]*\?[^?]*\?[^?]*\?=")
_RESERVED = frozenset('<>"(),:;\\[]')


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
    NFC (RFC 6532 §3.1); only the key lowers its case, letter by letter: folding would make one key of ``straße`` and ``strasse``,
    which are two people's mailboxes. Tags (``name+tag``) and dots are the person's own: they stay.

    Raises:
        AddressError: it is not an address that a message can be sent to.
    """
    bare = text.strip(_AROUND)
    if len(bare) > LONGEST:
        raise AddressError(f"L’adresse dépasse {LONGEST} octets.")
    plain = _PLAIN.fullmatch(bare)
    if plain and plain[3].lower() not in _SPECIAL:
        local, domain = plain[1], plain[2].lower()
    else:
        local, domain = _judged(bare)
    if "=?" in local and _ENCODED_WORD.search(local):
        raise AddressError("L’adresse contient un mot encodé (« =?…?= »).", "Écrivez-la en clair.")
    return Address(raw=text, mailbox=f"{local}@{domain}", key=f"{_lowered(local)}@{domain}")


def same_mailbox(address: Address) -> str:
    """The mailbox that an address most likely reaches: for quotas only, since a server may tell apart what is one here.

    What follows a « + » is left out, as most servers do (RFC 5233 §1 has it as the common example). Gmail drops dots too, and
    googlemail.com is its other name (Google, « Dots don't matter in Gmail addresses », support.google.com/mail/answer/7436150).
    """
    local, _, domain = address.key.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in ("gmail.com", "googlemail.com"):
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"


def _judged(bare: str) -> tuple[str, str]:
    """Local part and domain of what is not plain ASCII, or not an address."""
    _refuse_unseen(bare)
    try:
        # Every option is given: their defaults are globals that anybody may change. The test environment only lets *.test pass.
        found = validate_email(
            bare,
            allow_smtputf8=True,
            allow_empty_local=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
            strict=False,
            check_deliverability=False,
            test_environment=True,
            globally_deliverable=True,
        )
    except EmailNotValidError as error:
        raise _reason(bare) from error
    # The library lowers the names of RFC 2142 (POSTMASTER), which the mailbox keeps as written.
    local = unicodedata.normalize("NFC", bare.rpartition("@")[0])
    domain = found.ascii_domain or found.domain
    if len(local.encode()) > LONGEST_LOCAL or "." not in domain:
        raise _reason(bare)
    return local, domain


def _lowered(local: str) -> str:
    if local.isascii():
        return local.lower()
    return unicodedata.normalize("NFC", local.lower())


def _refuse_unseen(bare: str) -> None:
    if _BLANK.search(bare) or any(unicodedata.category(sign) in _UNSEEN and sign != " " for sign in bare):
        raise _unseen()


def _unseen() -> AddressError:
    return AddressError(
        "L’adresse contient un espace, un saut de ligne ou un caractère invisible.", "Écrivez-la sans eux."
    )


def _reason(bare: str) -> AddressError:
    """Why a text is refused, in words that help the person who wrote it."""
    return next(_faults(bare))


def _faults(bare: str) -> Iterator[AddressError]:
    """What is wrong with a text that is no address, the plainest first."""
    bare = unicodedata.normalize("NFC", bare)  # some signs only turn into reserved ones by it: U+037E is « ; »
    local, _, domain = bare.rpartition("@")
    labels = domain.lower().split(".")
    if not bare:
        yield AddressError("L’adresse est vide.", "Indiquez une adresse, par exemple prenom.nom@commune.fr.")
    if not _RESERVED.isdisjoint(bare):
        yield AddressError(
            "L’adresse contient un signe réservé (guillemet, parenthèse, crochet, chevron, virgule…).",
            "N’indiquez que l’adresse, sans nom ni ponctuation autour.",
        )
    if " " in bare:
        yield _unseen()
    if bare.count("@") != 1:
        yield AddressError("Une adresse contient exactement un « @ ».", "Par exemple : prenom.nom@commune.fr.")
    if not local:
        yield AddressError("Il manque ce qui précède le « @ ».")
    if local.startswith(".") or local.endswith(".") or ".." in local:
        yield AddressError("Un point ne peut ni commencer, ni finir, ni se répéter avant le « @ ».")
    if len(local.encode()) > LONGEST_LOCAL:
        yield AddressError(f"Ce qui précède le « @ » dépasse {LONGEST_LOCAL} octets.")
    if len(bare.encode()) > LONGEST:
        yield AddressError(f"L’adresse dépasse {LONGEST} octets.")
    if not domain:
        yield AddressError("Il manque le nom de domaine après le « @ ».")
    if len(labels) < 2 or labels[-1].isdigit():
        yield AddressError("Le nom de domaine est incomplet.", "Il finit par une extension, par exemple « .fr ».")
    if labels[-1] in _SPECIAL:
        yield AddressError(f"Aucun courrier ne peut arriver à un nom de domaine en « .{labels[-1]} ».")
    if unicodedata.category(local[0]).startswith("M"):
        yield AddressError("L’adresse commence par un accent sans lettre.", "Écrivez-la sans lui.")
    yield AddressError("Ce qui suit le « @ » n’est pas un nom de domaine (IDNA 2008).")
