"""What the ledger's entries say goes under each person's key, in steps that can be taken up again; senders do not read it."""

from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import migrations
from django.db.models import F

from pipeline.audience.evidence import Details, close, new_key

CHUNK = 1_000


def give_keys(apps: Any, schema_editor: Any) -> None:
    Person = apps.get_model("audience", "Person")
    while people := list(Person.objects.filter(ledger_key=b"", erased_at__isnull=True)[:CHUNK]):
        for person in people:
            person.ledger_key = new_key()
        Person.objects.bulk_update(people, ["ledger_key"])


def close_entries(apps: Any, schema_editor: Any) -> None:
    Consent = apps.get_model("audience", "Consent")
    entries = Consent._base_manager.filter(commitment=b"").select_related("person").order_by("pk")
    while chunk := list(entries[:CHUNK]):
        for one in chunk:
            details = Details(
                source=one.source,
                text_version=one.text_version,
                form=one.form,
                ip_truncated=one.ip_truncated,
                choice=one.choice,
                given_at=one.given_at.isoformat() if one.given_at else "",
            )
            # Nobody shall open what an erased person's entries said: their key is thrown away at once.
            cipher = AESGCM(bytes(one.person.ledger_key) or new_key())
            one.details, one.commitment = close(
                cipher, one.person.public_id, one.season, one.event, details, now=one.at
            )
        Consent._base_manager.bulk_update(chunk, ["details", "commitment"])


def date_decisions(apps: Any, schema_editor: Any) -> None:
    Subscription = apps.get_model("audience", "Subscription")
    Subscription.objects.filter(decided_at__isnull=True).update(decided_at=F("since"))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("audience", "0002_audience_at_large")]
    operations = [
        migrations.RunPython(give_keys, migrations.RunPython.noop),
        migrations.RunPython(close_entries, migrations.RunPython.noop),
        migrations.RunPython(date_decisions, migrations.RunPython.noop),
    ]
