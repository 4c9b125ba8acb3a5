"""What people are told before they give their address (RGPD, article 13), and which wording it was: consents name it.

A changed text is another version: add its date and its SHA-256 (``sha256sum``) here. Earlier versions stay, so that a
consent that names one can be matched with the text in the repository's history.
"""

from __future__ import annotations

TEMPLATE = "reader/information.html.j2"
VERSIONS: dict[str, str] = {
    "2026-11-25": "63a9d00ce425100f6a82949a803e57f917187f8d297e312c6d6fd51bbed5ab9c",
}
INFORMATION_VERSION = max(VERSIONS)
"""The version in force: what :class:`pipeline.audience.consent.Proof` keeps as ``text_version``."""
