"""A mailing, its frozen list, its batches on lease, and what became of each message, appended and never changed."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Upper


class Mailing(models.Model):
    """One message text to one frozen list of people. ``compiled`` is a :class:`pipeline.compose.message.Compiled`, dumped;
    ``suppressions`` the last one that the list knew of: senders read on from there. ``alarms`` counts how often the engine
    itself stopped the mailing: each time, staff are told. ``accepted``: its counts when a person last let it go on;
    ``forgiven``: uncertain messages since then that a sender's own death explains."""

    class State(models.TextChoices):
        SENDING = "sending", "en cours"
        PAUSED = "paused", "en pause"
        CANCELLED = "cancelled", "annulé"
        DONE = "done", "terminé"

    name = models.CharField(max_length=200, unique=True)
    season = models.CharField(max_length=100)
    kind = models.CharField(max_length=20)
    state = models.CharField(max_length=12, choices=State.choices, default=State.SENDING)
    reason = models.TextField(blank=True, default="")
    alarms = models.PositiveSmallIntegerField(default=0, db_default=0)
    accepted = models.JSONField(null=True)
    forgiven = models.PositiveSmallIntegerField(default=0, db_default=0)
    subject = models.TextField()
    sender = models.CharField(max_length=254)
    domain = models.CharField(max_length=255)
    base_url = models.CharField(max_length=300)
    compiled = models.BinaryField()
    frozen = models.PositiveIntegerField(default=0)
    cutoff = models.DateTimeField()
    suppressions = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state"])]

    def __str__(self) -> str:
        return self.name


class Recipient(models.Model):
    """A person on a mailing's list, with the address as it was at the cut-off. Written once, in bulk; what becomes of the
    message is told by :class:`Attempt`."""

    # No constraint in the database: checking a million rows one by one would take longer than writing them.
    mailing = models.ForeignKey(Mailing, models.PROTECT, db_index=False, db_constraint=False)
    position = models.PositiveIntegerField()
    person = models.BigIntegerField()
    public_id = models.UUIDField()
    address = models.CharField(max_length=254)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mailing", "position"], name="recipient_position"),
            models.UniqueConstraint(fields=["mailing", "person"], name="recipient_person"),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}:{self.position}"


class Batch(models.Model):
    """Consecutive positions of a list, leased to one sender at a time.

    ``lease`` counts the claims: every write of a holder names the lease it believes to have, so a late one changes nothing.
    ``reserved_to``: rows up to here may have been handed to a server under the current lease; beyond it, surely none.
    ``boot`` and ``boot_until`` are the lease's end on the holder's CLOCK_BOOTTIME, ``until`` by wall clock for other hosts.
    ``destination`` names the mailbox provider that all of its people are with, where that one is sent to at a pace of its own.
    ``sent`` to ``unknown`` count its people by their last attempt; they change in the transaction that appends attempts.
    """

    class State(models.TextChoices):
        OPEN = "open"
        LEASED = "leased"
        WAITING = "waiting"
        DONE = "done"

    mailing = models.ForeignKey(Mailing, models.PROTECT)
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    due_at = models.DateTimeField(null=True)
    lease = models.PositiveIntegerField(default=0)
    holder = models.CharField(max_length=80, blank=True, default="")
    boot = models.CharField(max_length=40, blank=True, default="")
    boot_until = models.FloatField(default=0)
    until = models.DateTimeField(null=True)
    reserved_to = models.PositiveIntegerField(default=0)
    destination = models.CharField(max_length=40, blank=True, default="", db_default="")
    sent = models.PositiveIntegerField(default=0, db_default=0)
    deferred = models.PositiveIntegerField(default=0, db_default=0)
    refused = models.PositiveIntegerField(default=0, db_default=0)
    suppressed = models.PositiveIntegerField(default=0, db_default=0)
    cancelled = models.PositiveIntegerField(default=0, db_default=0)
    unknown = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [models.Index(fields=["state", "due_at"])]
        constraints = [models.UniqueConstraint(fields=["mailing", "first"], name="batch_first")]

    def __str__(self) -> str:
        return f"{self.mailing_id}:{self.first}-{self.last}"


class Attempt(models.Model):
    """What one attempt at one message came to; appended in bulk, never changed. The highest ``number`` is what holds.
    Only the words of an erased person's servers are dropped (:mod:`pipeline.delivery.erasure`).

    ``meaning``: what the server's answer says beyond its class (:mod:`pipeline.delivery.verdicts`), where it says more.
    """

    class Kind(models.TextChoices):
        SENT = "sent", "envoyé"
        DEFERRED = "deferred", "différé"
        REFUSED = "refused", "refusé"
        SUPPRESSED = "suppressed", "désinscrit avant l’envoi"
        CANCELLED = "cancelled", "annulé"
        UNKNOWN = "unknown", "incertain"

    mailing = models.ForeignKey(Mailing, models.PROTECT, db_index=False, db_constraint=False)
    position = models.PositiveIntegerField()
    number = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    meaning = models.CharField(max_length=10, blank=True, default="", db_default="")
    code = models.PositiveSmallIntegerField(default=0)
    enhanced = models.CharField(max_length=12, blank=True, default="")
    text = models.CharField(max_length=500, blank=True, default="")
    at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "position", "number"], name="attempt_once")]

    def __str__(self) -> str:
        return f"{self.mailing_id}:{self.position}#{self.number} {self.kind}"


class Pace(models.Model):
    """How far ahead a limited rate is used up: nothing goes to ``name`` (a destination, or a server) before ``next_at``."""

    name = models.CharField(max_length=120, unique=True)
    next_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.next_at}"


class Outgoing(models.Model):
    """A mail to one person that is no newsletter: confirmation, welcome, notice to staff. ``key`` makes it unique: asking twice
    queues once. ``person``, where it is given: nothing is sent once they have left ``season`` (a welcome, not an answer to them)."""

    class State(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        SENT = "sent"
        REFUSED = "refused"
        UNKNOWN = "unknown"

    key = models.CharField(max_length=200, unique=True)
    sender = models.CharField(max_length=254, blank=True)
    recipient = models.CharField(max_length=254)
    content = models.BinaryField()
    person = models.BigIntegerField(null=True)
    season = models.CharField(max_length=100, blank=True, default="", db_default="")
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    boot = models.CharField(max_length=40, blank=True, default="")
    boot_until = models.FloatField(default=0)
    until = models.DateTimeField(null=True)
    answer = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "due_at"]),
            models.Index(fields=["person"], name="outgoing_person"),
            models.Index(Upper("recipient"), name="outgoing_recipient"),
        ]

    def __str__(self) -> str:
        return self.key


class Installation(models.Model):
    """Which installation may mail from this database. One row. A copy of the database runs elsewhere: another identity, no mail."""

    identity = models.CharField(max_length=500)
    armed_at = models.DateTimeField()
    armed_by = models.CharField(max_length=254)

    def __str__(self) -> str:
        return self.identity


class Bounce(models.Model):
    """A message that came back, or what its reader answered. Written once, by :mod:`pipeline.delivery.bounces.records`.

    ``mailing`` is empty for a mail to one person, and for a complaint that names only the person; ``person`` where nobody has the
    address. ``meaning``: what the refusal says (:mod:`pipeline.delivery.verdicts`); ``domain``: where the message went to.
    ``digest`` makes the same report count once, by whichever doors it comes.
    """

    class Kind(models.TextChoices):
        HARD = "hard", "adresse morte"
        SOFT = "soft", "échec passager"
        COMPLAINT = "complaint", "plainte"
        UNSUBSCRIBE = "unsubscribe", "désinscription"

    class Source(models.TextChoices):
        SMTP = "smtp", "refus immédiat"
        DSN = "dsn", "avis de non-remise"
        ARF = "arf", "rapport de plainte"
        MAIL = "mail", "mail"
        WEBHOOK = "webhook", "prestataire"

    mailing = models.ForeignKey(Mailing, models.PROTECT, null=True, db_index=False)
    position = models.PositiveIntegerField(default=0)
    person = models.BigIntegerField(null=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    source = models.CharField(max_length=8, choices=Source.choices)
    meaning = models.CharField(max_length=10, blank=True, default="")
    code = models.PositiveSmallIntegerField(default=0)
    enhanced = models.CharField(max_length=12, blank=True, default="")
    text = models.CharField(max_length=500, blank=True, default="")
    domain = models.CharField(max_length=255, blank=True, default="")
    at = models.DateTimeField()
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        indexes = [models.Index(fields=["mailing", "kind"]), models.Index(fields=["person", "kind", "at"])]

    def __str__(self) -> str:
        return f"{self.mailing_id}:{self.position} {self.kind}"
