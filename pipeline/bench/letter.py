"""A newsletter of about the size wanted, compiled by the production code from the production templates."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

from pipeline.bench.children import BenchError
from pipeline.compose import newsletters, samples
from pipeline.compose.letter import Letter
from pipeline.compose.message import HOLES, Compiled
from pipeline.compose.preflight import PreflightError

TOLERANCE = 0.05
_WORD = "davantage "


def compose(size: int, templates: Path, *, now: dt.datetime) -> tuple[Letter, Compiled]:
    """A letter whose mail has ``size`` bytes, give or take 5 %.

    Raises:
        BenchError: no mail of the templates has that size, or preflight refuses it.
    """
    try:
        made = _nearest(size, templates, now)
    except PreflightError as error:
        raise BenchError(f"--size {size} : le mail ne passe pas le contrôle.\n{error}") from error
    found = weight(made[1])
    if abs(found - size) > TOLERANCE * size:
        raise BenchError(f"--size {size} : les modèles donnent {found} octets ; en demander au moins autant.")
    return made


def weight(compiled: Compiled) -> int:
    """The bytes of the mail with values of an ordinary length in its holes."""
    address = f"https://kit.example.org/preferences/{'x' * 60}/"
    return len(compiled.render(dict.fromkeys(HOLES, address) | {"to": "abonne-0000001@example.org"}))


def _nearest(size: int, templates: Path, now: dt.datetime) -> tuple[Letter, Compiled]:
    """Add fiches, then words, until the size is reached."""
    count, words = 1, 0
    made = _compiled(count, words, templates, now)
    while weight(larger := _compiled(count + 1, 0, templates, now)[1]) <= size:
        step = weight(larger) - weight(made[1])
        count += max(1, (size - weight(larger)) // step)
        made = _compiled(count, 0, templates, now)
    per_word = (weight(_compiled(count, 100, templates, now)[1]) - weight(made[1])) / 100
    words = max(0, int((size - weight(made[1])) / per_word))
    return _compiled(count, words, templates, now)


def _compiled(count: int, words: int, templates: Path, now: dt.datetime) -> tuple[Letter, Compiled]:
    letter = samples.letter("release", count)
    first, *others = letter.fiches
    longer = dataclasses.replace(first.fiche, summary=first.fiche.summary + " " + (_WORD * words).strip())
    fiches = (dataclasses.replace(first, fiche=longer), *others)
    letter = dataclasses.replace(letter, fiches=fiches, sent_at=now)
    return letter, newsletters.compose(letter, templates)
