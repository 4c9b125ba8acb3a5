"""Faults in files that people write, told so that they can mend them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault of one file: where it stands, what is wrong and how to mend it. ``line`` counts from 1; 0 is the whole file."""

    path: str
    line: int
    field: str
    message: str
    mend: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        what = f"« {self.field} » : {self.message}" if self.field else self.message
        return f"{where}: {what} {self.mend}".rstrip()


class ContentError(Exception):
    """Files that cannot be used as they stand; ``faults`` holds every one that was found."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))
