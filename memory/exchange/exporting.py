"""Export: what is selected, in one of the formats of `memory/exchange/formats`, as it was at one moment."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel

from memory.collections.projects import Projects
from memory.exchange.content import Content, Progress, with_what_it_needs
from memory.exchange.formats import Format
from memory.exchange.target import Counted, new_file
from memory.selection import Selection, Selector
from memory.store.store import Store


class Exported(BaseModel):
    """What was written."""

    path: str | None
    """None when it was a file object."""
    format: str
    counts: dict[str, int]
    """Records by kind."""
    size_bytes: int
    sha256: str
    """Of the file."""


def export_to(
    store: Store,
    projects: Projects,
    out: str | os.PathLike[str] | BinaryIO,
    format: Format,
    selection: Selection,
    *,
    deleted: bool | None = None,
    force: bool = False,
    on_progress: Progress | None = None,
) -> Exported:
    """Write records to a file, which appears when all is written; see `Memory.export`."""
    if isinstance(out, str | os.PathLike):
        path = Path(out).expanduser()
        with new_file(path, store.directory, force=force) as file:
            return _written(store, projects, file, format, selection, deleted, on_progress, str(path))
    return _written(store, projects, out, format, selection, deleted, on_progress, None)


def _written(
    store: Store,
    projects: Projects,
    file: BinaryIO,
    format: Format,
    selection: Selection,
    deleted: bool | None,
    on_progress: Progress | None,
    path: str | None,
) -> Exported:
    target = Counted(file)
    with store.snapshot():
        content = content_of(store, projects, format, selection, deleted=deleted, on_progress=on_progress)
        for piece in format.pieces(content):
            target.write(piece.encode())
    counts = dict(sorted(content.counts.items()))
    return Exported(path=path, format=format.FORMAT, counts=counts, size_bytes=target.size_bytes, sha256=target.sha256)


def exported_pieces(
    store: Store, projects: Projects, format: Format, selection: Selection, *, deleted: bool | None = None
) -> Generator[str, None, None]:
    """Yield what an export holds, piece by piece."""
    with store.snapshot():
        yield from format.pieces(content_of(store, projects, format, selection, deleted=deleted))


def content_of(
    store: Store,
    projects: Projects,
    format: Format,
    selection: Selection,
    *,
    deleted: bool | None = None,
    on_progress: Progress | None = None,
) -> Content:
    """Find what is to be exported; inside the snapshot in which it is read."""
    asked = selection.model_dump(mode="json", exclude_defaults=True)
    holds_all = getattr(format, "HOLDS_ALL", False)
    with_deleted = holds_all and (selection.is_empty if deleted is None else deleted)
    if with_deleted != selection.is_empty:
        asked["deleted"] = with_deleted
    selected = None
    # without what is deleted it must be looked for what the others refer to, which may be deleted
    if not selection.is_empty or (holds_all and not with_deleted):
        selected = Selector(store, projects).numbers(selection, deleted=with_deleted)
        if holds_all:
            selected = with_what_it_needs(store, selected)
    return Content(store, selected, asked, deleted=with_deleted, is_whole=selection.is_empty, on_progress=on_progress)
