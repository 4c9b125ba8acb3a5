"""The public site as files: every page of a season, with links that work from a folder."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from pipeline.release import addresses, publication

_LINK = re.compile(r'(?P<before>\b(?:href|src)=")(?P<path>/[^"#?]*)(?P<after>[^"]*")')


def export(season: str, folder: Path) -> dict[str, str]:
    """Write the season's pages below ``folder``; return the page of each release by slot, relative to it.

    Each page is what the site answers, asked in the same process.
    """
    page = publication.season_page(season)
    if page is None:
        return {}
    home = addresses.season_path(season)
    paths = [home, *(fiche.path for fiche in page.fiches), *(release.path for release in page.releases)]
    files = [addresses.feed_path(season), addresses.calendar_path(season), *(one.path for one in page.kit)]
    files += [
        addresses.image_path(image.sha256, image.media_type) for fiche in page.fiches for image in fiche.fiche.images
    ]
    client = Client(SERVER_NAME="localhost", headers={"host": "localhost"})
    known = set(paths) | set(files)
    statics: set[str] = set()
    for path in paths:
        body = _get(client, path).decode()
        _write(folder, path + "index.html", _relative(body, path, known, statics).encode())
    for path in files:
        _write(folder, path, _get(client, path))
    for path in sorted(statics):
        _static(folder, path)
    _write(
        folder,
        "/index.html",
        f'<!doctype html><meta http-equiv="refresh" content="0; url={season}/index.html">'.encode(),
    )
    return {release.slot: f"{release.path.strip('/')}/index.html" for release in page.releases}


def _get(client: Client, path: str) -> bytes:
    answer = client.get(path, secure=settings.KIT.secure)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code}")
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)  # type: ignore[attr-defined]


def _relative(body: str, path: str, known: set[str], statics: set[str]) -> str:
    def link(found: re.Match[str]) -> str:
        target = found["path"]
        if target.startswith(settings.STATIC_URL):
            statics.add(target)
        elif target == "/":
            target = "/index.html"
        elif target in known and target.endswith("/"):
            target += "index.html"
        elif target not in known:
            return found[0]
        return found["before"] + posixpath.relpath(target, path) + found["after"]

    return _LINK.sub(link, body)


def _static(folder: Path, path: str, seen: frozenset[str] = frozenset()) -> None:
    found = finders.find(path.removeprefix(settings.STATIC_URL))
    if not isinstance(found, str):
        return
    content = Path(found).read_bytes()
    _write(folder, path, content)
    if path.endswith(".css") and path not in seen:
        for name in re.findall(rb"url\([\"']?([^\"')]+)", content):
            inner = posixpath.normpath(posixpath.join(posixpath.dirname(path), name.decode()))
            if inner.startswith(settings.STATIC_URL):
                _static(folder, inner, seen | {path})


def _write(folder: Path, path: str, content: bytes) -> None:
    target = folder / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
