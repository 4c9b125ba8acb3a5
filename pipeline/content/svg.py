"""SVG rewritten from an allow-list: shapes, text, gradients, clips. No script, no style sheet, no address, no entity.

What does not draw is left out; what draws and cannot be kept (``use``, patterns, masks, filters: small files of them take a
renderer minutes) is refused, so that no picture changes unseen.
"""

from __future__ import annotations

import re
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

NAMESPACE = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
MOST_ELEMENTS = 20_000
DEEPEST = 40

_ELEMENTS = {
    "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "defs",
    "linearGradient", "radialGradient", "stop", "clipPath", "title", "desc",
}  # fmt: skip
_REFUSED = {"use", "symbol", "image", "style", "foreignObject", "pattern", "mask", "filter", "marker", "switch"}
_ATTRIBUTES = {
    "id", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "fx", "fy", "fr", "dx", "dy", "d", "points",
    "width", "height", "viewBox", "preserveAspectRatio", "version", "transform", "gradientTransform", "gradientUnits",
    "spreadMethod", "offset", "clipPathUnits", "pathLength", "textLength", "lengthAdjust",
    "fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-opacity", "stroke-linecap", "stroke-linejoin",
    "stroke-miterlimit", "stroke-dasharray", "stroke-dashoffset", "opacity", "color", "stop-color", "stop-opacity",
    "clip-path", "clip-rule", "display", "visibility", "font-family", "font-size", "font-style", "font-weight",
    "font-variant", "letter-spacing", "word-spacing", "text-anchor", "text-decoration", "dominant-baseline", "rotate",
    "role", "aria-label", "vector-effect", "shape-rendering", "text-rendering", "paint-order",
}  # fmt: skip
_LOCAL = re.compile(r"\s*url\(\s*['\"]?#[\w.-]+['\"]?\s*\)[\w\s#.,%()-]*")
_LENGTH = re.compile(r"\s*([0-9]{1,6}(?:\.[0-9]{1,12})?)(px|pt|pc|mm|cm|in)?\s*")
_PIXELS = {None: 1.0, "px": 1.0, "pt": 96 / 72, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}


class SvgError(Exception):
    """Not an SVG that can be made safe; ``message`` and ``mend`` are French."""

    def __init__(self, message: str, mend: str) -> None:
        self.message, self.mend = message, mend
        super().__init__(f"{message} {mend}")


def sanitise(content: bytes) -> tuple[bytes, int, int]:
    """Return ``content`` rewritten (UTF-8, same input same bytes) and its width and height in pixels.

    Raises:
        SvgError: not well-formed, entities, no size, too many elements.
    """
    writer = _Writer()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = writer.doctype
    parser.StartElementHandler = writer.start
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.text
    parser.buffer_text = True
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise SvgError("n’est pas un SVG bien formé.", "L’exporter de nouveau.") from error
    return writer.result()


class _Writer:
    def __init__(self) -> None:
        self._parts: list[str] = []
        self._depth = 0
        self._skipped = 0
        self._count = 0
        self._text = 0
        self._clips = 0
        self._size: tuple[int, int] | None = None

    def doctype(self, _name: str, _system: str | None, _public: str | None, has_internal_subset: bool) -> None:
        if has_internal_subset:
            raise SvgError("déclare des entités.", "L’exporter en « SVG simple ».")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._count > MOST_ELEMENTS or self._depth > DEEPEST:
            raise SvgError("a trop d’éléments.", "Simplifier le dessin, ou l’exporter en PNG.")
        space, _, tag = name.rpartition(" ")
        if self._depth == 1:
            if (space, tag) != (NAMESPACE, "svg"):
                raise SvgError("n’est pas un SVG.", "L’exporter de nouveau.")
            self._size = _size(attributes)
        if space == NAMESPACE and tag in _REFUSED and not self._skipped:
            raise SvgError(
                f"emploie « {tag} », qui n’est pas repris.", "Convertir en tracés simples, ou exporter en PNG."
            )
        if self._skipped or space != NAMESPACE or tag not in _ELEMENTS or (tag == "svg" and self._depth > 1):
            self._skipped += 1
            return
        kept = _attributes(attributes)
        if tag in ("linearGradient", "radialGradient"):
            other = attributes.get("href", attributes.get(f"{_XLINK} href", ""))
            if re.fullmatch(r"#[\w.-]+", other):
                kept["href"] = other
        self._clips += tag == "clipPath"
        if self._clips:  # a clip of a clip of a clip multiplies
            kept.pop("clip-path", None)
        opening = f'<svg xmlns="{NAMESPACE}"' if self._depth == 1 else f"<{tag}"
        self._parts.append(opening + "".join(f" {key}={quoteattr(value)}" for key, value in kept.items()) + ">")
        self._text += tag in ("text", "tspan", "title", "desc")

    def end(self, name: str) -> None:
        self._depth -= 1
        if self._skipped:
            self._skipped -= 1
            return
        tag = name.rpartition(" ")[2]
        self._clips -= tag == "clipPath"
        self._text -= tag in ("text", "tspan", "title", "desc")
        self._parts.append(f"</{tag}>")

    def text(self, data: str) -> None:
        if self._text and not self._skipped:
            self._parts.append(escape(data))

    def result(self) -> tuple[bytes, int, int]:
        if self._size is None:
            raise SvgError("n’a pas de taille.", "Lui donner « viewBox », ou « width » et « height ».")
        return ("".join(self._parts) + "\n").encode(), *self._size


def _attributes(attributes: dict[str, str]) -> dict[str, str]:
    """Keep what draws. ``style`` is taken apart into the attributes of the same names; the rest of it goes."""
    found = dict(attributes)
    for declaration in found.pop("style", "").split(";"):
        name, _, value = declaration.partition(":")
        if value.strip():
            found[name.strip()] = value.replace("!important", "").strip()
    return {name: value for name, value in found.items() if name in _ATTRIBUTES and _harmless(value)}


def _harmless(value: str) -> bool:
    folded = value.casefold()
    if "\\" in folded or "javascript:" in folded or "data:" in folded or "/*" in folded:
        return False
    return "url" not in folded or bool(_LOCAL.fullmatch(value))


def _size(attributes: dict[str, str]) -> tuple[int, int] | None:
    """Width and height in CSS pixels, from the attributes, else from the view box."""
    lengths = [_LENGTH.fullmatch(attributes.get(name, "")) for name in ("width", "height")]
    if all(lengths):
        values = [float(m.group(1)) * _PIXELS[m.group(2)] for m in lengths if m]
    else:
        try:
            box = [float(part) for part in re.split(r"[\s,]+", attributes.get("viewBox", "").strip())]
        except ValueError:
            return None
        values = box[2:] if len(box) == 4 else []
    if len(values) != 2 or not all(0.5 <= value <= 100_000 for value in values):
        return None
    return round(values[0]), round(values[1])
