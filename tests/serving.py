"""`hark serve` as a process, for tests that need the real one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx


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
