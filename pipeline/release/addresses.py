"""Where things stand on the public site: paths below the base URL. Mails, pages, feeds and the kit all ask here."""

from __future__ import annotations

EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/svg+xml": "svg"}


def season_path(season: str) -> str:
    return f"/{season}/"


def fiche_path(season: str, slug: str) -> str:
    return f"/{season}/fiches/{slug}/"


def release_path(season: str, slot: str) -> str:
    """The web version of a release's mail."""
    return f"/{season}/envois/{slot}/"


def kit_path(season: str, name: str) -> str:
    """A file of the kit; ``name`` is ``kit.pdf``, ``kit.epub``, ``kit.html`` or ``kit.zip``."""
    return f"/{season}/kit/{name}"


def calendar_path(season: str) -> str:
    return f"/{season}/calendrier.ics"


def feed_path(season: str) -> str:
    return f"/{season}/flux.xml"


def image_path(sha256: str, media_type: str) -> str:
    return f"/images/{sha256}.{EXTENSIONS[media_type]}"


def unsubscribe_path(token: str) -> str:
    """A page with a button; the same address takes the one-click POST of RFC 8058."""
    return f"/desabonnement/{token}/"


def preferences_path(token: str) -> str:
    return f"/preferences/{token}/"


def confirm_path(token: str) -> str:
    return f"/confirmation/{token}/"


def canary_path(token: str) -> str:
    """A link that no person sees: whoever opens it is a program."""
    return f"/l/{token}/"


def move_path(token: str) -> str:
    return f"/changement-adresse/{token}/"


def renew_path(token: str) -> str:
    return f"/renouvellement/{token}/"


def catch_up_path(token: str) -> str:
    """The part of the preferences that offers what went out before. ``token`` is one for the preferences."""
    return f"{preferences_path(token)}#rattrapage"


def sign_up_path(season: str) -> str:
    return f"/{season}/inscription/"
