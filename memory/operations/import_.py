"""Import the histories of agents, chats and notes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.errors import InvalidInput, SourceFault
from memory.importers import importer_named
from memory.importing import ImportReport, Place, find_places, named_places
from memory.importing.derived import wanted
from memory.operations import POSITIONAL, Lines
from memory.settings import read_settings

if TYPE_CHECKING:
    from memory.memory import Memory

CREATES = True
IS_LONG = True


class Arguments(BaseModel):
    """What is imported."""

    model_config = ConfigDict(extra="forbid")

    paths: list[str] = Field(default_factory=list, description="Files and directories.", json_schema_extra=POSITIONAL)
    format: str | None = Field(
        None, description="Read every file as this format; without a path: import only what is found of this format."
    )
    project: str | None = Field(None, description="The project that all of it belongs to.")
    keep_source: str | None = Field(
        None, description="Keep what the files held, too: `auto` (of programs that delete theirs), `all` or `none`."
    )
    yes: bool = Field(False, description="Without a path: import what is found on this machine without asking.")


def question(memory: "Memory | None", arguments: Arguments) -> tuple[Lines, str] | None:
    """Ask before histories that nobody named are imported: what was found, and the question."""
    if arguments.paths or arguments.yes:
        return None
    found = find_places(memory.store.marks.outlines() if memory else (), arguments.format)
    if not found:
        raise InvalidInput(f"{_nothing(arguments)}; give a path")
    new = sum(place.new_files for place in found)
    return _listed(found), "Import all of it?" if new else "Nothing of it is new. Import it nevertheless?"


def before(arguments: Arguments, store: str | None) -> str | None:
    """See that there is something to import before a store is made for it."""
    if not arguments.paths and not arguments.yes:
        raise InvalidInput("no path was given; give one, or --yes to import what is found on this machine")
    if arguments.format:
        importer_named(arguments.format)
    wanted(read_settings().derived)
    check_paths(arguments.paths)
    return store


def check_paths(paths: list[str]) -> None:
    """See that files and directories are there.

    Raises:
        SourceFault: One is not.
    """
    for path in paths:
        if not os.path.lexists(Path(path).expanduser()):
            raise SourceFault(f"{path}: no such file or directory; check the path")


def agreed(arguments: Arguments) -> Arguments:
    """Go on as if the question had been answered beforehand."""
    return arguments.model_copy(update={"yes": True})


def run(
    memory: "Memory", arguments: Arguments, on_progress: Callable[[str, int, int], None] | None = None
) -> ImportReport:
    """Import."""
    given = [Path(path) for path in arguments.paths]
    return memory.import_(
        given or [path for place in named_places(arguments.format) for path in place.paths() if path.exists()],
        # what lies in a format's place beside its histories is not to be read as one
        format=arguments.format if given else None,
        project=arguments.project,
        keep_source=arguments.keep_source,
        on_progress=on_progress,
    )


def _listed(found: list[Place]) -> Lines:
    """Write what was found, a place a line, and how much it is."""
    for place in found:
        new = f"{place.new_files:,} new or grown" if place.imported_at else "never imported"
        yield (place.format, f"about {place.files:,} files", _size(place.size_bytes), new, place.path)
    files, size = sum(place.files for place in found), sum(place.size_bytes for place in found)
    new = f"{sum(place.new_files for place in found):,} new or grown"
    yield ("in all", f"about {files:,} files", _size(size), new, f"{len(found):,} places")


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"


def _nothing(arguments: Arguments) -> str:
    whose = f"of {arguments.format}" if arguments.format else "of agents"
    return f"no histories {whose} were found on this machine"


def rows(report: ImportReport, arguments: Arguments) -> Lines:
    """Write totals, and what could not be read."""
    totals = report.totals
    yield (
        f"{totals['messages']:,} messages in {totals['sessions']:,} sessions from {totals['sources']:,} files:"
        f" {totals['added']:,} added, {totals['unchanged']:,} there already ({report.seconds:.1f} s)"
    )


def faults(report: ImportReport) -> Lines:
    """Say on the side what could not be read."""
    for source in report.sources:
        for problem in source.problems[:5]:
            line = f", line {problem['line']}" if problem["line"] is not None else ""
            yield f"{source.path}{line}: {problem['what']}"
        if len(source.problems) > 5:
            yield f"{source.path}: {len(source.problems) - 5} more problems; --json lists them"
    for skipped in report.skipped[:20]:
        yield f"skipped {skipped['path']}: {skipped['reason']}"
    if not report.sources and not report.skipped:
        yield "no histories were found"
    if len(report.skipped) > 20:
        yield f"skipped {len(report.skipped) - 20} more files; --json lists them"
