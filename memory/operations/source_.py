"""Give what an imported file held, as it is kept."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.errors import InvalidInput
from memory.operations import POSITIONAL, Lines

if TYPE_CHECKING:
    from memory.memory import Memory


class Arguments(BaseModel):
    """Which file, and where it goes."""

    model_config = ConfigDict(extra="forbid")

    path: str | None = Field(
        None,
        description="The file, as `hark status` names it; without it, all that are kept.",
        json_schema_extra=POSITIONAL,
    )
    out: str | None = Field(None, description="A new file to write it to.")


class Kept(BaseModel):
    """One kept file."""

    path: str
    size_bytes: int
    packed_bytes: int
    """What it takes in the store."""


class Answer(BaseModel):
    """What is kept, or what one file held."""

    sources: list[Kept] = []
    text: str | None = None
    written: str | None = None
    """The file it was written to."""


def run(memory: "Memory", arguments: Arguments) -> Answer:
    """Read it."""
    if arguments.path is None:
        kept = memory.store.kept_sources.all()
        return Answer(sources=[Kept(path=k.path, size_bytes=k.size_bytes, packed_bytes=k.packed_bytes) for k in kept])
    pieces = memory.kept_source(arguments.path)
    if arguments.out is None:
        return Answer(text=b"".join(pieces).decode("utf-8", "replace"))
    try:
        with Path(arguments.out).expanduser().open("xb") as file:
            file.writelines(pieces)
    except OSError as error:
        raise InvalidInput(f"{arguments.out}: cannot be written ({error.strerror}); name a new file") from error
    return Answer(written=arguments.out)


def rows(answer: Answer, arguments: Arguments) -> Lines:
    """Write it, or the list."""
    for each in answer.sources:
        yield (f"{each.size_bytes / 1e6:.1f} MB", f"{each.packed_bytes / 1e6:.2f} MB kept", each.path)
    if answer.text is not None:
        yield from answer.text.splitlines()
    if answer.written is not None:
        yield f"written to {answer.written}"
