"""What an importer yields: records under the ids of the program they come from.

`native id` is the id the other program gave. The runner (`memory/importing.py`) turns it into a
record id: a native id that is a UUID is kept; any other becomes a UUID made of format and native id.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

Role = Literal["user", "assistant", "system", "tool"]
State = Literal["active", "inactive", "archived"]
Part = dict[str, Any]
"""One part of a message, JSON-able, lossless. `type` is `text`, `reasoning`, `tool_call`, `tool_result`,
`image`, `file` or `patch`; searchable text stands under `text`. Further keys by type:
`tool_call`: `call_id`, `name`, `input` (any JSON). `tool_result`: `call_id`, `name`, `is_error`, `output` (what was
given, where it is more than `text`). `image`, `file`: `attachment` (index into `attachments`) or `url`, `media_type`.
`id` is the native id of the line or block the part came from: the same message may be yielded again with more parts,
and a part whose `id` is already there is not added twice. Native keys that have no place here stay under `native`."""

TITLE_FIRST_PROMPT, TITLE_SUMMARY, TITLE_GENERATED, TITLE_PERSON = 1, 2, 3, 4
"""How much a title is worth: the higher wins; of two equal ones the later."""


@dataclass(slots=True)
class SessionRecord:
    """One conversation. It may be yielded again: later values that are not None win, `metadata` is merged.

    In `metadata` a later value of a name wins, but lists are joined, each of their values once.
    """

    key: str
    """Its native id."""
    title: str | None = None
    title_authority: int = 0
    project: str | None = None
    """The working directory, or another path that says which body of work it belongs to."""
    model: str | None = None
    system_prompt: str | None = None
    summary: str | None = None
    state: State | None = None
    """Counts when the session is made; None is active."""
    participants: list[str] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    created_at: datetime | None = None
    parent_key: str | None = None
    """Native id of the session it was forked from, continues, or was spawned by."""
    forked_at_key: str | None = None
    """Native id of the message it was forked at."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """What has no column: `kind` (main, subagent, fork, compaction), `git_branch`, `version`, unknown records …"""


@dataclass(slots=True)
class AttachmentRecord:
    """Bytes that belong to a message."""

    name: str
    media_type: str
    data: bytes | Path
    """The bytes, or the file that holds them: it is read when they are written."""

    def read(self) -> bytes:
        """Give the bytes.

        Raises:
            OSError: The file cannot be read.
        """
        return self.data if isinstance(self.data, bytes) else self.data.read_bytes()


@dataclass(slots=True)
class MessageRecord:
    """One entry of a session; its `content` is made from its parts (`text` of text parts, of tool results for `tool`).

    Yielded again under the same key it is the same message: parts with a new `id` are added, `attachment` of a part
    counts within its own record, `created_at` and `started_at` stay; of other values those not None win.
    """

    session_key: str
    key: str | None
    """Its native id; None where the format has none: then session, position and content are its identity."""
    role: Role
    parts: list[Part]
    parent_key: str | None = None
    """Native id of the message it answers, where the format has a tree."""
    sender_id: str | None = None
    created_at: datetime | None = None
    tool_name: str | None = None
    tool_call: dict[str, Any] | None = None
    """`{"call_id", "name", "input"}` for a message that is a single tool call."""
    tool_result: dict[str, Any] | None = None
    """`{"call_id", "is_error"}` and what else is known, for role `tool`; the text itself is in `parts`."""
    status: Literal["pending", "streaming", "complete", "error"] = "complete"
    error: str | None = None
    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attachments: list[AttachmentRecord] = field(default_factory=list)
    is_whole: bool = False
    """Whether this is all of the message as it is now: where it is known already, its parts take the place of those
    that were read before, which stay as an earlier version. For sources that change a message after it was written."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """What has no column. `origin` is `injected`, `hook`, `compaction`, `subagent` or `synthetic` for text that nobody
    typed; such a message has role `system`, so that it is never searched as the person's words."""


@dataclass(slots=True)
class RelationshipRecord:
    """An arrow with evidence. An end is `session:KEY`, `message:KEY` (native ids), `file:PATH`, `url:…` or a name."""

    type: str
    source: str
    target: str
    label: str | None = None
    session_key: str | None = None
    created_at: datetime | None = None


@dataclass(slots=True)
class Problem:
    """One thing in a source that could not be read; the rest was."""

    line: int | None
    """Counted from 1; None where the source has no lines."""
    what: str


@dataclass(slots=True)
class Mark:
    """Everything before `offset` has been yielded: an import that is killed later goes on from here."""

    offset: int
    """Bytes from the start of the source."""
    lines: int
    """How many lines lie before it."""
    state: dict[str, Any]
    """What `read` needs to go on from there; JSON-able, some hundred bytes. `whole` is true in a source that has no lines
    to go on in: when it changes, it is read anew."""


Item = SessionRecord | MessageRecord | RelationshipRecord | Problem | Mark
