"""What the room keeps. Every instant is UTC and comes from the caller: nothing here asks what time it is."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Never

from django.db import models
from django.db.models import Q

NAME_LENGTH = 200
SEASON_LENGTH = 80
KEY_LENGTH = 320
"""Folding may lengthen an address (ß → ss): more room than the address itself has."""


class Person(models.Model):
    """Someone with one address. An erased person keeps the row and ``public_id``, so that old links and ledgers still point somewhere."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.CharField(max_length=254, blank=True)
    key = models.CharField(max_length=KEY_LENGTH, unique=True)
    name = models.CharField(max_length=NAME_LENGTH, blank=True)
    organisation = models.CharField(max_length=NAME_LENGTH, blank=True)
    created_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.public_id)


class Status(models.TextChoices):
    PENDING = "pending", "à confirmer"
    ACTIVE = "active", "active"
    ENDED = "ended", "terminée"


class Subscription(models.Model):
    """What a person gets of one season. ``since``: when it took its present status, unless that is *ended* (then ``ended_at``)."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="subscriptions")
    season = models.CharField(max_length=SEASON_LENGTH)
    choice = models.CharField(max_length=SEASON_LENGTH)
    status = models.CharField(max_length=10, choices=Status.choices)
    since = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "season"], name="one_subscription_per_person_and_season"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="a_subscription_has_a_known_status"),
            models.CheckConstraint(
                condition=Q(status=Status.ENDED, ended_at__isnull=False)
                | (~Q(status=Status.ENDED) & Q(ended_at__isnull=True)),
                name="only_an_ended_subscription_has_an_end",
            ),
        ]
        indexes = [models.Index(fields=["season", "status", "person"], name="audience_selection")]

    def __str__(self) -> str:
        return f"{self.season} {self.person_id} {self.status}"


class Event(models.TextChoices):
    GRANTED = "granted", "demandée"
    CONFIRMED = "confirmed", "confirmée"
    CHANGED = "changed", "modifiée"
    WITHDRAWN = "withdrawn", "retirée"
    IMPORTED = "imported", "importée"


class AppendOnlyError(TypeError):
    """Someone tried to change or remove what the ledger holds."""

    def __init__(self) -> None:
        super().__init__("The consent ledger is append-only: write a new entry.")


class ConsentQuerySet(models.QuerySet["Consent"]):
    def update(self, **kwargs: Any) -> Never:
        raise AppendOnlyError

    def bulk_update(self, *args: Any, **kwargs: Any) -> Never:
        raise AppendOnlyError

    def update_or_create(self, *args: Any, **kwargs: Any) -> Never:
        raise AppendOnlyError

    def bulk_create(self, objs: Iterable[Consent], *args: Any, **kwargs: Any) -> list[Consent]:
        if kwargs.get("update_conflicts"):
            raise AppendOnlyError
        return super().bulk_create(objs, *args, **kwargs)

    def delete(self) -> Never:
        raise AppendOnlyError

    def _raw_delete(self, using: str | None) -> Never:
        raise AppendOnlyError

    def forget(self, person: Person) -> int:
        """Blank what is personal in a person's entries, for an erasure: the one change the ledger knows. Returns the entries touched."""
        return super().filter(person=person).exclude(ip_truncated="")._blank_addresses()

    def _blank_addresses(self) -> int:
        return super().update(ip_truncated="")


class Consent(models.Model):
    """One entry of the ledger: what a person agreed to or withdrew, as it was asked.

    ``source``: where it came from (a form, a link, the register an import names). ``text_version``: which wording was shown.
    ``at``: when it was written down; ``given_at``: when the person said so, where that was earlier (imports).
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="consents")
    season = models.CharField(max_length=SEASON_LENGTH)
    event = models.CharField(max_length=10, choices=Event.choices)
    source = models.CharField(max_length=200)
    text_version = models.CharField(max_length=80, blank=True)
    form = models.CharField(max_length=80, blank=True)
    ip_truncated = models.CharField(max_length=45, blank=True)
    choice = models.CharField(max_length=SEASON_LENGTH, blank=True)
    at = models.DateTimeField()
    given_at = models.DateTimeField(null=True, blank=True)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        constraints = [models.CheckConstraint(condition=Q(event__in=Event.values), name="a_consent_has_a_known_event")]
        indexes = [models.Index(fields=["person", "season", "id"], name="audience_consent_history")]

    def __str__(self) -> str:
        return f"{self.season} {self.person_id} {self.event}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Never:
        raise AppendOnlyError


class Reason(models.TextChoices):
    UNSUBSCRIBED = "unsubscribed", "désabonnement"
    BOUNCED = "bounced", "adresse en erreur"
    COMPLAINT = "complaint", "plainte"
    ERASED = "erased", "effacement"
    MANUAL = "manual", "décision de l’équipe"


class Suppression(models.Model):
    """Nobody writes to this person or address while ``lifted_at`` is empty; in one season, or everywhere (``season == ""``).

    ``sequence`` grows in commit order: whoever has read up to *n* misses nothing by asking for what is above *n*.
    ``key`` is the address's key, or its keyed hash (:mod:`pipeline.audience.fingerprints`) once it was erased.
    """

    sequence = models.BigIntegerField(unique=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="suppressions")
    key = models.CharField(max_length=KEY_LENGTH, db_index=True)
    season = models.CharField(max_length=SEASON_LENGTH, blank=True)
    reason = models.CharField(max_length=12, choices=Reason.choices)
    at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(reason__in=Reason.values), name="a_suppression_has_a_known_reason")
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.reason}"


class SuppressionCounter(models.Model):
    """The one row whose lock puts suppressions in commit order."""

    value = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="there_is_one_suppression_counter")]

    def __str__(self) -> str:
        return str(self.value)
