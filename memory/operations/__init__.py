"""Operations: what can be asked of a memory. One file an operation, offered by every way in.

A module here gives
  `Arguments`   a pydantic model; a field marked `POSITIONAL` is not a flag on the command line
  `run`         `(memory, arguments) → answer`, one call of Memory or of what stands below it
  `rows`        `(answer, arguments) → lines` for people: a tuple is one line of columns, a text one line as it is
  `text`        `(memory, arguments) → pieces of text` that are written to stdout as they are, or None for `rows`; most
                operations have none
  `CREATES`     whether the store is made when it is absent
  `IS_LONG`     whether it may take long; then `run` takes `on_progress`, too
  `unopened`    `(arguments, store, on_progress) → answer`: do it without opening the store; it gives None where that
                must be open. `store` is what was named, or None. Few modules have it
  `IS_STREAM`   whether it answers until it is stopped; then `run` takes `stop`, too, and gives an iterator of answers
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.config import JsonDict

POSITIONAL: "JsonDict" = {"positional": True}
"""Marks a field of `Arguments`: `Field(json_schema_extra=POSITIONAL)`."""
Lines = Iterable[tuple[str, ...] | str]


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked; its module is read when it is used."""

    name: str
    summary: str

    @property
    def _module(self) -> Any:
        return import_module(f"{__name__}.{self.name.replace('-', '_')}_")

    @property
    def arguments(self) -> "type[BaseModel]":
        """What it takes."""
        found: type[BaseModel] = self._module.Arguments
        return found

    @property
    def run(self) -> Callable[..., Any]:
        """Do it: `(memory, arguments) → answer`; operations that take long also take `on_progress`."""
        found: Callable[..., Any] = self._module.run
        return found

    @property
    def rows(self) -> Callable[..., Lines]:
        """Write an answer for people."""
        found: Callable[..., Lines] = self._module.rows
        return found

    @property
    def text(self) -> Callable[..., Generator[str, None, None] | None] | None:
        """Give what is written to stdout byte for byte in place of lines: `(memory, arguments) → pieces`; None for lines."""
        found: Callable[..., Generator[str, None, None] | None] | None = getattr(self._module, "text", None)
        return found

    @property
    def faults(self) -> Callable[..., Lines]:
        """Write what else is to be said, on the side; nothing for most operations."""
        found: Callable[..., Lines] = getattr(self._module, "faults", lambda answer: ())
        return found

    @property
    def before(self) -> Callable[..., str | None] | None:
        """Choose the store: `(arguments, store) → store`; None for what was given."""
        found: Callable[..., str | None] | None = getattr(self._module, "before", None)
        return found

    @property
    def unopened(self) -> Callable[..., Any] | None:
        """Do it without opening the store: `(arguments, store, on_progress) → answer`; None for most operations."""
        found: Callable[..., Any] | None = getattr(self._module, "unopened", None)
        return found

    @property
    def question(self) -> Callable[..., tuple[Lines, str] | None] | None:
        """Ask a person before it is done: `(memory, arguments) → lines and a question`; None when nothing is to be asked.

        The memory is None where there is no store yet.
        """
        found: Callable[..., tuple[Lines, str] | None] | None = getattr(self._module, "question", None)
        return found

    @property
    def agreed(self) -> "Callable[..., BaseModel]":
        """Give the arguments as if the question had been answered beforehand."""
        found: Callable[..., BaseModel] = self._module.agreed
        return found

    @property
    def creates(self) -> bool:
        """Whether the store is made when it is absent."""
        return bool(getattr(self._module, "CREATES", False))

    @property
    def is_stream(self) -> bool:
        """Whether `run` answers again and again: `(memory, arguments, stop, on_progress) → iterator of answers`.

        `stop` is an event; when it is set, what is in hand is finished and the iterator ends.
        """
        return bool(getattr(self._module, "IS_STREAM", False))

    @property
    def is_long(self) -> bool:
        """Whether it may take long, and tells how far it is."""
        return bool(getattr(self._module, "IS_LONG", False))


OPERATIONS = (
    Operation("demo", "Fill a store from invented sample histories and try a few searches."),
    Operation("import", "Import the histories of agents, chats and notes."),
    Operation("watch", "Keep importing histories as they grow."),
    Operation("status", "Show what was imported, and when."),
    Operation("source", "Give what an imported file held, where it is kept."),
    Operation("search", "Find what was said, done and learned."),
    Operation("recall", "Make a cited context for a prompt."),
    Operation("sessions", "List sessions, the last spoken in first."),
    Operation("show", "Read a session."),
    Operation("around", "Read a message with its neighbours."),
    Operation("resume", "See where the last sessions of a project stopped."),
    Operation("blame", "See which sessions touched a file, and why."),
    Operation("fix", "See how an error was solved before."),
    Operation("how", "See how a tool was used before."),
    Operation("files", "List the files that sessions about a topic touched."),
    Operation("learn", "Write down a decision, a gotcha, a fact, a preference."),
    Operation("learnings", "List what was learned."),
    Operation("relate", "Draw an arrow between two things."),
    Operation("graph", "Walk the relationships around a thing."),
    Operation("projects", "List projects, or give one another name."),
    Operation("config", "Read or change the store's settings."),
    Operation("export", "Write records to a file, to be read or to be loaded elsewhere."),
    Operation("load", "Take in what export wrote."),
    Operation("backup", "Back the store up, while it is used; only what is new is written."),
    Operation("restore", "Write a backup's store to a directory."),
    Operation("token", "Make, list and revoke tokens of the service."),
    Operation("stats", "Count what is stored and indexed."),
    Operation("doctor", "Prove that the store and its indexes agree, and mend what can be mended."),
    Operation("forget", "Forget records for good, everywhere, and prove it."),
    Operation("archive", "Put sessions away in which nothing was said for long."),
    Operation("clear", "Clear what was deleted, or everything."),
    Operation("redact", "Take secrets out of what is stored already."),
    Operation("reindex", "Make the indexes anew from the store."),
)
"""Every operation, in the order in which help shows them."""


def operation(name: str) -> Operation | None:
    """Find an operation by name."""
    return next((each for each in OPERATIONS if each.name == name), None)
