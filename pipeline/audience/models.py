"""What the room keeps. Every instant is UTC and comes from the caller: nothing here asks what time it is."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Never

from django.db import models
from django.db.models import Q
from django.db.models.expressions import RawSQL

from pipeline.audience.list_models import Import

NAME_LENGTH = 200
THEMES_LENGTH = 1000
SEASON_LENGTH = 80
KEY_LENGTH = 320
"""Lower case may lengthen an address (İ → i̇): more room than the address itself has."""


class Person(models.Model):
    """Someone with one address. An erased person keeps the row and ``public_id``, so that old links and ledgers still point somewhere.

    ``ledger_key`` opens what the consent ledger keeps of them (:mod:`pipeline.audience.evidence`); an erasure destroys it.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.CharField(max_length=254, blank=True)
    key = models.CharField(max_length=KEY_LENGTH, unique=True)
    name = models.CharField(max_length=NAME_LENGTH, blank=True)
    organisation = models.CharField(max_length=NAME_LENGTH, blank=True)
    ledger_key = models.BinaryField(max_length=32, default=b"", db_default=b"")
    created_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.public_id)


class Status(models.TextChoices):
    PENDING = "pending", "à confirmer"
    ACTIVE = "active", "active"
    ENDED = "ended", "terminée"


class Rhythm(models.TextChoices):
    EACH = "each", "à chaque envoi"
    MONTHLY = "monthly", "une fois par mois"


class Subscription(models.Model):
    """What a person gets of one season. ``since``: when it took its present status, unless that is *ended* (then ``ended_at``).

    ``themes``: those that the person picked, where their choice lets them: written ``" eau air "``, so that one is found by its
    name between spaces. ``role`` and ``territory`` are terms of the season's file, ``department`` a code of the INSEE. ``decided_at``:
    when the person last said what they want; ``reminded_at``: when a pending one was reminded; ``renewal_at``: when an active one was asked
    whether it still holds. ``brought_by``: the import that made it active, until the person does anything themselves.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="subscriptions")
    season = models.CharField(max_length=SEASON_LENGTH)
    choice = models.CharField(max_length=SEASON_LENGTH)
    themes = models.CharField(max_length=THEMES_LENGTH, blank=True, default="", db_default="")
    rhythm = models.CharField(max_length=10, choices=Rhythm.choices, default=Rhythm.EACH, db_default=Rhythm.EACH)
    role = models.CharField(max_length=SEASON_LENGTH, blank=True, default="", db_default="")
    territory = models.CharField(max_length=SEASON_LENGTH, blank=True, default="", db_default="")
    department = models.CharField(max_length=3, blank=True, default="", db_default="")
    status = models.CharField(max_length=10, choices=Status.choices)
    since = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)
    renewal_at = models.DateTimeField(null=True, blank=True)
    brought_by = models.ForeignKey(Import, on_delete=models.PROTECT, null=True, db_index=False, related_name="brought")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "season"], name="one_subscription_per_person_and_season"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="a_subscription_has_a_known_status"),
            models.CheckConstraint(condition=Q(rhythm__in=Rhythm.values), name="a_subscription_has_a_known_rhythm"),
            models.CheckConstraint(
                condition=Q(status=Status.ENDED, ended_at__isnull=False)
                | (~Q(status=Status.ENDED) & Q(ended_at__isnull=True)),
                name="only_an_ended_subscription_has_an_end",
            ),
        ]
        indexes = [
            models.Index(fields=["season", "status", "person"], name="audience_selection"),
            models.Index(fields=["status", "since"], name="audience_waiting"),
            models.Index(
                fields=["brought_by", "person"], name="audience_brought", condition=Q(brought_by__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.season} {self.person_id} {self.status}"


class Event(models.TextChoices):
    GRANTED = "granted", "demandée"
    CONFIRMED = "confirmed", "confirmée"
    CHANGED = "changed", "modifiée"
    PAUSED = "paused", "mise en pause"
    RESUMED = "resumed", "reprise"
    MOVED = "moved", "adresse changée"
    RENEWED = "renewed", "renouvelée"
    WITHDRAWN = "withdrawn", "retirée"
    IMPORTED = "imported", "importée"


class AppendOnlyError(TypeError):
    """Someone tried to change or remove what the ledger holds."""

    def __init__(self) -> None:
        super().__init__("The consent ledger is append-only: write a new entry.")


class Seal(models.Model):
    """A batch of the consent ledger, sealed: see :mod:`pipeline.audience.sealing`. Hashes are SHA-256, 32 bytes."""

    number = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField()
    count = models.PositiveIntegerField()
    root = models.BinaryField(max_length=32)
    digest = models.BinaryField(max_length=32)
    mac = models.CharField(max_length=120)

    def __str__(self) -> str:
        return f"sceau {self.number}"


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

    def seal(self, seal: Seal) -> int:
        """Say which batch these unsealed entries are in. Returns how many."""
        return super().filter(seal__isnull=True)._write(seal=seal)

    def let_go(self, people: Person | RawSQL) -> int:
        """A person who never confirmed is removed, or many are (their ids): their entries stay, and point to nobody. Returns how many."""
        return super().filter(person__in=[people] if isinstance(people, Person) else people)._write(person=None)

    def _write(self, **values: Any) -> int:
        return super().update(**values)


class Consent(models.Model):
    """One entry of the ledger: what a person agreed to or withdrew, as it was asked.

    What stands in clear says that something happened, and when (``at``, when it was written down). The rest is in ``details``, which
    only the person's key opens; ``commitment`` binds all of it (:mod:`pipeline.audience.evidence`). ``seal``: the batch it is in.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="consents")
    season = models.CharField(max_length=SEASON_LENGTH)
    event = models.CharField(max_length=10, choices=Event.choices)
    at = models.DateTimeField()
    details = models.BinaryField(default=b"", db_default=b"")
    commitment = models.BinaryField(max_length=32, default=b"", db_default=b"")
    seal = models.ForeignKey(Seal, on_delete=models.PROTECT, null=True, related_name="entries")

    objects = ConsentQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        constraints = [models.CheckConstraint(condition=Q(event__in=Event.values), name="a_consent_has_a_known_event")]
        indexes = [
            models.Index(fields=["person", "season", "id"], name="audience_consent_history"),
            models.Index(fields=["id"], name="audience_unsealed", condition=Q(seal__isnull=True)),
        ]

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
    PAUSED = "paused", "pause demandée"
    MOVED = "moved", "adresse changée"
    UNDONE = "undone", "import annulé"


class Suppression(models.Model):
    """Nobody writes to this person or address while ``lifted_at`` is empty; in one season, or everywhere (``season == ""``); where
    there is ``until``, only before it.

    ``sequence`` grows in commit order: whoever has read up to *n* misses nothing by asking for what is above *n*.
    ``key`` is the address's key, or its keyed hash (:mod:`pipeline.audience.fingerprints`) once it was erased.
    """

    sequence = models.BigIntegerField(unique=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="suppressions")
    key = models.CharField(max_length=KEY_LENGTH, db_index=True)
    season = models.CharField(max_length=SEASON_LENGTH, blank=True)
    reason = models.CharField(max_length=12, choices=Reason.choices)
    at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
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


class SignUp(models.Model):
    """What a form or the API was given, until it is answered (:mod:`pipeline.correspondence.answering`): then the row goes.

    Whoever asks gets the same answer at once, in the same time, whatever is known of the address. ``wants``: a subscription, a
    fresh link to the preferences, or (confirmed just now) to be welcomed. ``mailbox`` and ``key``: see
    :class:`pipeline.audience.addresses.Address`.
    """

    class Wants(models.TextChoices):
        SUBSCRIPTION = "subscribe"
        LINK = "link"
        WELCOME = "welcome"

    wants = models.CharField(max_length=10, choices=Wants.choices, default=Wants.SUBSCRIPTION)
    season = models.CharField(max_length=SEASON_LENGTH)
    mailbox = models.CharField(max_length=254)
    key = models.CharField(max_length=KEY_LENGTH, db_index=True)
    name = models.CharField(max_length=NAME_LENGTH, blank=True, default="")
    organisation = models.CharField(max_length=NAME_LENGTH, blank=True, default="")
    choice = models.CharField(max_length=SEASON_LENGTH, blank=True, default="")
    themes = models.CharField(max_length=THEMES_LENGTH, blank=True, default="")
    rhythm = models.CharField(max_length=10, choices=Rhythm.choices, default=Rhythm.EACH)
    role = models.CharField(max_length=SEASON_LENGTH, blank=True, default="")
    territory = models.CharField(max_length=SEASON_LENGTH, blank=True, default="")
    department = models.CharField(max_length=3, blank=True, default="")
    source = models.CharField(max_length=200)
    text_version = models.CharField(max_length=80, blank=True, default="")
    form = models.CharField(max_length=80, blank=True, default="")
    ip_truncated = models.CharField(max_length=45, blank=True, default="")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.season} {self.wants} {self.pk}"


class Move(models.Model):
    """A change of address that was asked for from the old mailbox, and holds once it is confirmed from the new one."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="moves")
    season = models.CharField(max_length=SEASON_LENGTH)
    mailbox = models.CharField(max_length=254)
    key = models.CharField(max_length=KEY_LENGTH)
    asked_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.public_id)


class Visit(models.Model):
    """A link of a mail was opened or its button pressed, and what that was taken for (:mod:`pipeline.audience.visits`)."""

    class How(models.TextChoices):
        OPENED = "opened", "page ouverte"
        PRESSED = "pressed", "bouton pressé"
        CANARY = "canary", "lien caché ouvert"

    class Verdict(models.TextChoices):
        PERSON = "person", "une personne"
        MACHINE = "machine", "une machine"
        UNCERTAIN = "uncertain", "incertain"

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="visits")
    season = models.CharField(max_length=SEASON_LENGTH)
    purpose = models.CharField(max_length=12)
    how = models.CharField(max_length=8, choices=How.choices)
    ip_truncated = models.CharField(max_length=45, blank=True)
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    why = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["person", "at"], name="audience_visits")]

    def __str__(self) -> str:
        return f"{self.person_id} {self.how} {self.verdict}"


class MailboxUse(models.Model):
    """A mail that somebody caused by typing an address: counted per mailbox, by a keyed hash, whatever Redis remembers."""

    mailbox = models.CharField(max_length=100)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["mailbox", "at"], name="audience_mailbox_use")]

    def __str__(self) -> str:
        return f"{self.mailbox} {self.at}"


class DomainCheck(models.Model):
    """Whether a domain takes mail, as the DNS said (:mod:`pipeline.audience.domains`): ``mail``, ``none``, ``unknown``."""

    domain = models.CharField(max_length=255, unique=True)
    verdict = models.CharField(max_length=8)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.domain} {self.verdict}"


class CatchUp(models.Model):
    """Someone who came late asked for the season from its start: one release at a time, until they have them all.

    ``next_at``: when the next one is due. ``end``: why it ended (``done``, ``stopped``, ``left``).
    """

    class Rhythm(models.TextChoices):
        WEEKLY = "weekly", "chaque semaine"
        FORTNIGHTLY = "fortnightly", "toutes les deux semaines"

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="catch_ups")
    season = models.CharField(max_length=SEASON_LENGTH)
    rhythm = models.CharField(max_length=12, choices=Rhythm.choices)
    next_at = models.DateTimeField()
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=8, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "season"], condition=Q(ended_at__isnull=True), name="one_catch_up_at_a_time"
            )
        ]
        indexes = [
            models.Index(fields=["season", "next_at"], name="audience_catching_up", condition=Q(ended_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.season} {self.person_id} {self.rhythm}"
