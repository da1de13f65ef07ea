"""Forget records for good, everywhere, and prove it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.care.forgetting import Forgotten
from memory.errors import InvalidInput
from memory.operations import POSITIONAL, Lines

if TYPE_CHECKING:
    from memory.memory import Memory

IS_LONG = True
SHOWN = 20
"""Ids of a kind that are listed; --json lists all."""


class Selected(BaseModel):
    """What is forgotten: what fulfils all that is given."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] = Field(
        default_factory=list,
        json_schema_extra=POSITIONAL,
        description="Records, such as message:ID, session:ID, learning:ID; or a bare id.",
    )
    session: list[str] = Field(
        default_factory=list, description="A session with all that belongs to it; may be repeated."
    )
    project: str | None = Field(None, description="A project with all sessions of it and of those below it.")
    participant: str | None = Field(None, description="What somebody said, in all sessions.")
    kind: list[str] = Field(default_factory=list, description="Only records of a kind; may be repeated.")
    after: str | None = Field(None, description="Only what is from then on: 2026-11-03, yesterday, 7d.")
    before: str | None = Field(None, description="Only what is from before then.")
    query: str | None = Field(None, description='Only records in which all these words and "phrases" stand.')


class Arguments(Selected):
    """What is forgotten, and whether it is."""

    yes: bool = Field(False, description="Do it; without it you are only told what would be forgotten.")
    dry_run: bool = Field(False, description="Only say what would be forgotten; so it is without --yes, too.")


def run(
    memory: "Memory", arguments: Arguments, on_progress: Callable[[str, int, int], None] | None = None
) -> Forgotten:
    """Forget, or say what would be forgotten."""
    if arguments.yes and arguments.dry_run:
        raise InvalidInput("--yes and --dry-run exclude each other; give one of them")
    given = arguments.model_dump(exclude={"ids", "yes", "dry_run"}, exclude_defaults=True)
    return memory.forget(*arguments.ids, dry_run=not arguments.yes, on_progress=on_progress, **given)


def rows(answer: Forgotten, arguments: Arguments) -> Lines:
    """Write the receipt."""
    if not answer.counts:
        yield "nothing to forget"
    for kind, count in answer.counts.items():
        yield (f"{count:,}", kind.replace("_", " "), ", ".join(answer.ids[kind][:3]) + (" …" if count > 3 else ""))
    for path in answer.sources[:SHOWN]:
        yield ("source", path, "its kept copy goes; read from the beginning by the next import")
    if answer.dry_run:
        if answer.counts:
            yield "nothing was written; with --yes they are forgotten for good"
        yield from _backups(answer)
        return
    for name, sessions in answer.changed.items():
        yield (f"{len(sessions):,}", f"{name} of sessions that stay, taken out")
    if answer.purged:
        yield answer.purged.told()
    if answer.residue:
        residue = answer.residue
        yield (
            f"looked for {residue.samples - residue.said_elsewhere:,} samples of it in {residue.files:,} files, "
            f"{residue.bytes:,} bytes: {'none is there' if not residue.found else 'SOME ARE STILL THERE'}"
        )
    yield from _backups(answer)


def _backups(answer: Forgotten) -> Lines:
    for backup in answer.backups:
        yield ("backup", backup.path, f"of {backup.at:%Y-%m-%d %H:%M} still holds it; delete it, or let it run out")


def faults(answer: Forgotten) -> Lines:
    """Say what is still to do."""
    if answer.purged and (to_do := answer.purged.to_do()):
        yield to_do
    for file in answer.residue.found if answer.residue else ():
        yield f"{file} still holds some of it; close other programs that use this store and run the same command again"
    for kind, ids in answer.also_in.items():
        yield (
            f"{len(ids):,} {kind.replace('_', ' ')} records that stay say the same, the first is {kind}:{ids[0]};"
            " forget them, too, if the text is to go"
        )
