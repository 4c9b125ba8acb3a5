"""What docs/ says of a season's keys: ``python -m pipeline.season.docs`` writes it, a test keeps it up to date."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.season import keys

FOLDER = Path(__file__).resolve().parents[2] / "docs"
_BEGIN, _END = "<!-- keys: begin -->\n", "<!-- keys: end -->"


def pages() -> dict[Path, str]:
    """Return the files with what they should hold."""
    guide = FOLDER / "schedules.md"
    before, _, rest = guide.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    return {
        guide: f"{before}{_BEGIN}\n{keys.table()}\n{_END}{after}",
        FOLDER / "season.schema.json": json.dumps(keys.json_schema(), ensure_ascii=False, indent=2) + "\n",
    }


def main() -> None:
    """Write the files."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
