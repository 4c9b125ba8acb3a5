"""The child process in which fiches are read: ``python -m pipeline.content.worker``.

It speaks JSON lines on its standard input and output: first ``{"ready": true}``, then one answer per request. It never
opens a file, and kills itself when a request lasts too long, so that nothing survives a parent that died meanwhile.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from dataclasses import astuple
from typing import Any

from pipeline.content import reading, tree
from pipeline.content.errors import Fault
from pipeline.content.fiche import Rules

MEMORY = 768 * 1024 * 1024
"""Bytes of address space; reading a real fiche takes a tenth of it."""
LONGEST_ANSWER = 6_000_000
"""Characters; the tree of a full fiche takes a hundred thousand."""


def main() -> None:
    """Answer requests until standard input closes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # A stop meant for the whole process group is the parent's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = sys.stdout
    out.write('{"ready": true}\n')
    out.flush()
    for line in sys.stdin:
        request = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, float(request["seconds"]))
        out.write(answer(request) + "\n")
        out.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)


def answer(request: dict[str, Any]) -> str:
    """Return the JSON answer (without a line break) to one request."""
    path = str(request["path"])
    try:
        data = _read(request, path)
    except RecursionError:
        data = _refusal(path, "trop d’éléments imbriqués.", "Simplifier les listes, citations et crochets.")
    except MemoryError:
        data = _refusal(path, "le texte demande trop de mémoire.", "Retirer ce qui se répète.")
    except Exception as error:  # noqa: BLE001, RUF100 - a bug that one file meets must not hide the faults of the others
        name = type(error).__name__
        data = _refusal(
            path, f"le texte ne se lit pas ({name}).", "Simplifier la mise en forme, et signaler le fichier."
        )
    text = json.dumps(data)
    if len(text) > LONGEST_ANSWER:
        text = json.dumps(_refusal(path, "le texte devient trop long une fois mis en forme.", "Le raccourcir."))
    return text


def _read(request: dict[str, Any], path: str) -> dict[str, Any]:
    text = str(request["text"])
    if request["rules"] is None:
        document, faults = reading.glossary(text, path)
        return {"document": tree.to_json(document), "faults": [astuple(fault) for fault in faults]}
    fiche, faults = reading.parse(text, path, _rules(request["rules"]))
    return {"fiche": fiche.to_json() if fiche else None, "faults": [astuple(fault) for fault in faults]}


def _refusal(path: str, message: str, mend: str) -> dict[str, Any]:
    return {"faults": [astuple(Fault(path, 0, "texte", message, mend))]}


def _rules(data: dict[str, Any]) -> Rules:
    return Rules(
        season=data["season"],
        kinds={kind: tuple(sections) for kind, sections in data["kinds"].items()},
        competences=frozenset(data["competences"]),
        territories=frozenset(data["territories"]),
        themes=frozenset(data["themes"]),
    )


if __name__ == "__main__":
    main()
