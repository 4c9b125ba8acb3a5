"""Which destination a domain belongs to, and what ``KIT_THROTTLES`` says."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery import throttle
from pipeline.delivery.models import Batch
from pipeline.delivery.throttle import DEFAULTS, ThrottleError, Throttles, check, parse


@pytest.mark.parametrize(
    ("domain", "group"),
    [
        ("orange.fr", "orange"), ("wanadoo.fr", "orange"), ("free.fr", "free"), ("sfr.fr", "sfr"), ("neuf.fr", "sfr"),
        ("club-internet.fr", "sfr"), ("laposte.net", "laposte"), ("gmail.com", "google"), ("googlemail.com", "google"),
        ("outlook.com", "microsoft"), ("outlook.fr", "microsoft"), ("hotmail.co.uk", "microsoft"), ("live.fr", "microsoft"),
        ("msn.com", "microsoft"), ("yahoo.fr", "yahoo"), ("yahoo.co.uk", "yahoo"), ("ymail.com", "yahoo"),
        ("rocketmail.com", "yahoo"), ("aol.com", "yahoo"), ("mairie-lyon.fr", ""), ("notgmail.com", ""), ("live.example.org", ""),
    ],
)  # fmt: skip
def test_a_domain_belongs_to_the_provider_whose_servers_it_has(domain: str, group: str) -> None:
    assert Throttles().group_of(domain) == group


def test_every_provider_has_a_careful_pace_and_everybody_else_none() -> None:
    assert set(throttle.GROUPS.values()) == set(DEFAULTS)
    assert all(0 < rate <= 20 for rate in DEFAULTS.values())
    assert parse("").limited() == DEFAULTS
    assert parse("").rate("mairie-lyon.fr") == 0


def test_settings_change_a_provider_by_any_of_its_names_and_add_domains() -> None:
    told = parse("orange=10 gmail=20 free.fr=2 Example.org=0,5 hotmail.com=0")
    assert told.rate("orange") == 10
    assert told.rate("google") == 20
    assert told.rate("free") == 2
    assert told.rate("example.org") == 0.5
    assert told.rate("microsoft") == 0
    assert told.rate("sfr") == DEFAULTS["sfr"]
    assert told.group_of("example.org") == "example.org"
    assert told.group_of("hotmail.fr") == "microsoft"
    assert "microsoft" not in told.limited()
    assert told.domains()["example.org"] == "example.org"
    assert all(told.group_of(domain) == group for domain, group in told.domains().items())


@pytest.mark.parametrize(
    ("text", "part", "mend"),
    [
        ("orange", "« orange »", "orange=10"),
        ("orange=", "« orange= »", "orange=10"),
        ("orange=vite", "« orange=vite »", "orange=10"),
        ("orange=-1", "« orange=-1 »", "de 0 (sans limite) à 1000"),
        ("orange=1001", "« orange=1001 »", "de 0 (sans limite) à 1000"),
        ("orange=1e3", "« orange=1e3 »", "de 0 (sans limite) à 1000"),
        ("orange=nan", "« orange=nan »", "de 0 (sans limite) à 1000"),
        ("=10", "« =10 »", "ni un domaine"),
        ("oranje=10", "« oranje=10 »", "orange, free, sfr"),
        ("écoles.fr=1", "« écoles.fr=1 »", "ni un domaine"),
        (f"{'a' * 40}.fr=1", ".fr=1 »", "40 lettres"),
        ("free=2 free.fr=3", "« free.fr=3 »", "deux fois"),
        ("sfr=1, orange=2", "« sfr=1, »", "sfr=10"),
    ],
)
def test_a_wrong_setting_names_the_part_and_the_mend(text: str, part: str, mend: str) -> None:
    with pytest.raises(ThrottleError) as caught:
        parse(text)
    (fault,) = caught.value.faults
    assert fault.startswith("KIT_THROTTLES : ")
    assert part in fault
    assert mend in fault
    assert check(text) == [fault]


def test_all_faults_are_told_at_once() -> None:
    assert len(check("orange=x free=1 =3 zzz=1")) == 3
    assert check("orange=3\n  free=1") == []


def test_settings_are_checked_before_django_is_there() -> None:
    code = "import sys; from pipeline.delivery.throttle import check; assert check('x'); assert 'django' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@given(st.text(max_size=60))
def test_any_text_is_either_good_or_told_in_french(text: str) -> None:
    faults = check(text)
    if not faults:
        assert max((len(name) for name in parse(text).rates), default=0) <= throttle.LONGEST
    assert all(fault.startswith("KIT_THROTTLES : ") for fault in faults)


def test_a_destination_fits_into_its_column() -> None:
    assert Batch._meta.get_field("destination").max_length == throttle.LONGEST
