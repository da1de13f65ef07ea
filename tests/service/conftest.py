"""The service in this process, and as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

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


@dataclass
class Running:
    """A service that runs."""

    url: str
    process: subprocess.Popen[str]
    store: Path

    def client(self, **arguments) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30, **arguments)


@contextmanager
def serving(store: Path, *arguments: str, port: int = 0) -> Iterator[Running]:
    """Run `hark serve` until the block ends."""
    command = [
        sys.executable,
        "-m",
        "memory.api.cli",
        "--store",
        str(store),
        "serve",
        "--port",
        str(port),
        "--json",
        *arguments,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.stderr.read())
        yield Running(json.loads(line)["url"], process, store)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """The service of an empty store, as a process."""
    with serving(tmp_path / "store") as found:
        yield found
