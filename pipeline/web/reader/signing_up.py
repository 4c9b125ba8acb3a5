"""The sign-up form: on its own page, in a frame on another site, or as plain HTML that another site shows.

What comes of it, only the mailbox learns: every valid form gets the same answer, whatever is known of its address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_safe

from pipeline import clock
from pipeline.audience.consent import Proof
from pipeline.audience.models import Rhythm
from pipeline.correspondence import reception
from pipeline.release import wiring
from pipeline.season.season import Season
from pipeline.web import headers, network
from pipeline.web.reader import gate
from pipeline.web.reader.forms import AddressForm, SignUpForm
from pipeline.web.reader.information import INFORMATION_VERSION
from pipeline.web.reader.pages import SeeOther, private, season_or_404, show


@dataclass(frozen=True, slots=True)
class Place:
    """Where a form stands. ``name`` is what a consent keeps of it; ``here`` and ``thanks`` are names of URLs."""

    name: str
    form: type[AddressForm]
    template: str
    here: str
    thanks: str
    layout: str = "reader/page.html.j2"


PAGE = Place("inscription", SignUpForm, "sign_up", "sign-up", "sign-up-thanks")
FRAME = Place("cadre", SignUpForm, "sign_up", "sign-up-frame", "sign-up-frame-thanks", "reader/frame.html.j2")
LINK = Place("lien", AddressForm, "link", "link", "link-thanks")


@private
def sign_up(request: HttpRequest, season: str) -> HttpResponse:
    """The form; what is sent to it from another site's page is shown once more, to be checked and pressed here."""
    return _form(request, season_or_404(season), PAGE)


@private
def frame(request: HttpRequest, season: str) -> HttpResponse:
    """The same for a frame: its answers stay in it."""
    return _framed(_form(request, season_or_404(season), FRAME))


@private
def link(request: HttpRequest, season: str) -> HttpResponse:
    """A fresh link to the preferences, by mail."""
    return _form(request, season_or_404(season), LINK)


@require_safe
@private
def thanks(request: HttpRequest, season: str) -> HttpResponse:
    return show(request, "thanks", season_or_404(season), layout=PAGE.layout)


@require_safe
@private
def frame_thanks(request: HttpRequest, season: str) -> HttpResponse:
    return _framed(show(request, "thanks", season_or_404(season), layout=FRAME.layout))


@require_safe
@private
def link_thanks(request: HttpRequest, season: str) -> HttpResponse:
    return show(request, "link_thanks", season_or_404(season))


@require_safe
def code(request: HttpRequest, season: str) -> HttpResponse:
    """For webmasters: the frame and the form, to be copied."""
    found = season_or_404(season)
    context = {"season": found, "title": found.title}
    return show(
        request,
        "code",
        found,
        frame_code=render_to_string("reader/embedded_frame.html.j2", context).strip(),
        form_code=render_to_string("reader/embedded_form.html.j2", context).strip(),
        everybody="*" in settings.KIT.embedders,
        nobody=not settings.KIT.embedders,
    )


def _form(request: HttpRequest, season: Season, place: Place) -> HttpResponse:
    if not reception.is_open(season, wiring.press()):
        return show(request, "closed", season, layout=place.layout)
    if request.method != "POST":
        return _show(request, season, place, _blank(season, place))
    return _posted(request, season, place)


def _posted(request: HttpRequest, season: Season, place: Place) -> HttpResponse:
    now = clock.now()
    trapped = gate.trap(f"{season.name}/{place.name}", request.POST, now=now)
    if trapped == "machine":
        return _thank(season, place)
    if trapped == "absent":
        return _show(request, season, place, _blank(season, place, request), notice="absent")
    form = place.form(season, request.POST)
    if not form.is_valid():
        return _show(request, season, place, form, trapped=trapped, status=422)
    if trapped != "passed" or form.suggestion:
        return _show(request, season, place, form, trapped=trapped, notice=trapped)
    ip = network.client(request)
    wait = gate.busy(season.name, place.name, form.address, ip)
    if wait:
        busy = _show(request, season, place, form, trapped=trapped, notice="busy", wait=wait, status=429)
        busy["Retry-After"] = str(wait)
        return busy
    if not gate.had_enough(form.address):
        proof = Proof("formulaire", INFORMATION_VERSION, place.name, ip)
        if isinstance(form, SignUpForm):
            reception.sign_up(season, form.address, form.wish, form.profile, proof, now=now)
        else:
            reception.ask_link(season, form.address, proof, now=now)
    return _thank(season, place)


def _thank(season: Season, place: Place) -> HttpResponse:
    return SeeOther(reverse(place.thanks, kwargs={"season": season.name}))


def _blank(season: Season, place: Place, request: HttpRequest | None = None) -> AddressForm:
    """The form before anything was sent through it; with what another site's form says already."""
    initial: dict[str, Any] = {"choice": season.choices[0].id, "rhythm": Rhythm.EACH, "themes": []}
    if request is not None:
        initial |= {name: request.POST[name] for name in request.POST if name != "themes"}
        initial["themes"] = request.POST.getlist("themes")
    return place.form(season, initial=initial)


def _show(
    request: HttpRequest,
    season: Season,
    place: Place,
    form: AddressForm,
    *,
    trapped: gate.Trapped = "absent",
    notice: str = "",
    wait: int = 0,
    status: int = 200,
) -> HttpResponse:
    name, now = f"{season.name}/{place.name}", clock.now()
    # Who was too fast, or mends a field, need not wait again: their form keeps the time at which they first saw it.
    shown = trapped in ("passed", "early")
    return show(
        request,
        place.template,
        season,
        status=status,
        layout=place.layout,
        action=reverse(place.here, kwargs={"season": season.name}),
        form=form,
        notice=notice,
        minutes=-(-wait // 60),
        trap=gate.TRAP,
        moment=request.POST[gate.TRAP] if shown else gate.stamp(name, now=now),
        honeypot=gate.HONEYPOT,
    )


def _framed(response: HttpResponse) -> HttpResponse:
    response["Content-Security-Policy"] = headers.framed(settings.KIT.embedders)
    return response
