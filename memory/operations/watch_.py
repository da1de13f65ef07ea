"""Keep importing histories as they grow."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.importers import importer_named
from memory.importing import ImportReport
from memory.operations import POSITIONAL, Lines, import_

if TYPE_CHECKING:
    from memory.memory import Memory

CREATES = True
IS_LONG = True
IS_STREAM = True


class Arguments(BaseModel):
    """What is followed."""

    model_config = ConfigDict(extra="forbid")

    paths: list[str] = Field(
        default_factory=list,
        description="Files and directories; else the places where agents keep their histories on this machine.",
        json_schema_extra=POSITIONAL,
    )
    format: str | None = Field(
        None, description="Read every file as this format; without a path: follow only what is found of this format."
    )
    project: str | None = Field(None, description="The project that all of it belongs to.")
    keep_source: str | None = Field(
        None, description="Keep what the files held, too: `auto` (of programs that delete theirs), `all` or `none`."
    )
    poll: bool = Field(
        False, description="Look at the files every two seconds: for network drives that give no notice of changes."
    )


def before(arguments: Arguments, store: str | None) -> str | None:
    """See that there is something to follow before a store is made for it."""
    if arguments.format:
        importer_named(arguments.format)
    if arguments.paths:
        import_.check_paths(arguments.paths)
    return store


def run(
    memory: "Memory",
    arguments: Arguments,
    stop: threading.Event,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Iterator[ImportReport]:
    """Import what came, and then what comes."""
    return memory.watch_sources(
        arguments.paths,
        stop=stop,
        format=arguments.format,
        project=arguments.project,
        keep_source=arguments.keep_source,
        poll=arguments.poll,
        on_progress=on_progress,
    )


def rows(report: ImportReport, arguments: Arguments) -> Lines:
    """Write one line: when, how many messages, and from where."""
    added = [source for source in report.sources if source.added]
    formats = ", ".join(sorted({source.format for source in added}))
    where = f"{len(added):,} of {len(report.sources):,} files"
    if len(added) == 1:
        where = added[0].path.replace(str(Path.home()), "~", 1)
    if added or not report.skipped:
        count = report.totals["added"]
        what = "1 message" if count == 1 else f"{count:,} messages"
        yield f"{datetime.now():%H:%M:%S}  {what} added  {where}  {formats}".rstrip()


def faults(report: ImportReport) -> Lines:
    """Say on the side what could not be read."""
    report.skipped = [each for each in report.skipped if "cannot be" in each["reason"]]
    yield from import_.faults(report)
