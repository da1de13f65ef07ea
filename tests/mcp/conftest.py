"""The server in this process, asked by the SDK's own client."""

from typing import Any

import pytest

pytest.importorskip("mcp")
from mcp_clients import ask

from memory import Memory


@pytest.fixture
def call(memory: Memory):
    """Call a tool of the server of this process, and give its answer."""
    from memory.api.mcp.reach import Reach
    from memory.api.mcp.server import make_server

    def called(name: str, **arguments: Any) -> Any:
        server = make_server(lambda _: Reach(memory))
        return ask(server, lambda client: client.call_tool(name, arguments))

    return called


@pytest.fixture
def port(memory: Memory):
    """A session in which a port was chosen."""
    session = memory.sessions.create(title="Pick a port", project="web/api")
    memory.messages.append(session.id, role="user", content="which port do we take?")
    memory.messages.append(session.id, role="assistant", content="let us take port 8470, nothing else uses it")
    return session
