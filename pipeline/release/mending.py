"""The repair loop: what delivery finds and mends is said in the log and kept in the audit."""

from __future__ import annotations

import datetime as dt
import logging

from django.db.models import Q

from pipeline.delivery import repair
from pipeline.release import audit
from pipeline.release.audit import SYSTEM
from pipeline.release.models import Plan

logger = logging.getLogger(__name__)

EVERY = dt.timedelta(minutes=10)


def mend(*, now: dt.datetime) -> list[str]:
    """Look for what is broken, every ten minutes whoever asks; return what was mended, in French."""
    due = Plan.objects.filter(Q(mended_at=None) | Q(mended_at__lte=now - EVERY) | Q(mended_at__gt=now + EVERY))
    if not due.update(mended_at=now):
        return []
    found = repair.repair(now=now)
    for line in found:
        logger.warning("%s", line)
        audit.record(SYSTEM, "repair", now=now, why=line)
    return found
