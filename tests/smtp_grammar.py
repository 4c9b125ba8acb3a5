"""What a strict server holds against a client: RFC 5321's grammar and limits, RFC 2920's groups, RFC 5322's form."""

from __future__ import annotations

import re

MAX_COMMAND = 512  # RFC 5321 §4.5.3.1.4, with CRLF
MAX_LINE = 998  # RFC 5322 §2.1.1, without CRLF
_ROOM = {"SIZE": 26, "8BITMIME": 17, "SMTPUTF8": 10, "DSN": 500}  # what each extension adds to MAIL and RCPT

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_LABEL = r"[A-Za-z0-9\u0080-\U0010ffff](?:[A-Za-z0-9\-\u0080-\U0010ffff]*[A-Za-z0-9\u0080-\U0010ffff])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_MAILBOX = rf"{_ATOM}(?:\.{_ATOM})*@{_DOMAIN}"
_PARAMETER = r"[A-Za-z0-9][A-Za-z0-9\-]*(?:=[\x21-\x3c\x3e-\x7e]+)?"
_PARAMETERS = rf"(?P<parameters>(?: {_PARAMETER})*)"
_COMMANDS = {
    "EHLO": rf"EHLO (?:{_DOMAIN}|\[[0-9A-Fa-f:.]+\])",
    "HELO": rf"HELO (?:{_DOMAIN}|\[[0-9A-Fa-f:.]+\])",
    "MAIL": rf"MAIL FROM:<(?:{_MAILBOX})?>{_PARAMETERS}",
    "RCPT": rf"RCPT TO:<{_MAILBOX}>{_PARAMETERS}",
    "AUTH": r"AUTH (?:PLAIN [A-Za-z0-9+/=]+|LOGIN)",
    "DATA": "DATA",
    "RSET": "RSET",
    "QUIT": "QUIT",
    "STARTTLS": "STARTTLS",
}
_EXTENSION = {
    "SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "RET": "DSN", "ENVID": "DSN", "NOTIFY": "DSN", "ORCPT": "DSN",
}  # fmt: skip
_VALUES = {
    "SIZE": r"\d{1,20}",
    "BODY": "7BIT|8BITMIME",
    "SMTPUTF8": "",
    "RET": "FULL|HDRS",
    "NOTIFY": "NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*",
    "ENVID": ".{1,100}",
    "ORCPT": r"[a-z0-9\-]+;.{1,500}",
}
LAST_OF_A_GROUP = frozenset({"EHLO", "HELO", "DATA", "QUIT", "STARTTLS", "AUTH"})
"""Nothing may be written behind these before their reply (RFC 2920 §3.1)."""


def parameters_of(command: str) -> dict[str, str]:
    """The parameters of MAIL or RCPT, by their names in capitals."""
    return {name.upper(): value for name, _, value in (one.partition("=") for one in command.partition(">")[2].split())}


def faults_of_command(line: bytes, offers: frozenset[str]) -> list[str]:
    """What is wrong with a command (without its CRLF), given the extensions that were offered."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return [f"not UTF-8: {line!r}"]
    verb = text.split(" ")[0].upper()
    room = sum(_ROOM.get(one, 0) for one in offers) if verb in ("MAIL", "RCPT") else 0
    faults = [f"too long: {text}"] if len(line) + 2 > MAX_COMMAND + room and verb != "AUTH" else []
    if "\r" in text or "\n" in text:
        faults.append(f"bare line end: {line!r}")
    if not re.fullmatch(_COMMANDS.get(verb, "(?!)"), text, re.I):
        return [*faults, f"not in the grammar: {text}"]
    found = parameters_of(text) if verb in ("MAIL", "RCPT") else {}
    for name, value in found.items():
        if _EXTENSION.get(name) not in offers:
            faults.append(f"not offered: {name}")
        elif not re.fullmatch(_VALUES[name], value):
            faults.append(f"no value of {name}: {value}")
    if verb in ("MAIL", "RCPT") and not text.isascii() and "SMTPUTF8" not in offers:
        faults.append(f"8-bit address: {text}")
    return faults


def faults_of_content(content: bytes, *, eight_bit: bool, utf8_headers: bool) -> list[str]:
    """What is wrong with a message after dots are unstuffed."""
    faults = []
    pairs = content.count(b"\r\n")
    if content.count(b"\r") != pairs or content.count(b"\n") != pairs:
        faults.append("bare CR or LF in the content")
    if max(map(len, content.split(b"\r\n"))) > MAX_LINE:
        faults.append("line longer than 998")
    head, _, _ = content.partition(b"\r\n\r\n")
    names = [line.partition(b":")[0].strip().lower() for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
    faults += [f"{name.decode()}: {names.count(name)} times" for name in (b"date", b"from") if names.count(name) != 1]
    faults += [
        f"{name.decode()}: twice" for name in (b"to", b"subject", b"message-id", b"reply-to") if names.count(name) > 1
    ]
    if not content.isascii() and not eight_bit:
        faults.append("8-bit content without BODY=8BITMIME")
    if not head.isascii() and not utf8_headers:
        faults.append("8-bit header without SMTPUTF8")
    return faults
