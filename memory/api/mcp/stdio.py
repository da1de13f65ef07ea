"""`hark mcp`: the server on standard input and output. The store is opened by the first request that needs it."""

import gc
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from memory.api.mcp.server import make_server
from memory.api.mcp.working import Working

if TYPE_CHECKING:
    from memory.api.mcp.reach import Reach
    from memory.memory import Memory

END_SECONDS = 0.8
"""How long answers, and then closing, may take when standard input has ended. Source: RELIABILITY D.81, two seconds in all."""


class Opened:
    """A store that is opened when it is first needed."""

    def __init__(self, store: str | None) -> None:
        self._store = store
        self._memory: Memory | None = None
        self._lock = threading.Lock()

    def reach(self, context: Any) -> "Reach":
        """Give the reach of this machine's own user."""
        from memory.api.mcp.reach import Reach
        from memory.memory import Memory

        with self._lock:
            if self._memory is None:
                self._memory = Memory.open(self._store)
        return Reach(self._memory)

    def close(self) -> None:
        """Close the store, if it was opened."""
        with self._lock:
            if self._memory is not None:
                self._memory.close()


class Line:
    """The two streams of a client. A line that is no message is answered with an error, and what follows is read.

    When the input ends, what was asked before is still answered, if that does not take long.
    """

    def __init__(self, read: Any, write: Any) -> None:
        self._read, self._write = read, write
        self._asked: set[Any] = set()

    @property
    def last_context(self) -> Any:
        """The context that the last message was sent in."""
        return getattr(self._read, "last_context", None)

    async def receive(self) -> Any:
        """Give the next message."""
        try:
            while isinstance(item := await self._read.receive(), Exception):
                await self._write.send(SessionMessage(_no_message(item)))
        except anyio.EndOfStream:
            with anyio.move_on_after(END_SECONDS):
                while self._asked:
                    await anyio.sleep(0.01)
            raise
        message = item.message
        if isinstance(message, types.JSONRPCRequest):
            self._asked.add(message.id)
        elif isinstance(message, types.JSONRPCNotification) and message.method == "notifications/cancelled":
            self._asked.discard((message.params or {}).get("requestId"))
        return item

    async def send(self, item: SessionMessage) -> None:
        """Send a message."""
        if isinstance(item.message, types.JSONRPCResponse | types.JSONRPCError):
            self._asked.discard(item.message.id)
        await self._write.send(item)

    async def aclose(self) -> None:
        """End both streams."""
        await self._read.aclose()
        await self._write.aclose()

    def __aiter__(self) -> "Line":
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> "Line":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _no_message(error: Exception) -> types.JSONRPCError:
    is_json = isinstance(error, ValidationError) and error.errors()[0]["type"] != "json_invalid"
    code = types.INVALID_REQUEST if is_json else types.PARSE_ERROR
    what = "the line is JSON, but no JSON-RPC message" if is_json else "the line is not JSON"
    return types.JSONRPCError(jsonrpc="2.0", id=None, error=types.ErrorData(code=code, message=what))


def serve(store: str | None) -> None:
    """Serve until standard input ends.

    Nothing but messages of the protocol is written to standard output: what libraries print goes to standard error.
    """
    working, opened = Working(), Opened(store)
    # what the packages made when they were read stays to the end
    gc.freeze()
    gc.enable()
    try:
        anyio.run(_served, working, opened)
    except BaseExceptionGroup as error:
        # a client that reads no more has left
        if error.subgroup(lambda each: not isinstance(each, BrokenPipeError | BaseExceptionGroup)):
            raise
    closing = threading.Thread(target=_end, args=(working, opened), daemon=True)
    closing.start()
    closing.join(END_SECONDS)
    sys.stdout.flush()
    if closing.is_alive():
        # what was answered is on disk; work that nobody waits for must not hold the process
        os._exit(0)


async def _served(working: Working, opened: Opened) -> None:
    server = make_server(opened.reach, working)
    async with stdio_server() as (read, write):
        # the server has standard output for itself now; what is printed would be held back and come out behind its end
        sys.stdout = sys.stderr
        line = Line(read, write)
        await server.run(line, line, server.create_initialization_options())


def _end(working: Working, opened: Opened) -> None:
    working.wait(END_SECONDS)
    opened.close()
