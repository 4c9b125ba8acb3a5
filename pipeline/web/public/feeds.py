"""The Atom feed of a season (RFC 4287): one entry per released fiche."""

from __future__ import annotations

import datetime as dt
from html import escape

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.http import conditional_page, require_safe

from pipeline.release import addresses
from pipeline.release.published import PublicFiche, SeasonPage
from pipeline.season.season import Season
from pipeline.web.public.caching import revalidated
from pipeline.web.public.views import page_or_404


class _Feed(Atom1Feed):
    """Atom whose date is told, not looked up: the same season gives the same bytes."""

    def latest_post_date(self) -> dt.datetime:
        return self.feed["updated"]  # type: ignore[no-any-return]


@require_safe
@conditional_page
@revalidated
def atom(request: HttpRequest, season: str) -> HttpResponse:
    feed = _feed(page_or_404(season), settings.KIT.base_url)
    return HttpResponse(feed.writeString("utf-8"), content_type=feed.content_type)


def _feed(page: SeasonPage, base_url: str) -> _Feed:
    season = page.season
    out = {release.slot: release.released_at for release in page.releases}
    entries = sorted(
        ((_published(public, season, out), public) for public in page.fiches),
        key=lambda entry: (entry[0], entry[1].fiche.number),
        reverse=True,
    )
    opening = dt.datetime.combine(season.first, season.time, season.zone)
    feed = _Feed(
        title=season.title,
        link=base_url + addresses.season_path(season.name),
        feed_url=base_url + addresses.feed_path(season.name),
        feed_guid=_tag(season),
        description=season.tagline,
        subtitle=season.tagline,
        language=season.language,
        author_name=season.publisher.name,
        updated=max((_updated(public, season, published) for published, public in entries), default=opening),
    )
    for published, public in entries:
        fiche = public.fiche
        feed.add_item(
            title=fiche.title,
            link=base_url + public.path,
            description=escape(fiche.summary),
            unique_id=f"{_tag(season)}/fiches/{fiche.slug}",
            pubdate=published,
            updateddate=_updated(public, season, published),
            categories=[season.kinds[fiche.kind].singular],
            author_name=season.publisher.name,
        )
    return feed


def _tag(season: Season) -> str:
    """A name that outlives every move of the site (RFC 4151): the list's identifier and the season's first year."""
    return f"tag:{season.publisher.list_id},{season.first.year}:{season.name}"


def _published(public: PublicFiche, season: Season, out: dict[str, dt.datetime]) -> dt.datetime:
    return out.get(public.slot) or _on(public.released, season)


def _updated(public: PublicFiche, season: Season, published: dt.datetime) -> dt.datetime:
    """The last correction after the release, else the release itself."""
    return max([published, *(_on(correction.date, season) for correction in public.fiche.corrections)])


def _on(date: dt.date, season: Season) -> dt.datetime:
    return dt.datetime.combine(date, season.time, season.zone)
