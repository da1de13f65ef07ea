"""Read a session."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.collections.sessions import SessionWithMessages
from memory.errors import InvalidInput, UnknownRecord
from memory.operations import POSITIONAL, Lines
from memory.store.narrowing import escaped
from memory.store.records import Where, unknown

if TYPE_CHECKING:
    from memory.memory import Memory

OUTPUT_LINES = 12
"""Lines of tool output that are shown; `--full` shows all."""


class Arguments(BaseModel):
    """Which session is read."""

    model_config = ConfigDict(extra="forbid")

    session: str = Field(description="Its id, or the beginning of it.", json_schema_extra=POSITIONAL)
    full: bool = Field(False, description="Show tool output in full.")


def run(memory: "Memory", arguments: Arguments) -> SessionWithMessages:
    """Read it."""
    found = memory.sessions.get(whole_id(memory, "session", arguments.session), messages=True)
    if not isinstance(found, SessionWithMessages):
        raise unknown("session", arguments.session)
    return found


def whole_id(memory: "Memory", kind: str, given: str) -> str:
    """Complete an id from its beginning.

    Raises:
        UnknownRecord: None begins so.
        InvalidInput: Several do.
    """
    if memory.collection(kind).get(given) is not None:
        return given
    pattern = f"{escaped(given)}%"
    where = Where("{t}.deleted_at is null and {t}.id like ? escape '\\'", (pattern,))
    found = memory.store.records.select(kind, where, limit=2) if given else []
    if len(found) > 1:
        raise InvalidInput(f"several {kind}s begin with {given!r}, such as {found[0][1].id} and {found[1][1].id}")
    if not found:
        raise UnknownRecord(
            f"there is no {kind} {given!r}; `hark sessions` lists sessions, `hark search` finds messages"
        )
    return found[0][1].id


def rows(session: SessionWithMessages, arguments: Arguments) -> Lines:
    """Write the session's title and what was said."""
    yield f"{session.title or '(no title)'}"
    yield "  ".join(each for each in (f"{session.created_at:%Y-%m-%d %H:%M}", session.project, session.id) if each)
    for message in session.messages:
        said_by = message.sender_id or message.tool_name if message.role == "tool" else message.sender_id
        yield ""
        yield f"[{message.seq}] {message.role}{f' ({said_by})' if said_by else ''}  {message.created_at:%Y-%m-%d %H:%M}"
        lines = message.content.splitlines()
        short = message.role in ("tool", "system") and not arguments.full and len(lines) > OUTPUT_LINES
        yield from lines[:OUTPUT_LINES] if short else lines
        if short:
            yield f"… {len(lines) - OUTPUT_LINES} more lines; --full shows them"
        for part in message.parts:
            if part.get("type") == "tool_call":
                yield f"→ {part.get('name')} {' '.join(str(part.get('input')).split())[:160]}"
