"""The service in this process, and as a process of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Running, serving

from memory import Memory

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

BASE = "http://127.0.0.1:8470"


@pytest.fixture
def client(memory: Memory) -> Iterator[TestClient]:
    """A client of the service of an empty memory."""
    from memory.api.rest.app import make_app

    with TestClient(make_app(memory), base_url=BASE, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """The service of an empty store, as a process."""
    with serving(tmp_path / "store") as found:
        yield found
