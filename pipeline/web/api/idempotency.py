"""A request that is sent again is not done again: ``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header).

What was carried out is written down in the same transaction as the work, and before it: the key's name is unique, so that a twin
that comes at the same instant waits for the first, and then answers what it answered. What was refused is not written down:
nothing was done, and the same request may pass later.
"""

from __future__ import annotations

import datetime as dt
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from ninja import Header, Schema

from pipeline import clock
from pipeline.audience.asking import Fault
from pipeline.web.api.problems import Problem
from pipeline.web.models import IdempotentRequest

KEPT = dt.timedelta(hours=24)
"""For how long a key stands for its request; then it may name another."""

Key: TypeAlias = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description=(
            "A text that no other request bears, such as a random UUID. The same request with the same key within 24 hours is "
            "carried out once, and answered the same."
        ),
        min_length=16,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
    ),
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered once the work is done. It is kept with the key: it must not say anything of anybody."""

    status: int
    content: Schema | None = None

    @property
    def body(self) -> str:
        return json.dumps(self.content.model_dump(mode="json"), ensure_ascii=False) if self.content else ""


class Once:
    """One request, and what its key says of it."""

    def __init__(self, request: HttpRequest, key: str | None) -> None:
        self._name = _digest("key", request.method or "", request.path, key) if key else ""
        self._fingerprint = _digest("body", json.dumps(json.loads(request.body), sort_keys=True)) if key else ""

    def answered(self) -> HttpResponse | None:
        """What was answered to this request before, if it was carried out.

        Raises:
            Problem: the key was another request's.
        """
        if not self._name:
            return None
        found = IdempotentRequest.objects.filter(name=self._name, at__gt=clock.now() - KEPT).first()
        if found is None:
            return None
        if found.fingerprint != self._fingerprint:
            fault = Fault("Idempotency-Key", "Cette clé a déjà servi à une autre demande.", "Donnez-en une nouvelle.")
            raise Problem(422, "La clé d’idempotence ne convient pas.", fault)
        return _response(found.status, found.body, replayed=True)

    def do(self, answer: Answer, work: Callable[[], object]) -> HttpResponse:
        """Carry it out, unless it is already. What ``work`` raises leaves neither its traces nor the key's."""
        if not self._name:
            work()
            return _response(answer.status, answer.body)
        with transaction.atomic():
            while not self._write_down(answer):
                if before := self.answered():
                    return before
            work()
        return _response(answer.status, answer.body)

    def _write_down(self, answer: Answer) -> bool:
        """False where another has it, once that one is committed."""
        now = clock.now()
        IdempotentRequest.objects.filter(name=self._name, at__lte=now - KEPT).delete()
        try:
            with transaction.atomic():
                IdempotentRequest.objects.create(
                    name=self._name, fingerprint=self._fingerprint, status=answer.status, body=answer.body, at=now
                )
        except IntegrityError:
            return False
        return True


def forget_old(now: dt.datetime) -> int:
    """Drop the keys that no longer count. Returns how many."""
    return IdempotentRequest.objects.filter(at__lte=now - KEPT).delete()[0]


def _response(status: int, body: str, *, replayed: bool = False) -> HttpResponse:
    response = HttpResponse(body, status=status, content_type="application/json")
    if not body:
        del response["Content-Type"]
    if replayed:
        response["Idempotency-Replayed"] = "true"
    return response


def _digest(*parts: str) -> str:
    """No two lists of parts have the same; nobody who reads it can try what it may stand for."""
    secret = settings.SECRET_KEY
    raw = secret.encode() if isinstance(secret, str) else secret
    derived = hmac.digest(raw, b"pipeline.web.api.idempotency", "sha256")
    return hmac.digest(derived, json.dumps(parts).encode(), "sha256").hex()
