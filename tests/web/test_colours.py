"""Every colour can be read on the grounds it stands on, in the light and in the dark (WCAG 2.2, 1.4.3)."""

import re
from pathlib import Path

import pytest

from memory.api.web.code import TOKEN_CLASSES

ASSETS = Path(__file__).parents[2] / "memory/api/web/assets"
COLOURS = {
    name: (light, dark)
    for file in ("base.css", "code.css")
    for name, light, dark in re.findall(
        r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", (ASSETS / file).read_text(encoding="utf-8")
    )
}
GROUNDS = {
    "text": "ground raised sunk user-ground accent-ground",
    "soft": "ground raised sunk user-ground accent-ground",
    "accent": "ground raised sunk accent-ground",
    "on-accent": "accent",
    "user": "ground raised user-ground",
    "tool": "ground raised user-ground",
    "fault": "ground raised fault-ground user-ground",
    "well": "ground raised accent-ground",
    "on-mark": "mark",
}
CODE = [name for name in COLOURS if name.startswith("code-") and name != "code-background"]
PAIRS = [(name, ground) for name, grounds in GROUNDS.items() for ground in grounds.split()]
PAIRS += [(name, "code-background") for name in CODE]


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("name", "ground"), PAIRS)
def test_what_is_written_can_be_read(name, ground, theme):
    assert contrast(COLOURS[name][theme], COLOURS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "raised"])
def test_edges_of_fields_can_be_seen(theme, ground):
    assert contrast(COLOURS["strong-line"][theme], COLOURS[ground][theme]) >= 3


def test_every_colour_that_is_named_is_there_and_every_kind_of_code_has_one():
    used = {
        name
        for file in ASSETS.glob("*.css")
        for name in re.findall(r"var\(--([\w-]+)\)", file.read_text(encoding="utf-8"))
    }
    code = (ASSETS / "code.css").read_text(encoding="utf-8")
    assert used - COLOURS.keys() == {"shadow", "sans", "mono"}
    assert {*re.findall(r"\.code \.(\w+) ", code)} == {"language", *TOKEN_CLASSES}
