"""A real HTTP server that speaks the sending APIs of providers, as far as django-anymail uses them. It can be told to misbehave."""

from __future__ import annotations

import base64
import json
import ssl
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.serving import Threaded

KEY = "clef+secrete/1="
TAKEN = {
    "brevo": (201, {"messageId": "<1@brevo>"}),
    "mailgun": (200, {"id": "<1@mailgun>", "message": "Queued. Thank you."}),
    "mailjet": (200, {"Messages": [{"Status": "success", "To": [{"Email": "TO", "MessageID": 1}]}]}),
    "postmark": (200, {"ErrorCode": 0, "Message": "OK", "MessageID": "1", "To": "TO"}),
    "sparkpost": (200, {"results": {"total_accepted_recipients": 1, "total_rejected_recipients": 0, "id": "1"}}),
}
NO_RECIPIENT = {
    "brevo": (400, {"code": "invalid_parameter", "message": "email is not valid in to"}),
    "mailgun": (400, {"message": "to parameter is not a valid address. please check documentation"}),
    "mailjet": (
        400,
        {
            "Messages": [
                {
                    "Status": "error",
                    "Errors": [
                        {
                            "ErrorCode": "mj-0013",
                            "StatusCode": 400,
                            "ErrorMessage": "is an invalid email address.",
                            "ErrorRelatedTo": ["To[0].Email"],
                        }
                    ],
                }
            ]
        },
    ),
    "postmark": (422, {"ErrorCode": 300, "Message": "Invalid 'To' address: 'a2@example.org'."}),
    "sparkpost": (400, {"errors": [{"message": "Invalid recipient", "code": "5002"}]}),
}
"""What each API says of an address that is none, after its documentation."""


@dataclass
class Fault:
    """``status`` instead of the usual answer, or nothing at all: ``hang``, ``drop`` (closed once the request is read)."""

    status: int = 0
    body: str = '{"message": "no"}'
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    drop: bool = False


class ProviderApi(Threaded):
    """Listens on loopback. ``messages``: what was taken, as (recipient, the API's own fields); ``faults``: by recipient."""

    def __init__(self, name: str, tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self._scheme = "https" if tls else "http"
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.requests = 0
        self.connections = 0
        self.faults: dict[str, Fault] = {}
        self.pending: list[Fault] = []  # for the next requests, whoever they are for
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                api.connections += 1
                super().setup()

            def log_message(self, *_: object) -> None:
                """Silent."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                api.requests += 1
                to, fields = _read(api.name, body, self.headers["Content-Type"])
                fault = api.pending.pop(0) if api.pending else api.faults.get(to)
                if fault and (fault.hang or fault.drop):
                    if fault.hang:
                        api.stopped.wait(30)
                    self.close_connection = True
                    return None
                if fault:
                    return self._answer(fault.status, fault.body, fault.headers)
                if not _authorised(api.name, self.headers):
                    return self._answer(401, '{"message": "Key not found"}', {})
                api.messages.append((to, fields))
                status, answer = TAKEN[api.name]
                return self._answer(status, json.dumps(answer).replace('"TO"', json.dumps(to)), {})

            def _answer(self, status: int, body: str, headers: dict[str, str]) -> None:
                data = body.encode()
                self.send_response(status)
                for key, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        self._port = server.server_address[1]
        super().__init__(server)

    @property
    def url(self) -> str:
        """The transport's URL for this server, keys included."""
        key = KEY.replace("+", "%2B")
        keys = {
            "brevo": f"api_key={key}",
            "mailgun": f"api_key={key}&sender_domain=mg.example.org",
            "mailjet": f"api_key={key}&secret_key=s",
            "postmark": f"server_token={key}",
            "sparkpost": f"api_key={key}",
        }[self.name]
        return f"anymail://{self.name}/?{keys}&api_url={self._scheme}://127.0.0.1:{self._port}/api&timeout=2"

    @property
    def recipients(self) -> list[str]:
        return [to for to, _ in self.messages]


def _authorised(name: str, headers: Message) -> bool:
    wanted = {
        "brevo": ("api-key", KEY),
        "mailgun": ("Authorization", "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode()),
        "mailjet": ("Authorization", "Basic " + base64.b64encode(f"{KEY}:s".encode()).decode()),
        "postmark": ("X-Postmark-Server-Token", KEY),
        "sparkpost": ("Authorization", KEY),
    }[name]
    return headers[wanted[0]] == wanted[1]


def _read(name: str, body: bytes, content_type: str) -> tuple[str, dict[str, Any]]:
    """The recipient, and the fields as the API has them."""
    if name == "mailgun":
        assert content_type == "application/x-www-form-urlencoded"
        form = {key: values[0] for key, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        return form["to"], form
    fields = json.loads(body)
    match name:
        case "brevo":
            return fields["to"][0]["email"], fields
        case "mailjet":
            return fields["Messages"][0]["To"][0]["Email"], fields["Globals"]
        case "postmark":
            return fields["To"], fields
        case _:
            return fields["recipients"][0]["address"]["email"], fields
