"""How many mails somebody may cause by typing an address, counted per mailbox in the database: it holds whatever Redis forgets.

Nobody is flooded through our forms: a mailbox gets at most :data:`A_DAY` of such mails a day and :data:`A_MONTH` in thirty days, by
whichever spelling of its address, and for whichever season. Workers that count the same mailbox at one instant may exceed
that by one each.
"""

from __future__ import annotations

import datetime as dt

from pipeline.audience.addresses import Address, same_mailbox
from pipeline.audience.fingerprints import fingerprint, fingerprints
from pipeline.audience.models import MailboxUse

A_DAY = 3
A_MONTH = 10
MONTH = dt.timedelta(days=30)


def take(address: Address, *, now: dt.datetime) -> bool:
    """Count one more mail to this mailbox; False, and nothing counted, where it has had enough."""
    mailbox = same_mailbox(address)
    used = MailboxUse.objects.filter(mailbox__in=fingerprints(mailbox), at__lte=now)
    if (
        used.filter(at__gt=now - dt.timedelta(days=1)).count() >= A_DAY
        or used.filter(at__gt=now - MONTH).count() >= A_MONTH
    ):
        return False
    MailboxUse.objects.create(mailbox=fingerprint(mailbox), at=now)
    return True


def forget(address: Address) -> None:
    """The mailbox answered: what it was sent so far was wanted."""
    MailboxUse.objects.filter(mailbox__in=fingerprints(same_mailbox(address))).delete()
