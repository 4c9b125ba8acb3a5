"""What the operator's environment says, and what is said of it where it makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import environment
from pipeline.environment import KNOWN, SECRETS, SettingsError


def faults(**environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        environment.read(environ)
    return str(caught.value)


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_setting_is_one_that_is_not_given(empty: str) -> None:
    names = [*KNOWN, *(f"{name}_FILE" for name in SECRETS)]
    assert environment.read(dict.fromkeys(names, empty)) == environment.read({})


def test_a_secret_is_read_from_its_file_and_an_empty_file_gives_none(tmp_path: Path) -> None:
    secret = tmp_path / "smtp"
    secret.write_text("smtp://relais.example.org\n")
    assert environment.read({"KIT_SMTP_URL_FILE": str(secret)}).smtp_url == "smtp://relais.example.org"
    assert environment.read({"KIT_SMTP_URL_FILE": str(secret), "KIT_SMTP_URL": ""}).smtp_url != ""
    assert environment.read({"KIT_BOUNCES_URL_FILE": "/dev/null"}).bounces_url == ""
    assert "n’en garder qu’un" in faults(KIT_SMTP_URL="smtp://a", KIT_SMTP_URL_FILE=str(secret))
    assert "KIT_SMTP_URL_FILE : le fichier « /absent »" in faults(KIT_SMTP_URL_FILE="/absent")


def test_every_fault_is_told_at_once_with_its_setting_and_no_secret() -> None:
    told = faults(
        KIT_SMTP="x", KIT_RETURN_PATH="rebonds", KIT_SOFT_BOUNCES="5", KIT_RETRY_HOURS="0", KIT_DKIM_DIR="/absent",
        KIT_BOUNCES_URL="pop://user:motdepasse@host", KIT_LOG_LEVEL="fort", KIT_WEBHOOK_SECRET="court:motdepasse",
        KIT_ROLE_ADDRESSES="jamais", KIT_DISPOSABLE_ADDRESSES="oui", KIT_RENEW_MONTHS="-1",
    )  # fmt: skip
    assert [line.partition(" ")[0] for line in sorted(told.splitlines())] == [
        "KIT_BOUNCES_URL", "KIT_DISPOSABLE_ADDRESSES", "KIT_DKIM_DIR", "KIT_LOG_LEVEL", "KIT_RENEW_MONTHS", "KIT_RETRY_HOURS",
        "KIT_RETURN_PATH", "KIT_ROLE_ADDRESSES", "KIT_SMTP", "KIT_SOFT_BOUNCES", "KIT_WEBHOOK_SECRET",
    ]  # fmt: skip
    assert "motdepasse" not in told


def test_what_is_done_with_flagged_addresses_is_read_and_flags_by_default() -> None:
    given = environment.read({"KIT_ROLE_ADDRESSES": "accept", "KIT_DISPOSABLE_ADDRESSES": "refuse"})
    assert (given.role_addresses, given.disposable_addresses) == ("accept", "refuse")
    assert (environment.read({}).role_addresses, environment.read({}).disposable_addresses) == ("flag", "flag")


def test_months_without_a_word_are_a_number_and_none_is_one() -> None:
    assert environment.read({}).renew_months == 24
    assert environment.read({"KIT_RENEW_MONTHS": "0"}).renew_months == 0
    assert "KIT_RENEW_MONTHS : « 121 »" in faults(KIT_RENEW_MONTHS="121")


def test_proxies_and_embedders_are_named_with_care() -> None:
    assert environment.read({}).proxies == ("127.0.0.0/8", "::1/128")
    assert environment.read({}).embedders == ("*",)
    given = environment.read(
        {"KIT_PROXIES": "10.0.0.0/8, 2001:db8::7", "KIT_EMBEDDERS": "https://a.fr,https://*.b.fr:8443"}
    )
    assert (given.proxies, given.embedders) == (("10.0.0.0/8", "2001:db8::7"), ("https://a.fr", "https://*.b.fr:8443"))
    none = environment.read({"KIT_PROXIES": "none", "KIT_EMBEDDERS": "none"})
    assert (none.proxies, none.embedders) == ((), ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KIT_PROXIES", "10.0.0.1/8"),
        ("KIT_PROXIES", "proxy.local"),
        ("KIT_EMBEDDERS", "commune.fr"),
        ("KIT_EMBEDDERS", "https://a.fr/chemin"),
        ("KIT_EMBEDDERS", "https://a.fr; script-src *"),
        ("KIT_EMBEDDERS", "'self'"),
    ],
)
def test_a_proxy_or_an_embedder_that_is_none_is_told(name: str, value: str) -> None:
    assert f"{name} : « {value} » n’est pas" in faults(**{name: value})
