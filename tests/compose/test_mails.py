"""Mails: valid for every mail program, safe for every value, refused by preflight when something is wrong."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import os
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.compose import newsletters, preflight, samples
from pipeline.compose.letter import Letter
from pipeline.compose.message import Compiled, Envelope, HoleError, feedback_id, lay, load, message_id, placeholder
from pipeline.compose.preflight import PreflightError

ROOT = Path(__file__).resolve().parent.parent.parent
EMAILS = ROOT / "emails"
SNAPSHOTS = ROOT / "tests/snapshots/mails"
VALUES = {
    "to": "lectrice@example.org",
    "message_id": "<x@example.org>",
    "list_unsubscribe": "https://kit.example.org/d/abc/",
    "unsubscribe_url": "https://kit.example.org/d/abc/?a=1&b=2",
    "preferences_url": "https://kit.example.org/p/abc/",
    "confirm_url": "https://kit.example.org/c/abc/",
    "canary_url": "https://kit.example.org/x/abc/",
    "move_url": "https://kit.example.org/m/abc/",
    "renew_url": "https://kit.example.org/r/abc/",
    "catch_up_url": "https://kit.example.org/u/abc/",
}


def count(letter: Letter) -> int:
    """How many fiches a letter carries, those of its issues included."""
    issues = (*letter.issues, *([letter.issue] if letter.issue else []))
    return len(letter.fiches) + sum(len(one.fiches) for one in issues)


LETTERS = {f"{one.kind}-{count(one)}": one for one in samples.letters()}


def parsed(content: bytes) -> email.message.EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)  # type: ignore[return-value]


def body(mail: email.message.EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


@pytest.fixture(scope="module")
def release() -> Compiled:
    return newsletters.compose(LETTERS["release-2"], EMAILS)


@pytest.mark.parametrize("name", LETTERS)
def test_every_mail_passes_preflight_and_reads_as_it_did(name: str) -> None:
    shown = newsletters.preview(LETTERS[name], EMAILS)
    for suffix, content in (("txt", shown.text), ("html", shown.html)):
        path = SNAPSHOTS / f"{name}.{suffix}"
        if os.environ.get("UPDATE_SNAPSHOTS"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        assert content == path.read_text(encoding="utf-8"), f"UPDATE_SNAPSHOTS=1 rewrites {path.name}"


@pytest.mark.parametrize("name", LETTERS)
def test_every_mail_is_valid_mime_with_both_parts(name: str) -> None:
    letter = LETTERS[name]
    content = newsletters.compose(letter, EMAILS).render(VALUES)
    assert content.isascii()
    assert content.count(b"\n") == content.count(b"\r\n")
    assert max(map(len, content.split(b"\r\n\r\n", 1)[1].split(b"\r\n"))) <= 76
    mail = parsed(content)
    assert not mail.defects
    assert body(mail, "plain").strip()
    markup = body(mail, "html")
    assert 'lang="fr"' in markup
    assert "<h1" in markup
    seen_by_readers = re.sub(r"<!--.*?-->", "", markup, flags=re.S)
    tables = re.findall(r"<table[^>]*>", seen_by_readers)
    assert tables
    assert all('role="presentation"' in tag for tag in tables)
    mailing = letter.kind in ("launch", "release", "final", "digest", "catch-up")
    subscribed = mailing or letter.kind in ("welcome", "renewal")
    assert mail["List-Unsubscribe-Post"] == ("List-Unsubscribe=One-Click" if subscribed else None)
    assert (mail["List-Id"] is None) == (not subscribed)
    # RFC 3834 §5: what a program writes to one person says so; a mail to a list does not, and none answers a message.
    assert mail["Auto-Submitted"] == (None if mailing else "auto-generated")
    assert (mail["Feedback-ID"] is None) == (not mailing)


def test_headers_are_those_of_a_list(release: Compiled) -> None:
    mail = parsed(release.render(VALUES))
    assert mail["List-Id"] == "Kit d’essai <kit.example.org>"
    assert mail["List-Unsubscribe"] == "<https://kit.example.org/d/abc/>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Feedback-ID"] == "essai-1:essai:release:example-org"
    assert mail["CFBL-Address"] is None
    assert mail["Subject"] == release.subject
    assert mail["To"] == "lectrice@example.org"
    assert mail["Date"].datetime == LETTERS["release-2"].sent_at


def test_a_list_can_be_left_by_mail_too_and_takes_complaints_where_they_can_be_received() -> None:
    letter = dataclasses.replace(LETTERS["release-2"], mailto=True, cfbl_address="plaintes@example.org")
    compiled = newsletters.compose(letter, EMAILS)
    assert load(compiled.dump()) == compiled
    leave = "mailto:rebonds+u-abc@retour.example.org?subject=unsubscribe"
    mail = parsed(compiled.render(VALUES | {"list_unsubscribe_mail": leave}))
    assert mail["List-Unsubscribe"].replace("\r\n", "") == f"<{VALUES['list_unsubscribe']}>, <{leave}>"
    assert mail["CFBL-Address"] == "plaintes@example.org; report=arf"
    with pytest.raises(KeyError):
        compiled.render(VALUES)


def test_one_click_is_promised_over_https_only() -> None:
    # RFC 8058 §3.1. Where site and mailbox are this machine, http stands for it.
    base = "http://kit.example.org"
    letter = dataclasses.replace(LETTERS["confirmation-0"], kind="release", base_url=base, web_url=f"{base}/x/")
    with pytest.raises(PreflightError, match="https"):
        newsletters.compose(letter, EMAILS)
    envelope = ENVELOPE | {"one_click": False, "mailto": False}
    assert "List-Unsubscribe-Post" not in parsed(lay(Envelope(**envelope), "x", "x").render(VALUES))


@settings(deadline=None)
@given(st.text(), st.text(), st.text(), st.text())
def test_a_feedback_id_has_four_fields_and_a_sender_of_5_to_15_signs(
    mailing: str, season: str, kind: str, domain: str
) -> None:
    fields = feedback_id(mailing, season, kind, domain).split(":")
    assert len(fields) == 4
    assert 5 <= len(fields[3]) <= 15
    assert re.fullmatch(r"[A-Za-z0-9._:-]*", ":".join(fields))


def test_the_text_part_is_wrapped_and_links_stand_alone(release: Compiled) -> None:
    text = body(parsed(release.render(VALUES)), "plain")
    lines = text.split("\n")
    assert all(len(line) <= 72 or "://" in line for line in lines)
    assert all(line.startswith("http") for line in lines if "://" in line)
    assert "\n-- \n" in text


def test_the_same_letter_gives_the_same_bytes_and_survives_storage(release: Compiled) -> None:
    again = newsletters.compose(LETTERS["release-2"], EMAILS)
    assert again == release
    assert load(release.dump()) == release


def test_a_message_id_depends_on_mailing_and_person_only() -> None:
    assert message_id("s/1", "a", "x.org") == message_id("s/1", "a", "x.org")
    assert len({message_id(key, person, "x.org") for key in ("s/1", "s/11") for person in ("1", "a", "1a")}) == 6


@settings(deadline=None)
@given(
    value=st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\u2028\u2029"), max_size=300)
)
def test_any_value_arrives_where_it_stands_and_touches_nothing_else(release: Compiled, value: str) -> None:
    plain = release.render(VALUES)
    changed = release.render(VALUES | {"unsubscribe_url": value})
    text, markup = (body(parsed(changed), kind) for kind in ("plain", "html"))
    import html

    assert html.escape(value) in markup
    assert value in text
    assert (
        text.replace(value, VALUES["unsubscribe_url"], 1).count("\n") == body(parsed(plain), "plain").count("\n")
        or not value
    )
    assert max(map(len, changed.split(b"\r\n\r\n", 1)[1].split(b"\r\n"))) <= 76


ENVELOPE: dict[str, object] = {
    "sender_name": "Kit",
    "sender_address": "kit@example.org",
    "reply_to": "",
    "subject": "x",
    "date": LETTERS["release-2"].sent_at,
    "list_name": "Kit",
    "list_id": "kit.example.org",
    "unsubscribable": True,
    "language": "fr",
    "mailto": True,
}
DOTTED = st.text(st.sampled_from(".=0é \r\n"), max_size=200)
"""Texts where a dot easily comes to stand at the start of a line, a soft-broken one too."""


def clean(content: bytes) -> bool:
    """True where a transport may write ``content`` as it is."""
    bare = content.replace(b"\r\n", b"")
    return b"\r" not in bare and b"\n" not in bare and b"\n." not in content and not content.startswith(b".")


@settings(deadline=None)
@given(
    text=DOTTED,
    words=DOTTED | st.text(max_size=120),
    inside=st.text(st.sampled_from(".=a&"), max_size=200) | DOTTED,
    other=st.text(st.sampled_from(".=a&"), max_size=200),
)
def test_no_line_begins_with_a_dot_and_no_line_end_is_half(text: str, words: str, inside: str, other: str) -> None:
    envelope = Envelope(**ENVELOPE | {"subject": words, "sender_name": words, "list_name": words})  # type: ignore[arg-type]
    hole, second = placeholder("unsubscribe_url"), placeholder("confirm_url")
    compiled = lay(envelope, f"{text}{hole}\n{second}{text}", f"{text} {hole}{text}")
    values = VALUES | {"unsubscribe_url": inside, "confirm_url": other, "list_unsubscribe_mail": "mailto:.@example.org"}
    content = compiled.render(values | {"to": ".a@example.org"})
    assert clean(content)
    assert max(map(len, content.split(b"\r\n\r\n", 1)[1].split(b"\r\n"))) <= 76
    text, inside = (re.sub(r"\r\n?", "\n", one) for one in (text, inside))
    assert body(parsed(content), "plain") == f"{text}{inside}\n{other}{text}"


@pytest.mark.parametrize("name", LETTERS)
@pytest.mark.parametrize(
    "value", [".", "..", "=" + "a" * 72 + ".", "https://kit.example.org/" + "." * 300, "." * 76, "=." * 60]
)
def test_no_value_brings_a_dot_to_the_start_of_a_line(name: str, value: str) -> None:
    compiled = newsletters.compose(dataclasses.replace(LETTERS[name], mailto=True), EMAILS)
    assert clean(compiled.render(dict.fromkeys(compiled.holes, value)))


@pytest.mark.parametrize(
    "value", ["a@example.org\r\nBcc: b@example.org", "a@example.org\n", "a\0@example.org", "a\u2028@x.org"]
)
def test_a_value_cannot_add_a_header(release: Compiled, value: str) -> None:
    with pytest.raises(HoleError):
        release.render(VALUES | {"to": value})


def test_international_domains_go_in_ascii(release: Compiled) -> None:
    assert parsed(release.render(VALUES | {"to": "maire@forêt.example"}))["To"] == "maire@xn--fort-ipa.example"


# Preflight

GOOD = """<mjml lang="fr"><mj-head><mj-title>x</mj-title></mj-head><mj-body><mj-section><mj-column>
<mj-text><a href="{{ holes.unsubscribe_url }}">Partir</a></mj-text>%s
</mj-column></mj-section></mj-body></mjml>"""
TEXT = "Bonjour\n{{ holes.unsubscribe_url }}\n"


def refused(folder: Path, source: str, text: str = TEXT, letter: Letter = LETTERS["release-1"]) -> str:
    (folder / "release.mjml.j2").write_text(source, encoding="utf-8")
    (folder / "release.txt.j2").write_text(text, encoding="utf-8")
    with pytest.raises(PreflightError) as caught:
        newsletters.compose(letter, folder)
    return str(caught.value)


def test_a_plain_good_mail_passes(tmp_path: Path) -> None:
    (tmp_path / "release.mjml.j2").write_text(GOOD % "")
    (tmp_path / "release.txt.j2").write_text(TEXT)
    assert newsletters.compose(LETTERS["release-1"], tmp_path).holes >= {"to", "unsubscribe_url"}


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<mj-carrousel></mj-carrousel>", "<mj-carrousel> est inconnu"),
        ("<mj-section></mj-section>", "ne peut pas se trouver dans <mj-column>"),
        ('<mj-text couleur="red">x</mj-text>', "n’a pas d’attribut « couleur »"),
        ('<mj-text><mj-button href="https://kit.example.org/">x</mj-button></mj-text>', "contient du HTML"),
        ('<mj-image src="https://kit.example.org/a.png" />', "texte de remplacement"),
        ('<mj-text><img src="https://kit.example.org/a.png"></mj-text>', "texte de remplacement"),
        ('<mj-button href="/fiche/">x</mj-button>', "n’est pas absolu"),
        ('<mj-button href="http://kit.example.org/">x</mj-button>', "n’est pas en https"),
        ('<mj-button href="javascript:alert(1)">x</mj-button>', "n’est pas absolu"),
        ('<mj-image alt="x" src="https://cdn.example.com/a.png" />', "chez un tiers"),
        ('<mj-button href="https://ailleurs.example.com/">x</mj-button>', "chez un tiers"),
        ("<mj-text>{{ inconnu }}</mj-text>", "inconnu"),
        ("<mj-text>{{ season.__class__.__mro__ }}</mj-text>", "ne se compose pas"),
        (f"<mj-text>{'x' * 103_000}</mj-text>", "Gmail"),
        ("<mj-text><script>x</script></mj-text>", "<script>"),
        ("<mj-html-attributes></mj-html-attributes>", "est inconnu"),
    ],
)
def test_preflight_refuses(tmp_path: Path, inside: str, said: str) -> None:
    assert said in refused(tmp_path, GOOD % inside)


def test_preflight_refuses_a_mail_that_nobody_can_leave(tmp_path: Path) -> None:
    told = refused(tmp_path, GOOD.replace("{{ holes.unsubscribe_url }}", "https://kit.example.org/") % "", "Bonjour\n")
    assert told.count("désinscription") == 2


def test_preflight_refuses_a_mail_without_a_text_part(tmp_path: Path) -> None:
    assert "partie texte est vide" in refused(tmp_path, GOOD % "", " \n")


def test_a_missing_template_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "release.mjml.j2").write_text(GOOD % "")
    with pytest.raises(PreflightError, match=r"release\.txt\.j2"):
        newsletters.compose(LETTERS["release-1"], tmp_path)


def test_an_undefined_name_is_told_with_its_line(tmp_path: Path) -> None:
    assert "emails/release.mjml.j2:3:" in refused(tmp_path, GOOD % "\n<mj-text>{{ inconnu }}</mj-text>")


def test_every_finding_is_told_at_once(tmp_path: Path) -> None:
    told = refused(tmp_path, GOOD % '<mj-un/><mj-deux/><mj-text a="b">x</mj-text>')
    assert len(told.splitlines()) == 3


def test_http_is_allowed_only_on_this_machine(tmp_path: Path) -> None:
    here = "http://127.0.0.1:8000"
    letter = dataclasses.replace(LETTERS["release-1"], base_url=here, web_url=f"{here}/x/")
    source = GOOD % f'<mj-button href="{here}/x/">x</mj-button>'
    assert "https" in refused(tmp_path, source, letter=letter)
    newsletters.compose(dataclasses.replace(letter, local=True), tmp_path)


def test_check_tells_what_a_changed_template_breaks(tmp_path: Path) -> None:
    shutil.copytree(EMAILS, tmp_path / "emails")
    assert newsletters.check_templates(tmp_path / "emails") == []
    path = tmp_path / "emails/welcome.txt.j2"
    path.write_text(path.read_text().replace("season.title", "saison.titre"))
    assert any("welcome.txt.j2" in fault.path for fault in newsletters.check_templates(tmp_path / "emails"))


def test_the_web_version_names_nobody() -> None:
    shown = newsletters.web_version(LETTERS["release-2"], EMAILS)
    assert "hole.invalid" not in shown
    assert not preflight.source("<mjml></mjml>", "x")
