"""Letters to one person, digests and catch-ups: what each carries, what it asks for, and what machines find in it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import email
import email.policy
import html
import re
import shutil
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from pipeline.compose import mjml, newsletters, samples
from pipeline.compose.kinds import MANNERS
from pipeline.compose.letter import Letter, LetterKind
from pipeline.compose.message import HOLES
from pipeline.compose.newsletters import MOST_TITLES
from pipeline.compose.preflight import PreflightError
from tests.packages import needs

EMAILS = Path(__file__).resolve().parent.parent.parent / "emails"
KINDS: tuple[LetterKind, ...] = get_args(LetterKind)
NEW = ("digest", "catch-up", "confirmation", "reminder", "already", "welcome", "link", "moving", "moved", "renewal")
CANARIES: tuple[LetterKind, ...] = ("confirmation", "reminder")
VALUES = {name: f"https://kit.example.org/{name}/" for name in HOLES} | {"to": "lectrice@example.org"}


def parts(letter: Letter) -> tuple[str, str]:
    """The text and the HTML of the mail that leaves."""
    mail = email.message_from_bytes(newsletters.compose(letter, EMAILS).render(VALUES), policy=email.policy.default)
    bodies = (mail.get_body((kind,)) for kind in ("plain", "html"))  # type: ignore[attr-defined]
    text, markup = (body.get_content().replace("\r\n", "\n") for body in bodies)
    return text, markup


def changed(folder: Path, name: str, old: str, new: str) -> Path:
    """A copy of the templates in which one has been changed."""
    made = folder / "emails"
    shutil.copytree(EMAILS, made)
    path = made / name
    source = path.read_text(encoding="utf-8")
    assert old in source
    path.write_text(source.replace(old, new), encoding="utf-8")
    return made


def test_every_kind_has_its_templates_its_manner_its_subject_and_its_samples() -> None:
    assert set(MANNERS) == set(KINDS) == {one.kind for one in samples.letters()}
    for kind in KINDS:
        assert (EMAILS / f"{kind}.mjml.j2").is_file()
        assert (EMAILS / f"{kind}.txt.j2").is_file()
        assert getattr(samples.season().subjects, MANNERS[kind].subject)


def test_the_guide_tells_every_mail_with_its_links() -> None:
    guide = (EMAILS.parent / "docs/mails.md").read_text(encoding="utf-8")
    for kind, manner in MANNERS.items():
        row = next((line for line in guide.splitlines() if line.startswith("| ") and f"`{kind}`" in line), "")
        links = {*manner.needed, *manner.more}
        assert "les mêmes" in row or all(f"`{link}`" in row for link in links), kind


@pytest.mark.parametrize("letter", list(samples.letters()), ids=lambda one: one.kind)
def test_a_mail_asks_for_nothing_that_its_sender_does_not_fill_in(letter: Letter) -> None:
    compiled = newsletters.compose(dataclasses.replace(letter, mailto=True), EMAILS)
    manner = MANNERS[letter.kind]
    assert {"to", "message_id", *manner.needed} <= compiled.holes <= manner.holes <= set(HOLES)


@pytest.mark.parametrize("letter", [one for one in samples.letters() if one.kind in NEW], ids=lambda one: one.kind)
def test_the_preheader_fills_the_line_of_a_list_of_mails(letter: Letter) -> None:
    shown = newsletters.preview(letter, EMAILS).html
    preheader = re.search(r'opacity:0;overflow:hidden;">(.*?)</div>', shown, re.S)
    assert preheader
    assert 80 <= len(html.unescape(preheader[1]).strip()) <= 110


def test_the_subject_does_not_tell_that_an_address_was_known() -> None:
    subjects = [newsletters.compose(samples.letter(kind, 0), EMAILS).subject for kind in ("confirmation", "already")]  # type: ignore[arg-type]
    assert subjects[0] == subjects[1]


@settings(deadline=None)
@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1).filter(str.strip))
def test_the_title_that_a_screen_reader_says_is_the_subject(title: str) -> None:
    head = f"<mj-head><mj-title>{html.escape(title)}</mj-title></mj-head>"
    made = mjml.to_html(f'<mjml lang="fr">{head}<mj-body></mj-body></mjml>')
    label = re.search(r'aria-label="([^"]*)"', made)
    assert label
    assert html.unescape(label[1]).split() == title.split()


# The canary


@pytest.mark.parametrize("kind", CANARIES)
def test_the_canary_is_a_link_for_whatever_reads_the_source(kind: LetterKind) -> None:
    text, markup = parts(samples.letter(kind, 0))
    assert re.findall(r'href="([^"]+)"', markup) == [VALUES["canary_url"], VALUES["confirm_url"]]
    assert "canary" not in text


@pytest.mark.parametrize("kind", CANARIES)
def test_no_person_sees_hears_or_reaches_the_canary(kind: LetterKind, tmp_path: Path) -> None:
    needs("chromium", "chromedriver")
    page = tmp_path / "mail.html"
    page.write_text(parts(samples.letter(kind, 0))[1], encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in ("--headless=new", "--no-sandbox"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        browser.get(page.as_uri())
        canary = browser.find_element(By.CSS_SELECTOR, f'a[href="{VALUES["canary_url"]}"]')
        assert not canary.is_displayed()
        tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        said = [node for node in tree if not node["ignored"] and node["role"]["value"] == "link"]
        assert [node["name"]["value"] for node in said] == ["Confirmer mon inscription"]
        reached = set()
        for _ in range(4):
            browser.switch_to.active_element.send_keys(Keys.TAB)
            reached.add(browser.switch_to.active_element.get_attribute("href"))
        assert VALUES["confirm_url"] in reached
        assert VALUES["canary_url"] not in reached
    finally:
        browser.quit()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('style="display:none;mso-hide:all"></a>', "></a>", "une personne atteindrait"),
        ("mso-hide:all", "", "une personne atteindrait"),
        ('aria-hidden="true" tabindex', "tabindex", "une personne atteindrait"),
        ('tabindex="-1"', 'tabindex="0"', "une personne atteindrait"),
        ("></a></div>", ">Cliquez</a></div>", "contient un texte"),
        ("holes.canary_url", "holes.confirm_url", "n’a pas de lien pour les machines"),
    ],
)
def test_a_canary_that_people_could_follow_does_not_leave(tmp_path: Path, old: str, new: str, said: str) -> None:
    templates = changed(tmp_path, "parts.mjml.j2", old, new)
    with pytest.raises(PreflightError, match=said):
        newsletters.compose(samples.letter("confirmation", 0), templates)


def test_the_text_part_never_shows_the_canary(tmp_path: Path) -> None:
    templates = changed(
        tmp_path, "reminder.txt.j2", "holes.confirm_url }}", "holes.confirm_url }}\n{{ holes.canary_url }}"
    )
    with pytest.raises(PreflightError, match="que pour les machines"):
        newsletters.compose(samples.letter("reminder", 0), templates)


@pytest.mark.parametrize(
    ("kind", "template", "old", "new", "said"),
    [
        ("release", "parts.mjml.j2", "holes.preferences_url", "holes.confirm_url", "« confirm_url »"),
        ("moving", "moving.txt.j2", "holes.move_url", "letter.base_url", "changement d’adresse"),
        ("renewal", "renewal.mjml.j2", "holes.renew_url", "letter.base_url", "lien pour continuer"),
        ("link", "link.txt.j2", "holes.preferences_url", "letter.base_url", "vers les préférences"),
    ],
)
def test_a_mail_without_its_link_or_with_one_that_nobody_fills_does_not_leave(
    tmp_path: Path, kind: LetterKind, template: str, old: str, new: str, said: str
) -> None:
    with pytest.raises(PreflightError, match=said):
        newsletters.compose(samples.letter(kind, 2 if kind == "release" else 0), changed(tmp_path, template, old, new))


# Catching up, and the month


@pytest.mark.parametrize(("kind", "count"), [("launch", 5), ("release", 1), ("release", 2), ("final", 24)])
def test_a_catch_up_carries_what_everyone_else_got(kind: LetterKind, count: int) -> None:
    sent_text, sent_markup = parts(samples.letter(kind, count))
    late = samples.catch_up(samples.issue(kind, count), remaining=4)  # type: ignore[arg-type]
    text, markup = parts(late)
    heading = next(line for line in sent_text.splitlines() if line.startswith("====="))
    after = sent_text.partition(heading)[2]
    body = re.split(r"\n(?:Prochain envoi|-- \n)", after)[0].strip()
    assert body
    assert body in text
    cards = re.findall(r"<h[12][^>]*>.*?</h[12]>|<li>.*?</li>", re.split(r"<h2>Prochain envoi", sent_markup)[0])
    assert cards
    assert all(card in markup for card in cards)
    assert "Il en reste 4" in text
    assert "Il en reste 4" in html.unescape(markup)


def test_the_last_catch_up_says_that_it_is_the_last() -> None:
    text, _ = parts(samples.catch_up(samples.issue("release", 2), remaining=0))
    assert "C’est le dernier" in " ".join(text.split())
    assert "Il en reste" not in text


@settings(deadline=None)
@given(st.lists(st.text("abcé ", min_size=1, max_size=40).map(str.strip).filter(bool), min_size=1, max_size=12))
def test_a_subject_names_as_many_fiches_as_it_has_room_for(titles: list[str]) -> None:
    fiches = tuple(
        dataclasses.replace(one, fiche=dataclasses.replace(one.fiche, short_title=title))
        for one, title in zip(samples.issue("release", len(titles)).fiches, titles, strict=True)
    )
    issue = dataclasses.replace(samples.issue("launch", 1, number=7), fiches=fiches)
    subject = newsletters.compose(samples.catch_up(issue, remaining=0), EMAILS).subject
    told = subject.partition("n°\N{NO-BREAK SPACE}7\N{NO-BREAK SPACE}: ")[2]
    found = re.fullmatch(r"(.*?)(?: et (\d+) autres?)?", told)
    assert found
    shown = found[1].split(" · ")
    assert len(shown) + int(found[2] or 0) == len(titles)
    assert len(shown) == 1 or len(found[1]) <= MOST_TITLES


def test_a_digest_names_every_fiche_of_the_month_once_with_its_page() -> None:
    letter = next(one for one in samples.letters() if one.kind == "digest" and len(one.issues) == 2)
    for content in parts(letter):
        for issue in letter.issues:
            assert f"Envoi n°\N{NO-BREAK SPACE}{issue.number}" in content
            assert issue.web_url in content
        for one in letter.issues[0].fiches:
            assert content.count(one.url) == sum(
                one.url == other.url for issue in letter.issues for other in issue.fiches
            )
    assert newsletters.compose(letter, EMAILS).subject.startswith("Kit d’essai, février 2020")


@pytest.mark.parametrize("month", range(1, 13))
def test_a_digest_reads_well_in_every_month(month: int) -> None:
    letter = dataclasses.replace(samples.digest(samples.issue("release", 1)), month=dt.date(2020, month, 15))
    text, _ = parts(letter)
    assert not re.search(r"\b(?:de|que) [aâeéio]\w+ 2020", text)
    assert "1 fiche à lire" in text


def test_a_digest_and_a_catch_up_have_what_they_are_about() -> None:
    with pytest.raises(ValueError, match="month"):
        samples.letter("digest", 0, issues=(samples.issue("release", 1),))
    with pytest.raises(ValueError, match="issue"):
        samples.letter("digest", 0, month=dt.date(2020, 2, 1))
    with pytest.raises(ValueError, match="issue"):
        samples.letter("catch-up", 2)


def test_a_welcome_offers_to_catch_up_once_something_was_released() -> None:
    before, after = (newsletters.compose(samples.letter("welcome", count), EMAILS) for count in (0, 2))
    assert "catch_up_url" not in before.holes
    assert "catch_up_url" in after.holes


def test_a_welcome_tells_the_dates_to_come_and_which_are_not_sure() -> None:
    letter = next(one for one in samples.letters() if one.calendar)
    for content in parts(letter):
        shown = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", content)).split())
        assert "mercredi 4 mars 2020 Conseil" in shown
        assert "mercredi 1er avril 2020 (date à confirmer)" in shown
        assert "La version finale du kit, pour la rencontre d’essai" in shown


@pytest.mark.parametrize(
    "letter", [one for one in samples.letters() if one.kind in ("digest", "catch-up")], ids=lambda one: one.kind
)
def test_the_web_version_of_a_digest_or_a_catch_up_names_nobody(letter: Letter) -> None:
    assert "hole.invalid" not in newsletters.web_version(letter, EMAILS)
