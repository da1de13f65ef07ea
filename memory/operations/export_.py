"""Write records to a file or to stdout, in one of several formats."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from memory.exchange.formats import formats
from memory.operations import Lines

if TYPE_CHECKING:
    from memory.memory import Memory

IS_LONG = True


class Arguments(BaseModel):
    """What is written, how, and where to."""

    model_config = ConfigDict(extra="forbid")

    format: str = Field("harkback", description=f"How: {', '.join(formats())}; harkback holds all and can be loaded.")
    out: str | None = Field(None, description="A new file; without it, stdout.")
    force: bool = Field(False, description="Write over a file that is there.")
    session: list[str] = Field([], description="Only this session, with what belongs to it; may be given again.")
    project: str | None = Field(None, description="Only this project: an id, an alias or a path; with those below it.")
    participant: str | None = Field(None, description="Only what this one said.")
    kind: list[str] = Field([], description="Only records of this kind, such as learning; may be given again.")
    after: str | None = Field(None, description="Only from this day on: 2026-11-03, yesterday, 7d.")
    before: str | None = Field(None, description="Only before this day.")
    query: str | None = Field(None, description="Only records in which these words stand.")
    deleted: bool | None = Field(
        None, description="With what was deleted and can be restored; all of it is without this."
    )


class Answer(BaseModel):
    """What was written."""

    path: str | None = None
    format: str
    counts: dict[str, int] = {}
    size_bytes: int = 0
    sha256: str = ""
    text: str | None = None
    """What it holds, where it went to no file."""


def run(memory: "Memory", arguments: Arguments, on_progress: Callable[[str, int, int], None] | None = None) -> Answer:
    """Export."""
    if arguments.out is None:
        written = memory.exported(format=arguments.format, deleted=arguments.deleted, **_selected(arguments))
        return Answer(format=arguments.format, text="".join(written))
    exported = memory.export(
        arguments.out,
        format=arguments.format,
        force=arguments.force,
        deleted=arguments.deleted,
        on_progress=on_progress,
        **_selected(arguments),
    )
    return Answer(**exported.model_dump())


def text(memory: "Memory", arguments: Arguments) -> Generator[str, None, None] | None:
    """Give what goes to stdout; None when it goes to a file."""
    if arguments.out is not None:
        return None
    return memory.exported(format=arguments.format, deleted=arguments.deleted, **_selected(arguments))


def rows(answer: Answer, arguments: Arguments) -> Lines:
    """Say what was written."""
    for kind, count in answer.counts.items():
        yield (f"{count:,}", kind.replace("_", " "))
    yield f"written to {answer.path} ({answer.size_bytes:,} bytes, sha256 {answer.sha256[:16]}…)"


def _selected(arguments: Arguments) -> dict[str, Any]:
    given = arguments.model_dump(exclude={"format", "out", "force", "deleted"})
    return {name: value for name, value in given.items() if value not in (None, [])}
