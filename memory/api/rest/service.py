"""What the routes share: the memories of the workspaces, their feeds, streams that are open, and who may see what."""

import asyncio
import hashlib
import queue
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from memory.api.rest.feed import Feed
from memory.api.rest.guard import given_secret
from memory.api.rest.problems import Problem
from memory.care.access import Audit, Caller, Role, Tokens
from memory.errors import MemoryFault, UnknownRecord
from memory.kinds import Record
from memory.memory import Memory
from memory.streaming import MessageStream

UNNOTED = ("/api/health", "/metrics", "/api/export")
"""Reads that tell nothing of what is stored and are asked for all the time, and one that is noted by itself."""
LOCAL = "local"
"""Who asks without a token, where none is needed."""
COOKIE = "hark_token"
"""Where a browser keeps its token."""
IDLE_STREAMS = 10_000
"""Streams that are held open; more are closed, and opened again when a chunk comes. Untuned."""


class Service:
    """The state of one running service."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.metrics: Any = None
        self._memories = {memory.store.workspace: memory}
        self._feeds: dict[str, Feed] = {}
        self._streams: dict[tuple[str, str], MessageStream] = {}
        """By workspace and id of the message; two workspaces may have the same ids."""
        self._lock = threading.Lock()

    def memory_of(self, workspace: str) -> Memory:
        """Give the memory of a workspace; it is opened when it is first asked for."""
        with self._lock:
            if workspace not in self._memories:
                self._memories[workspace] = Memory.open(self.memory.store.directory, workspace=workspace, create=False)
            return self._memories[workspace]

    async def feed_of(self, workspace: str) -> Feed:
        """Give the feed of a workspace."""
        memory = await run_in_threadpool(self.memory_of, workspace)
        if workspace not in self._feeds:
            self._feeds[workspace] = Feed(memory, asyncio.get_running_loop())
        return self._feeds[workspace]

    def feed_lag(self) -> int:
        """Give the most changes that a feed has not told yet."""
        return max((feed.lag for feed in self._feeds.values()), default=0)

    def keep_stream(self, stream: MessageStream, workspace: str) -> MessageStream:
        """Hold a stream open for its next chunk, and give the one that is held: one message has one stream here."""
        with self._lock:
            there = self._streams.get((workspace, stream.id))
            if there is not None and there.is_open:
                return there
            while len(self._streams) >= IDLE_STREAMS:
                _let_go(self._streams.pop(next(iter(self._streams))))
            self._streams[workspace, stream.id] = stream
            return stream

    def stream_of(self, memory: Memory, id: str) -> MessageStream:
        """Give the stream of a message; after a restart it is opened again where it stopped.

        Raises:
            UnknownRecord: There is no such message.
            Conflict: It is complete.
        """
        workspace = memory.store.workspace
        with self._lock:
            stream = self._streams.get((workspace, id))
        if stream is not None and stream.is_open:
            return stream
        message = memory.messages.get(id)
        if message is None:
            raise UnknownRecord(f"there is no message {id!r}; begin one with messages:stream")
        return self.keep_stream(memory.messages.stream(message.session_id, role=message.role, id=id), workspace)

    def drop_stream(self, memory: Memory, id: str) -> None:
        """Let go of a stream that has ended."""
        with self._lock:
            self._streams.pop((memory.store.workspace, id), None)

    def end_feeds(self) -> None:
        """Let all streams of events end; may be called from a signal handler."""
        for feed in self._feeds.values():
            feed.end()

    def close(self) -> None:
        """Bring what streams hold to disk, and stop following."""
        for feed in self._feeds.values():
            feed.stop()
        for stream in list(self._streams.values()):
            _let_go(stream)
        for memory in self._memories.values():
            if memory is not self.memory:
                memory.close()


def _let_go(stream: MessageStream) -> None:
    with suppress(MemoryFault):
        # its message is gone, or complete: what it still held has no place any more
        stream.release()


class Asked:
    """One request: who asks, and the memory that is asked."""

    def __init__(self, request: Request) -> None:
        self.service: Service = request.app.state.service
        self.caller: Caller = request.state.caller
        self.memory = self.service.memory_of(self.caller.workspace)
        self.request = request

    def session(self, id: str) -> Any:
        """Read a session that this caller may see; one of others is as if it were not there."""
        found = self.memory.sessions.get(id)
        if found is None or not self.sees(id, found.project_id):
            raise UnknownRecord(f"there is no session {id!r}")
        return found

    def message(self, id: str) -> Any:
        """Read a message that this caller may see."""
        found = self.memory.messages.get(id)
        if found is None:
            raise UnknownRecord(f"there is no message {id!r}")
        if self.is_confined:
            try:
                self.session(found.session_id)
            except UnknownRecord as error:
                raise UnknownRecord(f"there is no message {id!r}") from error
        return found

    def readable(self, id: str, session_id: str | None = None) -> Any:
        """Read a message in a session that this caller may see: one of its own, or one before its fork.

        Args:
            id: The message.
            session_id: The session it is read in; None for the message's own, or the one that the caller is confined to.
        """
        inside = session_id or self.caller.session_id
        if inside is None:
            return self.message(id)
        self.session(inside)
        found = self.memory.messages.get(id)
        if found is None or id not in [each.id for each in self.memory.messages.window(inside, found.seq, after=1)]:
            raise UnknownRecord(f"there is no message {id!r} in session {inside!r}")
        return found

    @property
    def is_confined(self) -> bool:
        """Whether the caller sees a part of the workspace only."""
        return bool(self.caller.projects or self.caller.session_id)

    def sees(self, session_id: str | None, project_id: str | None) -> bool:
        """Say whether the caller may see what lies in a session, and in a project."""
        if self.caller.session_id is not None:
            return session_id == self.caller.session_id
        return not self.caller.projects or project_id in self.projects()

    def sees_record(self, record: Record) -> bool:
        """Say whether the caller may see a record of any kind."""
        if not self.is_confined:
            return True
        session_id = record.id if record.declaration.name == "session" else getattr(record, "session_id", None)
        project_id = getattr(record, "project_id", None)
        if project_id is None and session_id is not None:
            session = self.memory.sessions.get(session_id)
            project_id = session.project_id if session else None
        return (session_id is not None or project_id is not None) and self.sees(session_id, project_id)

    def deleted(self, kind: str, id: str) -> None:
        """See that a record that is to be brought back is one that the caller may see."""
        if self.is_confined:
            found = self.memory.store.records.get(kind, id, deleted=True)
            if found is None or not self.sees_record(found):
                raise UnknownRecord(f"there is no {kind.replace('_', ' ')} {id!r}")

    def projects(self) -> set[str]:
        """Give the ids of the projects that the caller is confined to, and of those below them."""
        numbers = {number for each in self.caller.projects for number in self.memory.projects.numbers_below(each)}
        return {record.id for record in self.memory.store.records.by_numbers("project", sorted(numbers)).values()}

    def still_sees(self, session_id: str | None) -> bool:
        """Say whether the token of this request still counts, and shows the session that it followed."""
        secret = given_secret(self.request.headers, COOKIE)
        if secret and Tokens(self.memory.store).caller(secret) is None:
            return False
        try:
            return session_id is None or not self.is_confined or bool(self.session(session_id))
        except UnknownRecord:
            return False

    def name(self, given: dict[str, Any], place: int = 0) -> bool:
        """Give what is made an id that follows from the request's `Idempotency-Key`, where it has none of its own.

        So a request that comes again after a crash, before its answer was kept, makes nothing twice.

        Returns:
            Whether it was named so.
        """
        key = getattr(self.request.state, "idempotency_key", None)
        if key is None or given.get("id") is not None:
            return False
        digest = hashlib.sha256(f"{key}:{place}".encode()).digest()[:16]
        given["id"] = str(uuid.UUID(bytes=digest, version=5))
        return True

    def unconfined(self) -> None:
        """Refuse a caller who sees a part only.

        Raises:
            Problem: The caller is one.
        """
        if self.is_confined:
            raise Problem(
                403, "confined", "this token is for some projects, or one session; this needs all of the workspace"
            )

    def note(self, target: str | None, count: int | None = None, outcome: str = "done") -> None:
        """Write into the audit log what was done, or refused; reads of this machine's own user are not noted."""
        method, path = self.request.method, self.request.scope.get("route")
        what = f"{method} {getattr(path, 'path', self.request.url.path)}"
        Audit(self.memory.store).note(self.caller.who, what, target, outcome, count)


def _asked(role: Role) -> Callable[[Request], Asked]:
    def asked(request: Request) -> Asked:
        found = Asked(request)
        if not found.caller.may(role):
            raise Problem(403, "not_allowed", f"this token may not do that; it takes the role {role}")
        if role == "reader" and request.url.path not in UNNOTED and found.caller.who != LOCAL:
            with suppress(MemoryFault):
                # a full disk must not keep anybody from reading
                found.note(request.path_params.get("id"))
        return found

    return asked


Reads = Depends(_asked("reader"))
Writes = Depends(_asked("writer"))
Administers = Depends(_asked("admin"))


async def begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Read the first piece, so that what goes wrong at the beginning is told before an answer begins."""
    first = await anext(pieces, None)

    async def whole() -> AsyncIterator[bytes]:
        if first is not None:
            yield first
        async for piece in pieces:
            yield piece

    return whole()


async def pieces_of(make: Callable[[], Iterator[str]]) -> AsyncIterator[bytes]:
    """Run a generator in one thread of its own, since what it reads holds a snapshot there, and yield what it yields."""
    waiting: queue.Queue[bytes | Exception | None] = queue.Queue(maxsize=8)
    gone = threading.Event()

    def put(piece: bytes | Exception | None) -> bool:
        while not gone.is_set():
            try:
                waiting.put(piece, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def run() -> None:
        try:
            for piece in make():
                if not put(piece.encode()):
                    return
        except Exception as error:  # noqa: BLE001 - told to who waits
            put(error)
            return
        put(None)

    thread = threading.Thread(target=run, name="harkback-export", daemon=True)
    thread.start()
    try:
        while (piece := await run_in_threadpool(waiting.get)) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece
    finally:
        gone.set()
