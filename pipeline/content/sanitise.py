"""HTML made from Markdown, cleaned by an explicit allow-list: what is not named here does not pass."""

from __future__ import annotations

import re
from typing import get_args

import nh3

from pipeline.content.names import IMAGE_NAME
from pipeline.content.tree import AdmonitionKind

ADMONITIONS: tuple[str, ...] = get_args(AdmonitionKind)
SCHEMES = frozenset({"http", "https", "mailto", "fiche"})
_TAGS = {
    "p", "br", "hr", "h2", "h3", "h4", "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "pre", "code", "strong", "em",
    "sup", "sub", "abbr", "a", "img", "div", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "h2": {"id"},
    "h3": {"id"},
    "h4": {"id"},
    "li": {"id"},
    "th": {"align"},
    "td": {"align"},
}
_CLASSES = {
    "a": {"footnote-ref", "footnote-backref"},
    "div": {"admonition", "footnote", *ADMONITIONS},
    "p": {"admonition-title"},
}
_ID = re.compile(r"[A-Za-z][\w-]{0,79}|fn:[^\s\"'<>]{1,80}")


def clean(html: str) -> str:
    """Return ``html`` with only the elements, attributes, classes, ids and address schemes of the allow-list."""
    return nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags={"script", "style", "template", "iframe", "object"},
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        allowed_classes=_CLASSES,
        url_schemes=set(SCHEMES),
        link_rel=None,
        strip_comments=True,
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "id":
        return value if _ID.fullmatch(value) else None
    if name == "align":
        return value if value in ("left", "center", "right") else None
    if name == "start":
        return value if value.isascii() and value.isdigit() and len(value) < 6 else None
    if tag == "img" and name == "src":
        return value if IMAGE_NAME.fullmatch(value) else None
    if tag == "a" and name == "href" and ":" not in value and not value.startswith("#"):
        return None
    return value
