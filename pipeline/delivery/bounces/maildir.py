"""Reports that a mail server files into a Maildir: new mails are in ``new``, those that were read go to ``cur`` with the flag S."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult, unquote

from pipeline.delivery.bounces import report
from pipeline.delivery.bounces.box import BoxError, Filed


def unread(url: SplitResult, most: int) -> Iterator[Filed]:
    """The oldest ``most`` mails of ``maildir:///folder``, which is ours alone: nobody else moves what is new.

    Raises:
        BoxError: there is no such folder, or it cannot be read.
    """
    folder = Path(unquote(url.path))
    try:
        names = sorted(entry.name for entry in os.scandir(folder / "new") if not entry.name.startswith("."))[:most]
        (folder / "cur").stat()
    except OSError as error:
        raise BoxError(
            f"KIT_BOUNCES_URL : « {folder} » ne se lit pas comme une Maildir ({error.strerror}) ; "
            "il y faut les dossiers new et cur, que ce programme lise et écrive."
        ) from error
    for name in names:
        with contextlib.suppress(FileNotFoundError):  # another reader was quicker
            with (folder / "new" / name).open("rb") as file:
                raw = file.read(report.LONGEST)
            yield Filed(raw, partial(_done, folder, name))


def _done(folder: Path, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        (folder / "new" / name).rename(folder / "cur" / f"{name.partition(':')[0]}:2,S")
