"""Take the pictures of the page that the README and these pages show, from the store of `hark demo`.

    python docs/draw_pictures.py

Needs Chromium and its driver, and `pip install .[dev] pillow`. Pictures are reduced to 256 colours, so that they stay small.
"""

import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import Browser  # noqa: E402
from serving import serving  # noqa: E402

from memory import Memory  # noqa: E402
from memory.operations import demo_  # noqa: E402

PORT_SESSION = "a5fbccd9-5e0d-5b8f-a3fc-0cd1d7040645"
LOCK_SESSION = "cedcb206-bc60-527b-9f14-68899a4ff576"
WIDE, PHONE = (1280, 800), (390, 800)
VIEWS = {
    "home-light": ("/", WIDE, False),
    "search-light": ("/search?query=which+port+did+we+choose", WIDE, False),
    "session-dark": (f"/sessions/{PORT_SESSION}?at=7350625a-fb5a-581b-aad6-bf63e369264b", WIDE, True),
    "graph-light": (f"/graph?ref=session:{LOCK_SESSION}&depth=2", WIDE, False),
    "learning-light": ("/learnings/demo-numpy", WIDE, False),
    "phone-dark": (f"/sessions/{PORT_SESSION}", PHONE, True),
}
"""Address, size, whether it is dark."""


def main() -> None:
    """Draw them all anew."""
    folder = ROOT / "docs/pictures"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        with Memory.open(Path(place) / "store") as memory:
            demo_.run(memory, demo_.Arguments())
            memory.catch_up()
        with serving(Path(place) / "store") as running:
            browser = Browser()
            browser.base = running.url
            try:
                for name, (path, size, is_dark) in VIEWS.items():
                    draw(browser, folder / f"{name}.png", path, size, is_dark)
            finally:
                browser.close()


def draw(browser: Browser, file: Path, path: str, size: tuple[int, int], is_dark: bool) -> None:
    """Look at a view, and keep what is seen."""
    browser.look(*size, dark=is_dark)
    browser.open(path)
    browser.until("return document.getElementById('live').dataset.state === 'live'")
    if "at=" in path:
        # the calls of the first two messages, unfolded
        browser.run("[...document.querySelectorAll('[data-focus] details')].forEach(each => { each.open = true })")
    browser.run("document.activeElement.blur()")
    seen = Image.open(BytesIO(browser.driver.get_screenshot_as_png()))
    seen.convert("RGB").quantize(256).save(file, optimize=True)


if __name__ == "__main__":
    main()
