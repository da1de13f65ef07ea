"""Back the store up, while it is used; only what is new is written."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.exchange.backup import BackedUp, Backups, Checked, check_backups, list_backups
from memory.operations import POSITIONAL, Lines
from memory.settings import read_settings

if TYPE_CHECKING:
    from memory.memory import Memory

IS_LONG = True
SHOWN = 20
"""Problems that are shown; --json lists all."""


class Arguments(BaseModel):
    """Where to, and what of it."""

    model_config = ConfigDict(extra="forbid")

    to: str | None = Field(
        None,
        description="The folder of backups; else the setting `backup`, else a folder beside the store.",
        json_schema_extra=POSITIONAL,
    )
    keep: int | None = Field(None, ge=1, description="How many backups of this store stay; older ones are taken away.")
    list: bool = Field(False, description="Only list the backups of the folder.")
    check: bool = Field(False, description="Only read all backups of the folder, and say which are whole.")


Answer = BackedUp | Backups | Checked


def unopened(
    arguments: Arguments, store: str | None, on_progress: Callable[[str, int, int], None] | None = None
) -> Answer | None:
    """List or check: the store may be lost."""
    if not arguments.list and not arguments.check:
        return None
    settings = read_settings(store=store)
    folder = Path(arguments.to or settings.backup or f"{Path(settings.store).expanduser()}-backups").expanduser()
    return check_backups(folder, on_progress) if arguments.check else list_backups(folder)


def run(memory: "Memory", arguments: Arguments, on_progress: Callable[[str, int, int], None] | None = None) -> Answer:
    """Back up."""
    return memory.backup(arguments.to, keep=arguments.keep, on_progress=on_progress)


def rows(answer: Answer, arguments: Arguments) -> Lines:
    """Write what was done, or what is there."""
    match answer:
        case BackedUp():
            backup = answer.backup
            yield (
                f"{backup.id} in {answer.path}: {_size(backup.size_bytes)}, new {answer.new_blocks:,} of"
                f" {answer.blocks:,} blocks ({_size(answer.new_bytes)} on disk)"
            )
            if answer.pruned:
                yield f"{len(answer.pruned):,} older backups taken away, {_size(answer.freed_bytes)} freed"
        case Backups():
            for backup in answer.backups:
                messages = f"{backup.counts.get('message', 0):,} messages"
                yield (
                    backup.id,
                    f"{backup.at:%Y-%m-%d %H:%M:%S}",
                    messages,
                    _size(backup.size_bytes),
                    backup.directory,
                )
            yield f"{len(answer.backups):,} backups in {answer.path}, {_size(answer.size_bytes)} on disk"
        case Checked():
            yield (
                f"{len(answer.backups):,} backups are whole; {answer.blocks:,} blocks read ({_size(answer.read_bytes)})"
            )


def faults(answer: Answer) -> Lines:
    """Say what is damaged, and what can be done."""
    if isinstance(answer, BackedUp):
        if answer.ahead:
            yield (
                f"the store has lost changes that backups before hold: {', '.join(answer.ahead)}; look at them with"
                " `hark restore … --at … --to …` beside the store; they are not taken away"
            )
        if answer.fault:
            yield f"the backup is whole, but the store could not note it: {answer.fault}"
        return
    for problem in answer.problems[:SHOWN]:
        needed = f"; needed by {', '.join(problem.backups)}" if problem.what == "block" else ""
        yield f"{problem.fault}{needed}"
    if len(answer.problems) > SHOWN:
        yield f"{len(answer.problems) - SHOWN:,} more problems; --json lists them"
    if isinstance(answer, Checked) and not answer.ok:
        yield "a new `hark backup` writes damaged blocks anew where the store still has them; else restore a whole backup"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
