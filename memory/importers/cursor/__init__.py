"""Cursor: the editor's `state.vscdb`, the command line agent's `store.db`, and agent transcripts (JSON lines).

* `User/globalStorage/state.vscdb`: the rows `composerData:<id>` are the conversations, `bubbleId:<id>:<bubble>` their
  messages. Which project one belongs to stands in it, or, in versions before 3.12, in the database of the editor's
  workspace beside it. Read from the time of the last import on.
* `~/.cursor/chats/<hash>/<session>/store.db`: a tree of blobs; the root names the messages in their order.
* `agent-transcripts/<session>.jsonl`: lines without ids or times; the name of the file is the session's id.

A tool's bubble is a call in an assistant message and, once it has ended, a message of role `tool`. Left out on purpose:
all other rows (settings, which hold secrets; checkpoints and diffs of files, which are backups; what the editor keeps
of its screen), keys under which blobs are encrypted, and `richText`, a copy of the text as the editor's own state.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from memory.importers.cursor.agent_store import is_store, read_store
from memory.importers.cursor.editor import has_conversations, read_editor, workspaces_of
from memory.importers.cursor.transcript import is_transcript, read_transcript
from memory.importers.reading.records import Item
from memory.importers.reading.source import Sample, Source

FORMAT = "cursor"
PLACES = (
    "$XDG_CONFIG_HOME/Cursor/User/globalStorage/state.vscdb",
    "$XDG_CONFIG_HOME/Cursor/User/workspaceStorage/*/state.vscdb",
    "~/.config/Cursor/User/globalStorage/state.vscdb",
    "~/.config/Cursor/User/workspaceStorage/*/state.vscdb",
    "~/Library/Application Support/Cursor/User/globalStorage/state.vscdb",
    "~/Library/Application Support/Cursor/User/workspaceStorage/*/state.vscdb",
    "$APPDATA/Cursor/User/globalStorage/state.vscdb",
    "$APPDATA/Cursor/User/workspaceStorage/*/state.vscdb",
    "$CURSOR_DATA_DIR/chats",
    "$CURSOR_DATA_DIR/projects",
    "$CURSOR_CONFIG_DIR/chats",
    "$XDG_CONFIG_HOME/cursor/chats",
    "~/.cursor/chats",
    "~/.cursor/projects",
)
_SIDE = re.compile(r"^(?:meta\.json|prompt_history\.json)$")


def recognises(sample: Sample) -> bool:
    """Say whether it is one of Cursor's two databases with conversations in it, or a transcript of its agent."""
    if sample.tables:
        return is_store(sample) or has_conversations(sample)
    return is_transcript(sample)


def companions(path: Path) -> Iterable[Path]:
    """Give the databases that tell which project a conversation belongs to, and what stands beside an agent's store."""
    sample = Sample(path)
    if not sample.tables:
        return
    if is_store(sample):
        yield from (beside for beside in path.parent.iterdir() if _SIDE.match(beside.name))
    else:
        yield from workspaces_of(path)
        backup = path.with_name(path.name + ".backup")
        yield from [backup] if backup.exists() else []


def read(source: Source) -> Iterator[Item]:
    """Yield the conversations of a database, or of a transcript."""
    sample = Sample(source.path)
    if sample.tables:
        return read_store(source) if is_store(sample) else read_editor(source)
    return read_transcript(source)
