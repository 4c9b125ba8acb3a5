from __future__ import annotations

import pytest
from babel import Locale
from disposable_email_domains import blocklist
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audience.addresses import parse
from pipeline.audience.suggestions import suggest

SLIPS = {
    "gmial.com": "gmail.com",
    "gamil.com": "gmail.com",
    "gmai.com": "gmail.com",
    "gmaill.com": "gmail.com",
    "gnail.com": "gmail.com",
    "gmail.con": "gmail.com",
    "gmail.comm": "gmail.com",
    "gmail.cm": "gmail.com",
    "gmail.fr": "gmail.com",
    "GMIAL.COM": "gmail.com",
    "gmial.con": "gmail.com",
    "orange.f": "orange.fr",
    "orange.rf": "orange.fr",
    "orange.ft": "orange.fr",
    "ornage.fr": "orange.fr",
    "orrange.fr": "orange.fr",
    "wanado.fr": "wanadoo.fr",
    "wandoo.fr": "wanadoo.fr",
    "wanadoo.f": "wanadoo.fr",
    "hotmial.fr": "hotmail.fr",
    "hotmai.fr": "hotmail.fr",
    "hotmail.f": "hotmail.fr",
    "hotmial.com": "hotmail.com",
    "hotmail.con": "hotmail.com",
    "outlok.fr": "outlook.fr",
    "outloook.com": "outlook.com",
    "yaho.fr": "yahoo.fr",
    "yahoo.cmo": "yahoo.com",
    "laposte.ent": "laposte.net",
    "laposet.net": "laposte.net",
    "lapostte.net": "laposte.net",
    "fere.fr": "free.fr",
    "freee.fr": "free.fr",
    "free.f": "free.fr",
    "sfr.f": "sfr.fr",
    "iclod.com": "icloud.com",
    "protonmial.com": "protonmail.com",
    "club-internte.fr": "club-internet.fr",
    "clubinternet.fr": "club-internet.fr",
    "numericabl.fr": "numericable.fr",
}

OTHERS = """
    gmail.com orange.fr wanadoo.fr hotmail.fr hotmail.com laposte.net free.fr sfr.fr
    ymail.com mail.com email.com rocketmail.com gmx.fr gmx.com gmx.net gmx.de googlemail.com fastmail.com
    laposte.fr orange.com orange.be orange.re sfr.re free.re wanadoo.es wanadoo.nl hotmail.be hotmail.ch hotmail.it hotmail.co.uk
    live.be outlook.be outlook.es yahoo.ca yahoo.co.uk yahoo.it aol.fr me.com mac.com pm.me ik.me neuf.fr cegetel.fr voila.fr
    fee.fr fred.fr tree.fr frei.fr fr.fr orage.fr grange.fr mange.fr range.fr olive.fr lire.fr rive.fr live.se laporte.net poste.net
    riposte.net cloud.com box.fr boeuf.fr srf.fr asn.com proto.me sky.be free.org bluewin.com
    mairie.fr paris.fr lyon.fr ville-lille.fr grenoble.fr rtes.fr example.com commune.example interieur.gouv.fr
    x.gmial.com gmail.com.example wanadoo.fr.example
""".split()  # noqa: SIM905 - a list of this length reads better so


@pytest.mark.parametrize(("written", "meant"), SLIPS.items())
def test_a_slip_in_a_frequent_domain_is_told_with_the_whole_address(written: str, meant: str) -> None:
    assert suggest(parse(f"Ada.L+kit@{written}")) == f"Ada.L+kit@{meant}"


@pytest.mark.parametrize("domain", OTHERS)
def test_nothing_is_said_of_a_domain_that_is_or_may_be_somebody_s(domain: str) -> None:
    assert suggest(parse(f"ada@{domain}")) is None


@given(st.sampled_from(sorted(set(SLIPS.values()))), st.integers(0, 20), st.sampled_from(["doubled", "swapped"]))
def test_whatever_is_suggested_is_a_frequent_domain_which_is_itself_left_alone(
    domain: str, place: int, slip: str
) -> None:
    name, _, ending = domain.partition(".")
    place %= len(name) - 1
    mistyped = {
        "doubled": name[: place + 1] + name[place:],
        "swapped": name[:place] + name[place + 1] + name[place] + name[place + 2 :],
    }[slip]
    said = suggest(parse(f"ada@{mistyped}.{ending}"))
    if said is None:
        assert mistyped == name or len(name) <= 3
    else:
        assert said == f"ada@{domain}"
        assert suggest(parse(said)) is None


@given(st.text("abcdefghijklmnopqrstuvwxyz-é", min_size=12, max_size=30))
def test_a_name_unlike_any_other_gets_no_suggestion(name: str) -> None:
    domain = f"mairie-{name}x.fr"
    assert "club" in name or suggest(parse(f"ada@{domain}")) is None


def test_among_thousands_of_real_domains_hardly_any_is_taken_for_a_slip() -> None:
    real = sorted(domain for domain in blocklist if "xn--" not in domain)
    said = [domain for domain in real if suggest(parse(f"ada@{domain}"))]
    assert len(real) > 5_000
    assert len(said) * 500 < len(real), said


def test_every_country_s_ending_near_ours_is_spared() -> None:
    countries = {code.lower() for code in Locale("en").territories if len(code) == 2 and code.isalpha()}
    unused = {"eu", "ez", "un", "xa", "xb", "zz", "qo"}
    for country in sorted(countries - unused):
        assert suggest(parse(f"ada@orange.{country}")) in (None, f"ada@orange.{country}")
        assert suggest(parse(f"ada@laposte.{country}")) is None
