"""One installation mails. A copied or restored database mails nobody until a person arms it (`kit arm`).

Identity: a random id kept in the data folder, with that folder's real path, device and inode, so that a copied folder is
another installation; or `KIT_INSTALLATION_ID` where several hosts share one database.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
from pathlib import Path

from django.db import transaction

from pipeline.delivery.models import Installation


class NotArmed(Exception):
    """This installation must not mail; the message is French and says what to do."""


def identity(data_dir: Path, installation_id: str = "") -> str:
    """What tells this installation from any other; made at first use."""
    if installation_id:
        return f"id:{installation_id}"
    path = data_dir / "installation"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"installation.{os.getpid()}")
        draft.write_text(secrets.token_hex(16), encoding="ascii")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    real = data_dir.resolve()
    stat = real.stat()
    return f"{path.read_text(encoding='ascii').strip()}|{stat.st_dev}|{stat.st_ino}|{real}"


def arm(current: str, *, now: dt.datetime, who: str) -> None:
    """Let this installation, and no other, mail from this database."""
    with transaction.atomic():
        Installation.objects.update_or_create(pk=1, defaults={"identity": current, "armed_at": now, "armed_by": who})


def arm_if_new(current: str, *, now: dt.datetime) -> bool:
    """Arm a database that this installation has just created: one that no installation has ever been armed for."""
    with transaction.atomic():
        _, created = Installation.objects.get_or_create(
            pk=1, defaults={"identity": current, "armed_at": now, "armed_by": "création"}
        )
    return created


def is_armed(current: str) -> bool:
    return Installation.objects.filter(pk=1, identity=current).exists()


def require(current: str) -> None:
    """Raise :class:`NotArmed` unless this installation is the one that mails."""
    if not is_armed(current):
        raise NotArmed(
            "Cette installation n’est pas celle qui a créé la base (copie ou restauration) : rien ne part. "
            "Si l’autre est bien arrêtée, taper « kit arm »."
        )
