"""Invariants 1, 2 and 4: once, together, frozen."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.delivery.models import Mailing, Recipient
from pipeline.kit import build as kit_build
from pipeline.release import addresses, decisions, publication, releases
from pipeline.release.models import Intention, KitFile, Release, ReleasedFiche, StoredImage
from tests.factories import fiche_markdown
from tests.stage import STAFF, stage
from tests.together import together

pytestmark = pytest.mark.usefixtures("database")


def test_two_workers_with_one_intention_release_once(tmp_path: Path) -> None:
    play = stage(tmp_path, people=5)
    made = decisions.intend("essai", "1", actor=STAFF, now=play.now)
    at = made.not_before
    results = together(lambda: releases.fulfil(made.pk, play.press, now=at))
    assert sum(result is not None for result in results) == 1
    assert Release.objects.count() == Mailing.objects.count() == 1
    assert Recipient.objects.count() == 5


def test_a_release_that_fails_in_its_transaction_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = stage(tmp_path)

    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("power")

    monkeypatch.setattr(releases.freezing, "freeze", break_down)
    with pytest.raises(RuntimeError, match="power"):
        play.tick()
    for model in (Release, ReleasedFiche, Mailing, Recipient):
        assert not model.objects.exists()
    assert publication.public_fiche("essai", "fiche-1") is None
    monkeypatch.undo()
    play.tick()
    assert play.released() == ["1"]


def test_what_was_released_does_not_change_with_the_files(tmp_path: Path) -> None:
    play = stage(tmp_path)
    play.tick()
    path = tmp_path / "fiches/essai/conseil/01-fiche-1.md"
    path.write_text(fiche_markdown(1, title="Un autre titre ?"))
    play.apply()
    shown = publication.public_fiche("essai", "fiche-1")
    assert shown is not None
    assert "Un autre titre" not in shown.fiche.title


def test_a_release_takes_only_what_was_applied(tmp_path: Path) -> None:
    play = stage(tmp_path)
    (tmp_path / "fiches/essai/conseil/01-fiche-1.md").write_text(fiche_markdown(1, title="Pas encore appliqué ?"))
    play.tick()
    shown = publication.public_fiche("essai", "fiche-1")
    assert shown is not None
    assert "Pas encore" not in shown.fiche.title


def test_publishing_without_mail_shows_the_page_and_writes_to_nobody(tmp_path: Path) -> None:
    play = stage(tmp_path)
    made = decisions.intend("essai", "2", actor=STAFF, now=play.now, with_mail=False)
    releases.fulfil(made.pk, play.press, now=made.not_before)
    assert publication.public_fiche("essai", "fiche-2") is not None
    assert not Mailing.objects.exists()


def test_the_final_kit_holds_every_released_fiche_and_is_checked_by_its_hash(tmp_path: Path) -> None:
    play = stage(tmp_path, slots=1, finale="finale: {date: 2020-02-05}")
    play.tick()
    play.now = play.view("finale").due or play.now
    play.tick()
    files = {one.format: one for one in KitFile.objects.all()}
    assert set(files) == {"pdf", "epub", "html", "zip"}
    served = publication.kit_file("essai", "kit.html")
    assert served is not None
    assert "Comment faire la chose numéro" in served[1].decode()


def test_a_kit_that_is_not_what_was_built_is_not_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play = stage(tmp_path, slots=1, finale="finale: {date: 2020-02-05}")
    play.tick()
    play.now = play.view("finale").due or play.now
    honest = kit_build.build

    def tampered(*arguments: object, **options: object):  # type: ignore[no-untyped-def]
        import dataclasses

        made = honest(*arguments, **options)  # type: ignore[arg-type]
        return {form: dataclasses.replace(one, content=one.content + b" ") for form, one in made.items()}

    monkeypatch.setattr(releases.kit_build, "build", tampered)
    play.tick()
    assert play.states()["finale"] == "held"
    assert not KitFile.objects.exists()


def test_the_finale_waits_for_what_is_still_held(tmp_path: Path) -> None:
    play = stage(tmp_path, slots=2, finale="finale: {date: 2020-02-19}")
    play.tick()
    decisions.hold("essai", "2", "un doute", actor=STAFF, now=play.now)
    play.now = play.view("finale").due or play.now
    play.tick()
    assert play.states() == {"1": "released", "2": "held", "finale": "held"}
    assert "2" in play.view("finale").reason


def test_withdrawn_and_refused_intentions_stay_on_record(tmp_path: Path) -> None:
    play = stage(tmp_path)
    decisions.intend("essai", "2", actor=STAFF, now=play.now)
    decisions.withdraw("essai", "2", actor=STAFF, now=play.now)
    decisions.intend("essai", "2", actor=STAFF, now=play.now)
    assert list(Intention.objects.order_by("pk").values_list("end", flat=True)) == ["withdrawn", ""]


def test_an_image_cannot_be_reached_before_the_release_that_shows_it(tmp_path: Path, client) -> None:  # type: ignore[no-untyped-def]
    play = stage(tmp_path)
    folder = tmp_path / "fiches/essai/conseil"
    (folder / "carte.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><circle cx="5" cy="5" r="4"/></svg>'
    )
    (folder / "01-fiche-1.md").write_text(fiche_markdown(1, body="![Un cercle](carte.svg)"))
    play.apply()
    row = StoredImage.objects.get()
    path = addresses.image_path(row.sha256, row.media_type)
    assert client.get(path, headers={"host": "localhost"}).status_code == 404
    assert client.get("/essai/fiches/fiche-1/", headers={"host": "localhost"}).status_code == 404
    play.tick()
    assert client.get(path, headers={"host": "localhost"}).status_code == 200
    page = client.get("/essai/fiches/fiche-1/", headers={"host": "localhost"})
    assert path in page.content.decode()
    assert "Un cercle" in page.content.decode()
