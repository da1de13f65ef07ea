"""Save a message while it is being written; pick it up again after a crash.

What was written is on disk within FLUSH_SECONDS and seen by other processes. The message's status goes from `pending`
over `streaming` to `complete` or `error`. When the program dies in between, the message stays as far as it came, and a
stream opened with its id goes on from there.
"""

import threading
import time
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from memory.collections.activity import CountedMessages
from memory.collections.messages import Messages
from memory.errors import Conflict, InvalidInput, MemoryFault
from memory.kinds.message import Message
from memory.saving import Saver
from memory.store.records import unknown
from memory.store.schema import Value, micros, whole

FLUSH_SECONDS = 0.05
"""How long text waits for more before it is written; half of what is promised."""


class MessageStream:
    """One message that grows; a context manager, to be used from one thread at a time."""

    def __init__(self, messages: Messages, saver: Saver, session_id: str, fields: dict[str, Any]) -> None:
        self._saver = saver
        self._store = saver.store
        self._messages = messages
        self.id = self._begin(session_id, fields)
        number = self._store.records.number("message", self.id)
        assert number is not None
        self._number = number
        self._waiting: list[str] = []
        self._wake = threading.Condition()
        self._fault: MemoryFault | None = None
        self._is_open = True
        self._last_flush = 0.0
        self._flusher: threading.Thread | None = None

    @property
    def message(self) -> Message:
        """The message as it is on disk."""
        found = self._messages.get(self.id)
        assert found is not None
        return found

    def write(self, text: str, *, flush: bool = False) -> None:
        """Add text; it is on disk within 100 ms, with `flush` when this returns. A slow disk makes this slow, and drops nothing.

        Raises:
            InvalidInput: The stream is closed, or it is no text.
            StoreFault: What was written before could not be saved; it is kept, and saved with the next write that can.
        """
        if not isinstance(text, str):
            raise InvalidInput(f"a stream takes text, not a {type(text).__name__}")
        with self._wake:
            self._check()
            self._waiting.append(whole(text))
            if flush or time.monotonic() - self._last_flush >= FLUSH_SECONDS:
                self._flush()
            elif self._flusher is None:
                self._flusher = threading.Thread(target=self._run, name="harkback-stream", daemon=True)
                self._flusher.start()
            else:
                self._wake.notify()

    def add_part(self, part: dict[str, Any]) -> None:
        """Add a part such as a tool call or its result, behind the text that was written so far."""
        with self._wake:
            self._check()
            with self._store.transaction():
                self._flush()
                self._parts.append(self._saver.redactor.value(part))
                self._write("streaming")

    @property
    def is_open(self) -> bool:
        """Whether text can be added; not any more once it was finished, failed or released."""
        return self._is_open

    def release(self) -> None:
        """Bring what was written to disk and let go of it: the message stays as it is, and a stream of its id goes on with it."""
        with self._wake:
            if self._is_open:
                self._is_open = False
                self._wake.notify()
                if self._waiting:
                    self._flush()

    def finish(self) -> Message:
        """Close the stream: the message is complete, and found by its words and meaning."""
        return self._close({"status": "complete", "error": None})

    def fail(self, error: str) -> Message:
        """Close the stream: the message is kept as far as it came, and says what went wrong."""
        return self._close({"status": "error", "error": error})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_open:
            return
        if error is None:
            self.finish()
        else:
            self.fail(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)

    def _begin(self, session_id: str, fields: dict[str, Any]) -> str:
        self._content, self._parts = "", list(fields.pop("parts", None) or [])
        there = self._messages.get(fields["id"]) if fields.get("id") else None
        if there is None:
            now = datetime.now(UTC)
            begun = {"started_at": now, **fields, "status": "pending", "content": "", "parts": self._parts}
            return self._messages.append_many(session_id, [begun])[0].id
        if there.session_id != session_id:
            raise Conflict(f"message {there.id!r} is one of another session; give another id")
        if there.status == "complete":
            raise Conflict(f"message {there.id!r} is complete; give another id")
        self._content, self._parts = there.content, list(there.parts)
        return there.id

    def _check(self) -> None:
        if not self._is_open:
            raise InvalidInput(f"the stream of message {self.id!r} is closed; open another")
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault

    def _flush(self, *, is_last: bool = False) -> None:
        """Write what waits, behind what is stored by now; what may be the beginning of a secret waits for its end."""
        redactor = self._saver.redactor
        with self._store.transaction():
            self._catch_up()
            text = self._content + "".join(self._waiting)
            held = 0 if is_last else redactor.unfinished(text)
            content = redactor.text(text[: len(text) - held] if held else text)
            if content != self._content:
                self._content = content
                self._write("streaming")
        self._waiting = [text[len(text) - held :]] if held else []
        self._last_flush = time.monotonic()

    def _catch_up(self) -> None:
        """Go on from what is stored: another stream, or an edit, may have written since; inside a transaction."""
        found = self._store.records.values("message", ("content", "parts", "status"), [self._number])
        if not found or found[0][3] == "complete":
            # what waits has no place any more
            self._is_open, self._waiting = False, []
        if not found:
            raise unknown("message", self.id)
        _, self._content, self._parts, status = found[0]
        if status == "complete":
            raise Conflict(f"message {self.id!r} was completed by another; nothing is added to it")

    def _write(self, status: str) -> None:
        """Write what there is; inside a transaction."""
        records = self._store.records
        values: dict[str, Value] = {
            "content": self._content,
            "parts": records.encoded_parts(self._content, self._parts),
            "status": status,
            "updated_at": micros(datetime.now(UTC)),
        }
        records.set_stored("message", values, self._number)
        self._store.changes.add(
            self._store.workspace_number,
            "message",
            [self._number],
            "update",
            status=status,
            length=len(self._content),
        )

    def _close(self, values: dict[str, Any]) -> Message:
        with self._wake:
            self._check()
            waiting = self._waiting
            try:
                with self._store.transaction():
                    self._flush(is_last=True)
                    said = {"content": self._content, "parts": self._parts, "ended_at": datetime.now(UTC), **values}
                    self._saver.update("message", self.id, said)
            except BaseException:
                self._waiting = waiting
                raise
            self._is_open = False
            self._wake.notify()
        return self.message

    def _run(self) -> None:
        """Write what waits when the writer pauses."""
        with self._wake:
            while self._is_open:
                self._wake.wait(FLUSH_SECONDS if self._waiting else None)
                if self._is_open and self._waiting and time.monotonic() - self._last_flush >= FLUSH_SECONDS:
                    try:
                        self._flush()
                    except MemoryFault as error:
                        # said at the next write, which tries again
                        self._fault = error
                        self._last_flush = time.monotonic()


class StreamedMessages(CountedMessages):
    """The messages of one workspace, and streams of them."""

    def stream(self, session_id: str, *, role: str, id: str | None = None, **fields: Any) -> MessageStream:
        """Save a message while it is being written.

        Args:
            session_id: The session that it is added to.
            role: Whose message it is.
            id: Of a message that a stream before did not bring to its end: this one goes on with it. Of a new one, its id.
            fields: Further fields of the message, such as `model` and `sender_id`.

        Returns:
            A context manager with `write`, `add_part`, `finish` and `fail`; leaving it finishes the message, leaving it by
            an exception marks it as an error with what was written so far.

        Raises:
            UnknownRecord: There is no such session.
            Conflict: A complete message, or one of another session, has that id.
        """
        return MessageStream(self, self._saver, session_id, {"role": role, "id": id, **fields})
