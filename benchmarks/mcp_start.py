"""Start `hark mcp` from nothing, beside the SDK's own server that does nothing, and ask it.

    python benchmarks/mcp_start.py [--messages 100000] [--starts 20] [--json FILE]

A store of synthetic Claude Code histories; the two take turns, so that what else the machine does falls on both. From the start
of the process: the answer of `initialize`. Then `tools/list`, the first search, which opens the store, and the next ones; and the
end, from the end of its input. The hook of the plugin is started as often, with an event that it has nothing to do for.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from speed_histories import questions, write_histories
from speed_table import header, machine, median, percentile

from memory import Memory

BARE = "import anyio; from mcp.server.mcpserver import MCPServer; anyio.run(MCPServer('bare').run_stdio_async)"
HOOK = Path(__file__).parents[1] / "memory/api/plugin/hooks/harkback.py"
NEXT = 10
"""Searches behind the first."""


class Server:
    """One process that speaks MCP."""

    def __init__(self, command: list[str]) -> None:
        self.started = time.perf_counter()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, method: str, **params: object) -> float:
        """Ask, and give how many milliseconds the answer took."""
        begun = time.perf_counter()
        self._send({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        assert self._process.stdout is not None
        assert "result" in json.loads(self._process.stdout.readline())
        return (time.perf_counter() - begun) * 1000

    def initialize(self) -> float:
        """Do the handshake, and give how many milliseconds it took since the start."""
        client = {"name": "benchmark", "version": "1"}
        self.ask("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=client)
        took = (time.perf_counter() - self.started) * 1000
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return took

    def end(self) -> float:
        """End its input, and give how many milliseconds it lived on."""
        begun = time.perf_counter()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        return (time.perf_counter() - begun) * 1000

    def _send(self, message: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()


def measured(store: Path, asked: list[str], starts: int) -> dict[str, list[float]]:
    """Start and ask again and again."""
    found: dict[str, list[float]] = {}

    def note(name: str, took: float) -> None:
        found.setdefault(name, []).append(took)

    for _ in range(starts):
        bare = Server([sys.executable, "-c", BARE])
        note("initialize, the SDK alone", bare.initialize())
        bare.end()
        server = Server([sys.executable, "-m", "memory.api.cli", "--store", str(store), "mcp"])
        note("initialize", server.initialize())
        note("tools/list", server.ask("tools/list"))
        for number, query in enumerate(asked[: NEXT + 1]):
            name = "next searches" if number else "first search"
            note(name, server.ask("tools/call", name="search_memory", arguments={"query": query}))
        note("end", server.end())
        begun = time.perf_counter()
        subprocess.run([sys.executable, str(HOOK)], input=b'{"hook_event_name": "Notification"}', check=True)
        note("hook", (time.perf_counter() - begun) * 1000)
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000, help="how many the store holds")
    parser.add_argument("--starts", type=int, default=20, help="how often it is started")
    parser.add_argument("--json", type=Path, help="where all that was measured is written")
    arguments = parser.parse_args()
    about = machine()
    print(header(about), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        made = write_histories(Path(folder) / "histories", arguments.messages)
        store = Path(folder) / "store"
        with Memory.open(store) as memory:
            memory.import_(made.folder)
        found = measured(store, questions(made, 3, NEXT + 1), arguments.starts)
    print(f"\n{arguments.messages:,} messages, {arguments.starts} starts, milliseconds")
    print(f"{'':28}{'p50':>8}{'p95':>8}{'max':>8}")
    for name, took in found.items():
        print(f"{name:28}{median(took):>8.0f}{percentile(took, 0.95):>8.0f}{max(took):>8.0f}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": about, "messages": arguments.messages, "ms": found}))


if __name__ == "__main__":
    main()
