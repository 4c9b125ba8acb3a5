"""One connection to the server of :mod:`tests.smtp_sink`."""

from __future__ import annotations

import base64
import socket
import ssl
import time
from typing import TYPE_CHECKING

from tests.smtp_behaviour import Misdeed, Stage
from tests.smtp_grammar import LAST_OF_A_GROUP, faults_of_command, faults_of_content, parameters_of

if TYPE_CHECKING:
    from tests.smtp_sink import Sink


class Conversation:
    """Each ``on_…`` answers one command; False ends the conversation."""

    def __init__(self, sink: Sink, connection: socket.socket) -> None:
        self.sink, self.connection, self.how = sink, connection, sink.behaviour
        self.buffer = b""
        self.waiting = b""
        self.taken = 0
        self.secure = False
        self.user = ""
        self.sender, self.to = "", ""
        self.in_mail = False
        self.mailed_at = 0.0
        self.parameters: dict[str, str] = {}

    # The wire

    def say(self, text: str) -> None:
        if self.how.multiline:
            code, rest = text[:3], text[4:]
            text = self.how.line_end.decode().join((f"{code}-{rest}", f"{code}-", f"{code} {rest}"))
        self.send(text.encode() + self.how.line_end)

    def send(self, data: bytes) -> None:
        if self.how.together:
            self.waiting += data
            return
        if self.how.tarpit:
            time.sleep(self.how.tarpit)
        step = self.how.split or max(1, len(data))
        for at in range(0, len(data), step):
            self.connection.sendall(data[at : at + step])
            if self.how.split_pause:
                time.sleep(self.how.split_pause)

    def flush(self) -> None:
        waiting, self.waiting = self.waiting, b""
        if waiting:
            self.connection.sendall(waiting)

    def line(self) -> bytes | None:
        while b"\r\n" not in self.buffer:
            self.flush()
            data = self.connection.recv(65536)
            if not data:
                return None
            self.sink.reads.append(data)
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def secured(self) -> None:
        assert self.how.tls is not None
        self.connection = self.how.tls.wrap_socket(self.connection, server_side=True)
        self.secure = True
        self.user = ""

    # The conversation

    def run(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.how.implicit_tls:
            self.secured()
        ended = self.misbehaves("greeting")
        if ended:
            return
        if ended is None:
            self.say(self.how.greeting)
        while (raw := self.line()) is not None:
            text = raw.decode("utf-8", "replace")
            self.sink.commands.append(text)
            verb = text.split(" ")[0].upper()
            handler = getattr(self, f"on_{verb.lower()}", None)
            if self.objects(raw, verb):
                self.say("500 5.5.2 not so")
            elif handler is None:
                self.say("500 5.5.2 unknown command")
            elif handler(text) is False:
                self.flush()
                return

    def misbehaves(self, stage: Stage) -> bool | None:
        """None: it does not. Else something else than the reply was said, and True ends the conversation."""
        misdeed = self.sink.misdeed(stage)
        return None if misdeed is None else self.commit(misdeed)

    def commit(self, misdeed: Misdeed) -> bool:
        """True where it ends the conversation."""
        self.send(misdeed.say)
        self.flush()
        if misdeed.then == "hang":
            self.sink.stopped.wait(60)
        return misdeed.then != "go on"

    def objects(self, raw: bytes, verb: str) -> bool:
        """True where a strict server does not answer this command."""
        if not self.how.strict:
            return False
        offers = frozenset(one.split(" ")[0] for one in self.offers())
        faults = faults_of_command(raw, offers)
        if self.buffer and ("PIPELINING" not in offers or verb in LAST_OF_A_GROUP):
            faults.append(f"something follows before the reply: {verb}")
        if verb == "MAIL" and self.in_mail:
            faults.append("MAIL in a transaction")
        if verb == "RCPT" and not raw.isascii() and "SMTPUTF8" not in self.parameters:
            faults.append("international recipient without SMTPUTF8")
        self.sink.violations += faults
        return bool(faults)

    def offers(self) -> list[str]:
        found = (["PIPELINING"] if self.how.pipelining else []) + list(self.how.extensions)
        if self.how.tls and not self.secure:
            found.append("STARTTLS")
        if self.how.users:
            found.append(f"AUTH {self.how.mechanisms}")
        return found

    def on_ehlo(self, _: str) -> bool | None:
        if (ended := self.misbehaves("ehlo")) is not None:
            return not ended
        if self.how.helo_only:
            self.say("502 5.5.1 no")
            return None
        lines = ["sink", *self.offers()]
        end = self.how.line_end.decode()
        text = end.join(f"250{'-' if at < len(lines) - 1 else ' '}{one}" for at, one in enumerate(lines))
        self.send(text.encode() + self.how.line_end)
        return None

    def on_helo(self, _: str) -> None:
        self.say("250 sink")

    def on_starttls(self, _: str) -> bool | None:
        if (ended := self.misbehaves("starttls")) is not None:
            return not ended
        if self.how.tls is None or self.secure:
            self.say("503 5.5.1 not here")
            return None
        self.send(b"220 2.0.0 go on\r\n" + self.how.injected)
        self.flush()
        try:
            self.secured()
        except (ssl.SSLError, OSError):
            return False
        return None

    def on_auth(self, text: str) -> bool | None:
        if (ended := self.misbehaves("auth")) is not None:
            return not ended
        _, mechanism, *initial = text.split(" ")
        if mechanism == "LOGIN":
            words = []
            for prompt in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6"):
                self.say(f"334 {prompt}")
                words.append(base64.b64decode(self.line() or b"").decode())
        else:
            words = base64.b64decode(initial[0]).decode().split("\0")[1:]
        if mechanism in self.how.mechanisms.split() and self.how.users.get(words[0]) == words[1]:
            self.user = words[0]
            self.say("235 2.7.0 welcome")
        else:
            self.say("535 5.7.8 no such user or password")
        return None

    def on_rset(self, _: str) -> None:
        self.sender = self.to = ""
        self.in_mail = False
        self.say("250 2.0.0 reset")

    def on_quit(self, _: str) -> bool:
        self.say("221 2.0.0 bye")
        return False

    def on_mail(self, text: str) -> bool | None:
        if (ended := self.misbehaves("mail")) is not None:
            return not ended
        if self.how.say_421_after and self.taken >= self.how.say_421_after:
            self.say("421 4.7.0 enough for now")
            return False
        if self.how.garbage_at and len(self.sink.messages) + 1 == self.how.garbage_at:
            self.how.garbage_at = 0
            self.send(b"\x00\xffHTTP/1.1 nonsense\r\n\r\n")
            return None
        if self.how.users and not self.user:
            self.say("530 5.7.0 who are you?")
            return None
        self.mailed_at = time.monotonic()
        self.sender = text[text.index("<") + 1 : text.index(">")]
        self.parameters = parameters_of(text)
        self.to = ""
        self.in_mail = True
        self.say("250 2.1.0 ok")
        return None

    def on_rcpt(self, text: str) -> bool | None:
        if (ended := self.misbehaves("rcpt")) is not None:
            return not ended
        to = text[text.index("<") + 1 : text.index(">")]
        self.sink.envelopes.append((self.mailed_at, to))
        if to in self.how.refuse:
            self.say(self.how.refuse[to])
        elif self.how.greylist and self.sink.is_new(to):
            self.say("450 4.7.1 greylisted, come back later")
        else:
            self.to = to
            self.say("250 2.1.5 ok")
        return None

    def on_data(self, _: str) -> bool | None:
        if (ended := self.misbehaves("data")) is not None:
            return not ended
        if not self.to and not self.how.accept_data_without_recipient:
            self.say("554 5.5.1 no valid recipients")
            return None
        self.say("354 go on")
        lines: list[bytes] = []
        while (line := self.line()) != b".":
            if line is None:
                return False
            lines.append(line[1:] if line.startswith(b".") else line)
        self.in_mail = False
        return self._taken(b"\r\n".join(lines) + b"\r\n")

    def _taken(self, content: bytes) -> bool | None:
        reply = self.how.dot.get(self.to)
        if reply:
            self.say(reply)
            return None
        if self.how.strict and (faults := self._faults(content)):
            self.sink.violations += faults
            self.say("554 5.6.0 not so")
            return None
        misdeed = self.sink.misdeed("dot")
        number = self._note(content) if misdeed is None or misdeed.takes else 0
        if misdeed is not None:
            return not self.commit(misdeed)
        self.taken += 1
        if number in self.how.drop_before_dot_reply:
            return False
        if number in self.how.hang_after_dot:
            self.sink.stopped.wait(60)
            return False
        if self.how.slow:
            time.sleep(self.how.slow)
        self.say("250 2.0.0 taken")
        return None if not self.how.close_after or self.taken < self.how.close_after else False

    def _faults(self, content: bytes) -> list[str]:
        faults = faults_of_content(
            content,
            eight_bit=self.parameters.get("BODY") == "8BITMIME",
            utf8_headers="SMTPUTF8" in self.parameters,
        )
        told = self.parameters.get("SIZE", "")
        if told and abs(int(told) - len(content)) > 2:
            faults.append(f"SIZE={told} for {len(content)} octets")
        return faults

    def _note(self, content: bytes) -> int:
        """Take the message; return its number."""
        headers = content.split(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").decode("utf-8", "replace").split("\r\n")
        message_id = next((one[11:].strip() for one in headers if one.lower().startswith("message-id:")), "")
        subject = next((one[8:].strip() for one in headers if one.lower().startswith("subject:")), "")
        return self.sink.take(
            {
                "to": self.to,
                "from": self.sender,
                "id": message_id,
                "subject": subject,
                "at": time.time(),
                "content": content,
            }
        )
