"""Letters → mails."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline.compose import mjml, preflight, samples
from pipeline.compose.kinds import MANNERS
from pipeline.compose.letter import Letter, LetterFiche
from pipeline.compose.message import HOLES, Compiled, Envelope, feedback_id, lay, message_id, placeholder
from pipeline.compose.mjml import TemplateFault
from pipeline.compose.preflight import PreflightError, Terms
from pipeline.content.errors import Fault
from pipeline.content.typography import typeset
from pipeline.season.words import month_name

MOST_TITLES = 60
"""Signs of short titles that a subject has room for, where it must not grow with them."""
PALETTES: dict[str, dict[str, str]] = {
    "green": {"ink": "#0B6B50", "tint": "#E3F3EC", "dark": "#5FD3AE"},
    "brick": {"ink": "#A23A1C", "tint": "#FBE9E2", "dark": "#FF9E7A"},
    "blue": {"ink": "#33437F", "tint": "#E8EBF8", "dark": "#A9B8FF"},
}


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail to look at, with sample values in its holes."""

    subject: str
    html: str
    text: str
    eml: bytes


def compose(letter: Letter, templates: Path) -> Compiled:
    """Compile a letter, once for everybody.

    Raises:
        PreflightError: with every finding; nothing leaves.
    """
    subject, markup, text = _parts(letter, templates)
    publisher, manner = letter.season.publisher, MANNERS[letter.kind]
    envelope = Envelope(
        sender_name=publisher.sender_name,
        sender_address=publisher.sender_address,
        reply_to=publisher.reply_to,
        subject=subject,
        date=letter.sent_at,
        list_name=letter.season.title,
        list_id=publisher.list_id,
        unsubscribable=manner.listed,
        language=letter.season.language,
        one_click=letter.local or letter.base_url.startswith("https://"),
        mailto=letter.mailto,
        # Complaints are counted by mailing; a letter to one person would name the person.
        feedback_id=""
        if manner.personal
        else feedback_id(letter.key, letter.season.name, letter.kind, _domain(letter)),
        cfbl=letter.cfbl_address,
        personal=manner.personal,
    )
    return lay(envelope, text, markup)


def preview(letter: Letter, templates: Path) -> Preview:
    """The mail as an invented reader would get it. Raises :class:`PreflightError`."""
    subject, markup, text = _parts(letter, templates)
    base, domain = letter.base_url, _domain(letter)
    values = {name: f"{base}/exemple/{name.removesuffix('_url').replace('_', '-')}/" for name in HOLES}
    values |= {
        "to": "lectrice@example.org",
        "message_id": message_id(letter.key, "exemple", domain),
        "list_unsubscribe_mail": f"mailto:exemple@{domain}",
    }
    eml = compose(letter, templates).render(values)
    for name, value in values.items():
        markup, text = markup.replace(placeholder(name), value), text.replace(placeholder(name), value)
    return Preview(subject, markup, text, eml)


def web_version(letter: Letter, templates: Path) -> str:
    """The HTML for the public page: the same mail without anything personal. Raises :class:`PreflightError`."""
    context = _context(letter) | {"web": True}
    source = _render(templates, f"{letter.kind}.mjml.j2", context)
    return _compiled(source, f"emails/{letter.kind}.mjml.j2")


def check_templates(templates: Path) -> list[Fault]:
    """Compose every template with sample letters; return what preflight finds."""
    found: list[Fault] = []
    for letter in samples.letters():
        try:
            _parts(letter, templates)
        except PreflightError as error:
            found += error.faults
    return sorted(set(found))


def _parts(letter: Letter, templates: Path) -> tuple[str, str, str]:
    """Subject, HTML and text, preflighted."""
    context = _context(letter)
    name = f"emails/{letter.kind}.mjml.j2"
    subject = str(context["subject"])
    source = _render(templates, f"{letter.kind}.mjml.j2", context)
    faults = preflight.source(source, name)
    markup = "" if faults else _compiled(source, name)
    text = _tidy(_render(templates, f"{letter.kind}.txt.j2", context))
    if markup:
        own = urlsplit(letter.base_url).hostname or ""
        website = urlsplit(letter.season.publisher.website).hostname or ""
        terms = Terms(
            template=name,
            own=own,
            hosts=frozenset({own, website, urlsplit(letter.web_url).hostname or own}),
            needed=MANNERS[letter.kind].needed,
            holes=MANNERS[letter.kind].holes,
            local=letter.local,
        )
        faults += preflight.output(markup, text, terms)
    if not subject.strip():
        faults.append(Fault(letter.season.path, 0, "subjects", "l’objet du mail est vide.", "L’écrire."))
    if faults:
        raise PreflightError(faults)
    return subject, markup, text


def _domain(letter: Letter) -> str:
    """The domain of the From address."""
    return letter.season.publisher.sender_address.rpartition("@")[2]


def _render(templates: Path, name: str, context: dict[str, Any]) -> str:
    try:
        return mjml.render(templates, name, context)
    except TemplateFault as error:
        raise PreflightError([error.fault]) from error


def _compiled(source: str, name: str) -> str:
    try:
        return mjml.to_html(source)
    except ValueError as error:
        raise PreflightError(
            [Fault(name, 0, "", f"le MJML ne se compile pas : {error}", "Corriger le modèle.")]
        ) from error


def _context(letter: Letter) -> dict[str, Any]:
    season = letter.season
    month = month_name(letter.month, season.language) if letter.month else ""
    single = letter.kind == "release" and len(letter.fiches) == 1
    named = {
        "kit": season.title,
        "number": letter.issue.number if letter.issue else letter.number,
        "titles": _titles(letter.fiches) if letter.fiches else _some_titles(letter),
        "event": letter.event,
        "month": month,
    }
    pattern = getattr(season.subjects, "single" if single else MANNERS[letter.kind].subject)
    try:
        subject = mjml.pattern(pattern, named)
    except TemplateFault as error:
        raise PreflightError([dataclasses.replace(error.fault, path=season.path)]) from error
    return {
        "letter": letter,
        "season": season,
        "publisher": season.publisher,
        "fiches": letter.fiches,
        "kinds": season.kinds,
        "palettes": PALETTES,
        "upcoming": letter.upcoming,
        "downloads": letter.downloads,
        "subject": typeset(subject),
        "titles": _titles(letter.issue.fiches if letter.issue else letter.fiches),
        "month": month,
        "holes": {name: placeholder(name) for name in HOLES},
        "web": False,
    }


def _titles(fiches: Sequence[LetterFiche]) -> str:
    return " · ".join(one.fiche.short_title for one in fiches)


def _some_titles(letter: Letter) -> str:
    """The titles of a letter's issues, as many as a subject has room for; then how many more there are."""
    issues = [letter.issue] if letter.issue else letter.issues
    fiches = [one for issue in issues for one in issue.fiches]
    shown = len(fiches)
    while shown > 1 and len(_titles(fiches[:shown])) > MOST_TITLES:
        shown -= 1
    more = len(fiches) - shown
    return _titles(fiches[:shown]) + (f" et {more} autre{'s' if more > 1 else ''}" if more else "")


def _tidy(text: str) -> str:
    """No trailing spaces but the signature's (RFC 3676 §4.3), no more than one empty line in a row, one line feed at the end."""
    lines = [line if line == "-- " else line.rstrip(" ") for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"
