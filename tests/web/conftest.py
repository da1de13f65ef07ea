"""A browser, and services it looks at."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, missing
from serving import Running, serving

from memory import Memory


@pytest.fixture(scope="session")
def window() -> Iterator[Browser]:
    """One browser for all tests of a process."""
    if lacking := missing():
        pytest.skip(lacking)
    opened = Browser()
    yield opened
    opened.close()


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """A fresh reader: nothing kept, nothing complained of."""
    window.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    window.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "local_storage"})
    window.look()
    window.log()
    yield window
    window.driver.get("about:blank")


@pytest.fixture(scope="session")
def demo_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the sample histories; to be copied before it is written."""
    store = tmp_path_factory.mktemp("demo") / "store"
    with Memory.open(store) as memory:
        memory.import_(Path(__file__).parents[2] / "memory/samples")
        memory.catch_up()
    return store


@pytest.fixture(scope="session")
def demo(demo_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of the sample histories that tests only read."""
    store = tmp_path_factory.mktemp("served") / "store"
    shutil.copytree(demo_store, store)
    with serving(store) as running:
        yield running


@pytest.fixture
def site(browser: Browser, tmp_path: Path) -> Iterator[Running]:
    """A service of an empty store, that the browser calls."""
    with serving(tmp_path / "store") as running:
        browser.base = running.url
        yield running
