"""Images beside a fiche: checked, stripped of what is not the picture, and named by the hash of what will be served.

Raster files are not encoded again, so that the hash depends on the file alone: only segments and chunks that hold no
picture (EXIF, comments, thumbnails, trailing data) are cut out. Formats: PNG (W3C), JPEG (ITU-T T.81).
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import struct
import warnings
import zlib
from pathlib import Path

import PIL.Image

from pipeline.content import svg
from pipeline.content.fiche import Image
from pipeline.content.names import IMAGE_NAME

MOST_BYTES = 2_000_000
MOST_SVG_BYTES = 500_000
MOST_PIXELS = 16_000_000
LONGEST_SIDE = 8_000

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"pHYs"}


class ImageError(Exception):
    """The image cannot be used; ``message`` and ``mend`` are French."""

    def __init__(self, message: str, mend: str) -> None:
        self.message, self.mend = message, mend
        super().__init__(f"{message} {mend}")


def load(folder: Path, name: str) -> tuple[Image, bytes]:
    """Return the image ``name`` that stands in ``folder``, and the bytes to serve.

    Raises:
        ImageError: not a plain file of that folder, too big, broken, or of another format than its name says.
    """
    if not IMAGE_NAME.fullmatch(name):
        raise ImageError("n’est pas un nom de fichier seul.", "La poser à côté de la fiche, en .png, .jpg ou .svg.")
    if name.endswith(".svg"):
        try:
            content, width, height = svg.sanitise(_read(folder / name, MOST_SVG_BYTES))
        except svg.SvgError as error:
            raise ImageError(error.message, error.mend) from error
        media_type = "image/svg+xml"
    else:
        raw = _read(folder / name, MOST_BYTES)
        is_png = name.endswith(".png")
        media_type = "image/png" if is_png else "image/jpeg"
        content = strip_png(raw) if is_png else strip_jpeg(raw)
        width, height = _measure(raw, content, "PNG" if is_png else "JPEG")
    digest = hashlib.sha256(content).hexdigest()
    return Image(name, digest, media_type, width, height, len(content)), content


def read_plain(path: Path, most: int) -> bytes | None:
    """Return the bytes of a regular file of at most ``most`` bytes, or None when it has more. Links are not followed.

    Raises:
        OSError: it is not there, is a link (ELOOP), or is not a regular file (EINVAL).
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        content = file.read(most + 1) if status.st_size <= most else b""
    return None if status.st_size > most or len(content) > most else content


def strip_png(content: bytes) -> bytes:
    """Return a PNG with its picture and colours only: one frame, no text, no EXIF, nothing after the end.

    Raises:
        ImageError: not a whole PNG.
    """
    if not content.startswith(_PNG):
        raise ImageError("n’est pas un PNG.", "L’exporter de nouveau, ou corriger l’extension.")
    parts, at = [_PNG], len(_PNG)
    while at + 12 <= len(content):
        size = struct.unpack_from(">I", content, at)[0]
        kind, end = content[at + 4 : at + 8], at + 12 + size
        if end > len(content):
            break
        if struct.unpack_from(">I", content, end - 4)[0] != zlib.crc32(content[at + 4 : end - 4]):
            break
        if kind in _PNG_CHUNKS:
            parts.append(content[at:end])
        if kind == b"IEND":
            return b"".join(parts)
        at = end
    raise ImageError("est un PNG abîmé.", "L’exporter de nouveau.")


def strip_jpeg(content: bytes) -> bytes:
    """Return a JPEG without application segments and comments (JFIF, the colour profile and Adobe's colour mark stay).

    Raises:
        ImageError: not a whole JPEG.
    """
    broken = ImageError("est un JPEG abîmé.", "L’exporter de nouveau.")
    if not content.startswith(b"\xff\xd8\xff"):
        raise ImageError("n’est pas un JPEG.", "L’exporter de nouveau, ou corriger l’extension.")
    parts, at = [content[:2]], 2
    while at + 4 <= len(content) or content[at : at + 2] == b"\xff\xd9":
        if content[at] != 0xFF:
            raise broken
        marker = content[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == 0xD9:
            return b"".join([*parts, b"\xff\xd9"])
        end = at + 2 + struct.unpack_from(">H", content, at + 2)[0]
        if marker in (0x00, 0x01, *range(0xD0, 0xD9)) or end > len(content) or end < at + 4:
            raise broken
        if marker == 0xDA:
            end = _end_of_scan(content, end)
        if _belongs(marker, content[at + 4 : at + 16]):
            parts.append(content[at:end])
        at = end
    raise broken


def _belongs(marker: int, start: bytes) -> bool:
    if marker == 0xFE:
        return False
    if 0xE0 <= marker <= 0xEF:
        kept = {0xE0: b"JFIF\x00", 0xE2: b"ICC_PROFILE\x00", 0xEE: b"Adobe"}.get(marker)
        return kept is not None and start.startswith(kept)
    return True


def _end_of_scan(content: bytes, at: int) -> int:
    """Return where the coded data that begin at ``at`` end: at the next marker that is neither a stuffed zero nor a restart."""
    while (at := content.find(b"\xff", at)) >= 0 and at + 1 < len(content):
        if content[at + 1] != 0x00 and not 0xD0 <= content[at + 1] <= 0xD7:
            return at
        at += 2
    return len(content)


def _measure(raw: bytes, content: bytes, form: str) -> tuple[int, int]:
    """Decode the picture once, within limits, and return its width and height."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(io.BytesIO(raw), formats=[form]) as before:
                orientation = before.getexif().get(0x0112, 1)
            with PIL.Image.open(io.BytesIO(content), formats=[form]) as picture:
                width, height = picture.size
                if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
                    raise ImageError(
                        f"mesure {width} × {height} pixels.",
                        f"La réduire : {LONGEST_SIDE} pixels de côté et {MOST_PIXELS // 1_000_000} millions en tout au plus.",
                    )
                picture.load()
    except (OSError, ValueError, SyntaxError, zlib.error, PIL.Image.DecompressionBombError, Warning) as error:
        raise ImageError("ne se décode pas.", "L’exporter de nouveau.") from error
    if orientation not in (0, 1):
        raise ImageError(
            "est tournée par une étiquette EXIF, qui sera retirée.", "La tourner pour de bon, et l’exporter."
        )
    return width, height


def _read(path: Path, most: int) -> bytes:
    try:
        content = read_plain(path, most)
    except FileNotFoundError as error:
        raise ImageError("n’existe pas.", "La poser à côté de la fiche, ou corriger son nom.") from error
    except OSError as error:
        message = "est un lien vers un autre fichier." if error.errno == errno.ELOOP else "ne se lit pas."
        raise ImageError(message, "Mettre le fichier lui-même à côté de la fiche.") from error
    if content is None:
        raise ImageError(f"pèse plus de {most // 1000} ko.", "La réduire, ou la compresser davantage.")
    return content
