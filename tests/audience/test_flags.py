from __future__ import annotations

import pytest

from pipeline.audience.addresses import parse
from pipeline.audience.flags import Policy, flags, verdict

RFC_2142 = [
    *("info", "marketing", "sales", "support", "abuse", "noc", "security", "postmaster", "hostmaster", "usenet"),
    *("news", "webmaster", "www", "uucp", "ftp", "liste-request"),
]
FRENCH = [
    *("mairie", "Mairie", "MAIRIE", "mairie21", "mairie.bourg", "mairie-de-bourg", "bourg.mairie", "mairie_bourg2"),
    *("contact", "contact.presse", "accueil", "secretariat", "secrétariat", "secretariat.general", "ccas", "dgs"),
    *("communication", "elus", "élus", "presidence", "mairie+kit", "etat.civil", "no-reply", "ne.pas.repondre"),
]
PEOPLE = [
    *("ada", "ada.lovelace", "jean.maire", "a.lemaire", "marie", "marie.contacte", "villeneuve", "info.dupont"),
    *("c.bureau", "p.conseil", "presse.jean", "mairieux", "42", "secret", "ada+mairie", "accueillant"),
]


@pytest.mark.parametrize("local", RFC_2142 + FRENCH)
def test_a_role_is_flagged_whatever_the_domain(local: str) -> None:
    assert flags(parse(f"{local}@commune.example")) == {"role"}


@pytest.mark.parametrize("local", PEOPLE)
def test_a_person_s_address_is_not_taken_for_a_role(local: str) -> None:
    assert flags(parse(f"{local}@commune.example")) == set()


@pytest.mark.parametrize("domain", ["yopmail.com", "YOPMAIL.com", "mailinator.com", "boite.mailinator.com"])
def test_a_throw_away_domain_is_flagged_and_what_stands_below_it(domain: str) -> None:
    assert flags(parse(f"ada@{domain}")) == {"disposable"}
    assert flags(parse(f"contact@{domain}")) == {"role", "disposable"}


@pytest.mark.parametrize(
    "domain", ["gmail.com", "orange.fr", "laposte.net", "proton.me", "notyopmail.com.example", "com.fr"]
)
def test_other_domains_are_not(domain: str) -> None:
    assert flags(parse(f"ada@{domain}")) == set()


def test_by_default_flags_inform_and_refuse_nobody() -> None:
    given = verdict(parse("mairie@yopmail.com"), Policy())
    assert (given.flags, given.refusal) == ({"role", "disposable"}, "")


def test_what_the_operator_accepts_is_not_even_flagged() -> None:
    given = verdict(parse("mairie@yopmail.com"), Policy(role="accept", disposable="flag"))
    assert (given.flags, given.refusal) == ({"disposable"}, "")


@pytest.mark.parametrize(
    ("written", "policy", "told"),
    [
        ("mairie@commune.example", Policy(role="refuse"), "celle d’un service"),
        ("ada@yopmail.com", Policy(disposable="refuse"), "jetable"),
        ("mairie@yopmail.com", Policy(role="refuse", disposable="refuse"), "jetable"),
        ("mairie@yopmail.com", Policy(role="refuse"), "celle d’un service"),
        ("ada@commune.example", Policy(role="refuse", disposable="refuse"), ""),
    ],
)
def test_a_refusal_says_why_and_what_to_do(written: str, policy: Policy, told: str) -> None:
    refusal = verdict(parse(written), policy).refusal
    assert told in refusal
    assert bool(refusal) == bool(told)
    assert not refusal or "Indiquez" in refusal
