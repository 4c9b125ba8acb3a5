"""The kit: four files from one book, the same bytes every time, and no text read as markup."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pikepdf
import pytest
from lxml import etree

from pipeline.content import library
from pipeline.kit import build as kit
from pipeline.kit.book import Book, Entry, Planned
from pipeline.season import schema
from tests.factories import fiche_markdown, season_yaml

HOSTILE = "Prix : 10 $x^2$ *gras* _ital_ #import \\ `code` @ref <script>alert(1)</script> [lien] ~ // fin."
ROOT = Path(__file__).resolve().parent.parent.parent


def book(
    body: str = "Un texte. Voir [l'autre](fiche:fiche-2) et [la dernière](fiche:fiche-3).", *, final: bool = False
) -> Book:
    season = schema.parse(season_yaml(), "essai.yaml")
    fiches = [library.check(fiche_markdown(1, body=body), "essai/conseil/01-fiche-1.md", season.rules)]
    fiches.append(library.check(fiche_markdown(2), "essai/conseil/02-fiche-2.md", season.rules))
    return Book(
        season=season,
        final=final,
        as_of=dt.date(2020, 2, 29),
        entries=tuple(
            Entry(one, dt.date(2020, 1, 22), f"https://essai.org/essai/fiches/{one.slug}/") for one in fiches
        ),
        planned=() if final else (Planned(3, "conseil", "La suite", None),),
        base_url="https://essai.org",
        glossary=None,
    )


@pytest.fixture(scope="module")
def built() -> dict[str, kit.BuiltFile]:
    return dict(kit.build(book()))


def test_four_files_with_their_hashes(built: dict[str, kit.BuiltFile]) -> None:
    assert list(built) == ["pdf", "epub", "html", "zip"]
    for one in built.values():
        assert one.sha256 == hashlib.sha256(one.content).hexdigest()


def test_only_what_is_asked_for_is_given() -> None:
    assert list(kit.build(book(), ["html"])) == ["html"]


def test_the_same_book_gives_the_same_bytes_in_another_process(built: dict[str, kit.BuiltFile], tmp_path: Path) -> None:
    code = (
        "from tests.kit.test_build import book, kit\n"
        "print(*[one.sha256 for one in kit.build(book()).values()])"
    )  # fmt: skip
    environ = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [one.sha256 for one in built.values()], done.stderr


def test_the_pdf_is_tagged_titled_and_french(built: dict[str, kit.BuiltFile]) -> None:
    with pikepdf.open(io.BytesIO(built["pdf"].content)) as pdf:
        assert len(pdf.pages) == built["pdf"].pages
        assert str(pdf.Root.Lang).startswith("fr")
        assert bool(pdf.Root.MarkInfo.Marked)
        assert "Carnet" in str(pdf.docinfo.get("/Title", "")) or "Carnet" in str(pdf.open_metadata().get("dc:title"))


def test_the_epub_is_well_formed_and_complete(built: dict[str, kit.BuiltFile]) -> None:
    with zipfile.ZipFile(io.BytesIO(built["epub"].content)) as archive:
        names = archive.namelist()
        assert names[0] == "mimetype"
        assert archive.getinfo("mimetype").compress_type == zipfile.ZIP_STORED
        trees = {
            name: etree.fromstring(archive.read(name)) for name in names if name.endswith((".xhtml", ".opf", ".xml"))
        }
        package = trees["EPUB/package.opf"]
        items = {item.get("href") for item in package.iter("{*}item")}
        assert {f"EPUB/{href}" for href in items} == {name for name in names if name.startswith("EPUB/")} - {
            "EPUB/package.opf"
        }
        for name, tree in trees.items():
            ids = [element.get("id") for element in tree.iter() if element.get("id")]
            assert len(ids) == len(set(ids)), name
            for link in tree.iter("{http://www.w3.org/1999/xhtml}a"):
                target = link.get("href")
                assert target.startswith(("https://", "http://", "#")) or f"EPUB/{target}" in names


def test_links_lead_to_fiches_of_the_book_and_others_are_plain_text(built: dict[str, kit.BuiltFile]) -> None:
    page = built["html"].content.decode()
    assert '<a href="#fiche-fiche-2">' in page
    assert "fiche:fiche-3" not in page
    assert "la dernière" in page
    assert "La suite" in page


def test_the_html_needs_nothing_beside_it(built: dict[str, kit.BuiltFile]) -> None:
    page = built["html"].content.decode()
    tree = etree.HTML(page)
    assert tree.get("lang") == "fr"
    assert not tree.xpath("//script | //link | //img[not(starts-with(@src, 'data:'))]")
    assert "url(http" not in page


def test_hostile_text_comes_out_as_it_is_written(tmp_path: Path) -> None:
    made = book()
    first = made.entries[0]
    hostile = dataclasses.replace(first.fiche, summary=HOSTILE, title=HOSTILE)
    made = dataclasses.replace(made, entries=(dataclasses.replace(first, fiche=hostile), made.entries[1]))
    built = kit.build(made)
    assert "<script>alert" not in built["html"].content.decode()
    assert "#import" in built["html"].content.decode()
    assert built["pdf"].pages
    with zipfile.ZipFile(io.BytesIO(built["epub"].content)) as archive:
        assert "#import \\ `code`" in "".join(etree.fromstring(archive.read("EPUB/fiche-fiche-1.xhtml")).itertext())


def test_the_zip_holds_the_texts_as_written_and_their_hashes(built: dict[str, kit.BuiltFile]) -> None:
    with zipfile.ZipFile(io.BytesIO(built["zip"].content)) as archive:
        assert archive.read("fiches/essai/conseil/02-fiche-2.md").decode() == fiche_markdown(2)
        for line in archive.read("SHA256SUMS.txt").decode().splitlines():
            digest, name = line.split("  ")
            assert hashlib.sha256(archive.read(name)).hexdigest() == digest
        assert archive.read("kit.pdf") == built["pdf"].content


def test_a_final_book_says_so_and_an_empty_one_is_refused() -> None:
    assert b"finale" in kit.build(book(final=True), ["html"])["html"].content
    with pytest.raises(kit.KitError, match="rien n’est publié"):
        kit.build(dataclasses.replace(book(), entries=()))
