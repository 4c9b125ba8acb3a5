"""What sending keeps of a person, for :data:`pipeline.audience.signals.held`."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
from typing import Any

from pipeline.audience.signals import Part
from pipeline.delivery.erasure import on_lists, to_person
from pipeline.delivery.models import Attempt, Bounce, Mailing, Outgoing


def held(*, person_id: int, address: str, **_: object) -> list[Part]:
    """The mailings they are on with every attempt, the mails that were theirs alone, and what came back."""
    return [
        Part(
            "messages",
            "Les envois dont vous êtes destinataire, et ce qu’il en est advenu : une ligne par tentative, avec la réponse "
            "du serveur de votre messagerie.",
            _messages(person_id),
        ),
        Part(
            "mails",
            "Les mails adressés à vous seul : confirmation, bienvenue, rappel…",
            [_mail(one) for one in to_person(person_id, (address,)).order_by("pk")],
        ),
        Part(
            "bounces",
            "Ce qui nous est revenu à votre sujet : avis de non-remise, plaintes, désinscriptions par mail.",
            [_bounce(one) for one in Bounce.objects.filter(person=person_id).order_by("pk")],
        ),
    ]


def _messages(person: int) -> list[dict[str, Any]]:
    rows = list(on_lists(person).order_by("mailing"))
    mailings = Mailing.objects.defer("compiled").in_bulk([row.mailing_id for row in rows])
    found = []
    for row in rows:
        mailing = mailings[row.mailing_id]
        about = {
            "mailing": mailing.name,
            "season": mailing.season,
            "kind": mailing.kind,
            "subject": mailing.subject,
            "address": row.address,
            "listed_at": _iso(mailing.cutoff),
        }
        tried = Attempt.objects.filter(mailing=mailing, position=row.position).order_by("number")
        found += [about | _attempt(one) for one in tried] or [about | _attempt(None)]
    return found


def _attempt(one: Attempt | None) -> dict[str, Any]:
    if one is None:
        return {"attempt": None, "outcome": "", "at": None, "code": None, "answer": ""}
    return {
        "attempt": one.number,
        "outcome": one.kind,
        "at": _iso(one.at),
        "code": one.code or None,
        "answer": one.text,
    }


def _mail(one: Outgoing) -> dict[str, Any]:
    read = email.message_from_bytes(bytes(one.content), policy=email.policy.default)
    return {
        "address": one.recipient,
        "season": one.season,
        "subject": str(read["Subject"] or ""),
        "state": one.state,
        "created_at": _iso(one.created_at),
        "settled_at": _iso(one.settled_at),
        "answer": one.answer,
        "content": bytes(one.content).decode("utf-8", "replace"),
    }


def _bounce(one: Bounce) -> dict[str, Any]:
    return {
        "mailing": one.mailing.name if one.mailing else "",
        "kind": one.kind,
        "source": one.source,
        "meaning": one.meaning,
        "code": one.code or None,
        "enhanced": one.enhanced,
        "answer": one.text,
        "domain": one.domain,
        "at": _iso(one.at),
    }


def _iso(instant: dt.datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(dt.UTC).isoformat()
