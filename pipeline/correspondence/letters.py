"""Letters to one person: compiled once a minute for everybody who gets the same, filled for each, queued in the outbox."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from uuid import UUID

from pipeline.audience.models import Person
from pipeline.audience.tokens import Purpose, make
from pipeline.compose import newsletters
from pipeline.compose.letter import Letter, LetterFiche, LetterKind, Planned
from pipeline.compose.message import Compiled, message_id
from pipeline.delivery import outbox
from pipeline.delivery.bounces import verp
from pipeline.release import addresses, publication
from pipeline.release.letters import Press
from pipeline.release.models import Release
from pipeline.release.published import LineSlot, SeasonPage
from pipeline.season.season import Season

TASK = "pipeline.tasks.post"


def queue(
    press: Press,
    season: Season,
    kind: LetterKind,
    person: Person,
    *,
    key: str,
    now: dt.datetime,
    to: str = "",
    move: UUID | None = None,
    until_they_leave: bool = False,
) -> bool:
    """Put a letter into the outbox, in the caller's transaction; False where one with this ``key`` is there already, or the person is gone.

    It goes to where the person is by now, whose row is held: a change of address that comes after finds the letter.

    ``to``: another mailbox than the person's. ``move``: the change of address that the letter is about. ``until_they_leave``: it is no
    answer that they wait for, and does not leave once they have left.

    Raises:
        pipeline.compose.preflight.PreflightError: the letter's template is not fit to be sent.
    """
    there = Person.objects.select_for_update(no_key=True).filter(pk=person.pk, erased_at__isnull=True).first()
    if there is None:
        return False
    person = there
    compiled = _compiled(press, season, kind, now.replace(second=0, microsecond=0))
    recipient = to or person.email
    values = {
        name: _value(name, press, season, person, move=move, now=now) for name in compiled.holes - {"to", "message_id"}
    }
    domain = season.publisher.sender_address.rpartition("@")[2]
    content = compiled.render({**values, "to": recipient, "message_id": message_id(key, recipient, domain)})
    return outbox.put(
        key,
        sender=season.publisher.sender_address,
        recipient=recipient,
        content=content,
        now=now,
        person=person.pk if until_they_leave else None,
        season=season.name,
    )


_LINKS: dict[str, tuple[Purpose, Callable[[str], str]]] = {
    "list_unsubscribe": ("unsubscribe", addresses.unsubscribe_path),
    "unsubscribe_url": ("unsubscribe", addresses.unsubscribe_path),
    "preferences_url": ("preferences", addresses.preferences_path),
    "catch_up_url": ("preferences", addresses.catch_up_path),
    "confirm_url": ("confirm", addresses.confirm_path),
    "canary_url": ("canary", addresses.canary_path),
    "renew_url": ("renew", addresses.renew_path),
    "move_url": ("move", addresses.move_path),
}
"""What stands in the holes of a letter to one person: links that are theirs."""


def _value(name: str, press: Press, season: Season, person: Person, *, move: UUID | None, now: dt.datetime) -> str:
    if name == "list_unsubscribe_mail":
        back = press.stationery.return_path or season.publisher.sender_address
        return verp.unsubscribe_mailto(back, make("unsubscribe", season.name, person.public_id))
    purpose, path = _LINKS[name]
    who = move if purpose == "move" else person.public_id
    if who is None:
        raise ValueError("a letter about a change of address is about one")
    return press.base_url + path(make(purpose, season.name, who, now=now))


_shelf: dict[tuple[object, ...], Compiled] = {}
_minute: list[dt.datetime] = []


def _compiled(press: Press, season: Season, kind: LetterKind, minute: dt.datetime) -> Compiled:
    """The letter of this minute: what is compiled serves everybody who is written to within it, until something more is released."""
    if _minute != [minute]:
        _shelf.clear()
        _minute[:] = [minute]
    released = (
        tuple(Release.objects.filter(season=season.name).values_list("pk", flat=True)) if kind == "welcome" else ()
    )
    mailto = bool(press.stationery.return_path)
    place = (press.base_url, press.templates, press.local, mailto, press.cfbl_address)
    name = (season.name, season.source_sha256, kind, released, place)
    found = _shelf.get(name)
    if found is None:
        found = _shelf[name] = newsletters.compose(_letter(press, season, kind, minute), press.templates)
    return found


def _letter(press: Press, season: Season, kind: LetterKind, now: dt.datetime) -> Letter:
    page = publication.season_page(season.name) if kind == "welcome" else None
    coming = tuple(_planned(slot) for slot in page.line if slot.state == "planned") if page else ()
    return Letter(
        season=season,
        kind=kind,
        key=f"{season.name}/{kind}",
        number=0,
        date=now.astimezone(season.zone).date(),
        sent_at=now,
        base_url=press.base_url,
        web_url="",
        fiches=_latest(press, page) if page else (),
        upcoming=coming[0] if coming else None,
        calendar=coming,
        local=press.local,
        mailto=bool(press.stationery.return_path),
        cfbl_address=press.cfbl_address,
    )


def _latest(press: Press, page: SeasonPage) -> tuple[LetterFiche, ...]:
    return tuple(LetterFiche(one.fiche, press.base_url + one.path) for one in page.latest)


def _planned(slot: LineSlot) -> Planned:
    return Planned(
        date=slot.date,
        status=slot.status,
        final=slot.kind == "final",
        titles=tuple((fiche.kind, fiche.short_title) for fiche in slot.fiches),
        event=slot.event,
    )
