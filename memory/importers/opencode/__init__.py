"""OpenCode: its database `opencode.db` (from 1.2 on), and before that `storage/`, a JSON file for each record.

Of files, a session's own is the history (`storage/session/<project>/<id>.json`); its messages and their parts lie in
`storage/message/<session>/` and `storage/part/<message>/` and are read with it. A database is read from the time of
the last import on: sessions of which something has changed since are read again.

A message's parts keep their order. A tool's part is a call in the answer and, once it has ended, a message of role
`tool`. Text marked `synthetic`, and compaction, was written by the program: role `system`. `step-start` and
`step-finish` become the message's `steps` (tokens, cost, snapshots). Left out: a part's copy of ids it stands under;
a database's `event`, `permission`, `account` and `control` tables, which hold no conversation.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from memory.importers.opencode.conversation import Conversation
from memory.importers.opencode.database import is_database, read_database
from memory.importers.opencode.storage import parts_of, read_storage, session_in
from memory.importers.reading.records import Item
from memory.importers.reading.source import Sample, Source

FORMAT = "opencode"
PLACES = (
    "$OPENCODE_DB",
    "$XDG_DATA_HOME/opencode/opencode*.db",
    "$XDG_DATA_HOME/opencode/storage",
    "~/.local/share/opencode/opencode*.db",
    "~/.local/share/opencode/storage",
)
__all__ = ["FORMAT", "PLACES", "Conversation", "companions", "read", "recognises"]


def recognises(sample: Sample) -> bool:
    """Say whether it is a database with OpenCode's tables, or the file of one session."""
    return is_database(sample.tables) if sample.tables else session_in(sample) is not None


def companions(path: Path) -> Iterable[Path]:
    """Give the files of a session's messages and their parts; none for a database."""
    return parts_of(path)


def read(source: Source) -> Iterator[Item]:
    """Yield what a database holds of sessions that changed since `source.state`, or one session of files."""
    if is_database(Sample(source.path).tables):
        return read_database(source)
    return read_storage(source)
