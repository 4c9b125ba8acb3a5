from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import pytest
from django.test import Client
from lxml import html as lxml_html

from pipeline.content import tree
from tests.web import factories
from tests.web.conftest import Site

HOME = f"/{factories.NAME}/"
FICHE = f"/{factories.NAME}/fiches/toits/"


def text(response: object) -> str:
    """The words of a page, spaces of every width made plain."""
    return re.sub(r"\s+", " ", str(lxml_html.fromstring(response.content).text_content()))  # type: ignore[attr-defined]


def test_a_sole_season_is_the_site(client: Client, site: Site) -> None:
    assert client.get("/").content == client.get(HOME).content


def test_several_seasons_are_listed(client: Client, site: Site) -> None:
    other = factories.season(name="autre-2021", title="L’autre kit")
    site.pages["autre-2021"] = replace(factories.page(), season=other)
    page = client.get("/")
    assert "Kit d’essai" in text(page)
    assert 'href="/autre-2021/"' in page.content.decode()


def test_without_a_season_the_home_says_so(client: Client, site: Site) -> None:
    site.pages.clear()
    page = client.get("/")
    assert page.status_code == 200
    assert "Aucune saison n’est ouverte" in text(page)


@pytest.mark.parametrize(
    "path", ["/inconnue/", "/inconnue/fiches/toits/", "/inconnue/flux.xml", "/inconnue/calendrier.ics"]
)
def test_a_season_that_does_not_run_has_no_address(client: Client, site: Site, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_home_says_what_leaves_next_and_when(client: Client, site: Site) -> None:
    assert "Prochain envoi mercredi 1er avril 2020 à 9 h" in text(client.get(HOME))


def test_a_provisional_date_is_shown_as_one_and_without_an_hour(client: Client, site: Site) -> None:
    coming = replace(site.page.line[1], status="provisional")
    site.pages[factories.NAME] = replace(site.page, next=coming)
    assert "mercredi 1er avril 2020 date à confirmer" in text(client.get(HOME))


def test_a_finale_without_a_date_is_to_be_confirmed(client: Client, site: Site) -> None:
    finale = site.page.line[-1]
    site.pages[factories.NAME] = replace(site.page, next=finale)
    words = text(client.get(HOME))
    assert "Prochain envoi date à confirmer La version finale du kit, 9e Rencontre d’essai" in words


def test_the_line_says_each_state_in_words(client: Client, site: Site) -> None:
    words = text(client.get(HOME))
    for state in ("Publié", "Prévu", "En attente", "Annulé"):
        assert state in words


def test_a_fiche_to_come_shows_its_title_without_a_link(client: Client, site: Site) -> None:
    page = lxml_html.fromstring(client.get(HOME).content)
    assert page.xpath("//ol[@class='line']//span[text()='Ce qui vient']")
    assert not page.xpath("//a[contains(@href, 'a-venir')]")


def test_a_season_whose_slots_are_all_out_says_so(client: Client, site: Site) -> None:
    site.pages[factories.NAME] = replace(site.page, next=None)
    assert "Tout est publié" in text(client.get(HOME))


def test_a_season_before_its_launch_has_a_home(client: Client, site: Site) -> None:
    site.pages[factories.NAME] = replace(site.page, latest=(), fiches=(), kit=(), releases=())
    words = text(client.get(HOME))
    assert "Aucune fiche n’est encore publiée." in words
    assert "Le kit réunira toutes les fiches" in words


def test_a_fiche_shows_what_a_reader_needs(client: Client, site: Site) -> None:
    words = text(client.get(FICHE))
    for part in (
        "Conseil n° 1",
        "Comment prêter un toit de la commune ?",
        "Lecture : 4 min",
        "Publiée le 22 janvier 2020",
        "Version 1 du 15 avril 2020",
        "Chiffres clés",
        "2,50 € reviennent au territoire",
        "Béganne (Morbihan)",
        "Des bénéfices locaux, Revue d’essai, 13 décembre 2019",
        "Un livre sans adresse, Éditions d’essai, s. d.",
        "Fiche suivante 2. La fiche jumelle",
    ):
        assert part in words


def test_the_box_on_top_holds_the_section_in_brief_once(client: Client, site: Site) -> None:
    page = lxml_html.fromstring(client.get(FICHE).content)
    (box,) = page.xpath("//section[@class='brief']")
    assert "Une commune peut prêter un toit" in box.text_content()
    assert not page.xpath("//div[@class='prose']//h2[text()='En bref']")


def test_a_fiche_without_that_section_boxes_its_actions(client: Client, site: Site) -> None:
    blocks = tuple(block for block in factories.body().blocks[2:])
    site.fiches["toits"] = factories.public_fiche(
        factories.fiche(body=tree.Document(blocks, factories.body().footnotes))
    )
    page = lxml_html.fromstring(client.get(FICHE).content)
    (box,) = page.xpath("//section[@class='brief']")
    assert "Recenser les toits." in box.text_content()
    assert page.xpath("//div[@class='prose']/h2[starts-with(text(), 'De quoi parle')]")


def test_a_fiche_of_one_section_has_a_page(client: Client, site: Site) -> None:
    site.fiches["toits"] = factories.public_fiche(factories.fiche(body=tree.Document(factories.body().blocks[:2])))
    page = lxml_html.fromstring(client.get(FICHE).content)
    assert "Commencez par les économies" in page.xpath("//section[@class='brief']")[0].text_content()


def test_a_note_called_in_the_box_and_below_has_one_place_and_two_ways_back(client: Client, site: Site) -> None:
    call = tree.Paragraph((tree.Text("Appel"), tree.FootnoteRef(1)))
    body = factories.body()
    site.fiches["toits"] = factories.public_fiche(
        factories.fiche(body=tree.Document((body.blocks[0], call, *body.blocks[1:]), body.footnotes))
    )
    page = lxml_html.fromstring(client.get(FICHE).content)
    assert len(page.xpath("//section[@class='footnotes']")) == 1
    assert len(page.xpath("//a[@role='doc-backlink']")) == 2


@pytest.mark.parametrize("path", ["/", FICHE, f"/{factories.NAME}/envois/lancement/", "/vie-privee/"])
def test_every_anchor_of_a_page_stands_once_and_every_inner_link_lands(client: Client, site: Site, path: str) -> None:
    site.fiches["toits"] = factories.public_fiche(factories.corrected(factories.fiche()))
    page = lxml_html.fromstring(client.get(path).content)
    anchors = page.xpath("//@id")
    assert len(anchors) == len(set(anchors))
    assert {href[1:] for href in page.xpath("//a/@href") if href.startswith("#")} <= set(anchors)
    for names in page.xpath("//@aria-labelledby | //@aria-describedby"):
        assert set(names.split()) <= set(anchors)


def test_a_section_named_like_a_part_of_the_page_keeps_its_own_anchor(client: Client, site: Site) -> None:
    blocks = (*factories.body().blocks, tree.Heading(2, factories.words("Sources"), "sources"))
    site.fiches["toits"] = factories.public_fiche(
        factories.fiche(body=tree.Document(blocks, factories.body().footnotes))
    )
    anchors = lxml_html.fromstring(client.get(FICHE).content).xpath("//@id")
    assert len(anchors) == len(set(anchors))


def test_links_lead_only_to_released_fiches(client: Client, site: Site) -> None:
    content = client.get(FICHE).content.decode()
    assert f'href="/{factories.NAME}/fiches/jumelle/"' in content
    assert "celle qui vient" in content
    assert "fiches/a-venir" not in content


def test_the_text_of_a_fiche_is_never_markup(client: Client, site: Site) -> None:
    attack = "<script>alert(1)</script>"
    made = factories.fiche(title=attack, short_title=attack, summary=attack, partners=(attack,), actions=(attack,))
    site.fiches["toits"] = factories.public_fiche(made)
    site.pages[factories.NAME] = replace(site.page, fiches=(site.fiches["toits"],), latest=(site.fiches["toits"],))
    for path in (FICHE, HOME, f"/{factories.NAME}/flux.xml"):
        assert b"<script" not in client.get(path).content


def test_a_correction_is_shown_with_its_date_and_reason(client: Client, site: Site) -> None:
    site.fiches["toits"] = factories.public_fiche(factories.corrected(factories.fiche()))
    words = text(client.get(FICHE))
    assert "Version 2" in words
    assert "4 mai 2020 : Le montant de la part était faux." in words


def test_a_fiche_that_is_not_released_is_not_found_and_not_cached(client: Client, site: Site) -> None:
    page = client.get(f"/{factories.NAME}/fiches/a-venir/")
    assert page.status_code == 404
    assert page["Cache-Control"] == "no-store"
    assert "Page introuvable" in text(page)


def test_a_release_shows_its_fiches_and_the_mail_as_it_left(client: Client, site: Site) -> None:
    page = client.get(f"/{factories.NAME}/envois/lancement/")
    assert "Envoi n° 1, mercredi 22 janvier 2020" in text(page)
    assert f'href="{FICHE}"' in page.content.decode()
    assert f'href="/{factories.NAME}/envois/lancement/mail.html"' in page.content.decode()


def test_the_final_release_offers_the_kit(client: Client, site: Site) -> None:
    final = factories.release(slot="finale", kind="final", number=5)
    site.pages[factories.NAME] = replace(site.page, releases=(final,))
    page = client.get(f"/{factories.NAME}/envois/finale/")
    assert f'href="/{factories.NAME}/kit/kit.pdf"' in page.content.decode()


def test_a_slot_that_has_not_left_has_no_page(client: Client, site: Site) -> None:
    assert client.get(f"/{factories.NAME}/envois/deux/").status_code == 404
    assert client.get(f"/{factories.NAME}/envois/deux/mail.html").status_code == 404


@pytest.mark.parametrize("path", ["/accessibilite/", "/mentions-legales/", "/vie-privee/"])
def test_legal_pages_name_the_publisher_and_say_when_it_is_an_example(client: Client, site: Site, path: str) -> None:
    assert "Réseau d’essai" in text(client.get(path))
    assert "Ces mentions sont fictives" not in text(client.get(path))
    made = factories.season(publisher=factories.publisher(example=True))
    site.pages[factories.NAME] = replace(site.page, season=made)
    assert "Ces mentions sont fictives" in text(client.get(path))
    site.pages.clear()
    assert client.get(path).status_code == 200


def test_a_page_that_has_not_changed_is_not_sent_again(client: Client, site: Site) -> None:
    first = client.get(HOME)
    assert "no-cache" in first["Cache-Control"]
    assert client.get(HOME, HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 304
    site.pages[factories.NAME] = replace(site.page, next=None)
    assert client.get(HOME, HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_public_pages_are_only_read(client: Client, site: Site, method: str) -> None:
    for path in (HOME, FICHE, "/vie-privee/", f"/{factories.NAME}/flux.xml"):
        assert getattr(client, method)(path).status_code == 405


def test_public_pages_set_no_cookie(client: Client, site: Site) -> None:
    for path in ("/", FICHE, f"/{factories.NAME}/envois/lancement/", "/accessibilite/"):
        assert not client.get(path).cookies


def test_pages_show_the_season_in_its_own_words(client: Client, site: Site) -> None:
    page = replace(site.page, season=replace(site.page.season, first=dt.date(2031, 1, 1), title="Autre chose"))
    site.pages[factories.NAME] = page
    assert "Autre chose" in text(client.get(HOME))


def test_a_failure_shows_a_calm_page(client: Client, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(season: str) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("pipeline.release.publication.season_page", broken)
    client.raise_request_exception = False
    page = client.get(HOME)
    assert page.status_code == 500
    assert "La faute est de notre côté" in text(page)
    assert b"secret" not in page.content
