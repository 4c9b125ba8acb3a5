from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from pathlib import Path

import PIL.Image
import pytest

from pipeline.content import images, svg
from pipeline.content.images import ImageError
from tests.content import factories

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30">{}</svg>'


def drawn(inner: str) -> str:
    return svg.sanitise(SVG.format(inner).encode())[0].decode()


def test_a_png_and_a_jpeg_are_measured_and_named_by_their_hash(tmp_path: Path) -> None:
    for name, content, media_type in (
        ("a.png", factories.png(), "image/png"),
        ("b.jpg", factories.jpeg(), "image/jpeg"),
    ):
        (tmp_path / name).write_bytes(content)
        image, served = images.load(tmp_path, name)
        assert (image.name, image.media_type, image.width, image.height) == (name, media_type, 4, 3)
        assert image.sha256 == hashlib.sha256(served).hexdigest()
        assert image.size == len(served)


def test_metadata_and_trailing_data_are_cut_out_and_the_picture_stays(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x010E] = "SECRET"
    (tmp_path / "a.jpg").write_bytes(
        factories.jpeg(exif=exif.tobytes(), comment=b"SECRET", progressive=True) + b"SECRET"
    )
    chunk = b"tEXtk\x00SECRET"
    text = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    plain = factories.png()
    (tmp_path / "a.png").write_bytes(plain[:33] + text + plain[33:] + b"SECRET")
    for name in ("a.jpg", "a.png"):
        before = (tmp_path / name).read_bytes()
        _, served = images.load(tmp_path, name)
        assert b"SECRET" in before
        assert b"SECRET" not in served
        with PIL.Image.open(io.BytesIO(before)) as old, PIL.Image.open(io.BytesIO(served)) as new:
            assert old.tobytes() == new.tobytes()
    assert images.load(tmp_path, "a.png")[1] == plain


def test_a_picture_turned_by_exif_is_refused(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a.jpg").write_bytes(factories.jpeg(exif=exif.tobytes()))
    with pytest.raises(ImageError, match="EXIF"):
        images.load(tmp_path, "a.jpg")


@pytest.mark.parametrize(
    "name", ["../a.png", "/a.png", "b/a.png", "..png", ".a.png", "a.PNG", "a.gif", "a.png\n", "a\x00.png", ""]
)
def test_only_a_name_of_a_file_beside_the_fiche_is_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.png").write_bytes(factories.png())
    (tmp_path / "b").mkdir()
    with pytest.raises(ImageError):
        images.load(tmp_path / "b", name)


def test_links_pipes_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(factories.png())
    (tmp_path / "a.png").symlink_to(tmp_path / "real.png")
    os.mkfifo(tmp_path / "b.png")
    (tmp_path / "c.png").mkdir()
    for name in ("a.png", "b.png", "c.png", "d.png"):
        with pytest.raises(ImageError) as caught:
            images.load(tmp_path, name)
        assert caught.value.mend


def bomb(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\x00" * 10_000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        factories.png()[:-20],
        b"\xff\xd8\xff",
        bomb(7_000),
        bomb(100_000),
        b"x" * 2_000_001,
    ],
    ids=["empty", "gif", "signature", "cut", "jpeg", "bomb", "greater bomb", "heavy"],
)
def test_broken_and_oversized_pictures_are_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("a.png", "a.jpg"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageError):
            images.load(tmp_path, name)


def test_a_picture_must_be_what_its_name_says(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(factories.jpeg())
    (tmp_path / "a.jpg").write_bytes(factories.png())
    for name in ("a.png", "a.jpg"):
        with pytest.raises(ImageError):
            images.load(tmp_path, name)


def test_an_svg_keeps_its_drawing(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text(
        SVG.format(
            '<title>Plan</title><g fill="url(#g)"><path d="M0 0h4" style="stroke: #0B6B50; zoom: 2"/></g><text x="1">É &amp; è</text>'
        ),
        encoding="utf-8",
    )
    image, served = images.load(tmp_path, "a.svg")
    assert (image.width, image.height, image.media_type) == (40, 30, "image/svg+xml")
    assert served.decode() == (
        SVG.format(
            '<title>Plan</title><g fill="url(#g)"><path d="M0 0h4" stroke="#0B6B50"></path></g><text x="1">É &amp; è</text>'
        )
        + "\n"
    )
    assert svg.sanitise(served)[0] == served


@pytest.mark.parametrize(
    "inner",
    [
        "<script>alert(1)</script>",
        '<g onclick="alert(1)"/>',
        '<a href="https://evil.example"><path d="M0"/></a>',
        '<path style="fill:url(https://evil.example)"/>',
        '<path fill="url(https://evil.example)"/>',
        '<path fill="url(#a) url(//evil.example)"/>',
        '<path fill="u\\72l(https://evil.example)"/>',
        '<path fill="image-set(&quot;data:evil&quot;)"/>',
        '<animate attributeName="href" to="javascript:evil"/>',
        "<!-- evil --><?evil evil?>",
        '<x:script xmlns:x="http://www.w3.org/2000/svg">evil</x:script>',
    ],
)
def test_an_svg_loses_what_does_not_draw(inner: str) -> None:
    made = drawn(inner)
    for word in ("evil", "alert", "script", "href", "style", "onclick", "<use", "data:"):
        assert word not in made


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg/>",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b'<html xmlns="http://www.w3.org/1999/xhtml"/>',
        b'<!DOCTYPE svg [<!ENTITY a "x">]><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1">&a;</svg>',
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">&nbsp;</svg>',
        SVG.format("<g>" * 50 + "</g>" * 50).encode(),
        SVG.format("<g/>" * 20_001).encode(),
        SVG.format('<image href="https://evil.example/x.png"/>').encode(),
        SVG.format('<use href="#a"/>').encode(),
        SVG.format('<foreignObject><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject>').encode(),
        SVG.format("<style>@import url(https://evil.example)</style>").encode(),
        SVG.format("").encode("utf-16")[:-2],
        SVG.replace("40 30", "40 1e9").encode(),
    ],
)
def test_an_svg_that_cannot_be_made_safe_is_refused(content: bytes) -> None:
    with pytest.raises(svg.SvgError):
        svg.sanitise(content)


def test_gradients_may_share_their_stops_and_clips_do_not_nest() -> None:
    made = drawn('<linearGradient id="a" href="#b"/><linearGradient id="c" href="https://evil.example/#b"/>')
    assert made.count("href") == 1
    assert drawn('<clipPath id="a"><path clip-path="url(#b)" d="M0"/></clipPath>').count("url") == 0


def test_a_public_doctype_without_entities_is_dropped() -> None:
    content = (
        b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
        + SVG.encode()
    )
    assert b"DOCTYPE" not in svg.sanitise(content)[0]
