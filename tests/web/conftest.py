"""The pages get what `publication` answers: here a season made by hand, with everything a page has to show."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from pipeline.release import publication
from pipeline.release.published import PublicFiche, PublicFile, PublicRelease, SeasonPage
from pipeline.season.season import Season
from tests.web import factories

KIT = b"%PDF-1.7 un kit"


class Site:
    """What is published; a test changes it before it asks for a page."""

    def __init__(self) -> None:
        self.pages: dict[str, SeasonPage] = {factories.NAME: factories.page()}
        self.fiches: dict[str, PublicFiche] = {one.fiche.slug: one for one in self.page.fiches}
        self.images: dict[str, tuple[str, bytes]] = {factories.PICTURE: ("image/png", b"\x89PNG")}

    @property
    def page(self) -> SeasonPage:
        return self.pages[factories.NAME]

    def active_seasons(self) -> tuple[str, ...]:
        return tuple(self.pages)

    def season(self, name: str) -> Season | None:
        return self.pages[name].season if name in self.pages else None

    def season_page(self, season: str) -> SeasonPage | None:
        return self.pages.get(season)

    def public_fiche(self, season: str, slug: str) -> PublicFiche | None:
        return self.fiches.get(slug) if season in self.pages else None

    def public_release(self, season: str, slot: str) -> PublicRelease | None:
        return next((one for one in self.page.releases if one.slot == slot), None) if season in self.pages else None

    def released_paths(self, season: str) -> dict[str, str]:
        return {slug: one.path for slug, one in self.fiches.items()}

    def image(self, sha256: str) -> tuple[str, bytes] | None:
        return self.images.get(sha256)

    def kit_file(self, season: str, name: str) -> tuple[PublicFile, bytes] | None:
        return (factories.public_file(content=KIT), KIT) if (season, name) == (factories.NAME, "kit.pdf") else None

    def calendar_ics(self, season: str) -> bytes | None:
        return b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n" if season in self.pages else None


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site()
    for name in [name for name in vars(Site) if not name.startswith("_") and name != "page"]:
        monkeypatch.setattr(publication, name, getattr(made, name))
    return made


@pytest.fixture
def client(settings: Any) -> Client:
    """A browser; over plain http, whatever base URL this machine's environment has."""
    settings.SECURE_SSL_REDIRECT = False
    settings.ALLOWED_HOSTS = ["testserver"]
    return Client()
