"""How the server of :mod:`tests.smtp_sink` misbehaves."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Literal

Stage = Literal["greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot"]


@dataclass(frozen=True)
class Misdeed:
    """What is done instead of the reply, ``times`` times in the server's life (-1: always). ``takes``: a message is taken all the same."""

    say: bytes = b""
    then: Literal["go on", "close", "hang"] = "go on"
    times: int = 1
    takes: bool = False


@dataclass
class Behaviour:
    """What goes wrong. Numbers count messages of a connection (or of the server, where said) from 1."""

    pipelining: bool = True
    extensions: tuple[str, ...] = ("SIZE 1000000", "8BITMIME")
    refuse: dict[str, str] = field(default_factory=dict)  # recipient → reply to RCPT
    dot: dict[str, str] = field(default_factory=dict)  # recipient → reply to the dot
    accept_data_without_recipient: bool = False
    close_after: int = 0  # messages of a connection, then the connection is closed without a word
    say_421_after: int = 0
    most: int = 0  # connections at a time; one more is told 421
    drop_before_dot_reply: tuple[int, ...] = ()  # n-th messages of the server: taken, and the connection dropped
    hang_after_dot: tuple[int, ...] = ()  # n-th messages of the server: taken, and nothing said
    slow: float = 0.0  # seconds before each reply to a dot
    line_end: bytes = b"\r\n"
    garbage_at: int = 0  # n-th message of the server: nonsense instead of the reply to MAIL
    greeting: str = "220 sink ESMTP"
    helo_only: bool = False
    misdeeds: dict[Stage, Misdeed] = field(default_factory=dict)
    greylist: bool = False  # a recipient is deferred the first time it is named
    multiline: bool = False  # each reply has three lines
    together: bool = False  # replies wait until nothing more is to be read, and leave in one packet
    split: int = 0  # bytes per packet of a reply
    split_pause: float = 0.0  # seconds between these
    tarpit: float = 0.0  # seconds before each reply
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    injected: bytes = b""  # said in clear behind the reply to STARTTLS
    users: dict[str, str] = field(default_factory=dict)  # name → password; without one, MAIL is refused
    mechanisms: str = "PLAIN LOGIN"
    strict: bool = False  # what breaks a standard is refused, and noted in ``violations``
