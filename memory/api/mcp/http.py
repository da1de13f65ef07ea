"""MCP over streamable HTTP, in the service: behind its guard, within the reach of the caller's token.

The protocol's packages are read by the first request, so that a service that nobody asks so starts as quickly as before.
No session is kept between requests: a service that is started anew is not noticed.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup, TaskStatus
from starlette.types import Receive, Scope, Send

from memory.api.mcp.reach import Reach, Refused
from memory.api.rest.finding import confined
from memory.api.rest.guard import BODY_BYTES
from memory.api.rest.problems import Problem, of_fault, response
from memory.api.rest.records import confine
from memory.api.rest.service import Asked
from memory.care.access import Audit, Role
from memory.errors import MemoryFault
from memory.kinds import Record
from memory.kinds.message import Message
from memory.kinds.session import Session
from memory.search.answer import SearchResult

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager


class TokenReach(Reach):
    """The reach of one who asks over HTTP: the same as on the routes beside."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked.memory)
        self._asked = asked
        self.is_confined = asked.is_confined

    def require(self, role: Role) -> None:
        """See that the token has a role."""
        if not self._asked.caller.may(role):
            raise Refused(f"this token may not do that; it takes the role {role}")

    def session(self, id: str) -> Session:
        """Read a session; one that the token does not show is as if it were not there."""
        found: Session = self._asked.session(id)
        return found

    def message(self, id: str) -> Message:
        """Read a message; one that the token does not show is as if it were not there."""
        found: Message = self._asked.message(id)
        return found

    def sees(self, record: Record) -> bool:
        """Say whether the token shows a record."""
        return self._asked.sees_record(record)

    def narrow(self, asked: dict[str, Any]) -> None:
        """Narrow a search to the token's projects, or its session."""
        confined(self._asked, asked)

    def place(self, kind: str, fields: dict[str, Any]) -> None:
        """See that a new record lies in the token's projects."""
        if self.is_confined:
            try:
                confine(self._asked, kind, fields)
            except Problem as problem:
                raise Refused(problem.detail) from problem

    def searched(self, result: SearchResult) -> None:
        """Count a search among those of the service."""
        self._asked.service.metrics.search(result)

    def words(self, error: Exception) -> str:
        """Say what went wrong without a path of the machine."""
        return of_fault(error).detail

    def note(self, tool: str, target: str | None, outcome: str, *, is_read: bool) -> None:
        """Write down what was done or refused; reads of this machine's own user are not noted."""
        who = self._asked.caller.who
        if who != "local" or not is_read:
            Audit(self.memory.store).note(who, tool, target, outcome)


class McpRoute:
    """The ASGI application at `/mcp`."""

    def __init__(self) -> None:
        self._group: TaskGroup | None = None
        self._manager: StreamableHTTPSessionManager | None = None
        self._starting = anyio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer while the service runs."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                yield
            finally:
                self._group = self._manager = None
                group.cancel_scope.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        problem = self._problem(str(scope["method"]))
        if problem is not None:
            await response(problem)(scope, receive, send)
            return
        manager = await self._started()
        await manager.handle_request(scope, receive, send)

    def _problem(self, method: str) -> Problem | None:
        if method != "POST":
            return Problem(405, "no_method", "MCP is asked with POST; nothing is sent unasked", {"Allow": "POST"})
        if find_spec("mcp") is None:
            return Problem(503, "no_mcp", "MCP is not installed; install it with `pip install 'harkback[server]'`")
        if self._group is None:
            return Problem(503, "not_running", "the service does not run yet, or no more")
        return None

    async def _started(self) -> "StreamableHTTPSessionManager":
        async with self._starting:
            if self._manager is None:
                assert self._group is not None
                self._manager = await self._group.start(self._run)
            return self._manager

    async def _run(self, *, task_status: TaskStatus["StreamableHTTPSessionManager"]) -> None:
        manager = await anyio.to_thread.run_sync(_manager)
        async with manager.run():
            task_status.started(manager)
            await anyio.sleep_forever()


def _reach_of(context: Any) -> TokenReach:
    try:
        return TokenReach(Asked(context.request))
    except MemoryFault as error:
        raise MemoryFault(of_fault(error).detail) from error


def _manager() -> "StreamableHTTPSessionManager":
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.server.transport_security import TransportSecuritySettings

    from memory.api.mcp.server import make_server

    return StreamableHTTPSessionManager(
        make_server(_reach_of),
        json_response=True,
        stateless=True,
        # the guard has looked at Host and Origin already, and knows the names that the settings allow
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        max_request_body_size=BODY_BYTES,
    )
