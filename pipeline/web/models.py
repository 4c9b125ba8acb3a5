"""What the web keeps of its own: which requests of the API were carried out, so that one that is sent again is not done again."""

from __future__ import annotations

from django.db import models


class IdempotentRequest(models.Model):
    """A request that bore an ``Idempotency-Key`` and was carried out: see :mod:`pipeline.web.api.idempotency`.

    ``name`` stands for the key and the route, ``fingerprint`` for the body: keyed hashes, from which neither can be read.
    ``status`` and ``body`` are what was answered, and say nothing of anybody.
    """

    name = models.CharField(max_length=64, unique=True)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.TextField(blank=True)
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.name
