"""Take in a Harkback export."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from memory.exchange.loading import Loaded
from memory.operations import POSITIONAL, Lines

if TYPE_CHECKING:
    from memory.memory import Memory

IS_LONG = True
CREATES = True


class Arguments(BaseModel):
    """Which file, and what becomes of what is here already."""

    model_config = ConfigDict(extra="forbid")

    file: str = Field(description="What `hark export` wrote.", json_schema_extra=POSITIONAL)
    on_duplicate: Literal["report", "skip", "replace", "newest"] = Field(
        "report",
        description="Records that are here and differ: refuse the file (report), keep ours (skip), take the file's"
        " (replace), or those changed later (newest).",
    )
    dry_run: bool = Field(False, description="Only check the file, and say what would be done; nothing is written.")


def run(memory: "Memory", arguments: Arguments, on_progress: Callable[[str, int, int], None] | None = None) -> Loaded:
    """Load it."""
    return memory.load(
        arguments.file, on_duplicate=arguments.on_duplicate, dry_run=arguments.dry_run, on_progress=on_progress
    )


def rows(answer: Loaded, arguments: Arguments) -> Lines:
    """Write what came of it."""
    for verdict in ("added", "unchanged", "replaced", "kept", "forgotten"):
        for kind, count in getattr(answer, verdict).items():
            yield (verdict, f"{count:,}", kind.replace("_", " "))
    for each in answer.differing:
        yield ("differs", each.kind, each.id)
    if answer.differ > len(answer.differing):
        yield f"and {answer.differ - len(answer.differing):,} more differ"
    if answer.went_on:
        yield "an earlier load of this file was finished"
    if answer.dry_run:
        yield "nothing was written; without --dry-run it is loaded"
