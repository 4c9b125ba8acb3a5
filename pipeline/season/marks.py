"""The drawings that stand beside the word of a kind: what stands inside an SVG of 24 × 24, drawn with a stroke of 2 px."""

from __future__ import annotations

SVG: dict[str, str] = {
    # a bar resting on a triangle
    "lever": '<path d="M2.5 13.5 21.5 6.5"/><path d="M12 10.5 16.5 19.5h-9Z"/>',
    # a leaf in a circle
    "leaf": (
        '<circle cx="12" cy="12" r="10"/><path d="M7.5 16.5c-1-6 3-9.5 9-9 .5 6-3 10-9 9Z"/>'
        '<path d="M7.5 16.5 12.5 11.5"/>'
    ),
    # an open book
    "book": '<path d="M12 6.5c-2.5-2-6-2.5-9.5-2V18c3.5-.5 7 0 9.5 2 2.5-2 6-2.5 9.5-2V4.5c-3.5-.5-7 0-9.5 2ZV20"/>',
    # a sheet with lines
    "generic": '<path d="M5.5 2.5h9l4 4v15h-13Z"/><path d="M9 10.5h6M9 14.5h6"/>',
}
"""Name of a mark → its shapes. ``generic`` serves every name that is not here."""
