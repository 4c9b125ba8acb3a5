"""What can be known of the look without a browser: contrasts, the weight of the fonts, the typography of our own words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "pipeline" / "web"
SHEET = (WEB / "static/web/site.css").read_text(encoding="utf-8")
TEMPLATES = sorted(path for path in (WEB / "templates").rglob("*") if path.is_file())


def palette(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9A-F]{6});", block))


LIGHT = palette(SHEET[: SHEET.index("@media (prefers-color-scheme: dark)")])
DARK = palette(SHEET[SHEET.index("@media (prefers-color-scheme: dark)") : SHEET.index(".palette-green")])
READ = [
    *(
        (text, ground)
        for text in ("ink", "muted", "link", "error", "green", "brick", "blue")
        for ground in ("paper", "card")
    ),
    *((text, f"{kind}-tint") for kind in ("green", "brick", "blue") for text in (kind, "ink", "link")),
    ("paper", "link"),
    ("on-highlight", "highlight"),
    ("ink", "caution"),
    ("link", "caution"),
]


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.x."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), READ)
def test_every_text_stands_out_from_its_ground(colours: dict[str, str], text: str, ground: str) -> None:
    assert contrast(colours[text], colours[ground]) >= 4.5


def test_both_palettes_name_the_same_colours() -> None:
    assert set(LIGHT) == set(DARK)


def test_the_fonts_are_light_and_come_with_their_licence() -> None:
    fonts = WEB / "static/web/fonts"
    assert sum(path.stat().st_size for path in fonts.glob("*.woff2")) < 400_000
    assert all("SIL Open Font License" in path.read_text(encoding="utf-8") for path in fonts.glob("LICENSE-*.txt"))
    assert set(re.findall(r'url\("fonts/([^"]+)"\)', SHEET)) == {path.name for path in fonts.glob("*.woff2")}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_our_own_words_keep_french_spaces_and_apostrophes(template: Path) -> None:
    words = re.findall(r'_\("([^"]*)"', template.read_text(encoding="utf-8"))
    words += [
        one
        for pair in re.findall(r'ngettext\("([^"]*)", "([^"]*)"', template.read_text(encoding="utf-8"))
        for one in pair
    ]
    for word in words:
        assert not re.search(r" [:;!?»]|« |'|\.\.\.", word), word


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_says_nothing_outside_gettext(template: Path) -> None:
    bare = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", "", template.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not re.search(r"[A-Za-zÀ-ÿ]{2,}", bare), bare.strip()
