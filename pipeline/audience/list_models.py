"""What an import leaves behind: what was decided, what is still to be done, and what became of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Import(models.Model):
    """A file of people that was decided to be imported. From the first row on it is carried out to its end, whoever dies.

    No list of a mailing sees what it brings before it is ``done``, or once it is being undone. ``at``: when it was decided, which
    is when its people's subscriptions begin. ``choice``: for rows that name none. ``rows``: those of ``path`` that were sound, each of
    which ends among ``added``, ``already`` (active before) or ``held`` (they left, or nobody may write to them). ``refused``: faulty lines.
    After an undo, ``ended`` and ``removed`` say how many of those added are gone; the others had made it theirs.
    """

    class State(models.TextChoices):
        APPLYING = "applying", "en cours"
        DONE = "done", "terminé"
        UNDOING = "undoing", "en cours d’annulation"
        UNDONE = "undone", "annulé"

    season = models.CharField(max_length=80)
    choice = models.CharField(max_length=80)
    path = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    who = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.APPLYING)
    rows = models.PositiveIntegerField()
    refused = models.PositiveIntegerField()
    added = models.PositiveIntegerField(default=0)
    already = models.PositiveIntegerField(default=0)
    held = models.PositiveIntegerField(default=0)
    ended = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=("applying", "done", "undoing", "undone")), name="an_import_has_a_known_state"
            )
        ]

    def __str__(self) -> str:
        return f"import {self.pk}"


class ImportPart(models.Model):
    """Some rows of an import that are still to be applied: the transaction that applies them deletes them here.

    ``rows``: JSON, deflated; see :class:`pipeline.audience.lists.judging.Row`.
    """

    brought_by = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    rows = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brought_by", "number"], name="one_part_of_each_number")]

    def __str__(self) -> str:
        return f"import {self.brought_by_id}, {self.number}"
