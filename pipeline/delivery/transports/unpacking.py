"""From the bytes of a mail back to its parts: APIs take these, and write the bytes themselves."""

from __future__ import annotations

from email import encoders, policy
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.mime.base import MIMEBase
from email.parser import BytesHeaderParser, BytesParser

from django.core.mail import EmailMultiAlternatives

_REBUILT = frozenset(
    {"from", "to", "cc", "bcc", "subject", "reply-to", "date", "mime-version", "return-path", "dkim-signature"}
)
"""Headers that are given apart, or that only whoever writes the bytes can write. ``Content-*`` are of these too."""


def unpack(content: bytes, recipient: str, *, ascii_headers: bool = False) -> EmailMultiAlternatives:
    """The mail as Django describes one, for ``recipient`` alone, whatever its ``To`` and ``Cc`` say.

    Other headers are kept as they are written, unfolded: words encoded by RFC 2047 stay encoded. With ``ascii_headers``,
    ``List-Id`` loses its phrase, which RFC 2919 makes optional, where that is not ASCII.
    """
    parsed = BytesParser(policy=policy.default).parsebytes(content)
    message = EmailMultiAlternatives(
        subject=str(parsed["Subject"] or ""),
        from_email=", ".join(_addresses(parsed, "From")),
        to=[_named(parsed, recipient)],
        reply_to=_addresses(parsed, "Reply-To"),
        headers=_others(content, ascii_headers=ascii_headers),
    )
    for part in parsed.walk():
        if not part.is_multipart():
            _add(message, part)
    return message


def _add(message: EmailMultiAlternatives, part: EmailMessage) -> None:
    kind = part.get_content_type()
    if kind in ("text/plain", "text/html") and part.get_content_disposition() is None:
        text = part.get_content().replace("\r\n", "\n")
        if kind == "text/plain" and not message.body:
            message.body = text
        else:
            message.attach_alternative(text, kind)
        return
    attachment = MIMEBase(part.get_content_maintype(), part.get_content_subtype())
    payload = part.get_payload(decode=True)
    attachment.set_payload(payload if isinstance(payload, bytes) else b"")
    encoders.encode_base64(attachment)
    for name in ("Content-ID", "Content-Disposition"):
        if part[name]:
            attachment[name] = str(part[name])
    message.attach(attachment)


def _addresses(parsed: EmailMessage, name: str) -> list[str]:
    """Addresses as people read them, quoted where needed, not encoded."""
    header = parsed[name]
    return [str(one) for one in header.addresses] if isinstance(header, AddressHeader) else []


def _named(parsed: EmailMessage, recipient: str) -> str:
    """The recipient, by the name that ``To`` gives to it."""
    header = parsed["To"]
    if isinstance(header, AddressHeader):
        for one in header.addresses:
            if one.addr_spec == recipient:
                return str(one)
    return recipient


def _others(content: bytes, *, ascii_headers: bool) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in BytesHeaderParser(policy=policy.compat32).parsebytes(content).items():
        if name.lower() in _REBUILT or name.lower().startswith("content-"):
            continue
        unfolded = str(value).replace("\r\n", "").replace("\n", "")
        if ascii_headers and name.lower() == "list-id" and "=?" in unfolded:
            unfolded = unfolded[unfolded.rindex("<") :]
        headers[name] = unfolded
    return headers
