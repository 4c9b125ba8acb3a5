"""French typography of running text: spaces, guillemets, apostrophes, numbers, dates.

Rules: narrow no-break space (U+202F) before ``; ! ?``, inside « » and between thousands; no-break space (U+00A0) before
``:`` and between a number and its unit; ``’``, ``…``, en dash between years. Applying them twice changes nothing more.
Addresses (web, mail) and times such as 10:30 are left as written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pipeline.content.tree import (
    Abbr,
    Break,
    Code,
    Emphasis,
    FootnoteRef,
    Inline,
    Link,
    Strong,
    Subscript,
    Superscript,
    Text,
)

NARROW = "\u202f"
NOBREAK = "\u00a0"
_SP = f"[ {NOBREAK}{NARROW}\u2009]"
_LOCK = "\ufffc"
"""Stands for a character that no rule may touch: code, an address, an acronym that has its own element."""

_MONTHS = "janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre"
_UNITS = (
    r"(?:[kMG]?€|Md€|%|‰|\$|°C|[kcdm]?m[²³]?|[hd]a|[kmd]?g|tonnes?|[hcm]?l|[kMGT]?W(?:h|c)?|MWhc|k?VA|km/h|"
    r"euros?|millions?|milliards?|habitants?|habitantes?|ans?|mois|semaines?|jours?|heures?|minutes?|h|min|fois|points?)"
)
_LOCKED = re.compile(
    r"(?:https?://|www\.)[^\s«»<>]+[^\s«»<>.,;:!?…)\]'’\"]|(?:https?|mailto|ftp):[^\s«»]+|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """``pattern`` matches only what is replaced. Where characters are added, they belong to the text ``before`` or ``after``
    the place: that decides into which node of a paragraph they go."""

    pattern: re.Pattern[str]
    put: str | Callable[[re.Match[str]], str]
    belongs: Literal["before", "after"] = "before"


def _years(match: re.Match[str]) -> str:
    first, second = match.group().split("-")
    return f"{first}–{second}" if int(first) < int(second) else match.group()


def _narrow(match: re.Match[str]) -> str:
    return re.sub(_SP, NARROW, match.group())


def _nobreak(match: re.Match[str]) -> str:
    return re.sub(_SP, NOBREAK, match.group())


_RULES: tuple[_Rule, ...] = (
    _Rule(re.compile(r"(?<!\.)\.{3}(?!\.)"), "…"),
    _Rule(re.compile(rf"(?<=\w)'(?=[\w«\"{_LOCK}])"), "’"),
    _Rule(re.compile(rf"(?<=«){_SP}*(?=\S)"), NARROW),
    _Rule(re.compile(rf"(?<=\S){_SP}*(?=»)"), NARROW, "after"),
    # A mark inside a word or an address (a?b, x;y=1) is left alone, and so is one that stands on its own: « ? », (!).
    _Rule(re.compile(rf"(?<=[^\s(\[{{«¿¡;!?]){_SP}*(?=[;!?]+(?:[^\w=/&;!?]|$))"), NARROW, "after"),
    _Rule(re.compile(rf"(?<=[^\s:(\[«]){_SP}*(?=:(?:\s|$))"), NOBREAK, "after"),
    _Rule(re.compile(rf"(?<![\d,.])\d{{1,3}}(?:{_SP}\d{{3}})+(?!\d)"), _narrow),
    _Rule(re.compile(rf"(?<=\d){_SP}*(?=[%‰€])"), NOBREAK, "after"),
    _Rule(re.compile(rf"(?<=\d){_SP}(?={_UNITS}(?![\w’']))"), NOBREAK),
    _Rule(re.compile(rf"(?<=\d{NOBREAK}h){_SP}(?=\d\d(?!\d))"), NOBREAK),
    _Rule(re.compile(rf"\bmilli(?:on|ard)s?{_SP}(?=[€$])"), _nobreak),
    _Rule(re.compile(rf"(?<=\d){_SP}(?=(?:{_MONTHS})\b)"), NOBREAK),
    _Rule(re.compile(rf"(?<=\b1er){_SP}(?=(?:{_MONTHS})\b)"), NOBREAK),
    _Rule(re.compile(rf"(?<=\b[nN]°){_SP}*(?=\d)"), NOBREAK),
    _Rule(re.compile(rf"(?<=\b[LRDp]\.){_SP}(?=\d)"), NOBREAK),
    _Rule(re.compile(r"(?<![\d\-–])(?:18|19|20)\d\d-(?:18|19|20)\d\d(?![\d\-–])"), _years),
    _Rule(re.compile(rf"\b(?:{_MONTHS})-(?:{_MONTHS})\b"), lambda match: match.group().replace("-", "–")),
)

_ORDINAL = re.compile(
    r"(?<![\w.,\-–])(?:1(?P<first>ers?|res?)|\d{1,3}(?P<nth>es?|èmes?|nde?s?)|[IVX]{1,7}(?P<roman>es?)|I(?P<king>er|re))(?!\w)"
)


def typeset(text: str) -> str:
    """Return ``text`` with French typography. ``typeset(typeset(text)) == typeset(text)``."""
    return "".join(_typeset([(text, False)]))


def typeset_inline(children: tuple[Inline, ...]) -> tuple[Inline, ...]:
    """Return the inline nodes of one paragraph with French typography, seen as one line: « <em>mot</em> » is set like « mot ».

    Code, footnote calls and acronyms stay as they are; the ending of an ordinal (1er, XXe) becomes a superscript.
    """
    leaves: list[tuple[str, bool]] = []
    raised: set[int] = set()
    _gather(children, leaves, raised, raises=False)
    texts = _typeset(leaves)
    endings = _endings(texts, raised)
    return _rebuild(children, texts, endings, [0])


def _typeset(leaves: list[tuple[str, bool]]) -> list[str]:
    """Typeset pieces (text, locked) as one line and return them again, piece by piece."""
    line = "".join(text for text, _ in leaves)
    owners = [index for index, (text, _) in enumerate(leaves) for _ in text]
    locked = [lock for text, lock in leaves for _ in text]
    for match in _LOCKED.finditer(line):
        locked[match.start() : match.end()] = [True] * (match.end() - match.start())
    kept = iter([char for char, lock in zip(line, locked, strict=True) if lock or char == _LOCK])
    line = "".join(_LOCK if lock else char for char, lock in zip(line, locked, strict=True))
    line = _guillemets(line)
    for rule in _RULES:
        line, owners = _apply(rule, line, owners)
    pieces: list[list[str]] = [[] for _ in leaves]
    for char, owner in zip(line, owners, strict=True):
        pieces[owner].append(next(kept) if char == _LOCK else char)
    return ["".join(piece) for piece in pieces]


def _apply(rule: _Rule, line: str, owners: list[int]) -> tuple[str, list[int]]:
    parts: list[str] = []
    made: list[int] = []
    at = 0
    for match in rule.pattern.finditer(line):
        put = rule.put if isinstance(rule.put, str) else rule.put(match)
        start, end = match.span()
        if put == match.group():
            continue
        if len(put) == end - start:
            owned = owners[start:end]
        elif end > start:
            owned = [owners[start]] * len(put)
        else:
            owned = [owners[start - 1 if rule.belongs == "before" else start]] * len(put)
        parts += (line[at:start], put)
        made += owners[at:start] + owned
        at = end
    if not parts:
        return line, owners
    return "".join(parts) + line[at:], made + owners[at:]


def _guillemets(line: str) -> str:
    """Turn straight double quotes that make a pair into guillemets; a lone one (inches, a slip) stays."""
    chars = list(line)
    opened: int | None = None
    for index, char in enumerate(chars):
        if char != '"':
            continue
        before = line[index - 1] if index else " "
        after = line[index + 1] if index + 1 < len(line) else " "
        if opened is None:
            if (before.isspace() or before in "([{«'’—–-/") and not after.isspace() and after != '"':
                opened = index
        elif not before.isspace() and before not in '([{«"':
            chars[opened], chars[index], opened = "«", "»", None
    return "".join(chars)


def _gather(children: tuple[Inline, ...], leaves: list[tuple[str, bool]], raised: set[int], *, raises: bool) -> None:
    for child in children:
        match child:
            case Text(text):
                if raises:
                    raised.add(len(leaves))
                leaves.append((text, False))
            case Abbr(text, _):
                leaves.append((text, True))
            case Code():
                leaves.append((_LOCK, True))
            case Break():
                leaves.append(("\n", False))
            case FootnoteRef():
                leaves.append(("", True))
            case Superscript(inner) | Subscript(inner):
                _gather(inner, leaves, raised, raises=True)
            case Strong(inner) | Emphasis(inner) | Link(inner):
                _gather(inner, leaves, raised, raises=raises)


def _endings(texts: list[str], raised: set[int]) -> dict[int, list[tuple[int, int]]]:
    """Return, by piece, where the endings of ordinals stand in it; one that is raised already, or cut by a node, is left."""
    starts = [0]
    for text in texts:
        starts.append(starts[-1] + len(text))
    line = "".join(texts)
    found: dict[int, list[tuple[int, int]]] = {}
    piece = 0
    for match in _ORDINAL.finditer(line):
        start, end = match.span(match.lastgroup or 0)
        while starts[piece + 1] <= start:
            piece += 1
        if end <= starts[piece + 1] and piece not in raised:
            found.setdefault(piece, []).append((start - starts[piece], end - starts[piece]))
    return found


def _rebuild(
    children: tuple[Inline, ...], texts: list[str], endings: dict[int, list[tuple[int, int]]], at: list[int]
) -> tuple[Inline, ...]:
    made: list[Inline] = []
    for child in children:
        match child:
            case Text():
                made += _split(texts[at[0]], endings.get(at[0], []))
                at[0] += 1
            case Abbr() | Code() | Break() | FootnoteRef():
                made.append(child)
                at[0] += 1
            case Link(inner, href, title):
                made.append(Link(_rebuild(inner, texts, endings, at), href, typeset(title)))
            case Strong(inner) | Emphasis(inner) | Superscript(inner) | Subscript(inner):
                made.append(type(child)(_rebuild(inner, texts, endings, at)))
    return tuple(made)


def _split(text: str, spans: list[tuple[int, int]]) -> list[Inline]:
    nodes: list[Inline] = []
    at = 0
    for start, end in spans:
        nodes += [Text(text[at:start]), Superscript((Text(text[start:end]),))]
        at = end
    if text[at:]:
        nodes.append(Text(text[at:]))
    return nodes
