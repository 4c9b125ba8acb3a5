"""A newsletter of about the size wanted, compiled by the production code from the production templates."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

from pipeline.bench.children import BenchError
from pipeline.compose import message, newsletters, samples
from pipeline.compose.letter import Letter
from pipeline.compose.message import Compiled
from pipeline.compose.preflight import PreflightError

TOLERANCE = 0.05
_WORD = "davantage "


def compose(size: int, templates: Path, *, now: dt.datetime) -> tuple[Letter, Compiled]:
    """A letter whose mail has ``size`` bytes, give or take 5 %: a newsletter where one has that size, else plain parts with the
    same holes.

    Raises:
        BenchError: no mail is that short.
    """
    try:
        made = _nearest(size, templates, now)
    except PreflightError:  # longer than a newsletter may be
        return _plain(size, now)
    return made if weight(made[1]) <= size * (1 + TOLERANCE) else _plain(size, now)


def weight(compiled: Compiled) -> int:
    """The bytes of the mail with values of an ordinary length in its holes."""
    address = f"https://kit.example.org/preferences/{'x' * 60}/"
    return len(compiled.render(dict.fromkeys(compiled.holes, address) | {"to": "abonne-0000001@example.org"}))


def _nearest(size: int, templates: Path, now: dt.datetime) -> tuple[Letter, Compiled]:
    """Add fiches, then words, until the size is reached."""
    made, count = _compiled(0, 0, templates, now), 0
    while weight((larger := _compiled(count + 1, 0, templates, now))[1]) <= size:
        made, count = larger, count + 1
    lacking = size - weight(made[1])
    per_word = (weight(_compiled(count, 100, templates, now)[1]) - weight(made[1])) / 100
    return _compiled(count, int(lacking / per_word), templates, now) if lacking > 0 else made


def _plain(size: int, now: dt.datetime) -> tuple[Letter, Compiled]:
    letter = dataclasses.replace(samples.letter("release", 0), sent_at=now, mailto=True)
    least = weight(_laid(letter, 0))
    if least > size * (1 + TOLERANCE):
        raise BenchError(f"--size {size} : le plus court des mails fait {least} octets.")
    per_word = (weight(_laid(letter, 100)) - least) / 100
    return letter, _laid(letter, int(max(0, size - least) / per_word))


def _laid(letter: Letter, words: int) -> Compiled:
    publisher = letter.season.publisher
    envelope = message.Envelope(
        sender_name=publisher.sender_name,
        sender_address=publisher.sender_address,
        reply_to=publisher.reply_to,
        subject="Une mesure",
        date=letter.sent_at,
        list_name=letter.season.title,
        list_id=publisher.list_id,
        unsubscribable=True,
        language=letter.season.language,
        mailto=letter.mailto,
    )
    ways = [message.placeholder(name) for name in ("preferences_url", "unsubscribe_url")]
    text = "\n".join([*ways, _WORD * words])
    markup = "".join(f'<p><a href="{way}">{way}</a></p>' for way in ways) + f"<p>{_WORD * words}</p>"
    return message.lay(envelope, text, markup)


def _compiled(count: int, words: int, templates: Path, now: dt.datetime) -> tuple[Letter, Compiled]:
    letter = dataclasses.replace(samples.letter("release", count), sent_at=now, mailto=True)
    if letter.upcoming is not None:
        titles = (("conseil", ("La suite " + _WORD * words).strip()),)
        letter = dataclasses.replace(letter, upcoming=dataclasses.replace(letter.upcoming, titles=titles))
    return letter, newsletters.compose(letter, templates)
