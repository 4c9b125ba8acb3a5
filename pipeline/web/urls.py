"""Every address of the site. The paths that mails and the kit carry are those of :mod:`pipeline.release.addresses`."""

from __future__ import annotations

from django.urls import include, path, register_converter

from pipeline.web import errors, webhooks
from pipeline.web.public import feeds, files, legal, views
from pipeline.web.reader import links, preferences, signing_up


class Sha256:
    """A hash in lower-case hexadecimal."""

    regex = "[0-9a-f]{64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Sha256, "sha256")

app_name = "web"
urlpatterns = [
    path("", views.home, name="home"),
    path("robots.txt", files.robots, name="robots"),
    path("images/<sha256:sha256>.<slug:extension>", files.image, name="image"),
    path("accessibilite/", legal.accessibility, name="accessibility"),
    path("mentions-legales/", legal.notice, name="notice"),
    path("vie-privee/", legal.privacy, name="privacy"),
    path("desabonnement/<str:token>/", links.unsubscribe, name="unsubscribe"),
    path("confirmation/<str:token>/", links.confirm, name="confirm"),
    path("l/<str:token>/", links.canary, name="canary"),
    path("changement-adresse/<str:token>/", links.move, name="move"),
    path("renouvellement/<str:token>/", links.renew, name="renew"),
    path("preferences/<str:token>/", preferences.preferences, name="preferences"),
    path("preferences/<str:token>/effacement/", preferences.erasure, name="erasure"),
    path("webhooks/anymail/<slug:provider>/tracking/", webhooks.events, name="webhook"),
    path("api/v1/", include("pipeline.web.api.urls")),
    path("<slug:season>/", views.season_home, name="season"),
    path("<slug:season>/inscription/", signing_up.sign_up, name="sign-up"),
    path("<slug:season>/inscription/merci/", signing_up.thanks, name="sign-up-thanks"),
    path("<slug:season>/inscription/cadre/", signing_up.frame, name="sign-up-frame"),
    path("<slug:season>/inscription/cadre/merci/", signing_up.frame_thanks, name="sign-up-frame-thanks"),
    path("<slug:season>/inscription/code/", signing_up.code, name="sign-up-code"),
    path("<slug:season>/lien/", signing_up.link, name="link"),
    path("<slug:season>/lien/merci/", signing_up.link_thanks, name="link-thanks"),
    path("<slug:season>/fiches/<slug:slug>/", views.fiche, name="fiche"),
    path("<slug:season>/envois/<slug:slot>/", views.release, name="release"),
    path("<slug:season>/envois/<slug:slot>/mail.html", files.mail, name="mail"),
    path("<slug:season>/kit/<str:name>", files.kit_file, name="kit-file"),
    path("<slug:season>/calendrier.ics", files.calendar, name="calendar"),
    path("<slug:season>/flux.xml", feeds.atom, name="feed"),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.server_error
