from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.content import library, tree
from pipeline.content.errors import ContentError, Fault
from pipeline.content.fiche import Fiche
from tests.content import factories
from tests.content.factories import BODY, RULES

FIGURE = BODY + "\n![Une carte](carte.png)\n"


def said(faults: tuple[Fault, ...] | list[Fault]) -> list[str]:
    return [str(fault) for fault in faults]


def test_a_folder_becomes_its_fiches_in_the_order_of_kinds_and_numbers(tmp_path: Path) -> None:
    factories.write(tmp_path, 3, "gamma", "portrait")
    factories.write(tmp_path, 2, "beta", see_also="[alpha, gamma]")
    factories.write(tmp_path, 1, "alpha", body=BODY + "\nVoir [là](fiche:beta).\n")
    found = library.read(tmp_path, RULES)
    assert found.faults == ()
    assert found.broken == {}
    assert found.glossary is None
    assert list(found.fiches) == ["alpha", "beta", "gamma"]
    assert found.fiches["alpha"].path == "essai/conseil/01-alpha.md"
    assert found.fiches["alpha"].words == 9
    assert found.fiches["alpha"].reading_minutes == 1


def test_a_fiche_survives_json(tmp_path: Path) -> None:
    factories.write(tmp_path, body=FIGURE)
    (tmp_path / "conseil" / "carte.png").write_bytes(factories.png())
    fiche = library.read(tmp_path, RULES).fiches["alpha"]
    assert Fiche.from_json(fiche.to_json()) == fiche


def test_faults_of_all_files_are_told_in_one_run_and_good_fiches_stay(tmp_path: Path) -> None:
    factories.write(tmp_path, 1, "alpha")
    factories.write(tmp_path, 2, "beta", title=None, body="## En bref\n\n<b>x</b>\n")
    factories.write(tmp_path, 3, "gamma", see_also="[delta]", body=BODY + "\n[là](fiche:alfa)\n")
    found = library.read(tmp_path, RULES)
    assert list(found.fiches) == ["alpha"]
    assert set(found.broken) == {"beta", "gamma"}
    assert {(fault.path[-11:], fault.field, fault.line) for fault in found.faults} == {
        ("/02-beta.md", "title", 2),
        ("/02-beta.md", "texte", 23),
        ("/02-beta.md", "texte", 0),
        ("03-gamma.md", "see_also", 12),
        ("03-gamma.md", "texte", 30),
    }
    assert any("alpha" in fault.mend for fault in found.broken["gamma"])
    assert sorted(fault for faults in found.broken.values() for fault in faults) == list(found.faults)


def test_two_fiches_with_one_number_or_one_slug_are_both_broken(tmp_path: Path) -> None:
    factories.write(tmp_path, 1, "alpha")
    factories.write(tmp_path, 1, "beta", "portrait")
    factories.write(tmp_path, 2, "gamma")
    factories.write(tmp_path, 3, "gamma", "portrait")
    found = library.read(tmp_path, RULES)
    assert found.fiches == {}
    assert {fault.field for fault in found.broken["alpha"] + found.broken["beta"]} == {"number"}
    assert {fault.field for fault in found.broken["gamma"]} == {"slug"}
    assert len(found.broken["gamma"]) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("## En bref\n\nUn mot.\n", "« Étapes » manque"),
        ("## En bref\n\n## Étapes\n\nUn.\n", "« En bref » est vide"),
        ("## En bref\n\n### Sous\n\n## Étapes\n\nUn.\n", "« En bref » est vide"),
        ("## Étapes\n\nUn.\n\n## En bref\n\nUn.\n", "n’est pas à sa place"),
        (BODY + "\n## en  BREF\n\nUn.\n", "deux fois"),
        ("", "« En bref » manque"),
    ],
)
def test_sections_are_there_once_in_order_and_say_something(body: str, message: str) -> None:
    with pytest.raises(ContentError) as caught:
        library.check(factories.fiche(body=body), factories.path(), RULES)
    assert any(message in text for text in said(caught.value.faults)), said(caught.value.faults)


def test_other_sections_may_stand_among_the_required_ones() -> None:
    library.check(factories.fiche(body="## Avant\n\nUn.\n\n" + BODY), factories.path(), RULES)


def test_images_are_frozen_by_hash_with_their_fiche(tmp_path: Path) -> None:
    factories.write(tmp_path, body=FIGURE)
    (tmp_path / "conseil" / "carte.png").write_bytes(factories.png())
    (tmp_path / "conseil" / "autre.png").write_bytes(b"unused")
    found = library.read(tmp_path, RULES)
    assert found.faults == ()
    (image,) = found.fiches["alpha"].images
    assert found.images == {image.sha256: factories.png()}


def test_a_missing_image_is_told_with_its_line(tmp_path: Path) -> None:
    factories.write(tmp_path, body=FIGURE)
    found = library.read(tmp_path, RULES)
    assert [(fault.line, fault.field) for fault in found.faults] == [(30, "texte")]
    assert found.images == {}


def test_the_glossary_is_read_like_a_fiche(tmp_path: Path) -> None:
    factories.write(tmp_path)
    (tmp_path / "glossaire.md").write_text("Bail\n:   L'écrit ; voir [là](fiche:alpha).\n", encoding="utf-8")
    found = library.read(tmp_path, RULES)
    assert found.faults == ()
    assert found.glossary
    assert isinstance(found.glossary.blocks[0], tree.Definitions)
    (tmp_path / "glossaire.md").write_text("<b>x</b> [là](fiche:zeta)\n", encoding="utf-8")
    assert library.read(tmp_path, RULES).glossary is None


def test_what_stands_in_the_wrong_place_is_told(tmp_path: Path) -> None:
    factories.write(tmp_path)
    factories.write(tmp_path, 2, "beta", "inconnu")
    (tmp_path / "seul.md").write_text("x", encoding="utf-8")
    (tmp_path / "conseil" / "notes.md").write_text("x", encoding="utf-8")
    found = library.read(tmp_path, RULES)
    assert list(found.fiches) == ["alpha"]
    assert {fault.path for fault in found.faults} == {"essai/inconnu", "essai/seul.md", "essai/conseil/notes.md"}


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ContentError):
        library.read(tmp_path / "absent", RULES)


def test_a_file_saved_on_windows_reads_the_same() -> None:
    text = factories.fiche()
    windows = "\ufeff" + text.replace("\n", "\r\n")
    assert library.check(windows, factories.path(), RULES) == library.check(text, factories.path(), RULES)
