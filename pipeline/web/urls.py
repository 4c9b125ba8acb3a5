"""Every address of the site. The paths that mails and the kit carry are those of :mod:`pipeline.release.addresses`."""

from __future__ import annotations

from django.urls import path, register_converter

from pipeline.web import errors, webhooks
from pipeline.web.public import feeds, files, legal, views
from pipeline.web.reader import views as reader


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
    path("desabonnement/<str:token>/", reader.unsubscribe, name="unsubscribe"),
    path("preferences/<str:token>/", reader.preferences, name="preferences"),
    path("confirmation/<str:token>/", reader.confirm, name="confirm"),
    path("webhooks/anymail/<slug:provider>/tracking/", webhooks.events, name="webhook"),
    path("<slug:season>/", views.season_home, name="season"),
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
