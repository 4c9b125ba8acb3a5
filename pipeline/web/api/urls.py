"""Every address of the API."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from pipeline.web.api import preferences, problems, seasons, subscribing
from pipeline.web.api.document import DESCRIPTION, Api
from pipeline.web.api.guard import StrictParser, faced, json_only, nothing_here, published

api = Api(
    title="API d’inscription",
    version="1",
    description=DESCRIPTION,
    docs_url=None,  # a page of scripts from elsewhere, which our policy of contents refuses
    docs_decorator=published,
    parser=StrictParser(),
    urls_namespace="api",
)
api.add_decorator(json_only, mode="view")
api.add_router("/seasons", seasons.router)
api.add_router("", subscribing.router)
api.add_router("/preferences", preferences.router)
problems.install(api)


def _patterns() -> list[URLPattern | URLResolver]:
    made = [*api.urls[0], path("<path:rest>", nothing_here)]
    for one in made:
        if isinstance(one, URLPattern):
            one.callback = faced(one.callback)
    return made


app_name = "api"
urlpatterns = _patterns()
