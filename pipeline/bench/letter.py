"""A newsletter of about the size wanted, compiled by the production code from the production templates."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

from pipeline.bench.children import BenchError
from pipeline.compose import newsletters, samples
from pipeline.compose.letter import Letter
from pipeline.compose.message import Compiled
from pipeline.compose.preflight import PreflightError

TOLERANCE = 0.05
_WORD = "davantage "


def compose(size: int, templates: Path, *, now: dt.datetime) -> tuple[Letter, Compiled]:
    """A letter whose mail has ``size`` bytes, give or take 5 %.

    Raises:
        BenchError: no newsletter has that size: it names the least, or what preflight says of so long a one.
    """
    try:
        made = _nearest(size, templates, now)
    except PreflightError as error:
        raise BenchError(f"--size {size} : un tel numéro ne passerait pas le contrôle avant envoi.\n{error}") from error
    least = weight(made[1])
    if least > size * (1 + TOLERANCE):
        raise BenchError(f"--size {size} : le plus court des numéros fait {least} octets.")
    return made


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


def _compiled(count: int, words: int, templates: Path, now: dt.datetime) -> tuple[Letter, Compiled]:
    letter = dataclasses.replace(samples.letter("release", count), sent_at=now, mailto=True)
    if letter.upcoming is not None:
        titles = (("conseil", ("La suite " + _WORD * words).strip()),)
        letter = dataclasses.replace(letter, upcoming=dataclasses.replace(letter.upcoming, titles=titles))
    return letter, newsletters.compose(letter, templates)
