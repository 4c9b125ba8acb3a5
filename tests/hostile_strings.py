"""The corpus of odd and hostile texts (``tests/corpora/hostile_strings.json``), each with its verdict.

The verdicts come from the rules that the corpus names (RFC 9839, UAX #9, UTS #55, UAX #14, RFC 5322, Unicode), by kind of text;
what is kept is NFC as Python's own ``unicodedata`` makes it, where the corpus does not say.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Case:
    kind: str
    text: str
    accepted: bool
    kept: str
    address: bool

    def __str__(self) -> str:
        return f"{self.kind} {self.text[:30]!a}"


def corpus() -> list[Case]:
    path = Path(__file__).parent / "corpora" / "hostile_strings.json"
    found = []
    for group in json.loads(path.read_text(encoding="utf-8")):
        assert group["source"]
        for one in group["texts"]:
            text = one["text"] if "text" in one else one["repeat"] * one["times"]
            kept = one.get("kept", unicodedata.normalize("NFC", text))
            accepted = group["verdict"] == "accepted"
            found.append(Case(group["kind"], text, accepted, kept, one.get("address") == "accepted"))
    return found


CASES = corpus()
BY_KIND = {kind: [case for case in CASES if case.kind == kind] for kind in dict.fromkeys(case.kind for case in CASES)}
