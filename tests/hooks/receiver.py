"""A real HTTP(S) server that takes webhooks, writes down what it got, and misbehaves when told to."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.serving import Threaded


@dataclass
class Reply:
    """``hang``: nothing comes; ``drop``: the connection is closed instead; ``trickle``: a byte of the headers every 50 ms, for ever;
    ``endless``: a body without an end; ``cut``: less of the body than was announced."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang: bool = False
    drop: bool = False
    trickle: bool = False
    endless: bool = False
    cut: bool = False


@dataclass
class Taken:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def signed_with(self, secret: str) -> bool:
        """Whether one of the signatures is this secret's, as the specification has it."""
        key = b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        mac = b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return f"v1,{mac}" in self.headers["webhook-signature"].split(" ")


class Receiver(Threaded):
    """Listens on loopback. ``replies``: for the next requests, one each; ``usual``: for all others; ``taken``: what came."""

    def __init__(self, usual: Reply | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.usual = usual or Reply()
        self.replies: list[Reply] = []
        self.taken: list[Taken] = []
        self.connections = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                receiver.connections += 1
                super().setup()

            def log_message(self, *_: object) -> None:
                """Silent."""

            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = receiver.replies.pop(0) if receiver.replies else receiver.usual
                receiver.taken.append(Taken(self.path, headers, body))
                self.close_connection = True
                if reply.hang:
                    receiver.stopped.wait(30)
                elif not reply.drop:
                    self.answer(reply)

            def answer(self, reply: Reply) -> None:
                try:
                    if reply.trickle:
                        self.drip()
                        return
                    self.send_response(reply.status)
                    for name, value in reply.headers.items():
                        self.send_header(name, value)
                    if not reply.endless:
                        self.send_header("Content-Length", str(len(reply.body) + 10 * reply.cut))
                    self.end_headers()
                    self.wfile.write(reply.body)
                    while reply.endless:
                        self.wfile.write(bytes(65_536))
                except OSError:
                    """The other side has heard enough."""

            def drip(self) -> None:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not receiver.stopped.wait(0.05):
                    self.wfile.write(b"x")

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = server.server_address[1]
        super().__init__(server)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/recevoir?de=kit"
