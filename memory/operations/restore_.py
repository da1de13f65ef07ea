"""Write a backup's store to a directory."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from memory.exchange.backup_restore import Restored
from memory.operations import POSITIONAL, Lines
from memory.settings import read_settings

if TYPE_CHECKING:
    from memory.memory import Memory

IS_LONG = True


class Arguments(BaseModel):
    """Which backup, and where to."""

    model_config = ConfigDict(extra="forbid")

    backup: str = Field(description="A folder of backups, or a manifest in one.", json_schema_extra=POSITIONAL)
    at: str | None = Field(
        None,
        description="The backup's id, or a time such as 2026-11-03 or 7d: the last one before it; else the newest.",
    )
    to: str | None = Field(None, description="The directory of the restored store; else the store that is named.")
    force: bool = Field(False, description="Move aside what is there; nothing is deleted.")
    check: Literal["quick", "full"] = Field(
        "quick", description="How well the file is looked through before it appears: `quick` or `full`."
    )


def unopened(
    arguments: Arguments, store: str | None, on_progress: Callable[[str, int, int], None] | None = None
) -> Restored:
    """Restore; no store is needed for it."""
    from memory.memory import Memory

    to = Path(arguments.to or read_settings(store=store).store).expanduser()
    return Memory.restore(
        arguments.backup,
        to,
        at=arguments.at,
        force=arguments.force,
        check=arguments.check,
        on_progress=on_progress,
    )


def run(memory: "Memory", arguments: Arguments, on_progress: Callable[[str, int, int], None] | None = None) -> Restored:
    """Restore beside a store that is open; it has another place than that one."""
    return unopened(arguments, str(memory.store.directory), on_progress)


def rows(answer: Restored, arguments: Arguments) -> Lines:
    """Say where it is, and where what was there has gone."""
    backup = answer.backup
    yield (
        f"{answer.store}: {backup.counts.get('message', 0):,} messages as of {backup.at:%Y-%m-%d %H:%M:%S} UTC"
        f" ({backup.id}); a store of its own, uuid {answer.uuid}"
    )
    if answer.moved_aside:
        yield f"what was there is in {answer.moved_aside}"


def faults(answer: Restored) -> Lines:
    """Say what is still to do."""
    if answer.fault:
        yield f"the keyword index was not made ({answer.fault}); the next use makes it"
