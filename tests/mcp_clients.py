"""Clients of the MCP server, from the SDK itself."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

ERAS = ("legacy", "2026-07-28")
"""The handshake of 2025-11-25, and the protocol without one."""


def ask(target: Any, steps: Callable[[Client], Awaitable[Any]], mode: str = "auto") -> Any:
    """Connect a client, take steps, and give what they give."""

    async def run() -> Any:
        with anyio.fail_after(60):
            async with Client(target, mode=mode) as client:
                return await steps(client)

    return anyio.run(run)


def child(store: Path) -> StdioServerParameters:
    """`hark mcp` as a process of its own."""
    return StdioServerParameters(command=sys.executable, args=["-m", "memory.api.cli", "--store", str(store), "mcp"])
