"""What people are told before they give their address (RGPD, article 13), and which wording it was: consents name it.

A changed text is another version: add its date and its SHA-256 (``sha256sum``) here. Earlier versions stay, so that a
consent that names one can be matched with the text in the repository's history.
"""

from __future__ import annotations

TEMPLATE = "reader/information.html.j2"
VERSIONS: dict[str, str] = {
    "2026-11-25": "6057e980bb9a0243fa2c3b89e42e75493e46df9cffa7133ce19733bfb478ec44",
}
INFORMATION_VERSION = max(VERSIONS)
"""The version in force: what :class:`pipeline.audience.consent.Proof` keeps as ``text_version``."""
