"""The child process that runs typst: a folder in, `kit.pdf` in it out. `python -m pipeline.kit.worker FOLDER SECONDS_SINCE_1970`."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import typst


def main(folder: Path, timestamp: int) -> None:
    typst.compile(
        str(folder / "kit.typ"),
        output=str(folder / "kit.pdf"),
        root=str(folder),
        font_paths=[str(Path(__file__).parent / "fonts")],
        ignore_system_fonts=True,
        pdf_standards="ua-1",
        timestamp=dt.datetime.fromtimestamp(timestamp, dt.UTC),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
