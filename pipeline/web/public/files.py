"""Files: the kit, the pictures, the calendar, a mail as it left."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.utils.http import content_disposition_header
from django.views.decorators.http import conditional_page, require_safe

from pipeline.release import addresses, publication
from pipeline.web import headers
from pipeline.web.public.caching import revalidated

# Tokens name a reader; the mail's raw page says what its release page says.
ROBOTS = "User-agent: *\nDisallow: /desabonnement/\nDisallow: /preferences/\nDisallow: /confirmation/\n"


@require_safe
@conditional_page
@revalidated
def kit_file(request: HttpRequest, season: str, name: str) -> HttpResponse:
    found = publication.kit_file(season, name)
    if found is None:
        raise Http404(name)
    file, content = found
    response = HttpResponse(content, content_type=file.media_type)
    response["ETag"] = f'"{file.sha256}"'
    # Named after its season, so that two kits do not meet as « kit.pdf » in a folder.
    response["Content-Disposition"] = content_disposition_header(True, f"{season}-{file.name}") or "attachment"
    response["Content-Security-Policy"] = headers.FILE
    return response


@require_safe
@conditional_page
def image(request: HttpRequest, sha256: str, extension: str) -> HttpResponse:
    """A picture by the hash of its bytes: what stands at this address never changes, so it is kept for good."""
    found = publication.image(sha256)
    if found is None or addresses.EXTENSIONS.get(found[0]) != extension:
        raise Http404(sha256)
    media_type, content = found
    response = HttpResponse(content, content_type=media_type)
    response["ETag"] = f'"{sha256}"'
    response["Content-Security-Policy"] = headers.FILE
    patch_cache_control(response, public=True, max_age=31_536_000, immutable=True)
    return response


@require_safe
@conditional_page
@revalidated
def calendar(request: HttpRequest, season: str) -> HttpResponse:
    content = publication.calendar_ics(season)
    if content is None:
        raise Http404(season)
    response = HttpResponse(content, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(False, f"{season}.ics") or "inline"
    return response


@require_safe
@conditional_page
@revalidated
def mail(request: HttpRequest, season: str, slot: str) -> HttpResponse:
    """The mail of a release as it left, with nothing personal in it."""
    public = publication.public_release(season, slot)
    if public is None:
        raise Http404(slot)
    response = HttpResponse(public.html)
    response["Content-Security-Policy"] = headers.mail(settings.KIT.base_url)
    response["X-Robots-Tag"] = "noindex"
    return response


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    return HttpResponse(ROBOTS, content_type="text/plain; charset=utf-8")
