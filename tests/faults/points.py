"""Where a sender can be told to die (:mod:`tests.faults.saboteur`): name → what it stands for."""

from __future__ import annotations

POINTS = {
    "claimed": "after the lease",
    "asked": "after the last question, before the intent",
    "intent": "after the intent, before the dot",
    "half": "in the middle of the content",
    "dot": "between dot and reply",
    "reply": "between reply and journal",
    "noted": "right after the journal",
    "append": "between journal and append",
    "copy": "inside the append",
    "appended": "after the append, before its commit",
    "committed": "after the commit, before the journal is cut",
    "cut": "after the journal is cut",
    "takeover": "while taking over from a dead one",
}
FREQUENT = frozenset({"asked", "intent", "half", "dot", "reply", "noted"})
"""Points that are passed with every message; the others come about once a batch."""
