"""Adding, changing and removing endpoints. Every change is a person's, and in the audit; a secret is shown once."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection

from django.db import transaction
from django.db.models import Q

from pipeline import broker, outward
from pipeline.hooks import signing, vault
from pipeline.hooks.models import ANSWER_LENGTH, Delivery, Endpoint, Secret, Type
from pipeline.hooks.receivers import QUEUE, TASK
from pipeline.release import audit
from pipeline.release.audit import Actor

logger = logging.getLogger(__name__)

OVERLAP = dt.timedelta(hours=24)
"""How long a secret that was replaced still signs beside the new one."""


class EndpointError(Exception):
    """An endpoint cannot be had like this. The message is French."""


@transaction.atomic
def add(
    url: str, types: Collection[str] = (), *, with_address: bool = False, local: bool, actor: Actor, now: dt.datetime
) -> tuple[Endpoint, str]:
    """A new endpoint, and its secret. No ``types``: all. ``local``: URLs of this machine are taken, for trials.

    Raises:
        EndpointError: the URL is refused or known already, or a type does not exist.
    """
    unknown = sorted(set(types) - set(Type.values))
    if unknown:
        raise EndpointError(f"« {unknown[0]} » n’est pas un type d’évènement ; choisir parmi {', '.join(Type.values)}.")
    try:
        outward.parse(url, local=local)
    except outward.Refused as error:
        raise EndpointError(str(error)) from error
    known = Endpoint.objects.filter(url=url).first()
    if known is not None:
        raise EndpointError(
            f"Cette URL est déjà le webhook {known.pk} : « kit webhooks remove » d’abord, pour la changer."
        )
    chosen = [one for one in Type.values if one in (types or Type.values)]
    made = Endpoint.objects.create(url=url, types=chosen, with_address=with_address, created_at=now)
    audit.record(
        actor, "webhook-add", now=now, webhook=made.pk, host=made.host, types=chosen, with_address=with_address
    )
    return made, _new_secret(made, now)


def find(number: int) -> Endpoint:
    """Raises :class:`EndpointError`."""
    found = Endpoint.objects.filter(pk=number).first()
    if found is None:
        raise EndpointError(f"Il n’y a pas de webhook {number} ; « kit webhooks list » les montre.")
    return found


@transaction.atomic
def remove(endpoint: Endpoint, *, actor: Actor, now: dt.datetime) -> None:
    """With its secrets and all that was or was to be told to it."""
    audit.record(actor, "webhook-remove", now=now, webhook=endpoint.pk, host=endpoint.host)
    endpoint.delete()


@transaction.atomic
def rotate(endpoint: Endpoint, *, actor: Actor, now: dt.datetime) -> str:
    """A new secret. Those before it go on signing beside it for :data:`OVERLAP`, so that the other side can change in its own time."""
    endpoint.secrets.filter(until__lte=now).delete()
    endpoint.secrets.filter(until__isnull=True).update(until=now + OVERLAP)
    audit.record(actor, "webhook-rotate", now=now, webhook=endpoint.pk, host=endpoint.host)
    return _new_secret(endpoint, now)


@transaction.atomic
def enable(endpoint: Endpoint, *, actor: Actor, now: dt.datetime) -> None:
    """Tell it again of what happens from now on, as if it had never failed."""
    Endpoint.objects.filter(pk=endpoint.pk).update(
        disabled_at=None, disabled_why="", failures=0, failing_since=None, rest_until=None
    )
    audit.record(actor, "webhook-enable", now=now, webhook=endpoint.pk, host=endpoint.host)


@transaction.atomic
def resend(endpoint: Endpoint, *, actor: Actor, now: dt.datetime) -> int:
    """Try everything anew that was given up. Returns how many.

    Raises:
        EndpointError: the endpoint is disabled.
    """
    if Endpoint.objects.filter(pk=endpoint.pk, disabled_at__isnull=False).exists():
        raise EndpointError(f"Le webhook {endpoint.pk} est désactivé : « kit webhooks enable {endpoint.pk} » d’abord.")
    given_up = endpoint.deliveries.filter(state=Delivery.State.GIVEN_UP)
    count = given_up.update(state=Delivery.State.WAITING, attempts=0, due_at=now, settled_at=None)
    audit.record(actor, "webhook-resend", now=now, webhook=endpoint.pk, host=endpoint.host, count=count)
    broker.wake_on_commit(TASK, QUEUE)
    return count


@transaction.atomic
def disable(endpoint: Endpoint, why: str, *, now: dt.datetime) -> None:
    """It is told nothing more; what waits for it is given up. Staff read it in the log and in the list."""
    fresh = Endpoint.objects.filter(pk=endpoint.pk, disabled_at__isnull=True)
    if not fresh.update(disabled_at=now, disabled_why=why[:ANSWER_LENGTH]):
        return
    waiting = Delivery.objects.filter(endpoint=endpoint, state=Delivery.State.WAITING)
    lost = waiting.update(state=Delivery.State.GIVEN_UP, settled_at=now, answer="webhook désactivé")
    audit.record(audit.SYSTEM, "webhook-disable", now=now, why=why, webhook=endpoint.pk, host=endpoint.host)
    logger.error(
        "%s désactivé : %s. %s évènement(s) abandonné(s). Une fois la cause levée : « kit webhooks enable %s », puis "
        "« kit webhooks resend %s ».",
        endpoint, why, lost, endpoint.pk, endpoint.pk,
    )  # fmt: skip


def secrets(endpoint: Endpoint, now: dt.datetime) -> list[str]:
    """Those in force, the newest first.

    Raises:
        SealedError: the present one does not open. One that was replaced need not: that may be why it was.
    """
    held = endpoint.secrets.filter(Q(until__isnull=True) | Q(until__gt=now)).order_by("-pk")
    opened = []
    for one in held:
        try:
            opened.append(vault.unseal(one.sealed))
        except vault.SealedError:
            if one.until is None:
                raise
    return opened


def _new_secret(endpoint: Endpoint, now: dt.datetime) -> str:
    made = signing.new_secret()
    Secret.objects.create(endpoint=endpoint, sealed=vault.seal(made), created_at=now)
    return made
