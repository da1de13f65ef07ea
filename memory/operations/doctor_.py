"""Prove that the store and its indexes agree, and mend what can be mended."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.care.doctor import DoctorCheck, DoctorProblem, DoctorReport, versions
from memory.care.salvaging import Salvaged
from memory.errors import DamagedStore, InvalidInput
from memory.operations import Lines
from memory.settings import read_settings

if TYPE_CHECKING:
    from memory.memory import Memory

IS_LONG = True


class Arguments(BaseModel):
    """What is looked at, and what is done about it."""

    model_config = ConfigDict(extra="forbid")

    repair: bool = Field(False, description="Mend what can be mended; indexes are made anew from the store.")
    quick: bool = Field(False, description="Do not compare SQLite's own indexes with their tables.")
    deep: bool = Field(False, description="Compare every record with its pieces, not a sample.")
    salvage_to: str | None = Field(
        None, description="Write what can be read of a damaged store into a new one; the damaged one is left as it is."
    )


def unopened(
    arguments: Arguments, store: str | None, on_progress: Callable[[str, int, int], None] | None = None
) -> DoctorReport | Salvaged | None:
    """Salvage a store, or say why it cannot be opened; None when it can."""
    from memory.memory import Memory

    directory = Path(read_settings(store=store).store).expanduser()
    if arguments.salvage_to is not None:
        if arguments.repair:
            raise InvalidInput("--repair and --salvage-to exclude each other; give one of them")
        return Memory.salvage(directory, arguments.salvage_to, on_progress=on_progress)
    try:
        Memory.open(directory, create=False).close()
    except DamagedStore as error:
        to_do = "restore a backup, or `hark doctor --salvage-to DIR` writes what can be read into a new store"
        return DoctorReport(
            ok=False,
            store=str(directory),
            versions=versions(),
            checks=[DoctorCheck(name="opening", problems=1, took_ms=0.0)],
            problems=[DoctorProblem(check="opening", what=str(error), to_do=to_do)],
        )
    return None


def run(
    memory: "Memory", arguments: Arguments, on_progress: Callable[[str, int, int], None] | None = None
) -> DoctorReport:
    """Look at everything."""
    return memory.doctor(arguments.repair, quick=arguments.quick, deep=arguments.deep, on_progress=on_progress)


def rows(answer: DoctorReport | Salvaged, arguments: Arguments) -> Lines:
    """Write what was found, one line a problem."""
    if isinstance(answer, Salvaged):
        yield from _salvaged(answer)
        return
    yield ("store", answer.store)
    yield ("versions", ", ".join(f"{name} {version}" for name, version in answer.versions.items()))
    for check in answer.checks:
        yield (
            check.name,
            f"{check.problems:,} problems" if check.problems else "nothing wrong",
            f"{check.took_ms:.0f} ms",
        )
    for problem in answer.problems:
        yield (
            "repaired" if problem.is_repaired else "problem",
            problem.what if not problem.to_do else f"{problem.what}; {problem.to_do}",
        )


def _salvaged(answer: Salvaged) -> Lines:
    yield ("new store", answer.store)
    for table in answer.tables:
        yield (table.name, f"{table.read:,} rows read", f"{table.lost:,} lost" if table.lost else "none lost")
    for what in answer.lost:
        yield ("lost", what)


def faults(answer: DoctorReport | Salvaged) -> Lines:
    """Say in one line how it stands."""
    if isinstance(answer, DoctorReport) and not answer.ok:
        open_ones = sum(not problem.is_repaired for problem in answer.problems)
        yield f"{open_ones} problems are left"
