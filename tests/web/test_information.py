"""What people are told before they give their address is versioned, and says what the law asks for."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pytest
from django.test import Client
from lxml import html

from pipeline import environment
from pipeline.web.reader.information import INFORMATION_VERSION, TEMPLATE, VERSIONS
from tests.web import factories
from tests.web.conftest import Site

TEXT = (environment.ROOT / "pipeline/web/templates" / Path(TEMPLATE)).read_bytes()


def test_a_changed_wording_is_another_version() -> None:
    assert VERSIONS[INFORMATION_VERSION] == hashlib.sha256(TEXT).hexdigest(), (
        "The information has changed: add its date and its SHA-256 to VERSIONS in pipeline/web/reader/information.py."
    )


def test_versions_are_dates_and_none_is_taken_twice() -> None:
    assert [dt.date.fromisoformat(one).isoformat() for one in VERSIONS] == sorted(VERSIONS)
    assert len(set(VERSIONS.values())) == len(VERSIONS)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["", "cadre/"])
def test_it_stands_beside_the_form_with_the_publishers_facts(client: Client, site: Site, path: str) -> None:
    page = html.fromstring(client.get(f"/{factories.NAME}/inscription/{path}").content)
    (told,) = page.xpath("//form//section[@aria-labelledby='vos-donnees']")
    said = " ".join(told.text_content().split())
    publisher = factories.publisher()
    assert publisher.name in said
    assert "1, rue de l’Exemple, 75000 Paris" in said
    assert told.xpath(f".//a[@href='mailto:{publisher.privacy_contact}']")
    # RGPD, article 13: purpose and legal basis, recipients, how long, rights, withdrawal, complaint, what is required.
    owed = "consentement|article 6.1.a|retirer à tout moment|prestataires|30 jours|effacer|CNIL|seule obligatoire"
    assert [one for one in owed.split("|") if one not in said] == []
