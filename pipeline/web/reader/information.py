"""What people are told before they give their address (RGPD, article 13), and which wording it was: consents name it.

A changed text is another version: add its date and its SHA-256 (``sha256sum``) here. Earlier versions stay, so that a
consent that names one can be matched with the text in the repository's history.
"""

from __future__ import annotations

TEMPLATE = "reader/information.html.j2"
VERSIONS: dict[str, str] = {
    "2026-11-25": "39d1855f62a52004fb0898c0a8ac32d2b05d9c3ab3524584aa8c92023d0594ae",
}
INFORMATION_VERSION = max(VERSIONS)
"""The version in force: what :class:`pipeline.audience.consent.Proof` keeps as ``text_version``."""
