"""Jinja2, sandboxed and strict, then MJML: once per mailing, never per person."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import mjml
from jinja2 import FileSystemLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipeline.content.errors import Fault
from pipeline.content.text import wrap
from pipeline.content.typography import typeset
from pipeline.season.words import long_date

_LABEL = re.compile(r'(?<=aria-label=")(?:[^"\\]|\\.)*(?=" aria-roledescription="email")')
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-f]+)\}|(.))")


class TemplateFault(Exception):
    """A template that cannot be rendered; ``fault`` names its file and line."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(str(fault))


@lru_cache(maxsize=4)
def environment(templates: Path) -> ImmutableSandboxedEnvironment:
    """The environment of one folder of templates: what a template forgets is an error, what it must not touch is out of reach."""
    made = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(templates),
        autoescape=lambda name: name is not None and name.endswith((".mjml.j2", ".html.j2")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=True,
    )
    made.filters |= {
        "date": long_date,
        "typeset": typeset,
        "wrapped": _wrapped,
        "underlined": _underlined,
        "size": size,
    }
    return made


def render(templates: Path, name: str, context: Mapping[str, Any]) -> str:
    """Render one template. Raises :class:`TemplateFault`."""
    try:
        return environment(templates).get_template(name).render(context)
    except TemplateError as error:
        line = getattr(error, "lineno", None) or _line(error, templates)
        where = getattr(error, "name", None) or getattr(error, "filename", None) or name
        message = f"le modèle ne se compose pas : {error.message or error.__class__.__name__}."
        raise TemplateFault(
            Fault(f"emails/{Path(where).name}", line, "", message, "Corriger le nom ou l’expression.")
        ) from error


def pattern(text: str, context: Mapping[str, Any]) -> str:
    """Fill a season's own pattern (a subject): the same sandbox, no escaping, one line. Raises :class:`TemplateFault`."""
    try:
        made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False).from_string(text)
        return " ".join(made.render(context).split())
    except TemplateError as error:
        message = f"le modèle d’objet « {text} » ne se compose pas : {error.message}."
        raise TemplateFault(Fault("subjects", 0, "", message, f"Noms possibles : {', '.join(context)}.")) from error


def to_html(source: str) -> str:
    """MJML → HTML. No font is fetched from anybody (``fonts={}``). Raises :class:`ValueError` where it does not compile."""
    try:
        made: str = mjml.mjml2html(source, disable_comments=True, fonts={})
    except OSError as error:  # what the library raises for a parser's error
        raise ValueError(str(error)) from error
    return _LABEL.sub(_unescaped_label, made, count=1)


def size(count: int) -> str:
    """A number of bytes in words: « 312 ko », « 1,4 Mo »."""
    if count < 1_000_000:
        return f"{max(1, round(count / 1_000))}\N{NO-BREAK SPACE}ko"
    return f"{count / 1_000_000:.1f}\N{NO-BREAK SPACE}Mo".replace(".", ",")


def _wrapped(text: str, first: str = "", rest: str = "") -> str:
    return "\n".join(wrap(text, 72, first=first, rest=rest))


def _underlined(text: str, mark: str = "=") -> str:
    lines = wrap(text, 72)
    return "\n".join([*lines, mark * max(map(len, lines))])


def _unescaped_label(found: re.Match[str]) -> str:
    """mrml writes the title into ``aria-label`` as Rust shows strings to programmers: « Kit\\u{a0}: … » would be read aloud."""
    return _ESCAPE.sub(lambda one: chr(int(one[1], 16)) if one[1] else html.escape(one[2]), found[0])


def _line(error: BaseException, templates: Path) -> int:
    """The line of the template in which an error rose (Jinja2 rewrites the traceback)."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if str(templates) in trace.tb_frame.f_code.co_filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
