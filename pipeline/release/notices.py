"""Mails to staff: a slot that is not ready seven, two and one days before, one that is held, a mailing that waits for them. Each once."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from pipeline.audience.fingerprints import fingerprint
from pipeline.delivery import outbox
from pipeline.delivery.complaints import Rate
from pipeline.delivery.models import Mailing
from pipeline.release.board import SlotView
from pipeline.season.season import Season
from pipeline.season.words import long_date

DAYS = (7, 2, 1)


def send(views: Sequence[SlotView], *, staff: Sequence[str], now: dt.datetime) -> int:
    """Queue what staff do not know yet; return how many mails. Asking again queues nothing."""
    return sum(
        _queue(
            key,
            sender=view.season.publisher.sender_address,
            author=f"{view.season.publisher.sender_name} <{view.season.publisher.sender_address}>",
            subject=f"[{view.season.title}] {subject}",
            lines=lines,
            staff=staff,
            now=now,
        )
        for view in views
        for key, subject, lines in _news(view, now)
    )


def stopped(paused: Sequence[Mailing], *, staff: Sequence[str], now: dt.datetime) -> int:
    """Queue the call for a person about mailings that the engine itself has stopped; once for each stop and address."""
    return sum(
        _tell(
            mailing,
            key=f"stopped/{mailing.name}/{mailing.alarms}",
            subject=f"Arrêté : {mailing.name}",
            lines=[
                f"L’envoi de {mailing.name} s’est arrêté : il attend une personne.",
                "",
                *mailing.reason.splitlines(),
            ],
            staff=staff,
            now=now,
        )
        for mailing in paused
    )


def hindered(season: Season, what: str, why: str, *, staff: Sequence[str], now: dt.datetime) -> int:
    """Queue the call for a person about a mailing that is due and cannot be made; once for each reason and address."""
    told = hashlib.sha256(why.encode()).hexdigest()[:8]
    publisher = season.publisher
    return _queue(
        f"hindered/{what}/{told}",
        sender=publisher.sender_address,
        author=f"{publisher.sender_name} <{publisher.sender_address}>",
        subject=f"[{season.title}] Ne part pas : {what}",
        lines=[
            f"{what} devrait partir, et ne le peut pas :",
            "",
            *why.splitlines(),
            "",
            "Il part dès que c’est corrigé.",
        ],
        staff=staff,
        now=now,
    )


def complaints(mailing: Mailing, rates: Sequence[Rate], *, staff: Sequence[str], now: dt.datetime) -> int:
    """Queue what staff must know of the complaints about a mailing; once for each level that a provider's share reaches."""
    reached = ",".join(sorted(f"{rate.destination}:{rate.level}" for rate in rates))
    told = hashlib.sha256(reached.encode()).hexdigest()[:8]
    lines = [
        f"Des personnes se plaignent de {mailing.name} :",
        "",
        *(f"- {rate.words}" for rate in rates),
        "",
        "Gmail et Yahoo demandent de rester sous 0,1 %, et de ne jamais atteindre 0,3 %.",
    ]
    subject = f"Plaintes : {mailing.name}"
    return _tell(mailing, key=f"complaints/{mailing.name}/{told}", subject=subject, lines=lines, staff=staff, now=now)


def _tell(mailing: Mailing, *, key: str, subject: str, lines: list[str], staff: Sequence[str], now: dt.datetime) -> int:
    author, subject = f"<{mailing.sender}>", f"[{mailing.season}] {subject}"
    return _queue(key, sender=mailing.sender, author=author, subject=subject, lines=lines, staff=staff, now=now)


def _news(view: SlotView, now: dt.datetime) -> list[tuple[str, str, list[str]]]:
    date = long_date(view.dated.date) if view.dated.date else "sans date"
    if view.state == "held" and view.due is not None and (view.due <= now or view.reason):
        told = hashlib.sha256(f"{view.version}{view.reason}".encode()).hexdigest()[:8]
        lines = [f"Le créneau {view.key} ({date}) est retenu : rien n’est parti.", "", *view.reason.splitlines()]
        return [(f"held/{view.key}/{told}", f"Retenu : {view.key}", lines)]
    if view.state != "planned" or view.due is None or view.due <= now:
        return []
    left = view.due - now
    for days in reversed(DAYS):
        if left <= dt.timedelta(days=days):
            lines = [
                f"Le créneau {view.key} part le {date}, et il n’est pas prêt :",
                "",
                *(f"- {finding}" for finding in view.findings),
                "",
                "Sans cela, il sera retenu à sa date : rien ne part à moitié.",
            ]
            plural = "s" if days > 1 else ""
            return [
                (f"notready/{view.key}/{view.dated.date}/{days}", f"Pas prêt à {days} jour{plural} : {view.key}", lines)
            ]
    return []


def _queue(
    key: str, *, sender: str, author: str, subject: str, lines: list[str], staff: Sequence[str], now: dt.datetime
) -> int:
    """One mail for each address. What each is known by bears no address: it outlives an erasure."""
    queued = 0
    for address in staff:
        known_by = f"{key}/{fingerprint(address.casefold())[-32:]}"
        mail = EmailMessage(policy=SMTP)
        mail["From"] = author
        mail["To"] = address
        mail["Subject"] = subject
        mail["Date"] = format_datetime(now)
        digest = hashlib.sha256(known_by.encode()).hexdigest()[:32]
        mail["Message-ID"] = f"<{digest}@{sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content("\n".join(lines) + "\n", cte="quoted-printable")
        queued += outbox.put(known_by, sender=sender, recipient=address, content=mail.as_bytes(), now=now)
    return queued
