"""A fiche's page before its release: for staff only, never served."""

from __future__ import annotations

import datetime as dt

from django.template.loader import render_to_string

from pipeline.content.fiche import Fiche
from pipeline.release import addresses, publication
from pipeline.release.published import PublicFiche
from pipeline.web.public.article import article


def fiche_page(fiche: Fiche, slot: str, date: dt.date) -> str:
    """The page as readers would see it. Raises :class:`KeyError` where the fiche's season is not applied."""
    page = publication.preview_page(fiche.season)
    if page is None:
        raise KeyError(fiche.season)
    path = addresses.fiche_path(fiche.season, fiche.slug)
    public = PublicFiche(fiche, slot, date, path, None, None)
    shown = article(public, page, publication.released_paths(fiche.season))
    context = {"season": page.season, "page": page, "public": public, "fiche": fiche, "article": shown}
    return render_to_string("public/fiche.html.j2", context)
