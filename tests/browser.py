"""A real browser for tests: headless Chromium, driven through what a reader sees and presses."""

import json
import shutil
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

AXE = Path(sys.prefix) / "node_modules" / "axe-core" / "axe.min.js"
"""Put there by `make browser`."""
WAIT_SECONDS = 20
ARGUMENTS = """
headless=new no-sandbox disable-dev-shm-usage disable-gpu disable-quic no-first-run disable-background-networking
disable-component-update disable-sync force-color-profile=srgb lang=en-US
"""
"""The browser asks nobody but the service for anything."""


def missing() -> str | None:
    """Say what a browser test lacks on this machine; None for nothing."""
    if find_spec("selenium") is None:
        return "selenium is not installed"
    if not _chromium() or not shutil.which("chromedriver"):
        return "needs Chromium and its driver (Debian: chromium chromium-driver)"
    return None if AXE.is_file() else "needs axe-core: `make browser`"


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")


class Browser:
    """One window."""

    def __init__(self) -> None:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = _chromium()
        for argument in ARGUMENTS.split():
            options.add_argument(f"--{argument}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        self.driver.set_script_timeout(WAIT_SECONDS)
        self.base = ""
        self.look()

    def look(self, width: int = 1280, height: int = 900, *, dark: bool = False) -> None:
        """Be a window of a size, in the light or in the dark."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, path: str) -> None:
        """Go to an address as if it was typed, and wait until its own code runs."""
        self.driver.get(self.base + path)
        self.until("return document.documentElement.dataset.ready || document.querySelector('main.alone')")

    def run(self, script: str, *given: Any) -> Any:
        """Run a function's body in the page."""
        return self.driver.execute_script(script, *given)

    def until(self, script: str, *given: Any, said: str = "") -> Any:
        """Wait until a function's body gives something true, and give that."""
        return self.wait(lambda: self.run(script, *given), said or script)

    def wait(self, found: Callable[[], Any], said: str = "it") -> Any:
        """Wait until something is true, and give it."""
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                if value := found():
                    return value
            except Exception as error:  # a page that is just being replaced
                if time.monotonic() > until:
                    raise
                said = f"{said} ({type(error).__name__})"
            if time.monotonic() > until:
                raise AssertionError(f"waited in vain for: {said}; the page says: {self.text('body')[:1500]}")
            time.sleep(0.02)

    def settled(self, view: str) -> None:
        """Wait until a view is shown and its code runs."""
        self.until("return document.documentElement.dataset.ready === arguments[0]", view)

    def press(self, keys: str) -> None:
        """Press keys where the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(keys).perform()

    def key(self, name: str) -> None:
        """Press a key that is no letter, such as ENTER."""
        from selenium.webdriver.common.keys import Keys

        self.press(getattr(Keys, name))

    def click(self, css: str) -> None:
        """Click what a selector finds, as a person would: it must be there to be seen."""
        self.wait(lambda: self.element(css) is not None, css)
        self.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", css)
        self.element(css).click()

    def element(self, css: str) -> Any:
        """Give the first element; None for none."""
        found = self.driver.find_elements("css selector", css)
        return found[0] if found else None

    def text(self, css: str) -> str:
        """Give the text of the first element as it is shown; "" for none."""
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", css)

    def texts(self, css: str) -> list[str]:
        """Give the texts of all elements as they are shown."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map(each => each.innerText)", css)

    def shows(self, css: str, text: str) -> None:
        """Wait until an element shows a text."""
        look = "return [...document.querySelectorAll(arguments[0])].some(each => each.innerText.includes(arguments[1]))"
        self.until(look, css, text, said=f"{text!r} in {css}")

    def log(self) -> list[str]:
        """Give what the browser has complained of since it was asked last."""
        return [f"{each['level']} {each['message']}" for each in self.driver.get_log("browser")]

    def faults_of_access(self) -> list[str]:
        """Let axe-core look at the page, and give what is serious or worse."""
        self.run(AXE.read_text(encoding="utf-8") + ";window.axe = axe;")
        asked = (
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {resultTypes: ['violations']}).then(done, error => done({failed: String(error)}))"
        )
        found = self.driver.execute_async_script(asked)
        assert "violations" in found, found
        return [
            f"{each['id']}: {each['help']}: {json.dumps([node['html'][:200] for node in each['nodes'][:3]])}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]

    def close(self) -> None:
        """End the browser."""
        self.driver.quit()
