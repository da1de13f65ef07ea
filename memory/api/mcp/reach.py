"""What one caller may reach: this machine's own user everything; a token what it is for."""

from typing import Any

from memory.care.access import Role
from memory.errors import MemoryFault, UnknownRecord
from memory.kinds import Record
from memory.kinds.message import Message
from memory.kinds.session import Session
from memory.memory import Memory
from memory.operations.show_ import whole_id
from memory.search.answer import SearchResult


class Refused(MemoryFault):
    """The caller may not do that."""


class Reach:
    """The reach of this machine's own user."""

    is_confined = False
    """Whether only a part of the workspace is seen."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def require(self, role: Role) -> None:
        """See that the caller has a role.

        Raises:
            Refused: It has a lesser one.
        """

    def whole(self, kind: str, given: str) -> str:
        """Complete an id from its beginning; `KIND:ID` is read, too.

        Raises:
            UnknownRecord: None begins so.
            InvalidInput: Several do.
        """
        id = given.removeprefix(f"{kind}:")
        # one who sees a part only is told nothing of what else begins so
        return id if self.is_confined else whole_id(self.memory, kind, id)

    def session(self, id: str) -> Session:
        """Read a session that the caller may see.

        Raises:
            UnknownRecord: There is none, or it is not to be seen.
        """
        found = self.memory.sessions.get(id)
        if found is None:
            raise UnknownRecord(f"there is no session {id!r}; search_memory finds sessions")
        return found

    def message(self, id: str) -> Message:
        """Read a message that the caller may see.

        Raises:
            UnknownRecord: There is none, or it is not to be seen.
        """
        found = self.memory.messages.get(id)
        if found is None:
            raise UnknownRecord(f"there is no message {id!r}; search_memory finds messages")
        return found

    def sees(self, record: Record) -> bool:
        """Say whether the caller may see a record."""
        return True

    def narrow(self, asked: dict[str, Any]) -> None:
        """Narrow the arguments of a search to what the caller may see."""

    def place(self, kind: str, fields: dict[str, Any]) -> None:
        """See that a new record lies where the caller may see it; a project is filled in where only one is possible.

        Raises:
            Refused: It does not.
        """

    def unconfined(self) -> None:
        """See that the caller sees all of the workspace.

        Raises:
            Refused: It does not.
        """
        if self.is_confined:
            raise Refused("this token is for some projects, or one session; this needs all of the workspace")

    def searched(self, result: SearchResult) -> None:
        """Count a search, where searches are counted."""

    def words(self, error: Exception) -> str:
        """Say what went wrong."""
        return str(error)

    def note(self, tool: str, target: str | None, outcome: str, *, is_read: bool) -> None:
        """Write into the audit log what was done or refused, unless this program's own user did it."""
