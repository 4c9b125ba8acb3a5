"""The kit as PDF/UA-1, by typst in a child process."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.kit import data
from pipeline.kit.book import Book

DEADLINE = 120.0


class PdfError(Exception):
    """typst could not make the PDF; the message is its own."""


def render(book: Book) -> tuple[bytes, int]:
    """The PDF and its number of pages. Raises :class:`PdfError`."""
    midnight = dt.datetime.combine(book.as_of, dt.time(), dt.UTC)
    with tempfile.TemporaryDirectory(prefix="kit-") as name:
        folder = Path(name)
        shutil.copyfile(Path(__file__).with_name("kit.typ"), folder / "kit.typ")
        (folder / "data.json").write_text(json.dumps(data.book(book), ensure_ascii=False), encoding="utf-8")
        for entry in book.entries:
            for image in entry.fiche.images:
                (folder / data.image_file(entry.fiche, image.name)).write_bytes(book.images[image.sha256])
        command = [sys.executable, "-m", "pipeline.kit.worker", str(folder), str(int(midnight.timestamp()))]
        try:
            done = subprocess.run(command, capture_output=True, timeout=DEADLINE, check=False)
        except subprocess.TimeoutExpired as error:
            raise PdfError(f"la composition du PDF dépasse {DEADLINE:.0f} s") from error
        path = folder / "kit.pdf"
        if done.returncode != 0 or not path.exists():
            raise PdfError(done.stderr.decode("utf-8", "replace").strip()[-2000:])
        content = path.read_bytes()
    return content, pages(content)


def pages(content: bytes) -> int:
    """How many pages a PDF has: the largest /Count of its page tree."""
    return max((int(count) for count in re.findall(rb"/Count\s+(\d+)", content)), default=0)
