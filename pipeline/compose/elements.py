"""MJML's elements as we use them: which may stand in which, with which attributes.

mrml lets an unknown element, a wrong nesting or an unknown attribute pass, or drops it without a word; this table does not.
"""

from __future__ import annotations

from dataclasses import dataclass

_PADDING = frozenset({"padding", "padding-top", "padding-right", "padding-bottom", "padding-left"})
_BOX = _PADDING | {"css-class", "background-color"}
_FONT = frozenset(
    {"color", "font-family", "font-size", "font-style", "font-weight", "line-height", "letter-spacing", "align"}
)
_BORDER = frozenset({"border", "border-top", "border-right", "border-bottom", "border-left", "border-radius"})
_CONTAINER = frozenset({"container-background-color"})


@dataclass(frozen=True, slots=True)
class Element:
    """Where an element may stand, and its attributes. ``raw``: what is in it is HTML, not MJML."""

    parents: frozenset[str]
    attributes: frozenset[str]
    raw: bool = False


def _element(parents: str, attributes: frozenset[str] | set[str] = frozenset(), *, raw: bool = False) -> Element:
    return Element(frozenset(parents.split()), frozenset(attributes) | {"mj-class"}, raw)


ELEMENTS: dict[str, Element] = {
    "mjml": _element("", {"lang", "owa", "dir"}),
    "mj-head": _element("mjml"),
    "mj-title": _element("mj-head", raw=True),
    "mj-preview": _element("mj-head", raw=True),
    "mj-style": _element("mj-head", {"inline"}, raw=True),
    "mj-breakpoint": _element("mj-head", {"width"}),
    "mj-attributes": _element("mj-head"),
    "mj-all": _element("mj-attributes", _FONT | _BOX),
    "mj-class": _element("mj-attributes", _FONT | _BOX | _BORDER | {"name", "width", "height", "inner-padding"}),
    "mj-raw": _element("mj-head mj-body mj-section mj-column mj-wrapper", raw=True),
    "mj-body": _element("mjml", {"background-color", "css-class", "width"}),
    "mj-wrapper": _element("mj-body", _BOX | _BORDER | {"full-width", "text-align"}),
    "mj-section": _element("mj-body mj-wrapper", _BOX | _BORDER | {"direction", "full-width", "text-align"}),
    "mj-group": _element("mj-section", {"background-color", "css-class", "direction", "vertical-align", "width"}),
    "mj-column": _element(
        "mj-section mj-group",
        _BOX | _BORDER | {"inner-background-color", "inner-border", "inner-border-radius", "vertical-align", "width"},
    ),
    "mj-text": _element("mj-column mj-attributes", _BOX | _FONT | _CONTAINER | {"height", "text-decoration", "text-transform"}, raw=True),
    "mj-button": _element(
        "mj-column mj-attributes",
        _BOX | _FONT | _BORDER | _CONTAINER
        | {"height", "href", "inner-padding", "rel", "target", "text-align", "text-decoration", "title", "vertical-align", "width"},
        raw=True,
    ),
    "mj-image": _element(
        "mj-column mj-attributes",
        _PADDING | _BORDER | _CONTAINER
        | {"align", "alt", "css-class", "fluid-on-mobile", "height", "href", "rel", "src", "target", "title", "width"},
    ),
    "mj-divider": _element(
        "mj-column mj-attributes",
        _PADDING | _CONTAINER | {"align", "border-color", "border-style", "border-width", "css-class", "width"},
    ),
    "mj-spacer": _element("mj-column mj-attributes", _PADDING | _CONTAINER | {"css-class", "height"}),
    "mj-table": _element(
        "mj-column mj-attributes",
        _BOX | _FONT | _CONTAINER | {"cellpadding", "cellspacing", "border", "role", "table-layout", "width"},
        raw=True,
    ),
}  # fmt: skip
