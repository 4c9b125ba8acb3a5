"""The API on a real server, over the test's database, and who asks it."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

from pipeline import clock
from pipeline.audience import tokens
from pipeline.audience.models import Person
from pipeline.audience.tokens import Purpose
from pipeline.web.reader.information import INFORMATION_VERSION
from pipeline.web.wsgi import application
from tests.correspondence.writing import Office

JSON = "application/json"


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def server() -> Iterator[int]:
    """The port on which the site answers."""
    made = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    made.set_app(application)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield made.server_port
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def faults(self) -> dict[str, str]:
        """The message of each field."""
        return {one["field"]: one["message"] for one in self.json["errors"]}


@dataclass
class Stranger:
    """A program that uses the API. ``headers`` go with each of its requests."""

    port: int
    headers: dict[str, str] = field(default_factory=dict, kw_only=True)

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, f"/api/v1{path}", body, {**self.headers, **named})
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    def post(self, path: str, content: Any, method: str = "POST", **headers: str) -> Answer:
        return self.send(method, path, json.dumps(content).encode(), Content_Type=JSON, **headers)


@dataclass
class Asker(Stranger):
    """One that knows an office and what comes to its mailboxes."""

    office: Office

    def subscribe(self, email: str = "ada@commune.example", key: str = "", **content: Any) -> Answer:
        headers = {"Idempotency_Key": key} if key else {}
        asked = {"email": email, "choice": "tout", "information_version": INFORMATION_VERSION, **content}
        return self.post("/seasons/essai/subscriptions", asked, **headers)

    def token(self, purpose: Purpose, email: str = "ada@commune.example", *, days_old: float = 0) -> str:
        made = clock.now() - dt.timedelta(days=days_old)
        return tokens.make(purpose, "essai", Person.objects.get(key=email).public_id, now=made)

    def bearer(self, email: str = "ada@commune.example") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token('preferences', email)}"}
