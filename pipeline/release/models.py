"""What was applied, what staff decided, what went out. The words of a season stand in its file, never in a column's name."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Revision(models.Model):
    """One reading of the files into the database. Numbers grow; releases take only what a revision holds."""

    number = models.PositiveIntegerField(unique=True)
    applied_at = models.DateTimeField()
    applied_by = models.CharField(max_length=254)

    def __str__(self) -> str:
        return f"révision {self.number}"


class AppliedSeason(models.Model):
    """A season's file as a revision holds it, whole: it is read again by the same code that checked it."""

    revision = models.ForeignKey(Revision, models.PROTECT)
    name = models.CharField(max_length=100)
    path = models.CharField(max_length=300)
    source = models.TextField()
    sha256 = models.CharField(max_length=64)
    glossary = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "name"], name="season_once_per_revision")]

    def __str__(self) -> str:
        return f"{self.name} ({self.revision_id})"


class StoredFiche(models.Model):
    """A checked fiche by the hash of its JSON: revisions and releases share it."""

    digest = models.CharField(max_length=64, unique=True)
    data = models.JSONField()

    def __str__(self) -> str:
        return self.digest


class AppliedFiche(models.Model):
    """A fiche of a revision; without ``stored``, the file has the faults told in ``faults`` and its slot is not ready."""

    revision = models.ForeignKey(Revision, models.PROTECT)
    season = models.CharField(max_length=100)
    slug = models.CharField(max_length=100)
    stored = models.ForeignKey(StoredFiche, models.PROTECT, null=True)
    faults = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "season", "slug"], name="fiche_once_per_revision")]

    def __str__(self) -> str:
        return f"{self.season}/{self.slug}"


class StoredImage(models.Model):
    """An image by its hash. It is served once a release shows it, not before."""

    sha256 = models.CharField(max_length=64, unique=True)
    media_type = models.CharField(max_length=40)
    content = models.BinaryField()
    released = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.sha256


class SeasonState(models.Model):
    """A season runs only once activated."""

    season = models.CharField(max_length=100, unique=True)
    active = models.BooleanField(default=False)
    activated_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.season


class SlotState(models.Model):
    """What staff, or the calendar's own rules, decided about a slot. ``version`` grows with every change and guards each of them.

    ``date`` overrides the file until the file says the same; ``file_date`` is what the file said when staff decided.
    """

    season = models.CharField(max_length=100)
    slot = models.CharField(max_length=100)
    version = models.PositiveIntegerField(default=0)
    held = models.BooleanField(default=False)
    hold_reason = models.TextField(blank=True, default="")
    held_by = models.CharField(max_length=254, blank=True, default="")
    cleared = models.BooleanField(default=False)
    skipped = models.BooleanField(default=False)
    skip_reason = models.TextField(blank=True, default="")
    date = models.DateField(null=True)
    file_date = models.DateField(null=True)
    date_reason = models.TextField(blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["season", "slot"], name="slot_state_once")]

    def __str__(self) -> str:
        return f"{self.season}/{self.slot}"


class Intention(models.Model):
    """A trigger: this slot shall leave. A worker fulfils it, or it is withdrawn within its undo."""

    class End(models.TextChoices):
        RELEASED = "released"
        WITHDRAWN = "withdrawn"
        REFUSED = "refused"

    season = models.CharField(max_length=100)
    slot = models.CharField(max_length=100)
    actor = models.CharField(max_length=12)
    who = models.CharField(max_length=254)
    why = models.TextField(blank=True)
    with_mail = models.BooleanField(default=True)
    version = models.PositiveIntegerField()
    not_before = models.DateTimeField()
    created_at = models.DateTimeField()
    end = models.CharField(max_length=10, choices=End.choices, blank=True, default="")
    ended_at = models.DateTimeField(null=True)
    refusal = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["season", "slot"], condition=Q(end=""), name="one_open_intention")
        ]

    def __str__(self) -> str:
        return f"{self.season}/{self.slot} ({self.who})"


class Release(models.Model):
    """What went out at a slot, frozen. A slot is released once: the constraint says so."""

    season = models.CharField(max_length=100)
    slot = models.CharField(max_length=100)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=12)
    date = models.DateField()
    due = models.DateTimeField(null=True)
    released_at = models.DateTimeField()
    revision = models.ForeignKey(Revision, models.PROTECT)
    subject = models.TextField()
    web_version = models.TextField()
    mailing = models.CharField(max_length=200, blank=True)
    event = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["season", "slot"], name="release_once")]

    def __str__(self) -> str:
        return f"{self.season}/{self.slot}"


class Carrying(models.Model):
    """Which mailing carries which release: live, in a digest, or to those who catch up. A person gets each release by one of them."""

    release = models.ForeignKey(Release, models.PROTECT, related_name="carried")
    mailing = models.ForeignKey("delivery.Mailing", models.PROTECT, related_name="carries")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["release", "mailing"], name="carried_once_by_a_mailing")]

    def __str__(self) -> str:
        return f"{self.release_id} {self.mailing_id}"


class Digest(models.Model):
    """The monthly mailing of a season, made once for each month (``2020-03``)."""

    season = models.CharField(max_length=100)
    month = models.CharField(max_length=7)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["season", "month"], name="one_digest_a_month")]

    def __str__(self) -> str:
        return f"{self.season} {self.month}"


class ReleasedFiche(models.Model):
    """A fiche as released. A correction adds a row with a higher version; nothing is overwritten."""

    release = models.ForeignKey(Release, models.PROTECT, related_name="fiches")
    season = models.CharField(max_length=100)
    slug = models.CharField(max_length=100)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=60)
    version = models.PositiveIntegerField()
    stored = models.ForeignKey(StoredFiche, models.PROTECT)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["season", "slug", "version"], name="fiche_version_once")]

    def __str__(self) -> str:
        return f"{self.season}/{self.slug} v{self.version}"


class KitFile(models.Model):
    """A file of the kit as the final release froze it."""

    release = models.ForeignKey(Release, models.PROTECT, related_name="kit")
    format = models.CharField(max_length=8)
    name = models.CharField(max_length=60)
    media_type = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    pages = models.PositiveIntegerField(null=True)
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["release", "format"], name="kit_format_once")]

    def __str__(self) -> str:
        return self.name


class AuditEntry(models.Model):
    """Who did what, when, why. Appended, never changed."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=12)
    who = models.CharField(max_length=254)
    action = models.CharField(max_length=40)
    season = models.CharField(max_length=100, blank=True)
    slot = models.CharField(max_length=100, blank=True)
    why = models.TextField(blank=True)
    data = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.action} {self.season}/{self.slot}"


class Plan(models.Model):
    """One row: ``revision`` grows whenever anything that dates a slot changes, so that beat forgets what it had planned."""

    revision = models.PositiveBigIntegerField(default=0)
    ticked_at = models.DateTimeField(null=True)
    mended_at = models.DateTimeField(null=True)
    tended_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.revision)
