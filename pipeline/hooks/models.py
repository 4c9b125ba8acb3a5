"""Who is told what, and what became of it. Every instant is UTC and comes from the caller."""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q

from pipeline.audience.models import Person

ANSWER_LENGTH = 200


class Type(models.TextChoices):
    """What can be told: the types of Standard Webhooks, by their names on the wire."""

    STARTED = "subscription.started", "abonnement commencé"
    ENDED = "subscription.ended", "abonnement terminé"
    MOVED = "person.moved", "adresse changée"
    ERASED = "person.erased", "personne effacée"
    PUBLISHED = "release.published", "publication"


class Endpoint(models.Model):
    """A URL that is told of some types of events. ``with_address``: of people it is told the address and the name, too.

    ``failures``: attempts in a row that failed, since ``failing_since``; nothing is tried before ``rest_until``. Once disabled, it is told
    nothing, and nothing is kept for it, until a person enables it.
    """

    url = models.CharField(max_length=2000)
    types = models.JSONField(default=list)
    with_address = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    rest_until = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_why = models.CharField(max_length=ANSWER_LENGTH, blank=True)

    def __str__(self) -> str:
        return f"webhook {self.pk} ({self.host})"

    @property
    def host(self) -> str:
        """What logs and people are shown: services put secrets into the rest of a URL."""
        return urlsplit(self.url).hostname or ""


class Secret(models.Model):
    """What events are signed with. ``sealed``: encrypted (:mod:`pipeline.hooks.vault`); ``until``: when one that was replaced ends."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="secrets")
    sealed = models.BinaryField()
    created_at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"secret {self.pk}"


class Event(models.Model):
    """Something that happened. ``data`` bears no address: what an endpoint may know of it is read when it is told."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    type = models.CharField(max_length=40, choices=Type.choices)
    at = models.DateTimeField(db_index=True)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    data = models.JSONField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(type__in=Type.values), name="an_event_has_a_known_type")]

    def __str__(self) -> str:
        return f"{self.type} {self.public_id}"

    @property
    def message_id(self) -> str:
        """The ``webhook-id``: the same at every attempt and for every endpoint."""
        return f"msg_{self.public_id.hex}"


class Delivery(models.Model):
    """One event for one endpoint. ``until``: how long whoever took it up has for its attempt."""

    class State(models.TextChoices):
        WAITING = "waiting", "en attente"
        SENDING = "sending", "en cours"
        DELIVERED = "delivered", "remis"
        GIVEN_UP = "given-up", "abandonné"
        DROPPED = "dropped", "effacé"

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=ANSWER_LENGTH, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="an_endpoint_is_told_an_event_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "sending", "delivered", "given-up", "dropped"]),
                name="a_delivery_has_a_known_state",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], condition=Q(state="waiting"), name="hooks_waiting"),
            models.Index(fields=["until"], condition=Q(state="sending"), name="hooks_sending"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} → {self.endpoint_id} {self.state}"
