from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.web import factories
from tests.web.conftest import Site


@pytest.mark.parametrize(
    "path", ["/", f"/{factories.NAME}/fiches/toits/", "/inconnue/", "/vie-privee/", "/desabonnement/x/"]
)
def test_every_page_refuses_scripts_frames_and_guessing(client: Client, site: Site, path: str) -> None:
    answer = client.get(path)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", f"/{factories.NAME}/fiches/toits/", "/accessibilite/"])
def test_pages_carry_nothing_that_the_policy_would_refuse(client: Client, site: Site, path: str) -> None:
    content = client.get(path).content.decode()
    for refused in ("<script", "style=", "<style", " onclick", "javascript:"):
        assert refused not in content


def test_pages_fetch_nothing_from_elsewhere(client: Client, site: Site) -> None:
    content = client.get(f"/{factories.NAME}/fiches/toits/").content.decode()
    fetched = re.findall(r'<(?:img|script|iframe)[^>]* src="([^"]+)"', content)
    fetched += re.findall(r'<link rel="(?:preload|stylesheet|icon)" href="([^"]+)"', content)
    assert fetched
    assert all(address.startswith("/") and not address.startswith("//") for address in fetched)
