"""The template environment of the pages: strict, escaped, in French through gettext."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pipeline.release import addresses
from pipeline.season import marks
from pipeline.web import words


def environment(**options: Any) -> Environment:
    """Return what Django's Jinja2 backend renders with; a name that a view forgot is an error, never an empty string."""
    options.setdefault("undefined", StrictUndefined)
    made = Environment(**options, extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - Django's backend sets autoescape
    made.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {
        "addresses": addresses,
        "absolute": absolute,
        "mark": mark,
        "static": static,
        "url": reverse,
    }
    made.filters |= {
        "day": words.day,
        "day_without_weekday": words.day_without_weekday,
        "hour": words.hour,
        "size": words.size,
        "source_date": words.source_date,
    }
    return made


def absolute(path: str) -> str:
    """The full address of a path of ours, whatever host this request came by."""
    return f"{settings.KIT.base_url}{path}"


def mark(name: str) -> Markup:
    """The drawing of a kind, for the eye only: the kind's word stands beside it."""
    drawing = Markup(marks.SVG.get(name) or marks.SVG["generic"])  # noqa: S704 - our own drawings
    return Markup(
        '<svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false" fill="none" '
        'stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">{}</svg>'
    ).format(drawing)
