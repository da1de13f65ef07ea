"""Resources: `memory://session/ID` and `memory://learning/ID`."""

from urllib.parse import quote, unquote

import mcp_types as types

from memory.api.mcp.finding import whole_session
from memory.api.mcp.framing import Fence, flat, heading, quoted
from memory.api.mcp.reach import Reach
from memory.errors import UnknownRecord

SCHEME = "memory://"


def listed_resources(reach: Reach, most: int) -> list[types.Resource]:
    """List the sessions last spoken in, as far as the caller may see them."""
    page = reach.memory.sessions.list(limit=most)
    return [
        types.Resource(
            uri=f"{SCHEME}session/{quote(each.id, safe='')}",
            name=flat(each.title or each.id)[:120],
            description=f"Session of {each.last_message_at or each.created_at:%Y-%m-%d}",
            mime_type="text/plain",
        )
        for each in page.items
        if reach.sees(each)
    ]


def read_text(reach: Reach, uri: str) -> str:
    """Read a resource, framed as quoted data.

    Raises:
        UnknownRecord: There is none by that name that the caller may see.
    """
    reach.require("reader")
    kind, _, id = uri.removeprefix(SCHEME).partition("/")
    id = unquote(id)
    if not uri.startswith(SCHEME) or kind not in ("session", "learning") or not id:
        raise UnknownRecord(f"there is no resource {uri!r}; there are {SCHEME}session/ID and {SCHEME}learning/ID")
    if kind == "session":
        return whole_session(reach, id).text()
    learning = reach.memory.learnings.get(id)
    if learning is None or not reach.sees(learning):
        raise UnknownRecord(f"there is no learning {id!r}; search_memory with kind=learning finds them")
    at = f"{learning.valid_from or learning.created_at:%Y-%m-%d}"
    until = f", true until {learning.valid_to:%Y-%m-%d}" if learning.valid_to else ""
    head = heading(number=None, at=at + until, said_by=learning.category, title=None, refs=[f"learning:{id}"])
    return Fence().around([head, quoted(learning.content)])
