"""Who opened a link of a mail: a person, or a program in front of their mailbox? Kept with the reason; nobody is refused by it.

Gateways of town halls open every link of a mail, some of them with a real browser. So opening a link changes nothing, a button
does; and each letter carries a link that no person sees (the canary): whoever opens it is a program, and what the same network
opened within a minute of it most likely was one, too.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from pipeline.audience import consent
from pipeline.audience.models import Person, Visit
from pipeline.audience.tokens import Purpose

NEAR = dt.timedelta(seconds=60)
"""How close to the canary's another visit of the same network is taken for the same program's."""
A_DAY = 100
"""So many openings of one person's links are written down a day, and no more: whoever holds a link must not fill the database."""

_PROGRAMS = re.compile(
    r"barracuda|bitdefender|cloudmark|forcepoint|fortinet|ironport|mimecast|proofpoint|safelinks|sophos|symantec|trendmicro|vade|zscaler"
    r"|bot\b|crawler|spider|preview|scanner|urlcheck|facebookexternalhit|whatsapp|headless"
    r"|curl/|wget/|python-|java/|go-http-client|okhttp|libwww|axios|node-fetch",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a request tells of whoever made it. ``ip`` is cut to its network before it is kept."""

    method: str
    ip: str = ""
    user_agent: str = ""
    accept_language: str = ""
    purpose: str = ""
    """What ``Sec-Purpose`` (Fetch) or its older names said."""

    @classmethod
    def of(cls, method: str, headers: Mapping[str, str], ip: str) -> Request:
        """``headers``: looked up without regard to case."""
        return cls(
            method,
            ip,
            headers.get("User-Agent", ""),
            headers.get("Accept-Language", ""),
            headers.get("Sec-Purpose", "") or headers.get("Purpose", "") or headers.get("X-Moz", ""),
        )


def judge(request: Request, how: Visit.How, since_canary: dt.timedelta | None) -> tuple[Visit.Verdict, str]:
    """What a visit is taken for, and why, in French. ``since_canary``: how long ago its network last opened the canary."""
    certain = _told(request) if how != Visit.How.CANARY else "le lien que personne ne voit a été ouvert"
    if certain:
        return Visit.Verdict.MACHINE, certain
    if since_canary is not None and since_canary <= NEAR:
        why = f"le même réseau a ouvert le lien caché {int(since_canary.total_seconds())} s plus tôt"
        # A person behind the gateway shares its network: who presses a button may well be one.
        return (Visit.Verdict.UNCERTAIN if how == Visit.How.PRESSED else Visit.Verdict.MACHINE), why
    unusual = _unlike_a_browser(request)
    return (Visit.Verdict.UNCERTAIN, unusual) if unusual else (Visit.Verdict.PERSON, "rien n’indique une machine")


def _told(request: Request) -> str:
    """How the request itself says that a program made it unasked; ``""`` where it does not."""
    if request.method == "HEAD":
        return "requête HEAD : un navigateur ouvre une page par GET"
    if "prefetch" in request.purpose.lower():
        return "page chargée d’avance, sans que personne l’ait demandée"
    named = _PROGRAMS.search(request.user_agent)
    return f"le programme se nomme : « {named[0].lower().rstrip('/-')} »" if named else ""


def _unlike_a_browser(request: Request) -> str:
    if not request.user_agent:
        return "le programme ne se nomme pas (User-Agent), ce que les navigateurs font"
    if not request.accept_language:
        return "aucune langue annoncée (Accept-Language), ce que les navigateurs font"
    return ""


def note(
    season: str, public_id: UUID, purpose: Purpose, how: Visit.How, request: Request, *, now: dt.datetime
) -> Visit | None:
    """Write a visit down. None where the person was erased, or has had :data:`A_DAY` openings today.

    A canary also changes what was thought of the openings just before it: the program may have read the mail from its top.

    Raises:
        pipeline.audience.consent.UnknownPersonError: nobody has this id.
    """
    person = Person.objects.filter(public_id=public_id).only("pk", "erased_at").first()
    if person is None:
        raise consent.UnknownPersonError
    if person.erased_at is not None:
        return None
    before = Visit.objects.filter(person=person, at__lte=now)
    if how != Visit.How.PRESSED and before.filter(at__gt=now - dt.timedelta(days=1)).count() >= A_DAY:
        return None
    network = consent.truncated(request.ip)
    near = before.filter(ip_truncated=network, at__gte=now - NEAR) if network else before.none()
    canary = near.filter(how=Visit.How.CANARY).order_by("-at").first()
    verdict, why = judge(request, how, now - canary.at if canary else None)
    if how == Visit.How.CANARY:
        near.filter(how=Visit.How.OPENED).exclude(verdict=Visit.Verdict.MACHINE).update(
            verdict=Visit.Verdict.MACHINE, why="le même réseau a ouvert le lien caché dans la minute qui a suivi"
        )
    return Visit.objects.create(
        person=person,
        season=season,
        purpose=purpose,
        how=how,
        ip_truncated=network,
        verdict=verdict,
        why=why,
        at=now,
    )
