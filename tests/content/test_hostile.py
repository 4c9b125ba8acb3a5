"""Fiches that someone wrote to do harm: each is refused, or what it tried is not in the result; within its limits."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from pipeline.content import html, library
from pipeline.content.errors import ContentError, Fault
from pipeline.content.fiche import Fiche
from pipeline.content.library import Library
from tests.content import factories
from tests.content.factories import BODY, RULES

TEXTS = {
    "script": "<script>alert(1)</script>",
    "script left open": "<script src=//evil.example\n",
    "script in a box": "!!! retenir\n    <script>alert(1)</script>",
    "script in a cell": "| a |\n|---|\n| <script>alert(1)</script> |",
    "script in a note": "a[^1]\n\n[^1]: <script>alert(1)</script>",
    "handler": "<img src=x onerror=alert(1)>",
    "handler over lines": "<img src=x\nonerror=alert(1)\n>",
    "handler by attribute list": '## T {onclick="alert(1)"}\n\na',
    "style by attribute list": 'a\n{: style="background:url(//evil.example)" }',
    "javascript": "[x](javascript:alert(1))",
    "javascript in capitals": "[x](JaVaScRiPt:alert(1))",
    "javascript by entities": "[x](&#106;avascript:alert(1))",
    "javascript by a reference": "[x][y]\n\n[y]: javascript:alert(1)",
    "javascript by an attribute list": '[x](https://a.fr){: href="javascript:alert(1)" }',
    "javascript with a tab": "[x](java\tscript:alert(1))",
    "javascript in brackets": "[x](<javascript:alert(1)>)",
    "data": "[x](data:text/html,<script>alert(1)</script>)",
    "vbscript": "[x](vbscript:alert(1))",
    "image by data": "![x](data:image/svg+xml,<svg/onload=alert(1)>)",
    "image on another site": "![x](https://evil.example/x.png)",
    "image by traversal": "![x](../../secret.png)",
    "image by an absolute path": "![x](/etc/passwd)",
    "relative link": "[x](/admin)",
    "link without a scheme": "[x](//evil.example)",
    "frame": '<iframe src="https://evil.example"></iframe>',
    "comment": "<!-- <script>alert(1)</script> -->",
    "processing": "<?php evil ?>",
    "form": '<form action="https://evil.example"><input name=p></form>',
}


def checked(body: str) -> tuple[Fiche | None, list[Fault]]:
    try:
        return library.check(factories.fiche(body=body), factories.path(), RULES), []
    except ContentError as error:
        return None, error.faults


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_harmful_text_is_refused_or_harmless(text: str) -> None:
    fiche, faults = checked(f"{BODY}\n{text}\n")
    assert all(fault.mend for fault in faults)
    if fiche:
        shown = html.to_html(fiche.body, resolve=lambda _: None, image_url=lambda name: name)
        root = ElementTree.fromstring(f"<main>{shown}</main>")
        assert not {"script", "img", "iframe", "form", "a"} & {element.tag for element in root.iter()}
        assert {name for element in root.iter() for name in element.attrib} <= {"id", "class", "role", "scope"}


def test_harm_in_the_front_matter_is_only_text() -> None:
    fiche = library.check(factories.fiche(title='"<script>alert(1)</script>"'), factories.path(), RULES)
    assert fiche.title == "<script>alert(1)</script>"


TIMES = {
    "opening brackets": "[" * 10_000,
    "links in links": "[a](" * 10_000,
    "images in images": "![a" * 10_000,
    "stars": "*a **b " * 5_000,
    "underscores": "_" * 50_000,
    "accents": "`" * 20_000 + "a" + "`" * 19_999,
    "quotes": "> " * 10_000 + "a",
    "lists": "".join("  " * n + "- a\n" for n in range(180)),
    "boxes": "".join("    " * n + "!!! retenir\n" for n in range(120)),
    "notes": "".join(f"[^{n}] " for n in range(4_000)) + "\n\n" + "".join(f"[^{n}]: a\n" for n in range(3_000)),
    "references": "[a]: https://a.fr/" + "x" * 900 + "\n\n" + "[a] " * 15_000,
    "acronyms": "".join(f"*[a{n}]: b\n" for n in range(1_500)) + "a1 " * 10_000,
    "table": "|a" * 10_000 + "\n" + "|-" * 10_000 + "\n" + "|b" * 5_000,
    "angles": "<a" * 20_000,
    "entities": "&#x3c;" * 10_000,
    "placeholders": "klzzwxh:0000 " * 3_000,
    "bangs": "! " * 30_000,
    "guillemets": '"a" ' * 15_000,
    "digits": "1 000 " * 10_000,
    "letters before an at sign": "a" * 60_000 + "@",
}


@pytest.mark.parametrize("text", TIMES.values(), ids=TIMES)
def test_a_text_made_to_take_long_is_answered(text: str) -> None:
    """What matters is that an answer comes: the deadline is the sandbox's."""
    fiche, faults = checked(f"{BODY}\n{text}\n"[:64_000])
    assert fiche or faults


def faults_of(tmp_path: Path, content: bytes) -> tuple[Fault, ...]:
    """Write ``content`` as one fiche beside a good one, which is still read."""
    factories.write(tmp_path, 1, "alpha")
    (tmp_path / "conseil" / "02-beta.md").write_bytes(content)
    found = library.read(tmp_path, RULES)
    assert list(found.fiches) == ["alpha"]
    return found.broken["beta"]


def beta(**changes: str | None) -> bytes:
    return factories.fiche(2, "beta", **changes).encode()


def test_a_line_of_five_megabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    assert "64 ko" in faults_of(tmp_path, beta() + b"a" * 5_000_000)[0].message
    with pytest.raises(ContentError):
        library.check("a" * 5_000_000, factories.path(), RULES)


def test_a_yaml_bomb_is_refused(tmp_path: Path) -> None:
    bomb = b"---\na: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9)) for c in range(ord("b"), ord("j"))
    )
    (fault,) = [fault for fault in faults_of(tmp_path, bomb + b"---\nx") if fault.line == 2]
    assert "ancres" in fault.message


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (beta().replace(b"Un mot.", b"Un m\xf4t."), "UTF-8"),
        (beta().replace(b"Un mot.", b"Un\x00mot."), "U+0000"),
        (beta().replace(b"Un mot.", b"Un\x02mot.\x03"), "U+0002"),
        (beta().replace(b"Un mot.", "Un\u202emot.".encode()), "U+202E"),
        (beta().replace(b"Agir", b"Ag\x00ir"), "interdit"),
        (factories.fiche().encode("utf-16"), "UTF-8"),
        (b"", "en-tête"),
        (b"---\n", "en-tête"),
        (b"---\n---\n", "en-tête"),
        (b"---\n[]\n---\n", "clé: valeur"),
    ],
)
def test_bytes_that_are_not_a_text_are_refused(tmp_path: Path, content: bytes, word: str) -> None:
    assert any(word in fault.message for fault in faults_of(tmp_path, content))


def test_a_byte_order_mark_and_windows_line_ends_are_forgiven(tmp_path: Path) -> None:
    factories.write(tmp_path)
    (tmp_path / "conseil" / "02-beta.md").write_bytes(b"\xef\xbb\xbf" + beta().replace(b"\n", b"\r\n"))
    found = library.read(tmp_path, RULES)
    assert set(found.fiches) == {"alpha", "beta"}
    assert "\r" not in found.fiches["beta"].markdown


def linked(tmp_path: Path) -> Library:
    season = tmp_path / "essai"
    factories.write(season)
    return library.read(season, RULES)


def test_a_fiche_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(beta())
    (tmp_path / "essai" / "conseil").mkdir(parents=True)
    (tmp_path / "essai" / "conseil" / "02-beta.md").symlink_to(tmp_path / "secret")
    found = linked(tmp_path)
    assert list(found.fiches) == ["alpha"]
    assert "lien" in found.broken["beta"][0].message


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    factories.write(tmp_path / "elsewhere", 2, "beta", "portrait")
    (tmp_path / "essai").mkdir()
    (tmp_path / "essai" / "portrait").symlink_to(tmp_path / "elsewhere" / "portrait")
    found = linked(tmp_path)
    assert list(found.fiches) == ["alpha"]
    assert "lien" in found.faults[0].message


def test_a_fiche_that_is_a_pipe_or_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "essai" / "conseil" / "02-beta.md").mkdir(parents=True)
    os.mkfifo(tmp_path / "essai" / "conseil" / "03-gamma.md")
    assert set(linked(tmp_path).broken) == {"beta", "gamma"}


def test_an_image_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(factories.png())
    factories.write(tmp_path / "essai", 2, "beta", body=BODY + "\n![x](a.png)\n")
    (tmp_path / "essai" / "conseil" / "a.png").symlink_to(tmp_path / "secret.png")
    found = linked(tmp_path)
    assert "lien" in found.broken["beta"][0].message
    assert found.images == {}


def test_a_script_in_an_svg_does_not_reach_the_reader(tmp_path: Path) -> None:
    factories.write(tmp_path, body=BODY + "\n![x](a.svg)\n")
    (tmp_path / "conseil" / "a.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" onload="alert(1)"><script>alert(1)</script></svg>'
    )
    found = library.read(tmp_path, RULES)
    assert found.faults == ()
    (content,) = found.images.values()
    assert b"alert" not in content
