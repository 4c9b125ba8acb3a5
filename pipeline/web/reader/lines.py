"""One line of text that a person typed: what it may hold, and how it is kept."""

from __future__ import annotations

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_SPACES = re.compile(r"[\t\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
# Not in the subset « Unicode Assignables » of RFC 9839 §4.3 (controls, halves of pairs, noncharacters); ends of lines, which
# one line has not (UAX #14: BK, CR, LF, NL); U+FFFD, which stands where bytes were no text (Unicode §3.9); and what writes a text
# in another order than it is read in (UTS #55: embeddings, overrides and isolates of UAX #9).
_REFUSED = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd\ud800-\udfff\ufdd0-\ufdef\u202a-\u202e\u2066-\u2069"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(17))
    + "]"
)


def one_line(text: str, *, most: int) -> str:
    """The text as it is kept: NFC, without spaces around it, one space between words.

    Raises:
        ValidationError: it holds a sign that no name has, or more than ``most`` characters; the message is for the person.
    """
    line = unicodedata.normalize("NFC", _SPACES.sub(" ", text).strip(" "))
    if _REFUSED.search(line):
        raise ValidationError(_("Ce texte contient un saut de ligne ou un caractère invisible : écrivez-le sans lui."))
    if len(line) > most:
        raise ValidationError(
            _("Ce texte compte %(count)s caractères : %(most)s au plus.") % {"count": len(line), "most": most}
        )
    return line
